//! Connections: who may log in where, and that the built-in one stays out of sight.

use std::time::Duration;

use keystead_protocol::ids::ConnectionId;
use keystead_store::{
    Deletion, Effect, Insert, Tx, Update,
    connections::{self, Connection},
    feed::Entity,
};
use serde_json::json;

use crate::{Case, house::House, people::client_id};

pub const CASES: &[Case] = &[
    (
        "a connection is found as it was inserted, by id and by name",
        |house| {
            let mut connection = house.new_connection("people");
            connection.enabled = false;
            let scripts = ("customScripts".to_owned(), json!({ "login": "…" }));
            connection.options.0.extend([scripts]);
            let name = ("display_name".to_owned(), json!("People"));
            connection.settings.0.extend([name]);
            insert(house, &connection);
            let id = connection.id.clone();
            let found = house.read(move |tx| {
                Ok([
                    connections::find(tx, &id)?,
                    connections::by_name(tx, "people")?,
                    connections::by_name(tx, "People")?,
                ])
            });
            assert_eq!(
                found,
                Ok([Some(connection.clone()), Some(connection), None])
            );
        },
    ),
    ("a name is taken by one of sixteen", |house| {
        let all: Vec<_> = (0..16).map(|_| house.new_connection("people")).collect();
        let answers = house.race(
            all.into_iter()
                .map(|connection| move |tx: &mut Tx<'_>| connections::insert(tx, &connection)),
        );
        let count = |want| answers.iter().filter(|a| **a == Ok(want)).count();
        assert_eq!(
            (count(Insert::Done), count(Insert::Taken)),
            (1, 15),
            "{answers:?}"
        );
    }),
    (
        "a list goes on from behind, without the built-in one",
        |house| {
            let mut all: Vec<_> = ["a", "b", "c"].map(|name| house.connection(name)).into();
            all.sort_by(|a, b| a.id.cmp(&b.id));
            let administrators = administrators(house);
            let after = all[0].id.clone();
            let pages = house.read(move |tx| {
                Ok([
                    connections::list(tx, None, 1)?,
                    connections::list(tx, Some(&after), 9)?,
                    connections::system(tx)?,
                ])
            });
            let want = [all[..1].to_vec(), all[1..].to_vec(), vec![administrators]];
            assert_eq!(pages, Ok(want));
        },
    ),
    (
        "a client sees the enabled ones that were enabled for it",
        |house| {
            let [seen, disabled, other] =
                ["seen", "disabled", "other"].map(|n| house.connection(n));
            let (built_in, now) = (administrators(house), house.now());
            let (app, elsewhere) = (house.client("app").id, house.client("elsewhere").id);
            let (id, app_too) = (seen.id.clone(), app.clone());
            let (all, asker) = (
                [&seen, &disabled, &other, &built_in].map(|c| c.id.clone()),
                app.clone(),
            );
            let ids = [seen, disabled.clone(), built_in].map(|c| c.id);
            house
                .write(move |tx| {
                    for id in &ids {
                        assert_eq!(connections::enable_for(tx, id, &app, now)?, Effect::Done);
                    }
                    for id in [&other.id, &ids[0]] {
                        let effect = connections::enable_for(tx, id, &elsewhere, now)?;
                        assert_eq!(effect, Effect::Done);
                    }
                    let effect = connections::set_enabled(tx, &disabled.id, false, now)?;
                    assert_eq!(effect, Effect::Done);
                    Ok(())
                })
                .unwrap();
            assert_eq!(for_client(house, "app"), ["seen"]);
            let app = app_too.clone();
            let built_in = house.read(move |tx| connections::system_for_client(tx, &app));
            let names: Vec<_> = built_in.unwrap().into_iter().map(|c| c.name).collect();
            assert_eq!(names, ["administrators"]);
            let open = house.read(move |tx| {
                let open = all.iter().map(|id| connections::is_open_to(tx, id, &asker));
                open.collect::<Result<Vec<_>, _>>()
            });
            assert_eq!(
                open,
                Ok(vec![true, false, false, true]),
                "seen, disabled, other, built in"
            );
            let disabled = house.write(move |tx| connections::disable_for(tx, &id, &app_too, now));
            assert_eq!(disabled, Ok(Effect::Done));
            assert_eq!(for_client(house, "app"), [""; 0]);
            assert_eq!(for_client(house, "elsewhere"), ["other", "seen"]);
        },
    ),
    ("read, written back unchanged, it is the same", |house| {
        let mut connection = house.new_connection("people");
        connection
            .options
            .0
            .extend([("later".to_owned(), json!([]))]);
        connection
            .settings
            .0
            .extend([("realms".to_owned(), json!(["people"]))]);
        insert(house, &connection);
        house.advance(Duration::from_secs(1));
        assert_eq!(update(house, connection.clone()), Update::Done);
        (connection.version, connection.updated_at) = (2, house.now());
        assert_eq!(found(house, &connection.id), Some(connection));
    }),
    ("of sixteen changes to one reading, one is made", |house| {
        let (read, now) = (house.connection("people"), house.now());
        let answers = house.race((0..16).map(|i| {
            let mut connection = read.clone();
            connection.options.0.insert("made_by".to_owned(), json!(i));
            move |tx: &mut Tx<'_>| connections::update(tx, &connection, now)
        }));
        let won: Vec<_> = (0..16)
            .filter(|i| answers[*i] == Ok(Update::Done))
            .collect();
        assert_eq!(won.len(), 1, "{answers:?}");
        let stale = |answer: &&_| **answer == Ok(Update::Stale);
        assert_eq!(answers.iter().filter(stale).count(), 15, "{answers:?}");
        let connection = found(house, &read.id).unwrap();
        assert_eq!(connection.options.0["made_by"], json!(won[0]));
    }),
    (
        "a change neither renames a connection nor enables a disabled one",
        |house| {
            let read = house.connection("people");
            let (id, now) = (read.id.clone(), house.now());
            let disabled = house.write(move |tx| connections::set_enabled(tx, &id, false, now));
            assert_eq!(disabled, Ok(Effect::Done));
            assert_eq!(update(house, read.clone()), Update::Stale);
            let mut changed = read.clone();
            changed.version = 2;
            changed.name = "others".to_owned();
            changed.strategy = "oidc".to_owned();
            changed.is_system = true;
            assert_eq!(update(house, changed), Update::Done);
            let left = found(house, &read.id).unwrap();
            assert_eq!((left.name, left.strategy), (read.name, read.strategy));
            assert_eq!((left.is_system, left.enabled), (false, false));
        },
    ),
    (
        "the built-in connection is not deleted, another one is",
        |house| {
            let (built_in, people) = (administrators(house), house.connection("people"));
            let (ids, now) = ([built_in.id, people.id], house.now());
            let answers = house.write(move |tx| {
                Ok([
                    connections::delete(tx, &ids[0], now)?,
                    connections::delete(tx, &ids[1], now)?,
                    connections::delete(tx, &ids[1], now)?,
                ])
            });
            let want = [Deletion::System, Deletion::Done, Deletion::Unknown];
            assert_eq!(answers, Ok(want));
            let left = house.read(|tx| {
                Ok([
                    connections::system(tx)?.len(),
                    connections::list(tx, None, 9)?.len(),
                ])
            });
            assert_eq!(left, Ok([1, 0]));
        },
    ),
    ("what is not there is unknown to every verb", |house| {
        let (missing, there) = (house.new_connection("missing"), house.connection("people"));
        let (app, now) = (house.client("app").id, house.now());
        let before = house.contents();
        assert_eq!(update(house, missing.clone()), Update::Unknown);
        let nobody = client_id("nobody");
        let effects = house.write(move |tx| {
            Ok([
                connections::set_enabled(tx, &missing.id, true, now)?,
                connections::enable_for(tx, &missing.id, &app, now)?,
                connections::enable_for(tx, &there.id, &nobody, now)?,
                connections::disable_for(tx, &missing.id, &app, now)?,
                connections::disable_for(tx, &there.id, &nobody, now)?,
            ])
        });
        assert_eq!(effects, Ok([Effect::Unknown; 5]));
        assert_eq!(house.contents(), before);
    }),
    (
        "every change is announced, what was so already is not",
        |house| {
            let (read, app, now) = (
                house.connection("people"),
                house.client("app").id,
                house.now(),
            );
            let id = read.id.to_string();
            let (_, said) = house.announced(move |tx| {
                let id = &read.id;
                assert_eq!(connections::insert(tx, &read)?, Insert::Taken);
                assert_eq!(connections::update(tx, &read, now)?, Update::Done);
                assert_eq!(connections::update(tx, &read, now)?, Update::Stale);
                assert_eq!(connections::set_enabled(tx, id, true, now)?, Effect::Done);
                assert_eq!(connections::disable_for(tx, id, &app, now)?, Effect::Done);
                assert_eq!(connections::enable_for(tx, id, &app, now)?, Effect::Done);
                assert_eq!(connections::enable_for(tx, id, &app, now)?, Effect::Done);
                assert_eq!(connections::disable_for(tx, id, &app, now)?, Effect::Done);
                assert_eq!(connections::delete(tx, id, now)?, Deletion::Done);
                assert_eq!(connections::insert(tx, &read)?, Insert::Done);
                Ok(())
            });
            assert_eq!(said, vec![(Entity::Connection, id); 6]);
        },
    ),
];

fn administrators(house: &House) -> Connection {
    let mut connection = house.new_connection("administrators");
    connection.is_system = true;
    insert(house, &connection);
    connection
}

fn insert(house: &House, connection: &Connection) {
    let connection = connection.clone();
    let inserted = house.write(move |tx| connections::insert(tx, &connection));
    assert_eq!(inserted, Ok(Insert::Done));
}

fn found(house: &House, id: &ConnectionId) -> Option<Connection> {
    let id = id.clone();
    house.read(move |tx| connections::find(tx, &id)).unwrap()
}

/// The names of what a client may use.
fn for_client(house: &House, id: &str) -> Vec<String> {
    let id = client_id(id);
    let found = house.read(move |tx| connections::for_client(tx, &id));
    let mut names: Vec<_> = found.unwrap().into_iter().map(|c| c.name).collect();
    names.sort();
    names
}

fn update(house: &House, connection: Connection) -> Update {
    let now = house.now();
    house
        .write(move |tx| connections::update(tx, &connection, now))
        .unwrap()
}
