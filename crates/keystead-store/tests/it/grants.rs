//! Families: a refresh token is used by its client alone, once if it rotates, and not at all after the end.

use std::time::Duration;

use keystead_protocol::ids::ClientId;
use keystead_store::{
    Tx,
    grants::{self, Ended, Grant, Presented, Renewal, Standing, Successor},
    token_key::{Purpose, TokenKey},
};

use crate::{
    Case,
    accounts::{DAY, HOUR, MINUTE, another_client},
    house::House,
};

const TICK: Duration = Duration::from_millis(1);
const NO_LEEWAY: Duration = Duration::ZERO;

pub const CASES: &[Case] = &[
    ("a family stands as it was begun", |house| {
        let mut grant = house.grant(&house.meeting());
        assert_eq!(standing(house, &grant), live(&grant));
        let bare = Grant {
            id: grants::fresh_id(house.now(), &mut *house.rng.borrow_mut()).unwrap(),
            session: None,
            audience: None,
            ..grant.clone()
        };
        let (begun, now) = (bare.clone(), house.now());
        house
            .write(move |tx| grants::begin(tx, &begun, now))
            .unwrap();
        assert_eq!(standing(house, &bare), live(&bare));
        house.advance(30 * DAY - TICK);
        assert_eq!(standing(house, &grant), live(&grant));
        house.advance(TICK);
        assert_eq!(standing(house, &grant), Standing::Gone);
        grant.id = grants::fresh_id(house.now(), &mut *house.rng.borrow_mut()).unwrap();
        assert_eq!(standing(house, &grant), Standing::Gone);
    }),
    ("a rotated token is followed by its successor", |house| {
        let grant = house.grant(&house.meeting());
        let mut token = house.refresh_token(&grant);
        for _ in 0..3 {
            house.advance(MINUTE);
            let (answer, successor) = rotate(house, &grant.client, &token, NO_LEEWAY);
            assert_eq!(answer, granted(&grant));
            token = successor;
        }
        assert_eq!(standing(house, &grant), live(&grant));
    }),
    (
        "a rotated token used again kills the family, its successor with it",
        |house| {
            let meeting = house.meeting();
            let (grant, bystander) = (house.grant(&meeting), house.grant(&meeting));
            let token = house.refresh_token(&grant);
            let (_, successor) = rotate(house, &grant.client, &token, NO_LEEWAY);
            let reused = Renewal::Reused {
                grant: grant.id.clone(),
            };
            let (answer, stillborn) = rotate(house, &grant.client, &token, NO_LEEWAY);
            assert_eq!(answer, reused);
            assert_eq!(
                standing(house, &grant),
                Standing::Revoked(Ended::RefreshTokenReused)
            );
            for dead in [&token, &successor] {
                assert_eq!(rotate(house, &grant.client, dead, HOUR).0, dead_of(&grant));
                assert_eq!(renew(house, &grant.client, dead), dead_of(&grant));
            }
            assert_eq!(
                rotate(house, &grant.client, &stillborn, HOUR).0,
                Renewal::Unknown
            );
            assert_eq!(standing(house, &bystander), live(&bystander));
        },
    ),
    (
        "within the leeway the old token is good, at its end no more",
        |house| {
            let grant = house.grant(&house.meeting());
            let token = house.refresh_token(&grant);
            let (_, first) = rotate(house, &grant.client, &token, MINUTE);
            house.advance(MINUTE - TICK);
            let (answer, second) = rotate(house, &grant.client, &token, MINUTE);
            assert_eq!(answer, granted(&grant));
            // Both successors are good: whoever lost the answer holds neither or one.
            for successor in [&first, &second] {
                assert_eq!(
                    rotate(house, &grant.client, successor, MINUTE).0,
                    granted(&grant)
                );
            }
            house.advance(TICK);
            let reused = Renewal::Reused {
                grant: grant.id.clone(),
            };
            assert_eq!(rotate(house, &grant.client, &token, MINUTE).0, reused);
            assert_eq!(
                standing(house, &grant),
                Standing::Revoked(Ended::RefreshTokenReused)
            );
        },
    ),
    (
        "the leeway counts from the first use, not from the last",
        |house| {
            let grant = house.grant(&house.meeting());
            let token = house.refresh_token(&grant);
            for _ in 0..2 {
                assert_eq!(
                    rotate(house, &grant.client, &token, MINUTE).0,
                    granted(&grant)
                );
                house.advance(MINUTE / 2);
            }
            let reused = Renewal::Reused {
                grant: grant.id.clone(),
            };
            assert_eq!(rotate(house, &grant.client, &token, MINUTE).0, reused);
        },
    ),
    ("another client's token is unknown, and unharmed", |house| {
        let grant = house.grant(&house.meeting());
        let (token, thief) = (house.refresh_token(&grant), another_client(house));
        let before = house.contents();
        assert_eq!(rotate(house, &thief, &token, NO_LEEWAY).0, Renewal::Unknown);
        assert_eq!(renew(house, &thief, &token), Renewal::Unknown);
        assert_eq!(house.contents(), before);
        let (_, successor) = rotate(house, &grant.client, &token, NO_LEEWAY);
        assert_eq!(rotate(house, &thief, &token, NO_LEEWAY).0, Renewal::Unknown);
        assert_eq!(
            rotate(house, &grant.client, &successor, NO_LEEWAY).0,
            granted(&grant)
        );
    }),
    ("what was never issued is unknown", |house| {
        let grant = house.grant(&house.meeting());
        let _ = house.refresh_token(&grant);
        let stranger = house.key(Purpose::RefreshToken);
        assert_eq!(
            rotate(house, &grant.client, &stranger, HOUR).0,
            Renewal::Unknown
        );
        assert_eq!(renew(house, &grant.client, &stranger), Renewal::Unknown);
    }),
    ("a token idles to its last moment and no longer", |house| {
        let meeting = house.meeting();
        let grant = house.grant(&meeting);
        let [rotated, renewed, idle, idle_too] = [(); 4].map(|()| house.refresh_token(&grant));
        house.advance(DAY - TICK);
        assert_eq!(
            rotate(house, &grant.client, &rotated, NO_LEEWAY).0,
            granted(&grant)
        );
        assert_eq!(renew(house, &grant.client, &renewed), granted(&grant));
        house.advance(TICK);
        assert_eq!(rotate(house, &grant.client, &idle, HOUR).0, dead_of(&grant));
        assert_eq!(renew(house, &grant.client, &idle_too), dead_of(&grant));
        // To die of idleness is no reuse: the rest of the family lives.
        assert_eq!(renew(house, &grant.client, &renewed), granted(&grant));
        assert_eq!(standing(house, &grant), live(&grant));
    }),
    ("a renewed token idles anew, and stays the same", |house| {
        let grant = house.grant(&house.meeting());
        let token = house.refresh_token(&grant);
        for _ in 0..3 {
            house.advance(DAY - TICK);
            assert_eq!(renew(house, &grant.client, &token), granted(&grant));
        }
        house.advance(DAY);
        assert_eq!(renew(house, &grant.client, &token), dead_of(&grant));
    }),
    (
        "a family ends in its last moment, however fresh its tokens",
        |house| {
            let grant = house.grant(&house.meeting());
            let mut token = house.refresh_token(&grant);
            for _ in 0..30 {
                house.advance(DAY - TICK);
                let (answer, successor) = rotate(house, &grant.client, &token, NO_LEEWAY);
                assert_eq!(answer, granted(&grant));
                token = successor;
            }
            house.advance(30 * TICK);
            assert_eq!(
                rotate(house, &grant.client, &token, NO_LEEWAY).0,
                dead_of(&grant)
            );
            assert_eq!(renew(house, &grant.client, &token), dead_of(&grant));
        },
    ),
    (
        "a rotated token presented where tokens no longer rotate kills the family",
        |house| {
            let grant = house.grant(&house.meeting());
            let token = house.refresh_token(&grant);
            let (_, successor) = rotate(house, &grant.client, &token, MINUTE);
            assert_eq!(renew(house, &grant.client, &successor), granted(&grant));
            let reused = Renewal::Reused {
                grant: grant.id.clone(),
            };
            assert_eq!(renew(house, &grant.client, &token), reused);
            assert_eq!(
                standing(house, &grant),
                Standing::Revoked(Ended::RefreshTokenReused)
            );
            assert_eq!(renew(house, &grant.client, &successor), dead_of(&grant));
        },
    ),
    (
        "a thousand rotations of one token: one is granted, and the family is dead",
        |house| {
            let grant = house.grant(&house.meeting());
            let token = house.refresh_token(&grant);
            let successors: Vec<_> = (0..1_000)
                .map(|_| house.key(Purpose::RefreshToken))
                .collect();
            let now = house.now();
            let answers = house.race(successors.clone().into_iter().map(|successor| {
                let client = grant.client.clone();
                move |tx: &mut Tx<'_>| {
                    let presented = Presented {
                        key: &token,
                        client: &client,
                        now,
                    };
                    grants::rotate(tx, presented, follow(&successor, now, NO_LEEWAY))
                }
            }));
            let count =
                |wanted: Renewal| answers.iter().filter(|a| **a == Ok(wanted.clone())).count();
            let reused = Renewal::Reused {
                grant: grant.id.clone(),
            };
            assert_eq!(
                (
                    count(granted(&grant)),
                    count(reused),
                    count(dead_of(&grant))
                ),
                (1, 1, 998)
            );
            assert_eq!(
                standing(house, &grant),
                Standing::Revoked(Ended::RefreshTokenReused)
            );
            assert_eq!(house.integers("SELECT count(*) FROM refresh_tokens"), [2]);
            let winner = answers
                .iter()
                .position(|a| *a == Ok(granted(&grant)))
                .unwrap();
            assert_eq!(
                rotate(house, &grant.client, &successors[winner], HOUR).0,
                dead_of(&grant)
            );
        },
    ),
    ("of a hundred renewals at once, all are granted", |house| {
        let grant = house.grant(&house.meeting());
        let (token, now) = (house.refresh_token(&grant), house.now());
        let answers = house.race((0..100).map(|_| {
            let client = grant.client.clone();
            move |tx: &mut Tx<'_>| {
                let presented = Presented {
                    key: &token,
                    client: &client,
                    now,
                };
                grants::renew(tx, presented, now + DAY)
            }
        }));
        assert!(
            answers.iter().all(|a| *a == Ok(granted(&grant))),
            "{answers:?}"
        );
    }),
    (
        "however revocation and rotation meet, nothing is granted after it",
        |house| {
            let meeting = house.meeting();
            let now = house.now();
            for _ in 0..20 {
                let grant = house.grant(&meeting);
                let token = house.refresh_token(&grant);
                let successors: Vec<_> = (0..8).map(|_| house.key(Purpose::RefreshToken)).collect();
                let answers = house.race(successors.clone().into_iter().enumerate().map(
                    |(n, successor)| {
                        let grant = grant.clone();
                        move |tx: &mut Tx<'_>| {
                            if n == 4 {
                                return grants::revoke(tx, &grant.id, Ended::ByClient, now)
                                    .map(|()| None);
                            }
                            let presented = Presented {
                                key: &token,
                                client: &grant.client,
                                now,
                            };
                            grants::rotate(tx, presented, follow(&successor, now, HOUR)).map(Some)
                        }
                    },
                ));
                assert!(answers.iter().all(Result::is_ok), "{answers:?}");
                assert_eq!(standing(house, &grant), Standing::Revoked(Ended::ByClient));
                for (answer, successor) in answers.iter().zip(&successors) {
                    let next = rotate(house, &grant.client, successor, HOUR).0;
                    match answer {
                        Ok(Some(Renewal::Granted(_))) => assert_eq!(next, dead_of(&grant)),
                        _ => assert_eq!(next, Renewal::Unknown),
                    }
                }
                assert_eq!(
                    rotate(house, &grant.client, &token, HOUR).0,
                    dead_of(&grant)
                );
            }
        },
    ),
    (
        "a token leads its client to its family, whatever the family's state",
        |house| {
            let grant = house.grant(&house.meeting());
            let (token, other) = (house.refresh_token(&grant), another_client(house));
            let family = |key: TokenKey, client: &ClientId| {
                let client = client.clone();
                house
                    .read(move |tx| grants::of_token(tx, &key, &client))
                    .unwrap()
            };
            assert_eq!(family(token, &grant.client), Some(grant.id.clone()));
            assert_eq!(family(token, &other), None);
            assert_eq!(
                family(house.key(Purpose::RefreshToken), &grant.client),
                None
            );
            revoke(house, &grant, Ended::ByClient);
            assert_eq!(family(token, &grant.client), Some(grant.id));
        },
    ),
    ("the first reason stays", |house| {
        let grant = house.grant(&house.meeting());
        revoke(house, &grant, Ended::ByUser);
        house.advance(MINUTE);
        revoke(house, &grant, Ended::ByAdministrator);
        assert_eq!(standing(house, &grant), Standing::Revoked(Ended::ByUser));
    }),
    (
        "families end by session, by user, and all at once",
        |house| {
            let meeting = house.meeting();
            let elsewhere = house.session(&meeting.user).1.id;
            let eve = house.user(&house.connection("other"), "eve@x.org").id;
            let by = |user, session| crate::accounts::Meeting {
                user,
                session,
                ..meeting.clone()
            };
            let here = house.grant(&meeting);
            let there = house.grant(&by(meeting.user.clone(), elsewhere.clone()));
            let hers = house.grant(&by(eve, elsewhere));
            let now = house.now();

            let session = meeting.session.clone();
            let ended =
                house.write(move |tx| grants::revoke_session(tx, &session, Ended::ByUser, now));
            assert_eq!(ended, Ok(1));
            assert_eq!(standing(house, &here), Standing::Revoked(Ended::ByUser));
            assert_eq!(standing(house, &there), live(&there));
            let user = meeting.user.clone();
            let ended =
                house.write(move |tx| grants::revoke_user(tx, &user, Ended::ByAdministrator, now));
            assert_eq!(ended, Ok(1));
            assert_eq!(standing(house, &here), Standing::Revoked(Ended::ByUser));
            assert_eq!(
                standing(house, &there),
                Standing::Revoked(Ended::ByAdministrator)
            );
            assert_eq!(standing(house, &hers), live(&hers));
            assert_eq!(
                house.write(move |tx| grants::revoke_all(tx, Ended::Restored, now)),
                Ok(1)
            );
            assert_eq!(standing(house, &hers), Standing::Revoked(Ended::Restored));
        },
    ),
];

