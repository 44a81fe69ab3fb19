//! What every process remembers of the configuration: clients, APIs, client grants and keys, kept true by the change feed.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwap;
use keystead_protocol::{
    ids::{ApiId, Audience, ClientId},
    time::Timestamp,
};
use keystead_store::{
    Store, apis,
    client_grants::{self, ClientGrant, SubjectType},
    clients,
    feed::{self, Change, Entity, News},
    seal::Keyring,
    settings,
};

use crate::{cache::Cache, error::Fault, keys::Keys, pages::Branding, tenant::Tenant};

mod known;
mod origins;

pub use known::{KnownApi, KnownClient};
use known::{know_api, know_client};
use origins::Origins;

/// How often the feed is read: a change is in force everywhere within a second, so well within it.
pub const POLL: Duration = Duration::from_millis(250);

/// For how long caches are believed while the database cannot be asked.
pub const BELIEVED: Duration = Duration::from_secs(30);

/// The caches. One for each process.
#[derive(Default)]
pub struct Catalogue {
    clients: Cache<ClientId, KnownClient>,
    apis: Cache<Audience, KnownApi>,
    client_grants: Cache<(ClientId, ApiId, SubjectType), Option<ClientGrant>>,
    origins: Origins,
    tenant: ArcSwap<Tenant>,
    branding: ArcSwap<Branding>,
    /// The signing keys.
    pub keys: Keys,
    /// The number of the last change that was heard of.
    heard: AtomicI64,
    /// When the feed was last read, in Unix milliseconds.
    true_at: AtomicI64,
}

impl Catalogue {
    /// Begins: reads the keys, the installation's settings and where pages of clients are. Until then nothing here is believed.
    ///
    /// # Errors
    /// A [`Fault`] of the store, or if a key cannot be opened.
    pub async fn begin(
        &self,
        store: &Store,
        keyring: &Keyring,
        now: Timestamp,
    ) -> Result<(), Fault> {
        self.heard
            .store(store.read(feed::newest).await?, Ordering::SeqCst);
        self.keys.refresh(store, keyring, now).await?;
        self.read_settings(store).await?;
        self.origins.read(store).await?;
        self.true_at.store(now.as_millis(), Ordering::SeqCst);
        Ok(())
    }

    /// Reads the feed and forgets what has changed.
    ///
    /// # Errors
    /// A [`Fault`] of the store; what is cached is then believed for [`BELIEVED`] more.
    pub async fn catch_up(
        &self,
        store: &Store,
        keyring: &Keyring,
        now: Timestamp,
    ) -> Result<(), Fault> {
        loop {
            let after = self.heard.load(Ordering::SeqCst);
            let news = store.read(move |tx| feed::since(tx, after)).await?;
            let heard = match &news {
                News::Changes(changes) => changes.last().map_or(after, |change| change.number),
                News::Everything { newest } => *newest,
            };
            self.forget(&news);
            self.origins.hear(store, &news).await?;
            if concerns(&news, Entity::Key) || self.keys.has_turned(now) {
                self.keys.refresh(store, keyring, now).await?;
            }
            if concerns(&news, Entity::Setting) {
                kept_if_unreadable(self.read_settings(store).await)?;
            }
            self.heard.store(heard, Ordering::SeqCst);
            if heard == after {
                // Of two that read at once the older may end last.
                self.true_at.fetch_max(now.as_millis(), Ordering::SeqCst);
                return Ok(());
            }
        }
    }

    fn forget(&self, news: &News) {
        match news {
            News::Everything { .. } => {
                self.clients.forget_all();
                self.apis.forget_all();
                self.client_grants.forget_all();
            }
            News::Changes(changes) => changes.iter().for_each(|change| self.forget_one(change)),
        }
    }

    fn forget_one(&self, change: &Change) {
        let id = change.id.as_str();
        match change.entity {
            Entity::Client => {
                self.clients.forget_where(|client, _| client.as_str() == id);
                self.client_grants
                    .forget_where(|(client, _, _), _| client.as_str() == id);
            }
            Entity::Api => {
                self.apis
                    .forget_where(|_, known| known.api.id.as_str() == id);
                self.client_grants
                    .forget_where(|(_, api, _), _| api.as_str() == id);
            }
            Entity::ClientGrant => self
                .client_grants
                .forget_where(|(client, _, _), _| client.as_str() == id),
            Entity::Connection | Entity::Key | Entity::Setting => {}
        }
    }

    /// The settings of the installation.
    pub fn tenant(&self) -> Arc<Tenant> {
        self.tenant.load_full()
    }

    /// The look of the installation's pages.
    pub fn branding(&self) -> Arc<Branding> {
        self.branding.load_full()
    }

