//! Records that many cases start from, and what the feed says of a change.

use std::fmt::Debug;

use keystead_protocol::ids::{ApiId, Audience, ClientId, ConnectionId};
use keystead_store::{
    Fault, Insert, Tx,
    apis::{self, Api, DefinedScope},
    clients::{self, Client},
    connections::{self, Connection},
    feed::{self, Entity, News},
    seal::{Keyring, Place, Sealed, Slot},
};
use tempfile::TempDir;

use crate::house::House;

impl House {
    /// A client with some metadata and no secret.
    pub fn client(&self, id: &str) -> Client {
        let mut client = Client::new(client_id(id), format!("The app {id}"), self.now());
        client.metadata = serde_json::from_value(serde_json::json!({
            "grant_types": ["client_credentials"],
            "unheard_of": ["kept"],
        }))
        .unwrap();
        let inserted = client.clone();
        assert_eq!(
            self.write(move |tx| clients::insert(tx, &inserted)),
            Ok(Insert::Done)
        );
        client
    }

    /// An API with the scopes `read:messages` and `write:messages`.
    pub fn api(&self, identifier: &str) -> Api {
        let id = ApiId::generate(&mut *self.rng.borrow_mut());
        let mut api = Api::new(id, audience(identifier), self.now());
        api.scopes = vec![
            defined("read:messages", Some("Read your messages")),
            defined("write:messages", None),
        ];
        let inserted = api.clone();
        assert_eq!(
            self.write(move |tx| apis::insert(tx, &inserted)),
            Ok(Insert::Done)
        );
        api
    }

    /// A database connection that no client may use yet.
    pub fn connection(&self, name: &str) -> Connection {
        let connection = self.new_connection(name);
        let inserted = connection.clone();
        assert_eq!(
            self.write(move |tx| connections::insert(tx, &inserted)),
            Ok(Insert::Done)
        );
        connection
    }

    /// A connection that is not inserted.
    pub fn new_connection(&self, name: &str) -> Connection {
        let id = ConnectionId::generate(&mut *self.rng.borrow_mut());
        Connection::new(id, name.to_owned(), "auth0".to_owned(), self.now())
    }

    /// A sealed value whose key nobody keeps.
    pub fn sealed(&self, slot: Slot, id: &str) -> Sealed {
        let folder = TempDir::new().unwrap();
        let rng = &mut *self.rng.borrow_mut();
        let keyring = Keyring::load_or_create(&folder.path().join("sealing.key"), rng).unwrap();
        keyring.seal(Place { slot, id }, b"a secret", rng).unwrap()
    }

    /// Runs a write and gives its answer with what it announced.
    pub fn announced<T: Send + Debug + 'static>(
        &self,
        work: impl FnMut(&mut Tx<'_>) -> Result<T, Fault> + Send + 'static,
    ) -> (T, Vec<(Entity, String)>) {
        let before = self.read(feed::newest).unwrap();
        let answer = self.write(work).unwrap();
        match self.read(move |tx| feed::since(tx, before)).unwrap() {
            News::Changes(changes) => {
                let named = changes.into_iter().map(|change| (change.entity, change.id));
                (answer, named.collect())
            }
            everything @ News::Everything { .. } => panic!("{everything:?}"),
        }
    }
}

pub fn client_id(id: &str) -> ClientId {
    id.try_into().unwrap()
}

pub fn audience(identifier: &str) -> Audience {
    identifier.try_into().unwrap()
}

pub fn defined(value: &str, description: Option<&str>) -> DefinedScope {
    DefinedScope {
        value: value.try_into().unwrap(),
        description: description.map(str::to_owned),
    }
}
