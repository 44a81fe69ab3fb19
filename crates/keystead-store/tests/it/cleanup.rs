//! Clean-up: no table is forgotten, what has had its time goes, and nothing else does.

use std::{collections::BTreeSet, time::Duration};

use keystead_protocol::{secret::Digest, time::Timestamp};
use keystead_store::{
    Tx,
    access_tokens::{self, AccessToken},
    attempts::{self, Allowance, Of},
    cleanup::{self, KEPT, LogRetention, RULES, Sweep, Swept},
    clients,
    feed::{self, News},
    grants::{self, Grant, Presented, Renewal, Standing, Successor},
    jobs::{self, Job},
    journeys::{self, Journey},
    known_addresses,
    log::LogId,
    replays::{self, Once},
    revocations::{self, Reach},
    tickets::{self, GoodFor},
    token_key::Purpose,
};
use serde_json::json;

use crate::{
    Case,
    accounts::{DAY, HOUR, MINUTE, scope},
    house::House,
    log,
    people::client_id,
};

const TICK: Duration = Duration::from_millis(1);
const YEAR: Duration = Duration::from_secs(365 * 24 * 3_600);

pub const CASES: &[Case] = &[
    (
        "every table has a lifetime or a reason to need none",
        |house| {
            let ruled = RULES.iter().map(|rule| rule.table);
            let kept = KEPT.iter().map(|(table, _)| *table);
            let listed: Vec<&str> = ruled.chain(kept).collect();
            let tables = house.tables();
            let known: BTreeSet<&str> = listed.iter().copied().collect();
            assert_eq!(known, tables.iter().map(String::as_str).collect());
            assert_eq!(known.len(), listed.len(), "a table is listed twice");
        },
    ),
    ("each table is swept in its time and not before", |house| {
        fill(house);
        // What a minute's life comes to, and how long it then stays.
        let times = [
            (MINUTE, "attempts jobs known_addresses"),
            (MINUTE + HOUR, "cutoffs denied_tokens replays"),
            (DAY, "changes"),
            (
                MINUTE + DAY,
                "access_tokens codes grants journeys refresh_tokens sessions tickets",
            ),
        ];
        let mut left: BTreeSet<&str> = RULES.iter().map(|rule| rule.table).collect();
        assert!(left.remove("log"));
        let born = house.now();
        for (age, tables) in times {
            assert_eq!(swept_at(house, born + age - TICK), [""; 0]);
            let swept = swept_at(house, born + age);
            assert_eq!(
                swept,
                tables.split(' ').collect::<Vec<_>>(),
                "after {age:?}"
            );
            left.retain(|table| !swept.contains(table));
        }
        assert_eq!(left, BTreeSet::new());
        assert_eq!(swept_at(house, born + YEAR), [""; 0]);
    }),
    (
        "a sweep takes a batch from each table and says whether there may be more",
        |house| {
            for n in 0..25_u8 {
                let now = house.now();
                house
                    .write(move |tx| {
                        replays::first_use(tx, Once::DpopProof, &Digest::of(&[n]), now, now)
                            .map(drop)
                    })
                    .unwrap();
            }
            let order = Sweep {
                now: house.now() + HOUR,
                log_from: LogId::lowest_of(house.now()),
                batch: 10,
            };
            let sweep = || {
                let order = order.clone();
                house.write(move |tx| cleanup::sweep(tx, &order)).unwrap()
            };
            for (rows, more) in [(10, true), (10, true), (5, false)] {
                assert_eq!(
                    sweep(),
                    Swept {
                        rows: vec![("replays", rows)],
                        more
                    }
                );
            }
            assert_eq!(sweep(), Swept::default());
        },
    ),
    ("the oldest go first", |house| {
        let now = house.now();
        for n in [3, 1, 2] {
            let jti = format!("t{n}").as_str().try_into().unwrap();
            house
                .write(move |tx| revocations::deny(tx, &jti, now + MINUTE * n))
                .unwrap();
        }
        let order = Sweep {
            now: now + DAY,
            log_from: LogId::lowest_of(now),
            batch: 2,
        };
        house.write(move |tx| cleanup::sweep(tx, &order)).unwrap();
        assert_eq!(
            house.integers("SELECT expires_at FROM denied_tokens"),
            [(now + MINUTE * 3).as_millis()]
        );
    }),
    (
        "everything is swept, batch by batch, by several nodes at once",
        |house| {
            let ids = log::append(house, 1_050, None);
            let (now, retention) = (
                house.now(),
                LogRetention {
                    age: DAY,
                    lines: 20,
                },
            );
            let swept = house.wait(async {
                let store = house.store.clone();
                let other =
                    tokio::spawn(async move { cleanup::sweep_all(&store, retention, now).await });
                let one = cleanup::sweep_all(&house.store, retention, now).await;
                [one.unwrap(), other.await.unwrap().unwrap()].concat()
            });
            assert_eq!(
                swept.iter().map(|(_, rows)| rows).sum::<u64>(),
                1_030,
                "{swept:?}"
            );
            assert!(swept.iter().all(|(table, _)| *table == "log"), "{swept:?}");
            assert_eq!(house.integers("SELECT count(*) FROM log"), [20]);
            let oldest = ids[1_030].clone();
            let found = house
                .read(move |tx| keystead_store::log::find(tx, &oldest))
                .unwrap();
            assert!(found.is_some());
        },
    ),
    (
        "the log is kept by age and by number, whichever is less",
        |house| {
            let old = log::append(house, 3, None);
            house.advance(DAY);
            log::append(house, 4, None);
            for (name, age, lines, left) in [
                ("both suffice", 2 * DAY, 7, 7),
                ("the number decides", 2 * DAY, 6, 6),
                ("the age decides", DAY - TICK * 4, 6, 4),
                ("at least one stays", 2 * DAY, 0, 1),
            ] {
                let (now, retention) = (house.now(), LogRetention { age, lines });
                house
                    .wait(cleanup::sweep_all(&house.store, retention, now))
                    .unwrap();
                assert_eq!(house.integers("SELECT count(*) FROM log"), [left], "{name}");
            }
            drop(old);
        },
    ),
    (
        "a family that has lost its last refresh token is made to expire",
        |house| {
            let meeting = house.meeting();
            let endless = Timestamp::from_millis(i64::MAX);
            let [lost, kept, never] = [(); 3].map(|()| {
                let grant = Grant {
                    expires_at: endless,
                    ..house.unbegun_grant(&meeting)
                };
                let (begun, now) = (grant.clone(), house.now());
                house
                    .write(move |tx| grants::begin(tx, &begun, now))
                    .unwrap();
                grant
            });
            for grant in [&lost, &lost, &kept, &kept] {
                house.refresh_token(grant);
            }
            house.advance(DAY);
            let survivor = house.refresh_token(&kept);
            house.advance(DAY);
            assert_eq!(
                swept_at(house, house.now()),
                ["changes", "refresh_tokens", "sessions"]
            );
            let until = |grant: &Grant| match standing(house, grant) {
                Standing::Live(grant) => grant.expires_at,
                dead => panic!("{dead:?}"),
            };
            assert_eq!(until(&lost), house.now() + 30 * DAY);
            assert_eq!(until(&kept), endless);
            assert_eq!(until(&never), endless);
            assert!(
                house.integers("SELECT count(*) FROM refresh_tokens") == [1],
                "{survivor:?}"
            );
        },
    ),
    (
        "a rotated token is evidence for as long as it could have idled, and for a year at most",
        |house| {
            let grant = house.grant(&house.meeting());
            let (endless, now) = (Timestamp::from_millis(i64::MAX), house.now());
            for (idle_until, kept_until) in [(endless, now + YEAR), (now + DAY, now + DAY)] {
                let [first, second] = [(); 2].map(|()| house.key(Purpose::RefreshToken));
                let (id, client) = (grant.id.clone(), grant.client.clone());
                let answer = house.write(move |tx| {
                    grants::add_token(tx, &id, &first, idle_until, now)?;
                    let presented = Presented {
                        key: &first,
                        client: &client,
                        now,
                    };
                    let successor = Successor {
                        key: &second,
                        idle_until: endless,
                        leeway: Duration::ZERO,
                    };
                    grants::rotate(tx, presented, successor)
                });
                assert!(matches!(answer, Ok(Renewal::Granted(_))));
                let mut ends = house.integers("SELECT idle_until FROM refresh_tokens");
                ends.sort_unstable();
                assert_eq!(ends, [kept_until.as_millis(), i64::MAX]);
                house.execute("DELETE FROM refresh_tokens");
            }
        },
    ),
    (
        "changes go from the front, so that a reader who is behind is told",
        |house| {
            let began = house.now();
            for (n, age) in [0, 2, 0, 2, 2].into_iter().enumerate() {
                // The clock of one node is behind.
                let at = began + DAY * age;
                let client = clients::Client::new(client_id(&n.to_string()), String::new(), at);
                let _ = house.write(move |tx| clients::insert(tx, &client)).unwrap();
            }
            assert_eq!(swept_at(house, began + DAY), ["changes"]);
            let after = |n| house.read(move |tx| feed::since(tx, n)).unwrap();
            assert_eq!(after(0), News::Everything { newest: 5 });
            assert!(matches!(after(1), News::Changes(changes) if changes.len() == 4));
            swept_at(house, began + 9 * DAY);
            assert_eq!(after(1), News::Everything { newest: 5 });
            assert_eq!(after(5), News::Changes(Vec::new()));
        },
    ),
    (
        "a use that renews an expired replay is not swept with it",
        |house| {
            let (digest, born) = (Digest::of(b"a"), house.now());
            let present = move |tx: &mut Tx<'_>, now: Timestamp| {
                replays::first_use(tx, Once::DpopProof, &digest, now + HOUR, now)
            };
            for _ in 0..20 {
                house.execute("DELETE FROM replays");
                let _ = house.write(move |tx| present(tx, born)).unwrap();
                let later = born + 3 * HOUR;
                let order = Sweep {
                    now: later,
                    log_from: LogId::lowest_of(born),
                    batch: 10,
                };
                let answers = house.race((0..4).map(|n| {
                    let order = order.clone();
                    move |tx: &mut Tx<'_>| match n {
                        0 => present(tx, later).map(drop),
                        _ => cleanup::sweep(tx, &order).map(drop),
                    }
                }));
                assert!(answers.iter().all(Result::is_ok), "{answers:?}");
                assert_eq!(
                    house.write(move |tx| present(tx, later)),
                    Ok(replays::Use::Again)
                );
            }
        },
    ),
];

