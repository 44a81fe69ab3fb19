//! What a house knows before it opens: apps, an API, people with a password. Written through the store's own verbs.

use std::path::Path;

use keystead_protocol::{
    ids::{ApiId, Audience, ClientId, ConnectionId, UserId},
    scope::ScopeToken,
    secret::Secret,
    time::Timestamp,
};
use keystead_store::{
    Database, Effect, Fault, Insert, Store, Tx,
    apis::{self, Api, DefinedScope},
    clients::{self, Client},
    connections::{self, Connection},
    passwords,
    seal::Keyring,
    settings::{self, Setting},
    users::{self, Insertion, User},
};
use rand::{SeedableRng as _, rngs::StdRng};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::party::party;

/// Our own app in a browser.
pub const SITE: &str = "site";
/// Somebody else's app: its users are asked.
pub const PARTNER: &str = "partner";
/// Our own app on a phone, which hears by a scheme that any other app may claim.
pub const PHONE: &str = "phone";
/// The same, without the page that warns of that.
pub const QUIET_PHONE: &str = "quiet-phone";
/// Where both phones hear.
pub const PHONE_CALLBACK: &str = "demo://app.example/callback";
/// An API with the scopes `read:messages` and `write:messages`.
pub const API: &str = "https://api.party.test/";
/// The words of the first of them.
pub const READS: &str = "Read your messages";

/// The connection of all people.
const CONNECTION: &str = "Username-Password-Authentication";
/// What everybody here has chosen, and its hash as another program made it.
pub const PASSWORD: &str = "Tr0ub4dor&3-horse";
const HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$a2V5c3RlYWRlMmVzYWx0MQ$het1TxTJhCFJhNgO/KTPeuh+osR14LWwf1tvc0cR3Xk";

/// How many people there are: each case takes some that no other case knows.
pub const PEOPLE: usize = 120;

/// Somebody's e-mail address.
pub fn email(person: usize) -> String {
    format!("person{person}@example.com")
}

/// The settings of the installation, as they are stored.
#[derive(Serialize, Deserialize)]
struct Tenant(Value);

impl Setting for Tenant {
    const NAME: &'static str = "tenant";
}

/// Migrates a database, writes all of it, and lays the sealing key beside it: a database without one is not served.
pub fn write(folder: &Path, database: &Database, now: Timestamp) {
    keystead_store::migrate(database).unwrap();
    let key = folder.join("sealing.key");
    Keyring::load_or_create(&key, &mut StdRng::seed_from_u64(2)).unwrap();
    let store = Store::open(database).unwrap();
    let work = move |tx: &mut Tx<'_>| all(tx, now);
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.unwrap().block_on(store.write(work)).unwrap();
    store.close();
}

fn all(tx: &mut Tx<'_>, now: Timestamp) -> Result<(), Fault> {
    let rng = &mut StdRng::seed_from_u64(1);
    let connection = Connection {
        options: connections::Options(object(json!({ "passwordPolicy": "good" }))),
        ..Connection::new(
            ConnectionId::generate(rng),
            CONNECTION.to_owned(),
            "auth0".to_owned(),
            now,
        )
    };
    assert_eq!(connections::insert(tx, &connection)?, Insert::Done);
    for client in apps(now) {
        assert_eq!(clients::insert(tx, &client)?, Insert::Done);
        let enabled = connections::enable_for(tx, &connection.id, &client.id, now)?;
        assert_eq!(enabled, Effect::Done);
    }
    assert_eq!(
        apis::insert(tx, &api(ApiId::generate(rng), now))?,
        Insert::Done
    );
    for person in 0..PEOPLE {
        let mut user = User::new(UserId::generate(rng), connection.id.clone(), now);
        user.email = Some(email(person));
        user.email_verified = true;
        user.profile.name = Some(format!("Person {person}"));
        assert_eq!(users::insert(tx, &user)?, Insertion::Inserted);
        passwords::set(tx, &user.id, &Secret::from(HASH), now)?;
    }
    let tenant = json!({
        "friendly_name": "The House",
        "allowed_logout_urls": [party().url("/signed-out").as_str()],
    });
    settings::put(tx, &Tenant(tenant), now)
}

fn apps(now: Timestamp) -> Vec<Client> {
    let callbacks =
        ["/callback", "/form-post", "/spa", "/spa-js"].map(|path| String::from(party().url(path)));
    let web = json!({
        "app_type": "spa",
        "callbacks": callbacks,
        "allowed_logout_urls": [party().url("/signed-out").as_str()],
        "web_origins": [party().origin()],
    });
    let phone = json!({ "app_type": "native", "callbacks": [PHONE_CALLBACK] });
    vec![
        app(SITE, "The Site", &[&web], now),
        app(
            PARTNER,
            "The Partner",
            &[&web, &json!({ "is_first_party": false })],
            now,
        ),
        app(PHONE, "The Phone", &[&phone], now),
        app(
            QUIET_PHONE,
            "The Quiet Phone",
            &[
                &phone,
                &json!({ "skip_non_verifiable_callback_uri_confirmation_prompt": true }),
            ],
            now,
        ),
    ]
}

fn app(id: &str, name: &str, more: &[&Value], now: Timestamp) -> Client {
    let mut metadata = object(json!({
        "token_endpoint_auth_method": "none",
        "grant_types": ["authorization_code", "implicit", "refresh_token"],
        "oidc_conformant": true,
        "is_first_party": true,
    }));
    for part in more {
        metadata.extend(object((*part).clone()));
    }
    let mut client = Client::new(ClientId::try_from(id).unwrap(), name.to_owned(), now);
    client.metadata = serde_json::from_value(Value::Object(metadata)).unwrap();
    client
}

fn api(id: ApiId, now: Timestamp) -> Api {
    let scope = |value: &str, description: &str| DefinedScope {
        value: ScopeToken::try_from(value).unwrap(),
        description: Some(description.to_owned()),
    };
    let mut api = Api::new(id, Audience::try_from(API).unwrap(), now);
    api.name = Some("The Messages".to_owned());
    api.settings.allow_offline_access = true;
    api.settings.skip_consent_for_verifiable_first_party_clients = true;
    api.scopes = vec![
        scope("read:messages", READS),
        scope("write:messages", "Write messages in your name"),
    ];
    api
}

fn object(value: Value) -> serde_json::Map<String, Value> {
    match value {
        Value::Object(members) => members,
        other => panic!("{other} is no object"),
    }
}
