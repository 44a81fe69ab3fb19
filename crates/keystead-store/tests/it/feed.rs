//! The change feed: nothing missed, nothing announced that did not happen.

use std::time::Duration;

use keystead_protocol::time::Timestamp;
use keystead_store::{
    Effect, Fault, Insert, Tx,
    clients::{self, Client},
    feed::{self, Change, Entity, News},
};

use crate::{Case, house::House, people::client_id};

pub const CASES: &[Case] = &[
    ("fifty writers at once leave no gap", |house| {
        let now = house.now();
        let answers = house.race((0..50).map(|i| {
            let client = Client::new(client_id(&format!("app{i:02}")), String::new(), now);
            move |tx: &mut Tx<'_>| clients::insert(tx, &client)
        }));
        assert_eq!(answers, vec![Ok(Insert::Done); 50]);
        let changes = changes(house, 0);
        let numbers: Vec<_> = changes.iter().map(|change| change.number).collect();
        assert_eq!(numbers, (1..=50).collect::<Vec<_>>());
        let mut ids: Vec<_> = changes.into_iter().map(|change| change.id).collect();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), 50);
        assert_eq!(house.read(feed::newest), Ok(50));
        assert_eq!(since(house, 50), News::Changes(vec![]));
    }),
    ("after a leap, every reader forgets everything", |house| {
        house.client("app");
        assert_eq!(house.write(feed::leap), Ok(()));
        let newest = house.read(feed::newest).unwrap();
        for reader in [1, newest - 1] {
            assert_eq!(
                since(house, reader),
                News::Everything { newest },
                "{reader}"
            );
        }
        house.client("later");
        assert_eq!(changes(house, newest).len(), 1);
    }),
    ("a change that is rolled back is not announced", |house| {
        let now = house.now();
        let rolled_back = house.write(move |tx| {
            let client = Client::new(client_id("ghost"), String::new(), now);
            assert_eq!(clients::insert(tx, &client)?, Insert::Done);
            Err::<(), _>(Fault::Closed)
        });
        assert_eq!(rolled_back, Err(Fault::Closed));
        assert_eq!(since(house, 0), News::Changes(vec![]));
        house.client("app");
        let first = Change {
            number: 1,
            entity: Entity::Client,
            id: "app".to_owned(),
        };
        assert_eq!(since(house, 0), News::Changes(vec![first]));
    }),
    (
        "a reader sees no change before the ones below it",
        |house| {
            let now = house.now();
            house.client("app");
            let toggle =
                move |tx: &mut Tx<'_>| clients::set_enabled(tx, &client_id("app"), true, now);
            let reader = std::thread::spawn({
                let store = house.store.clone();
                move || {
                    let runtime = tokio::runtime::Builder::new_current_thread()
                        .build()
                        .unwrap();
                    let (mut seen, mut readings) = (1, 0);
                    while seen < 201 {
                        let news: Result<News, Fault> =
                            runtime.block_on(store.read(move |tx| feed::since(tx, seen)));
                        let Ok(News::Changes(changes)) = news else {
                            panic!("after {seen}: {news:?}");
                        };
                        for change in changes {
                            assert_eq!(change.number, seen + 1);
                            seen = change.number;
                        }
                        readings += 1;
                    }
                    readings
                }
            });
            let answers = house.race((0..200).map(|_| toggle));
            assert!(answers.iter().all(|answer| *answer == Ok(Effect::Done)));
            assert!(reader.join().unwrap() > 0);
        },
    ),
    ("who is far behind gets a thousand at once", |house| {
        let (now, id) = (house.now(), house.client("app").id);
        let toggled = house.write(move |tx| {
            for _ in 0..1_000 {
                assert_eq!(clients::set_enabled(tx, &id, true, now)?, Effect::Done);
            }
            Ok(())
        });
        assert_eq!(toggled, Ok(()));
        let first = changes(house, 0);
        assert_eq!((first.len(), first[999].number), (1_000, 1_000));
        assert_eq!(changes(house, 1_000).len(), 1);
    }),
    (
        "who lags behind what was pruned forgets everything",
        |house| {
            for id in ["a", "b", "c"] {
                house.client(id);
                house.advance(Duration::from_secs(1));
            }
            // The second was made two seconds ago.
            assert_eq!(prune(house, house.now() - Duration::from_secs(2), 9), 2);
            for behind in [0, 1] {
                assert_eq!(since(house, behind), News::Everything { newest: 3 });
            }
            assert_eq!(changes(house, 2).len(), 1);
            assert_eq!(prune(house, house.now(), 9), 1);
            assert_eq!(since(house, 2), News::Everything { newest: 3 });
            assert_eq!(since(house, 3), News::Changes(vec![]));
        },
    ),
    ("pruning goes in batches, the oldest first", |house| {
        for id in ["a", "b", "c"] {
            house.client(id);
        }
        house.advance(Duration::from_secs(1));
        assert_eq!(prune(house, house.now(), 2), 2);
        assert_eq!(changes(house, 2).len(), 1);
        assert_eq!(prune(house, house.now(), 2), 1);
        assert_eq!(prune(house, house.now(), 2), 0);
    }),
    ("pruning leaves no hole though clocks differ", |house| {
        let (now, late) = (house.now(), house.now() + Duration::from_secs(5));
        for (id, at) in [("a", now), ("b", late), ("c", now)] {
            let client = Client::new(client_id(id), String::new(), at);
            let inserted = house.write(move |tx| clients::insert(tx, &client));
            assert_eq!(inserted, Ok(Insert::Done));
        }
        assert_eq!(prune(house, now, 9), 1);
        assert_eq!(changes(house, 1).len(), 2);
    }),
    ("a feed that went back means everything", |house| {
        house.client("app");
        assert_eq!(since(house, 2), News::Everything { newest: 1 });
        assert_eq!(since(house, i64::MAX - 1), News::Everything { newest: 1 });
    }),
];

fn since(house: &House, after: i64) -> News {
    house.read(move |tx| feed::since(tx, after)).unwrap()
}

fn changes(house: &House, after: i64) -> Vec<Change> {
    match since(house, after) {
        News::Changes(changes) => changes,
        everything @ News::Everything { .. } => panic!("after {after}: {everything:?}"),
    }
}

fn prune(house: &House, made_by: Timestamp, limit: u32) -> u64 {
    house
        .write(move |tx| feed::prune(tx, made_by, limit))
        .unwrap()
}
