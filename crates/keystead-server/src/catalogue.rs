//! What every process remembers of the configuration: clients, APIs, client grants and keys, kept true by the change feed.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwap;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use keystead_protocol::{
    client::ClientMetadata,
    ids::{ApiId, Audience, ClientId},
    jwk::{Algorithm, SigningKey, VerifyingKeys},
    jwt::Signer,
    profile::ClientType,
    scope::Scope,
    secret::Digest,
    time::Timestamp,
};
use keystead_store::{
    Store,
    apis::{self, Api},
    client_grants::{self, ClientGrant, SubjectType},
    clients::{self, Client},
    feed::{self, Change, Entity, News},
    seal::{Keyring, Place, Slot},
    settings,
};

use crate::{cache::Cache, error::Fault, keys::Keys, pages::Branding, tenant::Tenant};

/// How often the feed is read: a change is in force everywhere within a second, so well within it.
pub const POLL: Duration = Duration::from_millis(250);

/// For how long caches are believed while the database cannot be asked.
pub const BELIEVED: Duration = Duration::from_secs(30);

/// A client as the endpoints need it: its metadata read, its secret digested, its keys parsed.
pub struct KnownClient {
    /// Its `client_id`.
    pub id: ClientId,
    /// What people call it.
    pub name: String,
    /// Whether it may do anything at all.
    pub enabled: bool,
    /// What is registered about it.
    pub metadata: ClientMetadata,
    /// What its secret must hash to; a public client has none.
    pub secret: Option<Digest>,
    /// What its ID tokens are signed with, if it asked for HS256 and can keep a secret.
    pub shared_key: Option<Arc<Signer>>,
    /// What its assertions are verified with.
    pub keys: VerifyingKeys,
}

impl KnownClient {
    /// What its ID tokens are signed with, where no secret is shared: RS256 unless it registered another.
    pub fn id_token_algorithm(&self) -> Algorithm {
        self.metadata
            .id_token
            .alg
            .filter(|alg| !is_shared(*alg))
            .unwrap_or(Algorithm::RS256)
    }
}

/// An API as the endpoints need it.
pub struct KnownApi {
    /// The record.
    pub api: Api,
    /// The scopes that it defines.
    pub scope: Scope,
    /// The key of an API that shares a secret with us (HS256).
    pub shared_key: Option<Arc<Signer>>,
}

/// The caches. One for each process.
#[derive(Default)]
pub struct Catalogue {
    clients: Cache<ClientId, KnownClient>,
    apis: Cache<Audience, KnownApi>,
    client_grants: Cache<(ClientId, ApiId, SubjectType), Option<ClientGrant>>,
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
    /// Begins: reads the keys and the installation's settings. Until then nothing here is believed.
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
            if concerns(&news, Entity::Key) || self.keys.has_turned(now) {
                self.keys.refresh(store, keyring, now).await?;
            }
            if concerns(&news, Entity::Setting) {
                kept_if_unreadable(self.read_settings(store).await)?;
            }
            self.heard.store(heard, Ordering::SeqCst);
            if heard == after {
                self.true_at.store(now.as_millis(), Ordering::SeqCst);
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

fn know_client(client: Client, keyring: &Keyring) -> Result<KnownClient, Fault> {
    let place = Place {
        slot: Slot::ClientSecret,
        id: client.id.as_str(),
    };
    let secret = client
        .secret
        .as_ref()
        .map(|sealed| keyring.open(place, sealed))
        .transpose()?;
    let metadata = client.metadata;
    let shared_key = shared_key(&metadata, secret.as_deref().map(Vec::as_slice))?;
    let keys = metadata
        .jwks
        .as_ref()
        .map(|jwks| VerifyingKeys::from_json(&jwks.to_string()));
    let keys = keys.transpose().unwrap_or_else(|why| {
        tracing::warn!(client = %client.id, %why, "a client's keys cannot be read; its assertions will be refused");
        None
    });
    Ok(KnownClient {
        id: client.id,
        name: client.name,
        enabled: client.enabled,
        metadata,
        secret: secret.as_ref().map(|secret| Digest::of(secret)),
        shared_key,
        keys: keys.unwrap_or_default(),
    })
}

/// The key of ID tokens that are signed with the client's own secret.
fn shared_key(
    metadata: &ClientMetadata,
    secret: Option<&[u8]>,
) -> Result<Option<Arc<Signer>>, Fault> {
    let algorithm = metadata.id_token.alg.filter(|alg| is_shared(*alg));
    match (algorithm, secret, metadata.client_type()) {
        (Some(algorithm), Some(secret), ClientType::Confidential) => {
            let decoded = metadata
                .id_token
                .secret_encoded
                .then(|| URL_SAFE_NO_PAD.decode(secret));
            let bytes = decoded.transpose().map_err(|_| Fault::NoKey(algorithm))?;
            let key = SigningKey::from_secret(algorithm, bytes.as_deref().unwrap_or(secret));
            key.map(|key| Some(Arc::new(Signer::new(key))))
                .map_err(|_| Fault::NoKey(algorithm))
        }
        _ => Ok(None),
    }
}

fn is_shared(algorithm: Algorithm) -> bool {
    matches!(
        algorithm,
        Algorithm::HS256 | Algorithm::HS384 | Algorithm::HS512
    )
}

fn know_api(api: Api, keyring: &Keyring) -> Result<KnownApi, Fault> {
    let place = Place {
        slot: Slot::ApiSigningSecret,
        id: api.id.as_str(),
    };
    let algorithm = api.settings.signing_alg;
    let shared_key = match &api.signing_secret {
        Some(sealed) if is_shared(algorithm) => {
            let secret = keyring.open(place, sealed)?;
            let key =
                SigningKey::from_secret(algorithm, &secret).map_err(|_| Fault::NoKey(algorithm))?;
            Some(Arc::new(Signer::new(key)))
        }
        _ => None,
    };
    let scope = api
        .scopes
        .iter()
        .map(|defined| defined.value.clone())
        .collect();
    Ok(KnownApi {
        api,
        scope,
        shared_key,
    })
}
