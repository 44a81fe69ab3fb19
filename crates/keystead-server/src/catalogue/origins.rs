//! Where the pages of clients are: kept for each client, so that a change reads one record, and together, so that a request
//! asks once and never waits.

use std::collections::{BTreeSet, HashMap};

use arc_swap::ArcSwap;
use keystead_protocol::{
    client::{ClientMetadata, WebOrigins},
    ids::ClientId,
};
use keystead_store::{
    Fault, Store, Tx, clients,
    feed::{Entity, News},
};
use tokio::sync::Mutex;

/// How many clients are read at once, where all are.
const AT_ONCE: u32 = 500;

/// The origins of every client that is switched on.
#[derive(Default)]
pub(super) struct Origins {
    of_clients: Mutex<HashMap<ClientId, WebOrigins>>,
    together: ArcSwap<WebOrigins>,
}

impl Origins {
    /// Whether some client has registered this one.
    pub(super) fn admit(&self, origin: &str) -> bool {
        self.together.load().admit(origin)
    }

    /// Reads every client.
    pub(super) async fn read(&self, store: &Store) -> Result<(), Fault> {
        let mut of_clients = self.of_clients.lock().await;
        *of_clients = store.read(all).await?;
        self.put_together(&of_clients);
        Ok(())
    }

    /// Reads those clients that have changed.
    pub(super) async fn hear(&self, store: &Store, news: &News) -> Result<(), Fault> {
        let News::Changes(changes) = news else {
            return self.read(store).await;
        };
        let changed: BTreeSet<ClientId> = changes
            .iter()
            .filter(|change| change.entity == Entity::Client)
            .filter_map(|change| ClientId::try_from(change.id.as_str()).ok())
            .collect();
        if changed.is_empty() {
            return Ok(());
        }
        let mut of_clients = self.of_clients.lock().await;
        for id in &changed {
            of_clients.remove(id);
        }
        let read = store.read(move |tx| {
            let found = changed.iter().map(|id| clients::in_force(tx, id));
            found.collect::<Result<Vec<_>, Fault>>()
        });
        of_clients.extend(read.await?.into_iter().flatten().filter_map(origins));
        self.put_together(&of_clients);
        Ok(())
    }

    fn put_together(&self, of_clients: &HashMap<ClientId, WebOrigins>) {
        self.together
            .store(of_clients.values().collect::<WebOrigins>().into());
    }
}

fn all(tx: &mut Tx<'_>) -> Result<HashMap<ClientId, WebOrigins>, Fault> {
    let (mut of_clients, mut after) = (HashMap::new(), None);
    loop {
        let some = clients::list_in_force(tx, after.as_ref(), AT_ONCE)?;
        let Some((last, _)) = some.last() else {
            return Ok(of_clients);
        };
        after = Some(last.clone());
        of_clients.extend(some.into_iter().filter_map(origins));
    }
}

/// A record that this version cannot read opens nothing, and closes nothing to others.
fn origins(
    (id, read): (ClientId, Result<ClientMetadata, Fault>),
) -> Option<(ClientId, WebOrigins)> {
    match read {
        Ok(metadata) => {
            let origins = metadata.pages().collect();
            Some((id, origins))
        }
        Err(why) => {
            tracing::warn!(client = %id, %why, "a client cannot be read; its pages are not let in");
            None
        }
    }
}