fn follow(
    key: &TokenKey,
    now: keystead_protocol::time::Timestamp,
    leeway: Duration,
) -> Successor<'_> {
    Successor {
        key,
        idle_until: now + DAY,
        leeway,
    }
}

fn rotate(
    house: &House,
    client: &ClientId,
    token: &TokenKey,
    leeway: Duration,
) -> (Renewal, TokenKey) {
    let (client, token, now) = (client.clone(), *token, house.now());
    let successor = house.key(Purpose::RefreshToken);
    let answer = house.write(move |tx| {
        let presented = Presented {
            key: &token,
            client: &client,
            now,
        };
        grants::rotate(tx, presented, follow(&successor, now, leeway))
    });
    (answer.unwrap(), successor)
}

fn renew(house: &House, client: &ClientId, token: &TokenKey) -> Renewal {
    let (client, token, now) = (client.clone(), *token, house.now());
    let answer = house.write(move |tx| {
        let presented = Presented {
            key: &token,
            client: &client,
            now,
        };
        grants::renew(tx, presented, now + DAY)
    });
    answer.unwrap()
}

fn revoke(house: &House, grant: &Grant, why: Ended) {
    let (id, now) = (grant.id.clone(), house.now());
    house
        .write(move |tx| grants::revoke(tx, &id, why, now))
        .unwrap();
}

fn standing(house: &House, grant: &Grant) -> Standing {
    let (id, now) = (grant.id.clone(), house.now());
    house
        .read(move |tx| grants::standing(tx, &id, now))
        .unwrap()
}

fn live(grant: &Grant) -> Standing {
    Standing::Live(Box::new(grant.clone()))
}

fn granted(grant: &Grant) -> Renewal {
    Renewal::Granted(Box::new(grant.clone()))
}

fn dead_of(grant: &Grant) -> Renewal {
    Renewal::Dead {
        grant: grant.id.clone(),
    }
}
