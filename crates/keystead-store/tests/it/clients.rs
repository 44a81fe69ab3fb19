//! Clients: found as they were written, changed by one at a time, gone with all that was theirs.

use keystead_store::{
    Effect, Insert, Update,
    client_grants::{self, ClientGrant},
    clients::{self, Client},
    connections,
    feed::Entity,
    seal::Slot,
};
use serde_json::json;

use crate::{Case, house::House, people::client_id};
use keystead_protocol::ids::ClientGrantId;

pub const CASES: &[Case] = &[
    ("a client is found as it was inserted", |house| {
        let mut client = Client::new(client_id("app"), "L'app «é»".to_owned(), house.now());
        client.metadata = serde_json::from_value(json!({
            "callbacks": ["https://app.example.com/cb"],
            "app_type": "regular_web",
            "oidc_conformant": true,
            "jwt_configuration": { "alg": "RS256", "scopes": {} },
            "unheard_of": { "b": [1, null, 2.5], "a": "\u{1}" },
        }))
        .unwrap();
        client.secret = Some(house.sealed(Slot::ClientSecret, "app"));
        let inserted = client.clone();
        assert_eq!(
            house.write(move |tx| clients::insert(tx, &inserted)),
            Ok(Insert::Done)
        );
        assert_eq!(found(house, "app"), Some(client));
        assert_eq!(found(house, "App"), None);
    }),
    ("an id is taken by one of sixteen", |house| {
        let now = house.now();
        let answers = house.race((0..16).map(|i| {
            let client = Client::new(client_id("app"), i.to_string(), now);
            move |tx: &mut keystead_store::Tx<'_>| clients::insert(tx, &client)
        }));
        let won = |answer: &&_| **answer == Ok(Insert::Done);
        assert_eq!(answers.iter().filter(won).count(), 1, "{answers:?}");
        let lost = |answer: &&_| **answer == Ok(Insert::Taken);
        assert_eq!(answers.iter().filter(lost).count(), 15, "{answers:?}");
    }),
    (
        "a list goes on from behind, in the order of bytes",
        |house| {
            for id in ["b", "a", "B", "a-", "aa", "_"] {
                house.client(id);
            }
            let page = |after: Option<&'static str>, limit| {
                let after = after.map(client_id);
                let page = house
                    .read(move |tx| clients::list(tx, after.as_ref(), limit))
                    .unwrap();
                page.into_iter()
                    .map(|client| client.id.to_string())
                    .collect::<Vec<_>>()
            };
            assert_eq!(page(None, 4), ["B", "_", "a", "a-"]);
            assert_eq!(page(Some("a-"), 4), ["aa", "b"]);
            assert_eq!(page(Some("b"), 4), [""; 0]);
        },
    ),
    ("read, written back unchanged, it is the same", |house| {
        let mut client = house.client("app");
        let secret = house.sealed(Slot::ClientSecret, "app");
        let (id, given, now) = (client.id.clone(), secret.clone(), house.now());
        assert_eq!(
            house.write(move |tx| clients::replace_secret(tx, &id, Some(&given), now)),
            Ok(Effect::Done)
        );
        let read = found(house, "app").unwrap();
        house.advance(SECOND);
        assert_eq!(update(house, read), Update::Done);
        client.secret = Some(secret);
        client.version = 3;
        client.updated_at = house.now();
        assert_eq!(found(house, "app"), Some(client));
    }),
    ("of sixteen changes to one reading, one is made", |house| {
        let (read, now) = (house.client("app"), house.now());
        let answers = house.race((0..16).map(|i| {
            let mut client = read.clone();
            client.name = i.to_string();
            move |tx: &mut keystead_store::Tx<'_>| clients::update(tx, &client, now)
        }));
        let won: Vec<_> = (0..16)
            .filter(|i| answers[*i] == Ok(Update::Done))
            .collect();
        assert_eq!(won.len(), 1, "{answers:?}");
        let stale = |answer: &&_| **answer == Ok(Update::Stale);
        assert_eq!(answers.iter().filter(stale).count(), 15, "{answers:?}");
        let client = found(house, "app").unwrap();
        assert_eq!((client.name, client.version), (won[0].to_string(), 2));
    }),
    (
        "what was read before brings back neither a secret nor a disabled client",
        |house| {
            let read = house.client("app");
            let (id, now) = (read.id.clone(), house.now());
            assert_eq!(
                house.write(move |tx| clients::set_enabled(tx, &id, false, now)),
                Ok(Effect::Done)
            );
            assert_eq!(update(house, read), Update::Stale);
            let mut read = found(house, "app").unwrap();
            read.enabled = true;
            read.secret = Some(house.sealed(Slot::ClientSecret, "app"));
            assert_eq!(update(house, read), Update::Done);
            let client = found(house, "app").unwrap();
            assert_eq!((client.enabled, client.secret), (false, None));
        },
    ),
    (
        "a client that is not there is unknown to every verb",
        |house| {
            let client = Client::new(client_id("app"), String::new(), house.now());
            let (id, now) = (client.id.clone(), house.now());
            let before = house.contents();
            assert_eq!(update(house, client), Update::Unknown);
            let effects = house.write(move |tx| {
                Ok([
                    clients::replace_secret(tx, &id, None, now)?,
                    clients::set_enabled(tx, &id, false, now)?,
                    clients::delete(tx, &id, now)?,
                ])
            });
            assert_eq!(effects, Ok([Effect::Unknown; 3]));
            assert_eq!(house.contents(), before);
        },
    ),
    (
        "a client that is made again has nothing of its namesake",
        |house| {
            let (client, api, now) = (house.client("app"), house.api("https://api"), house.now());
            let connection = house.connection("people");
            let grant = ClientGrant::new(
                ClientGrantId::generate(&mut *house.rng.borrow_mut()),
                client.id.clone(),
                api.id,
                "read:messages".parse().unwrap(),
                now,
            );
            let id = client.id;
            let ids = (id.clone(), id.clone());
            house
                .write(move |tx| {
                    assert_eq!(client_grants::insert(tx, &grant)?, Insert::Done);
                    assert_eq!(
                        connections::enable_for(tx, &connection.id, &id, now)?,
                        Effect::Done
                    );
                    Ok(())
                })
                .unwrap();
            let (id, same) = ids;
            assert_eq!(
                house.write(move |tx| clients::delete(tx, &id, now)),
                Ok(Effect::Done)
            );
            house.client("app");
            let left = house.read(move |tx| {
                let grants = client_grants::of_client(tx, &same, None, 9)?;
                Ok((grants, connections::for_client(tx, &same)?))
            });
            assert_eq!(left, Ok((vec![], vec![])));
        },
    ),
    ("every change is announced", |house| {
        let read = house.client("app");
        let (now, id) = (house.now(), read.id.clone());
        let (_, said) = house.announced(move |tx| {
            assert_eq!(clients::insert(tx, &read)?, Insert::Taken);
            assert_eq!(clients::update(tx, &read, now)?, Update::Done);
            assert_eq!(clients::update(tx, &read, now)?, Update::Stale);
            assert_eq!(clients::replace_secret(tx, &id, None, now)?, Effect::Done);
            assert_eq!(clients::set_enabled(tx, &id, true, now)?, Effect::Done);
            assert_eq!(clients::delete(tx, &id, now)?, Effect::Done);
            assert_eq!(clients::insert(tx, &read)?, Insert::Done);
            Ok(())
        });
        assert_eq!(said, vec![(Entity::Client, "app".to_owned()); 5]);
    }),
];

const SECOND: std::time::Duration = std::time::Duration::from_secs(1);

fn found(house: &House, id: &str) -> Option<Client> {
    let id = client_id(id);
    house.read(move |tx| clients::find(tx, &id)).unwrap()
}

fn update(house: &House, client: Client) -> Update {
    let now = house.now();
    house
        .write(move |tx| clients::update(tx, &client, now))
        .unwrap()
}
