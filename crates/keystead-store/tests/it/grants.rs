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

pub const TICK: Duration = Duration::from_millis(1);
pub const NO_LEEWAY: Duration = Duration::ZERO;

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
            assert_eq!(family(token, &grant.client), Some(grant.id.clone()));
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

pub fn follow(
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

pub fn rotate(
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

pub fn renew(house: &House, client: &ClientId, token: &TokenKey) -> Renewal {
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

pub fn standing(house: &House, grant: &Grant) -> Standing {
    let (id, now) = (grant.id.clone(), house.now());
    house
        .read(move |tx| grants::standing(tx, &id, now))
        .unwrap()
}

pub fn live(grant: &Grant) -> Standing {
    Standing::Live(Box::new(grant.clone()))
}

pub fn granted(grant: &Grant) -> Renewal {
    Renewal::Granted(Box::new(grant.clone()))
}

pub fn dead_of(grant: &Grant) -> Renewal {
    Renewal::Dead {
        grant: grant.id.clone(),
    }
}
