//! The log: every line is there as it was given, in the order of time, and nobody can keep himself out of it.

use std::time::Duration;

use keystead_protocol::{ids::UserId, time::Timestamp};
use keystead_store::{
    Tx,
    log::{self, Entry, LogId, Whose},
};
use serde_json::json;

use crate::{Case, accounts::MINUTE, house::House, people::client_id};

pub const CASES: &[Case] = &[
    ("a line is found as it was appended", |house| {
        let mut full = line(house, "seacft");
        full.client = Some(client_id("app"));
        full.user = Some(user());
        full.connection = Some("con_0123456789abcdef".try_into().unwrap());
        full.address = Some("2001:db8::1".to_owned());
        full.description = Some("Code exchanged: «é»".to_owned());
        full.details = [("b".to_owned(), json!([1, null, {"a": "\u{1}"}]))]
            .into_iter()
            .collect();
        full.occurrences = 7;
        for entry in [full, line(house, "")] {
            let appended = entry.clone();
            house.write(move |tx| log::append(tx, &appended)).unwrap();
            let id = entry.id.clone();
            assert_eq!(house.read(move |tx| log::find(tx, &id)), Ok(Some(entry)));
        }
        let unknown = LogId::lowest_of(house.now());
        assert_eq!(house.read(move |tx| log::find(tx, &unknown)), Ok(None));
    }),
    ("batches of every size are whole", |house| {
        let mut all = 0;
        for size in [0, 1, 31, 32, 33, 64, 97] {
            append(house, size, None);
            all += size;
            assert_eq!(
                house.integers("SELECT count(*) FROM log"),
                [all as i64],
                "{size}"
            );
        }
    }),
    ("a batch that fails leaves nothing of itself", |house| {
        let mut entries: Vec<_> = (0..40).map(|n| line(house, &n.to_string())).collect();
        entries[39].id = entries[0].id.clone();
        let answer = house.write(move |tx| log::append_all(tx, &entries));
        assert!(
            matches!(answer, Err(keystead_store::Fault::Constraint(_))),
            "{answer:?}"
        );
        assert_eq!(house.integers("SELECT count(*) FROM log"), [0]);
    }),
    (
        "texts are cut to their lengths and lose U+0000, and the line stays",
        |house| {
            let mut hostile = line(house, &"k\0".repeat(100));
            hostile.address = Some("é".repeat(100));
            hostile.description = Some("\0".repeat(5_000));
            hostile
                .details
                .insert("ua\0".to_owned(), json!(["\0", {"\0": "x".repeat(100)}]));
            hostile
                .details
                .insert("big".to_owned(), json!("x".repeat(20_000)));
            let (id, harmless) = (hostile.id.clone(), line(house, "s"));
            house
                .write(move |tx| log::append_all(tx, &[hostile.clone(), harmless.clone()]))
                .unwrap();
            let kept = house.read(move |tx| log::find(tx, &id)).unwrap().unwrap();
            assert!(kept.kind.len() <= 64 && kept.kind.starts_with("k\u{fffd}k"));
            assert_eq!(kept.address, Some("é".repeat(32)));
            assert_eq!(kept.description, Some("\u{fffd}".repeat(333)));
            assert_eq!(
                json!(kept.details),
                json!({"ua\u{fffd}": ["\u{fffd}", {"\u{fffd}": "x".repeat(100)}], "truncated": true})
            );
            assert_eq!(house.integers("SELECT count(*) FROM log"), [2]);
        },
    ),
    (
        "pages go from the newest to the oldest without a gap",
        |house| {
            let mut ids = Vec::new();
            for owner in [None, Some(user()), None, Some(user()), Some(user())] {
                ids.extend(append(house, 1, owner));
                house.advance(MINUTE);
            }
            let page = |whose: Option<UserId>, before: Option<LogId>, limit| {
                let read = house.read(move |tx| {
                    let whose = whose.as_ref().map_or(Whose::Everybody, Whose::User);
                    log::newest(tx, whose, before.as_ref(), limit)
                });
                read.unwrap()
                    .into_iter()
                    .map(|line| line.id)
                    .collect::<Vec<_>>()
            };
            let of =
                |numbers: &[usize]| numbers.iter().map(|&n| ids[n].clone()).collect::<Vec<_>>();
            assert_eq!(page(None, None, 3), of(&[4, 3, 2]));
            assert_eq!(page(None, Some(ids[2].clone()), 3), of(&[1, 0]));
            assert_eq!(page(None, Some(ids[0].clone()), 3), of(&[]));
            assert_eq!(page(Some(user()), None, 2), of(&[4, 3]));
            assert_eq!(page(Some(user()), Some(ids[3].clone()), 2), of(&[1]));
            assert_eq!(page(Some("auth0|2".try_into().unwrap()), None, 9), of(&[]));
        },
    ),
    (
        "a checkpoint goes from the oldest to what has settled",
        |house| {
            let mut ids = Vec::new();
            let began = house.now();
            for owner in [None, Some(user()), None, Some(user()), Some(user())] {
                ids.extend(append(house, 1, owner));
                house.advance(MINUTE);
            }
            let page = |whose: Option<UserId>, from: Option<LogId>, settled: Timestamp, limit| {
                let read = house.read(move |tx| {
                    let whose = whose.as_ref().map_or(Whose::Everybody, Whose::User);
                    log::after(tx, whose, from.as_ref(), settled, limit)
                });
                read.unwrap()
                    .into_iter()
                    .map(|line| line.id)
                    .collect::<Vec<_>>()
            };
            let of =
                |numbers: &[usize]| numbers.iter().map(|&n| ids[n].clone()).collect::<Vec<_>>();
            let now = house.now();
            assert_eq!(page(None, None, now, 3), of(&[0, 1, 2]));
            assert_eq!(page(None, Some(ids[2].clone()), now, 3), of(&[3, 4]));
            assert_eq!(page(None, Some(ids[4].clone()), now, 3), of(&[]));
            assert_eq!(
                page(None, None, began + 2 * MINUTE + Duration::from_millis(3), 9),
                of(&[0, 1])
            );
            assert_eq!(
                page(None, None, began + 2 * MINUTE + Duration::from_millis(4), 9),
                of(&[0, 1, 2])
            );
            assert_eq!(page(Some(user()), None, now, 2), of(&[1, 3]));
            assert_eq!(
                page(Some(user()), Some(ids[1].clone()), now, 9),
                of(&[3, 4])
            );
            assert_eq!(
                page(Some(user()), Some(ids[1].clone()), began + 4 * MINUTE, 9),
                of(&[3])
            );
        },
    ),
    (
        "the oldest of the newest is counted from the end",
        |house| {
            let ids = append(house, 5, None);
            for (keep, want) in [
                (0, Some(4)),
                (1, Some(4)),
                (2, Some(3)),
                (5, Some(0)),
                (6, None),
            ] {
                let found = house.read(move |tx| log::oldest_of_newest(tx, keep));
                assert_eq!(found, Ok(want.map(|n: usize| ids[n].clone())), "{keep}");
            }
        },
    ),
    ("many nodes append at once and nothing is lost", |house| {
        let batches: Vec<Vec<Entry>> = (0..16)
            .map(|_| (0..40).map(|n| line(house, &n.to_string())).collect())
            .collect();
        let answers = house.race(
            batches
                .into_iter()
                .map(|batch| move |tx: &mut Tx<'_>| log::append_all(tx, &batch)),
        );
        assert!(answers.iter().all(Result::is_ok), "{answers:?}");
        assert_eq!(house.integers("SELECT count(*) FROM log"), [640]);
    }),
];

fn user() -> UserId {
    "auth0|1".try_into().unwrap()
}

fn line(house: &House, kind: &str) -> Entry {
    Entry {
        id: LogId::generate(house.now(), &mut *house.rng.borrow_mut()),
        at: house.now(),
        kind: kind.to_owned(),
        client: None,
        user: None,
        connection: None,
        address: None,
        description: None,
        details: serde_json::Map::new(),
        occurrences: 1,
    }
}

/// Appends lines, one a millisecond, and gives their ids in the order of time.
pub fn append(house: &House, lines: usize, owner: Option<UserId>) -> Vec<LogId> {
    let entries: Vec<Entry> = (0..lines)
        .map(|_| {
            house.advance(Duration::from_millis(1));
            Entry {
                user: owner.clone(),
                ..line(house, "s")
            }
        })
        .collect();
    let ids = entries.iter().map(|entry| entry.id.clone()).collect();
    house
        .write(move |tx| log::append_all(tx, &entries))
        .unwrap();
    ids
}
