//! APIs: their scopes replaced whole, the permissions that name the kept ones untouched.

use std::time::Duration;

use keystead_protocol::{
    ids::{ApiId, ClientGrantId},
    jwk::Algorithm,
};
use keystead_store::{
    Deletion, Effect, Insert, Tx, Update,
    apis::{self, Api, TokenDialect},
    client_grants::{self, ClientGrant},
    consents::{self, Parties},
    feed::Entity,
    seal::Slot,
};
use serde_json::json;

use crate::{
    Case,
    accounts::scope,
    house::House,
    people::{audience, defined},
};

pub const CASES: &[Case] = &[
    (
        "an API is found as it was inserted, by id and by identifier",
        |house| {
            let api = full_api(house);
            let inserted = api.clone();
            assert_eq!(
                house.write(move |tx| apis::insert(tx, &inserted)),
                Ok(Insert::Done)
            );
            let id = api.id.clone();
            let found = house.read(move |tx| {
                Ok([
                    apis::find(tx, &id)?,
                    apis::by_identifier(tx, &audience("https://api.mysite.com/é"))?,
                    apis::by_identifier(tx, &audience("https://api.mysite.com/é/"))?,
                ])
            });
            assert_eq!(found, Ok([Some(api.clone()), Some(api), None]));
        },
    ),
    ("an identifier is taken by one of sixteen", |house| {
        let apis: Vec<_> = (0..16).map(|_| new_api(house, "https://api")).collect();
        let answers = house.race(apis.into_iter().map(|mut api| {
            api.scopes = vec![defined("read", None)];
            move |tx: &mut Tx<'_>| apis::insert(tx, &api)
        }));
        let count = |want| answers.iter().filter(|a| **a == Ok(want)).count();
        assert_eq!(
            (count(Insert::Done), count(Insert::Taken)),
            (1, 15),
            "{answers:?}"
        );
    }),
    (
        "a list goes on from behind, each API with its own scopes",
        |house| {
            let mut all: Vec<_> = ["https://b", "https://a", "https://c"]
                .map(|identifier| house.api(identifier))
                .into();
            all.push(new_api(house, "https://without"));
            let bare = all[3].clone();
            assert_eq!(
                house.write(move |tx| apis::insert(tx, &bare)),
                Ok(Insert::Done)
            );
            all.sort_by(|a, b| a.id.cmp(&b.id));
            let middle = all[1].id.clone();
            let pages = house.read(move |tx| {
                Ok([
                    apis::list(tx, None, 2)?,
                    apis::list(tx, Some(&middle), 9)?,
                    apis::list(tx, None, 0)?,
                ])
            });
            let want = [all[..2].to_vec(), all[2..].to_vec(), vec![]];
            assert_eq!(pages, Ok(want));
        },
    ),
    ("read, written back unchanged, it is the same", |house| {
        let mut api = full_api(house);
        let inserted = api.clone();
        assert_eq!(
            house.write(move |tx| apis::insert(tx, &inserted)),
            Ok(Insert::Done)
        );
        house.advance(Duration::from_secs(1));
        let read = found(house, &api.id).unwrap();
        assert_eq!(update(house, read), Update::Done);
        (api.version, api.updated_at) = (2, house.now());
        assert_eq!(found(house, &api.id), Some(api));
    }),
    (
        "of sixteen changes to one reading, one is made whole",
        |house| {
            let (read, now) = (house.api("https://api"), house.now());
            let answers = house.race((0..16).map(|i| {
                let mut api = read.clone();
                api.name = Some(i.to_string());
                api.scopes = vec![defined(&i.to_string(), None)];
                move |tx: &mut Tx<'_>| apis::update(tx, &api, now)
            }));
            let won: Vec<_> = (0..16)
                .filter(|i| answers[*i] == Ok(Update::Done))
                .collect();
            assert_eq!(won.len(), 1, "{answers:?}");
            let stale = |answer: &&_| **answer == Ok(Update::Stale);
            assert_eq!(answers.iter().filter(stale).count(), 15, "{answers:?}");
            let (api, winner) = (found(house, &read.id).unwrap(), won[0].to_string());
            assert_eq!(api.scopes, [defined(&winner, None)]);
            assert_eq!((api.name, api.version), (Some(winner), 2));
        },
    ),
    (
        "a removed scope takes its permissions along, a kept one keeps them",
        |house| {
            let mut api = house.api("https://api");
            permit_everything(house, &api.id);
            api.scopes = vec![
                defined("delete:messages", None),
                defined("write:messages", Some("Write messages for you")),
            ];
            assert_eq!(update(house, api.clone()), Update::Done);
            assert_eq!(found(house, &api.id).unwrap().scopes, api.scopes);
            assert_eq!(
                permissions(house),
                [
                    "role_permissions write:messages",
                    "user_permissions write:messages"
                ]
            );
        },
    ),
    (
        "scopes keep their order, and a repeated one is the last",
        |house| {
            let mut api = house.api("https://api");
            api.scopes = vec![
                defined("c", None),
                defined("a", Some("first")),
                defined("b", None),
                defined("a", Some("second")),
            ];
            assert_eq!(update(house, api.clone()), Update::Done);
            let kept = [
                defined("c", None),
                defined("b", None),
                defined("a", Some("second")),
            ];
            assert_eq!(found(house, &api.id).unwrap().scopes, kept);
            (api.scopes, api.version) = (vec![], 2);
            assert_eq!(update(house, api.clone()), Update::Done);
            assert_eq!(found(house, &api.id).unwrap().scopes, []);
        },
    ),
    ("what never changes is not written", |house| {
        let mut api = house.api("https://api");
        let id = api.id.clone();
        api.identifier = audience("https://other");
        api.is_system = true;
        api.signing_secret = Some(house.sealed(Slot::ApiSigningSecret, "x"));
        assert_eq!(update(house, api), Update::Done);
        let api = found(house, &id).unwrap();
        assert_eq!(api.identifier, audience("https://api"));
        assert_eq!((api.is_system, api.signing_secret), (false, None));
    }),
    (
        "a deleted API takes along scopes, permissions and client grants",
        |house| {
            let (client, api, now) = (house.client("app"), house.api("https://api"), house.now());
            permit_everything(house, &api.id);
            let grant = ClientGrant::new(
                ClientGrantId::generate(&mut *house.rng.borrow_mut()),
                client.id,
                api.id.clone(),
                "read:messages".parse().unwrap(),
                now,
            );
            let id = api.id.clone();
            assert_eq!(
                house.write(move |tx| {
                    assert_eq!(client_grants::insert(tx, &grant)?, Insert::Done);
                    Ok([apis::delete(tx, &id, now)?, apis::delete(tx, &id, now)?])
                }),
                Ok([Deletion::Done, Deletion::Unknown])
            );
            assert_eq!(found(house, &api.id), None);
            assert_eq!(permissions(house), [""; 0]);
            let left = house.contents();
            assert!(
                !left
                    .iter()
                    .any(|row| row.contains(api.id.as_str()) && !row.starts_with("changes")),
                "{left:#?}"
            );
        },
    ),
    (
        "what people agreed to about an API goes with it, and is not there when another takes its identifier",
        |house| {
            let meeting = house.meeting();
            let now = house.now();
            let agree = |identifier: &str| {
                let parties = Parties {
                    user: meeting.user.clone(),
                    client: meeting.client.clone(),
                    audience: Some(audience(identifier)),
                };
                let remembered = parties.clone();
                house
                    .write(move |tx| consents::remember(tx, &remembered, &scope("read"), now))
                    .unwrap();
                parties
            };
            let gone = house.api("https://api");
            let mut ours = new_api(house, "https://issuer/api/v2/");
            ours.is_system = true;
            let inserted = ours.clone();
            assert_eq!(
                house.write(move |tx| apis::insert(tx, &inserted)),
                Ok(Insert::Done)
            );
            let agreed = ["https://api", "https://other", "https://issuer/api/v2/"].map(agree);
            let deleted = house.write(move |tx| {
                Ok([
                    apis::delete(tx, &gone.id, now)?,
                    apis::delete(tx, &ours.id, now)?,
                ])
            });
            assert_eq!(deleted, Ok([Deletion::Done, Deletion::System]));
            house.api("https://api");
            let found = agreed.map(|parties| {
                let found = house.read(move |tx| consents::find(tx, &parties));
                found.unwrap().is_some()
            });
            assert_eq!(found, [false, true, true]);
        },
    ),
    ("an API of our own is not deleted", |house| {
        let mut api = new_api(house, "https://issuer/api/v2/");
        api.is_system = true;
        let now = house.now();
        let (id, inserted) = (api.id.clone(), api.clone());
        assert_eq!(
            house.write(move |tx| {
                assert_eq!(apis::insert(tx, &inserted)?, Insert::Done);
                apis::delete(tx, &id, now)
            }),
            Ok(Deletion::System)
        );
        assert_eq!(found(house, &api.id), Some(api));
    }),
    (
        "an API that is not there is unknown to every verb",
        |house| {
            let (api, now) = (new_api(house, "https://api"), house.now());
            let (id, before) = (api.id.clone(), house.contents());
            assert_eq!(update(house, api), Update::Unknown);
            let answers = house.write(move |tx| {
                let effect = apis::replace_signing_secret(tx, &id, None, now)?;
                Ok((effect, apis::delete(tx, &id, now)?))
            });
            assert_eq!(answers, Ok((Effect::Unknown, Deletion::Unknown)));
            assert_eq!(house.contents(), before);
        },
    ),
    ("every change is announced", |house| {
        let (read, now) = (house.api("https://api"), house.now());
        let id = read.id.clone();
        let (_, said) = house.announced(move |tx| {
            assert_eq!(apis::insert(tx, &read)?, Insert::Taken);
            assert_eq!(apis::update(tx, &read, now)?, Update::Done);
            assert_eq!(apis::update(tx, &read, now)?, Update::Stale);
            let effect = apis::replace_signing_secret(tx, &read.id, None, now)?;
            assert_eq!(effect, Effect::Done);
            assert_eq!(apis::delete(tx, &read.id, now)?, Deletion::Done);
            assert_eq!(apis::insert(tx, &read)?, Insert::Done);
            Ok(())
        });
        assert_eq!(said, vec![(Entity::Api, id.to_string()); 4]);
    }),
];