/// One row in every table with a rule but the log, each with a minute to live.
fn fill(house: &House) {
    let meeting = house.meeting();
    let now = house.now();
    let until = now + MINUTE;
    house.code(&meeting);
    let grant = Grant {
        expires_at: until,
        ..house.unbegun_grant(&meeting)
    };
    let [opaque, refresh, journey, ticket] = [
        Purpose::AccessToken,
        Purpose::RefreshToken,
        Purpose::Journey,
        Purpose::Ticket,
    ]
    .map(|purpose| house.key(purpose));
    let job = Job {
        id: "job_0123456789abcdef".try_into().unwrap(),
        kind: String::new(),
        payload: json!(null),
        due_at: now,
        expires_at: until,
    };
    house
        .write(move |tx| {
            let begun = Journey {
                client: meeting.client.clone(),
                user: meeting.user.clone(),
                session: None,
                request: json!({}),
                done: json!({}),
                version: 1,
                expires_at: until,
            };
            let token = AccessToken {
                grant: grant.id.clone(),
                scope: scope("openid"),
                expires_at: until,
                created_at: now,
            };
            grants::begin(tx, &grant, now)?;
            grants::add_token(tx, &grant.id, &refresh, until, now)?;
            access_tokens::insert(tx, &opaque, &token)?;
            journeys::begin(tx, &journey, &begun, now)?;
            tickets::issue(tx, &ticket, GoodFor::FirstOwner, until, now)?;
            revocations::deny(tx, &"t".try_into().unwrap(), until)?;
            revocations::cut_off(tx, Reach::Installation, now, until)?;
            let _ = replays::first_use(tx, Once::DpopProof, &Digest::of(b""), until, now)?;
            known_addresses::note(tx, &meeting.user, "192.0.2.1", 1, until, now)?;
            let one = Allowance {
                at_once: 1,
                one_back_in: MINUTE,
            };
            let _ = attempts::count(tx, Of::Account, &Digest::of(b""), one, now)?;
            jobs::enqueue(tx, &job, now)
        })
        .unwrap();
    house.execute(&format!(
        "UPDATE sessions SET expires_at = {}",
        until.as_millis()
    ));
}

/// The tables that lose rows when everything but the log is swept at a moment, in the order of their names.
fn swept_at(house: &House, now: Timestamp) -> Vec<&'static str> {
    let keep = LogRetention {
        age: 100 * YEAR,
        lines: 1_000,
    };
    let swept = house
        .wait(cleanup::sweep_all(&house.store, keep, now))
        .unwrap();
    let mut tables: Vec<_> = swept.into_iter().map(|(table, _)| table).collect();
    tables.sort_unstable();
    tables
}

fn standing(house: &House, grant: &Grant) -> Standing {
    let (id, now) = (grant.id.clone(), house.now());
    house
        .read(move |tx| grants::standing(tx, &id, now))
        .unwrap()
}