    async fn read_settings(&self, store: &Store) -> Result<(), Fault> {
        let (tenant, branding) = store
            .read(|tx| Ok::<_, keystead_store::Fault>((settings::get(tx)?, settings::get(tx)?)))
            .await?;
        self.tenant.store(value(tenant));
        self.branding.store(value(branding));
        Ok(())
    }

    /// Whether what is cached may still be believed.
    ///
    /// # Errors
    /// [`Fault::OutOfTouch`] if the feed has not been read for [`BELIEVED`].
    pub fn believable(&self, now: Timestamp) -> Result<(), Fault> {
        let true_at = Timestamp::from_millis(self.true_at.load(Ordering::SeqCst));
        if now.since(true_at) <= BELIEVED {
            Ok(())
        } else {
            Err(Fault::OutOfTouch)
        }
    }

    /// Looks a client up.
    ///
    /// # Errors
    /// A [`Fault`] of the store.
    pub async fn client(
        &self,
        store: &Store,
        keyring: &Keyring,
        id: &ClientId,
    ) -> Result<Option<Arc<KnownClient>>, Fault> {
        if let Some(known) = self.clients.get(id) {
            return Ok(Some(known));
        }
        let (epoch, wanted) = (self.clients.epoch(), id.clone());
        let found = store.read(move |tx| clients::find(tx, &wanted)).await?;
        let known = found
            .map(|client| know_client(client, keyring))
            .transpose()?;
        Ok(known.map(|known| self.clients.put(epoch, id.clone(), known)))
    }

    /// Whether pages of this origin belong to some client that is switched on. Asks nobody.
    pub fn admits_origin(&self, origin: &str) -> bool {
        self.origins.admit(origin)
    }

    /// The API of an identifier, if it is remembered.
    pub fn api_at_hand(&self, identifier: &Audience) -> Option<Arc<KnownApi>> {
        self.apis.get(identifier)
    }

    /// What [`client_grant`](Self::client_grant) answers, if it is remembered.
    pub fn client_grant_at_hand(
        &self,
        client: &ClientId,
        api: &ApiId,
        subject_type: SubjectType,
    ) -> Option<Arc<Option<ClientGrant>>> {
        self.client_grants
            .get(&(client.clone(), api.clone(), subject_type))
    }

    /// Looks an API up by its identifier.
    ///
    /// # Errors
    /// A [`Fault`] of the store.
    pub async fn api(
        &self,
        store: &Store,
        keyring: &Keyring,
        identifier: &Audience,
    ) -> Result<Option<Arc<KnownApi>>, Fault> {
        if let Some(known) = self.apis.get(identifier) {
            return Ok(Some(known));
        }
        let (epoch, wanted) = (self.apis.epoch(), identifier.clone());
        let found = store
            .read(move |tx| apis::by_identifier(tx, &wanted))
            .await?;
        let known = found.map(|api| know_api(api, keyring)).transpose()?;
        Ok(known.map(|known| self.apis.put(epoch, identifier.clone(), known)))
    }

    /// Looks up what a client may ask of an API. That it may ask nothing is remembered too.
    ///
    /// # Errors
    /// A [`Fault`] of the store.
    pub async fn client_grant(
        &self,
        store: &Store,
        client: &ClientId,
        api: &ApiId,
        subject_type: SubjectType,
    ) -> Result<Arc<Option<ClientGrant>>, Fault> {
        let key = (client.clone(), api.clone(), subject_type);
        if let Some(known) = self.client_grants.get(&key) {
            return Ok(known);
        }
        let (epoch, (client, api, _)) = (self.client_grants.epoch(), key.clone());
        let found = store
            .read(move |tx| client_grants::find_for(tx, &client, &api, subject_type))
            .await?;
        Ok(self.client_grants.put(epoch, key, found))
    }
}

/// A setting that this version cannot read, because a newer one wrote it or somebody by hand, is no reason to stop.
fn kept_if_unreadable(read: Result<(), Fault>) -> Result<(), Fault> {
    match read {
        Err(Fault::Store(why @ keystead_store::Fault::Corrupt { .. })) => {
            tracing::error!(%why, "a setting cannot be read; those from before stay in force");
            Ok(())
        }
        read => read,
    }
}

fn value<T: Default>(stored: Option<settings::Stored<T>>) -> Arc<T> {
    Arc::new(stored.map(|stored| stored.value).unwrap_or_default())
}

fn concerns(news: &News, entity: Entity) -> bool {
    match news {
        News::Everything { .. } => true,
        News::Changes(changes) => changes.iter().any(|change| change.entity == entity),
    }
}