fn new_api(house: &House, identifier: &str) -> Api {
    let id = ApiId::generate(&mut *house.rng.borrow_mut());
    Api::new(id, audience(identifier), house.now())
}

/// An API with nothing left at its default.
fn full_api(house: &House) -> Api {
    let mut api = new_api(house, "https://api.mysite.com/é");
    api.name = Some("Näme".to_owned());
    api.is_system = true;
    api.settings.signing_alg = Algorithm::HS256;
    api.settings.token_dialect = Some(TokenDialect::Rfc9068Profile);
    api.settings.enforce_policies = Some(true);
    api.settings.others.insert(
        "authorization_details".to_owned(),
        json!([{ "type": "payment" }]),
    );
    api.signing_secret = Some(house.sealed(Slot::ApiSigningSecret, api.id.as_str()));
    api.scopes = vec![
        defined("write", None),
        defined("read", Some("")),
        defined("admin", Some("É")),
    ];
    api
}

/// A role and a user with every scope of an API as permissions.
fn permit_everything(house: &House, api: &ApiId) {
    house.execute(&format!(
        "INSERT INTO connections
           (id, name, strategy, enabled, is_system, options, settings, version, created_at, updated_at)
         VALUES ('con_1', 'people', 'auth0', TRUE, FALSE, '{{}}', '{{}}', 1, 0, 0);
         INSERT INTO users
           (id, connection_id, email_verified, blocked, profile, user_metadata, app_metadata, logins, version,
            created_at, updated_at)
         VALUES ('auth0|1', 'con_1', FALSE, FALSE, '{{}}', '{{}}', '{{}}', 0, 1, 0, 0);
         INSERT INTO roles (id, name, created_at, updated_at) VALUES ('rol_1', 'reader', 0, 0);
         INSERT INTO role_permissions (role_id, api_id, scope)
           SELECT 'rol_1', api_id, value FROM api_scopes WHERE api_id = '{api}';
         INSERT INTO user_permissions (user_id, api_id, scope)
           SELECT 'auth0|1', api_id, value FROM api_scopes WHERE api_id = '{api}';"
    ));
}

/// Table and scope of every permission.
fn permissions(house: &House) -> Vec<String> {
    let scopes = ["read:messages", "write:messages", "delete:messages"];
    let permission = |row: String| {
        let table = row.split(':').next()?.to_owned();
        let scope = scopes.into_iter().find(|scope| row.contains(scope))?;
        table
            .ends_with("_permissions")
            .then(|| format!("{table} {scope}"))
    };
    house
        .contents()
        .into_iter()
        .filter_map(permission)
        .collect()
}

fn found(house: &House, id: &ApiId) -> Option<Api> {
    let id = id.clone();
    house.read(move |tx| apis::find(tx, &id)).unwrap()
}

fn update(house: &House, api: Api) -> Update {
    let now = house.now();
    house.write(move |tx| apis::update(tx, &api, now)).unwrap()
}
