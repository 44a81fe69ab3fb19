//! U+0000: whatever takes a text refuses it, alike on both databases, and keeps nothing of the change.

use std::fmt::Debug;

use keystead_protocol::{
    ids::{ApiId, ClientGrantId, KeyId},
    jwk::Algorithm,
};
use keystead_store::{
    Fault, Tx,
    apis::{self, Api},
    client_grants::{self, ClientGrant},
    clients::{self, Client},
    connections::{self, Connection, Options},
    keys::{self, SigningKeyRecord},
    seal::Slot,
    settings::{self, Setting, Stored},
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::{
    Case,
    house::House,
    people::{audience, client_id, defined},
};

/// The texts of a record, each with a way to put U+0000 into it.
pub type Texts<R> = &'static [(&'static str, fn(&mut R))];

const CLIENT: Texts<Client> = &[
    ("name", |client| client.name = nul()),
    ("metadata, a value", |c| c.metadata.other = value()),
    ("metadata, a member", |c| c.metadata.other = member()),
];
const API: Texts<Api> = &[
    ("name", |api| api.name = Some(nul())),
    ("settings, a value", |api| api.settings.others = value()),
    ("settings, a member", |api| api.settings.others = member()),
    ("a scope's description", |api| {
        api.scopes = vec![defined("read", None), defined("write", Some("\0"))];
    }),
];
const CLIENT_GRANT: Texts<ClientGrant> = &[
    ("settings, a value", |grant| grant.settings.0 = value()),
    ("settings, a member", |grant| grant.settings.0 = member()),
];
const CONNECTION: Texts<Connection> = &[
    ("options, a value", |c| c.options = Options(value())),
    ("options, a member", |c| c.options = Options(member())),
    ("settings, a value", |c| c.settings.0 = value()),
    ("settings, a member", |c| c.settings.0 = member()),
];
const NEW_CONNECTION: Texts<Connection> = &[
    ("name", |connection| connection.name = nul()),
    ("strategy", |connection| connection.strategy = nul()),
];
const KEY: Texts<SigningKeyRecord> = &[
    ("public_jwk, a value", |key| key.public_jwk = value()),
    ("public_jwk, a member", |key| key.public_jwk = member()),
];
const NOTE: Texts<Note> = &[
    ("text", |note| note.text = nul()),
    ("a value", |note| note.others = value()),
    ("a member", |note| note.others = member()),
];

pub const CASES: &[Case] = &[
    ("clients::insert", |house| {
        let client = Client::new(client_id("app"), String::new(), house.now());
        refuses(house, CLIENT, &client, |tx, client, _| {
            clients::insert(tx, client)
        });
    }),
    ("clients::update", |house| {
        let client = house.client("app");
        refuses(house, CLIENT, &client, clients::update);
    }),
    ("apis::insert", |house| {
        let id = ApiId::generate(&mut *house.rng.borrow_mut());
        let api = Api::new(id, audience("https://api"), house.now());
        refuses(house, API, &api, |tx, api, _| apis::insert(tx, api));
    }),
    ("apis::update", |house| {
        refuses(house, API, &house.api("https://api"), apis::update);
    }),
    ("client_grants::insert", |house| {
        let grant = client_grant(house);
        refuses(house, CLIENT_GRANT, &grant, |tx, grant, _| {
            client_grants::insert(tx, grant)
        });
    }),
    ("client_grants::update", |house| {
        let grant = client_grant(house);
        let inserted = grant.clone();
        let answer = house.write(move |tx| client_grants::insert(tx, &inserted));
        assert!(answer.is_ok(), "{answer:?}");
        refuses(house, CLIENT_GRANT, &grant, client_grants::update);
    }),
    ("connections::insert", |house| {
        for texts in [NEW_CONNECTION, CONNECTION] {
            let connection = house.new_connection(&format!("people-{}", texts.len()));
            refuses(house, texts, &connection, |tx, connection, _| {
                connections::insert(tx, connection)
            });
        }
    }),
    ("connections::update", |house| {
        let connection = house.connection("people");
        refuses(house, CONNECTION, &connection, connections::update);
    }),
    ("connections::by_name", |house| {
        let texts: Texts<String> = &[("name", |name| name.push('\0'))];
        refuses(house, texts, &"people".to_owned(), |tx, name, _| {
            connections::by_name(tx, name)
        });
    }),
    ("keys::insert", |house| {
        let key = SigningKeyRecord {
            id: KeyId::try_from("key").unwrap(),
            algorithm: Algorithm::ES256,
            public_jwk: Map::new(),
            private_key: house.sealed(Slot::SigningKey, "key"),
            created_at: house.now(),
            signs_from: house.now(),
            signs_until: None,
            published_until: None,
            revoked_at: None,
        };
        refuses(house, KEY, &key, keys::insert);
    }),
    ("settings::insert", |house| {
        refuses(house, NOTE, &Note::default(), settings::insert);
    }),
    ("settings::put", |house| {
        refuses(house, NOTE, &Note::default(), settings::put);
    }),
    ("settings::update", |house| {
        let now = house.now();
        let put = house.write(move |tx| settings::put(tx, &Note::default(), now));
        assert_eq!(put, Ok(()));
        refuses(house, NOTE, &Note::default(), |tx, note, now| {
            let changed = Stored {
                value: note.clone(),
                version: 1,
                updated_at: now,
            };
            settings::update(tx, &changed, now)
        });
    }),
];

/// Runs a verb with U+0000 in each text of a record, then with the record as it is.
pub fn refuses<R, T, V>(house: &House, texts: Texts<R>, record: &R, verb: V)
where
    R: Clone + Send + 'static,
    T: Debug + Send + 'static,
    V: Fn(&mut Tx<'_>, &R, keystead_protocol::time::Timestamp) -> Result<T, Fault>
        + Copy
        + Send
        + 'static,
{
    let (before, now) = (house.contents(), house.now());
    for (text, poison) in texts {
        let mut poisoned = record.clone();
        poison(&mut poisoned);
        let answer = house.write(move |tx| verb(tx, &poisoned, now));
        assert_eq!(answer.map(drop), Err(Fault::Nul), "{text}");
        assert_eq!(house.contents(), before, "{text}");
    }
    let record = record.clone();
    let answer = house.write(move |tx| verb(tx, &record, now));
    assert!(answer.is_ok(), "{answer:?}");
}

/// A setting with texts.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Note {
    text: String,
    others: Map<String, Value>,
}
impl Setting for Note {
    const NAME: &'static str = "note";
}

fn client_grant(house: &House) -> ClientGrant {
    let (client, api) = (house.client("app"), house.api("https://api"));
    let id = ClientGrantId::generate(&mut *house.rng.borrow_mut());
    let scope = "read:messages".parse().unwrap();
    ClientGrant::new(id, client.id, api.id, scope, house.now())
}

pub fn nul() -> String {
    "before\0after".to_owned()
}

pub fn value() -> Map<String, Value> {
    [("list".to_owned(), json!([1, { "deep": nul() }]))]
        .into_iter()
        .collect()
}

pub fn member() -> Map<String, Value> {
    [("object".to_owned(), json!({ "\0": 1 }))]
        .into_iter()
        .collect()
}
