//! Client grants: one for each client, API and subject type.

use std::time::Duration;

use keystead_protocol::ids::ClientGrantId;
use keystead_store::{
    Effect, Fault, Insert, Tx, Update,
    apis::Api,
    client_grants::{self, ClientGrant, SubjectType},
    clients::Client,
    feed::Entity,
};
use serde_json::json;

use crate::{Case, house::House};

pub const CASES: &[Case] = &[
    (
        "a grant is found as it was inserted, by id and by what it is for",
        |house| {
            let mut grant = fresh(house, &house.client("app"), &house.api("https://api"));
            grant.subject_type = SubjectType::User;
            grant.all_scopes = true;
            let usage = ("organization_usage".to_owned(), json!("allow"));
            grant.settings.0.extend([usage]);
            insert(house, &grant);
            let (client, api) = (grant.client.clone(), grant.api.clone());
            let id = grant.id.clone();
            let found = house.read(move |tx| {
                Ok([
                    client_grants::find(tx, &id)?,
                    client_grants::find_for(tx, &client, &api, SubjectType::User)?,
                    client_grants::find_for(tx, &client, &api, SubjectType::Client)?,
                ])
            });
            assert_eq!(found, Ok([Some(grant.clone()), Some(grant), None]));
        },
    ),
    (
        "of sixteen at once there is one, and one more for users",
        |house| {
            let (client, api) = (house.client("app"), house.api("https://api"));
            let grants: Vec<_> = (0..16).map(|_| fresh(house, &client, &api)).collect();
            let answers = house.race(
                grants
                    .into_iter()
                    .map(|grant| move |tx: &mut Tx<'_>| client_grants::insert(tx, &grant)),
            );
            let count = |want| answers.iter().filter(|a| **a == Ok(want)).count();
            assert_eq!(
                (count(Insert::Done), count(Insert::Taken)),
                (1, 15),
                "{answers:?}"
            );
            let mut grant = fresh(house, &client, &api);
            grant.subject_type = SubjectType::User;
            insert(house, &grant);
        },
    ),
    ("without a client or an API there is no grant", |house| {
        let (client, api) = (house.client("app"), house.api("https://api"));
        let mut nobodys = fresh(house, &client, &api);
        nobodys.client = "nobody".try_into().unwrap();
        let mut for_nothing = fresh(house, &client, &api);
        for_nothing.api = "0123456789abcdef01234567".try_into().unwrap();
        let before = house.contents();
        for grant in [nobodys, for_nothing] {
            let refused = house.write(move |tx| client_grants::insert(tx, &grant));
            assert!(matches!(refused, Err(Fault::Constraint(_))), "{refused:?}");
        }
        assert_eq!(house.contents(), before);
    }),
    ("lists go on from behind, by client and by API", |house| {
        let clients = ["one", "two"].map(|id| house.client(id));
        let apis = ["https://a", "https://b"].map(|id| house.api(id));
        let mut all = Vec::new();
        for client in &clients {
            for api in &apis {
                let grant = fresh(house, client, api);
                insert(house, &grant);
                all.push(grant);
            }
        }
        all.sort_by(|a, b| a.id.cmp(&b.id));
        let of = |keep: &dyn Fn(&ClientGrant) -> bool| {
            all.iter().filter(|g| keep(g)).cloned().collect::<Vec<_>>()
        };
        let ones = of(&|g| g.client == clients[0].id);
        let for_b = of(&|g| g.api == apis[1].id);
        let (one, b) = (clients[0].id.clone(), apis[1].id.clone());
        let after = [&all[1], &ones[0], &for_b[0]].map(|grant| grant.id.clone());
        let pages = house.read(move |tx| {
            Ok([
                client_grants::list(tx, None, 2)?,
                client_grants::list(tx, Some(&after[0]), 9)?,
                client_grants::of_client(tx, &one, None, 1)?,
                client_grants::of_client(tx, &one, Some(&after[1]), 9)?,
                client_grants::of_api(tx, &b, None, 1)?,
                client_grants::of_api(tx, &b, Some(&after[2]), 9)?,
            ])
        });
        let want = [
            &all[..2],
            &all[2..],
            &ones[..1],
            &ones[1..],
            &for_b[..1],
            &for_b[1..],
        ];
        assert_eq!(pages, Ok(want.map(<[_]>::to_vec)));
    }),
    ("read, written back unchanged, it is the same", |house| {
        let mut grant = fresh(house, &house.client("app"), &house.api("https://api"));
        grant.settings.0.extend([("later".to_owned(), json!({}))]);
        insert(house, &grant);
        house.advance(Duration::from_secs(1));
        assert_eq!(update(house, grant.clone()), Update::Done);
        (grant.version, grant.updated_at) = (2, house.now());
        assert_eq!(found(house, &grant.id), Some(grant));
    }),
    ("of sixteen changes to one reading, one is made", |house| {
        let grant = fresh(house, &house.client("app"), &house.api("https://api"));
        insert(house, &grant);
        let now = house.now();
        let answers = house.race((0..16).map(|i| {
            let mut grant = grant.clone();
            grant.scope = format!("read:{i}").parse().unwrap();
            move |tx: &mut Tx<'_>| client_grants::update(tx, &grant, now)
        }));
        let won: Vec<_> = (0..16)
            .filter(|i| answers[*i] == Ok(Update::Done))
            .collect();
        assert_eq!(won.len(), 1, "{answers:?}");
        let stale = |answer: &&_| **answer == Ok(Update::Stale);
        assert_eq!(answers.iter().filter(stale).count(), 15, "{answers:?}");
        let scope = found(house, &grant.id).unwrap().scope;
        assert_eq!(scope.to_string(), format!("read:{}", won[0]));
    }),
    ("a change moves a grant to nobody else", |house| {
        let (client, api) = (house.client("app"), house.api("https://api"));
        let grant = fresh(house, &client, &api);
        insert(house, &grant);
        let mut moved = grant.clone();
        moved.client = house.client("other").id;
        moved.api = house.api("https://other").id;
        moved.subject_type = SubjectType::User;
        moved.all_scopes = true;
        assert_eq!(update(house, moved), Update::Done);
        let left = found(house, &grant.id).unwrap();
        assert_eq!((left.client, left.api), (client.id, api.id));
        assert_eq!(
            (left.subject_type, left.all_scopes),
            (SubjectType::Client, true)
        );
    }),
    ("every change is announced under its client", |house| {
        let (grant, now) = (
            fresh(house, &house.client("app"), &house.api("https://api")),
            house.now(),
        );
        let (_, said) = house.announced(move |tx| {
            assert_eq!(client_grants::update(tx, &grant, now)?, Update::Unknown);
            assert_eq!(client_grants::delete(tx, &grant.id, now)?, Effect::Unknown);
            assert_eq!(client_grants::insert(tx, &grant)?, Insert::Done);
            assert_eq!(client_grants::insert(tx, &grant)?, Insert::Taken);
            assert_eq!(client_grants::update(tx, &grant, now)?, Update::Done);
            assert_eq!(client_grants::update(tx, &grant, now)?, Update::Stale);
            assert_eq!(client_grants::delete(tx, &grant.id, now)?, Effect::Done);
            Ok(())
        });
        assert_eq!(said, vec![(Entity::ClientGrant, "app".to_owned()); 3]);
    }),
];

fn fresh(house: &House, client: &Client, api: &Api) -> ClientGrant {
    ClientGrant::new(
        ClientGrantId::generate(&mut *house.rng.borrow_mut()),
        client.id.clone(),
        api.id.clone(),
        "write:messages read:messages".parse().unwrap(),
        house.now(),
    )
}

fn insert(house: &House, grant: &ClientGrant) {
    let grant = grant.clone();
    let inserted = house.write(move |tx| client_grants::insert(tx, &grant));
    assert_eq!(inserted, Ok(Insert::Done));
}

fn found(house: &House, id: &ClientGrantId) -> Option<ClientGrant> {
    let id = id.clone();
    house.read(move |tx| client_grants::find(tx, &id)).unwrap()
}

fn update(house: &House, grant: ClientGrant) -> Update {
    let now = house.now();
    house
        .write(move |tx| client_grants::update(tx, &grant, now))
        .unwrap()
}
