//! Rotation: a refresh token that is followed by another is good once, and a second use costs the family.

use std::{sync::mpsc, time::Duration};

use keystead_store::{
    Fault, Tx,
    grants::{self, Ended, Presented, Renewal, Standing},
    token_key::Purpose,
};

use crate::{
    Case,
    accounts::{HOUR, MINUTE},
    grants::{NO_LEEWAY, TICK, dead_of, follow, granted, live, renew, rotate, standing},
};

pub const CASES: &[Case] = &[
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
        "a rotation that meets a revocation under way waits for it, and grants nothing",
        |house| {
            let grant = house.grant(&house.meeting());
            let (token, now) = (house.refresh_token(&grant), house.now());
            let ((began, begun), (release, released)) = (mpsc::channel(), mpsc::channel::<()>());
            let (store, id) = (house.store.clone(), grant.id.clone());
            let revocation = house.spawn(async move {
                let revoke = store.write(move |tx| {
                    grants::revoke(tx, &id, Ended::ByUser, now)?;
                    let _ = began.send(());
                    let _ = released.recv_timeout(Duration::from_secs(10));
                    Ok::<_, Fault>(())
                });
                revoke.await
            });
            begun.recv().unwrap();
            let (store, client) = (house.store.clone(), grant.client.clone());
            let successor = house.key(Purpose::RefreshToken);
            let rotation = house.spawn(async move {
                let rotate = store.write(move |tx| {
                    let presented = Presented {
                        key: &token,
                        client: &client,
                        now,
                    };
                    grants::rotate(tx, presented, follow(&successor, now, HOUR))
                });
                rotate.await
            });
            // Time to go ahead, for one that would not wait.
            std::thread::sleep(Duration::from_millis(200));
            assert!(!rotation.is_finished());
            drop(release);
            assert_eq!(house.wait(revocation).unwrap(), Ok(()));
            assert_eq!(house.wait(rotation).unwrap(), Ok(dead_of(&grant)));
        },
    ),
];
