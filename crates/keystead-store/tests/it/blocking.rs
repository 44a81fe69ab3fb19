//! Blocking: what begins with a log-in ends with a block or a deletion, and does not come back.

use keystead_protocol::ids::{SessionId, UserId};
use keystead_store::{
    Effect, Tx, codes,
    codes::Redemption,
    grants::{self, Ended, Presented, Renewal, Standing},
    journeys::{self, Journey},
    passwords, sessions,
    token_key::Purpose,
    users,
};
use serde_json::json;

use crate::{
    Case,
    accounts::{DAY, HOUR, secret},
    house::House,
    users::found,
};

pub const CASES: &[Case] = &[
    (
        "log-ins are counted, at once too, and not for the blocked",
        |house| {
            let (user, now) = (house.ada(), house.now());
            let answers = house.race((0..16).map(|_| {
                let id = user.id.clone();
                move |tx: &mut Tx<'_>| users::record_login(tx, &id, Some("::1"), now)
            }));
            let mut counts: Vec<_> = answers.into_iter().map(|n| n.unwrap().unwrap()).collect();
            counts.sort_unstable();
            assert_eq!(counts, (1..=16).collect::<Vec<_>>());
            assert_eq!(found(house, &user.id).unwrap().version, 1);
            block(house, &user.id);
            let id = user.id.clone();
            assert_eq!(
                house.write(move |tx| users::record_login(tx, &id, None, now)),
                Ok(None)
            );
            assert_eq!(found(house, &user.id).unwrap().logins, 16);
        },
    ),
    (
        "blocking ends everything at once, and unblocking brings nothing back",
        |house| {
            let meeting = house.meeting();
            let other = house.user(&house.connection("other"), "eve@x.org");
            let (other_cookie, _) = house.session(&other.id);
            let now = house.now();
            let (code, journey) = (house.code(&meeting).0, house.key(Purpose::Journey));
            let begun = Journey {
                client: meeting.client.clone(),
                user: meeting.user.clone(),
                session: None,
                request: json!({}),
                done: json!([]),
                version: 1,
                expires_at: now + HOUR,
            };
            house
                .write(move |tx| journeys::begin(tx, &journey, &begun, now))
                .unwrap();
            let grant = house.grant(&meeting);
            let token = house.refresh_token(&grant);

            assert_eq!(
                block(house, &meeting.user),
                Some(vec![meeting.session.clone()])
            );
            let user = found(house, &meeting.user).unwrap();
            assert!(user.blocked);
            assert_eq!(user.version, 2);
            let id = meeting.user.clone();
            assert_eq!(
                house.write(move |tx| users::unblock(tx, &id, now)),
                Ok(Effect::Done)
            );
            assert!(!found(house, &meeting.user).unwrap().blocked);

            let (cookie, client, id) = (meeting.cookie, meeting.client, grant.id);
            house
                .write(move |tx| {
                    assert_eq!(sessions::find(tx, &cookie, now)?, None);
                    assert_eq!(journeys::find(tx, &journey, now)?, None);
                    assert_eq!(codes::redeem(tx, &code, now)?, Redemption::Expired);
                    let presented = Presented {
                        key: &token,
                        client: &client,
                        now,
                    };
                    assert!(matches!(
                        grants::renew(tx, presented, now + DAY)?,
                        Renewal::Dead { .. }
                    ));
                    assert_eq!(
                        grants::standing(tx, &id, now)?,
                        Standing::Revoked(Ended::ByAdministrator)
                    );
                    assert!(sessions::find(tx, &other_cookie, now)?.is_some());
                    Ok(())
                })
                .unwrap();
            let unknown: UserId = "auth0|x".try_into().unwrap();
            assert_eq!(block(house, &unknown), None);
            assert_eq!(
                house.write(move |tx| users::unblock(tx, &unknown, now)),
                Ok(Effect::Unknown)
            );
        },
    ),
    (
        "however a log-in and a block meet, no session stays",
        |house| {
            let (user, now) = (house.ada().id, house.now());
            for _ in 0..20 {
                let (key, session) = (house.key(Purpose::Session), house.new_session(&user));
                let answers = house.race((0..2).map(|n| {
                    let (user, session) = (user.clone(), session.clone());
                    move |tx: &mut Tx<'_>| match n {
                        0 => match users::record_login(tx, &user, None, now)? {
                            Some(_) => sessions::start(tx, &key, &session),
                            None => Ok(()),
                        },
                        _ => users::block(tx, &user, now).map(drop),
                    }
                }));
                assert!(answers.iter().all(Result::is_ok), "{answers:?}");
                assert_eq!(
                    house.integers("SELECT count(*) FROM sessions WHERE ended_at IS NULL"),
                    [0]
                );
                let id = user.clone();
                assert_eq!(
                    house.write(move |tx| users::unblock(tx, &id, now)),
                    Ok(Effect::Done)
                );
            }
        },
    ),
    (
        "deleting takes everything that stands on the record",
        |house| {
            let meeting = house.meeting();
            let (code, grant, now) = (house.code(&meeting).0, house.grant(&meeting), house.now());
            let id = meeting.user.clone();
            house
                .write(move |tx| passwords::set(tx, &id, &secret("$x"), now))
                .unwrap();
            let id = meeting.user.clone();
            assert_eq!(
                house.write(move |tx| users::delete(tx, &id)),
                Ok(Effect::Done)
            );
            let (cookie, id) = (meeting.cookie, meeting.user);
            house
                .write(move |tx| {
                    assert_eq!(users::find(tx, &id)?, None);
                    assert_eq!(passwords::find(tx, &id)?, None);
                    assert_eq!(sessions::find(tx, &cookie, now)?, None);
                    assert_eq!(codes::redeem(tx, &code, now)?, Redemption::Unknown);
                    assert_eq!(grants::standing(tx, &grant.id, now)?, Standing::Gone);
                    assert_eq!(users::delete(tx, &id)?, Effect::Unknown);
                    Ok(())
                })
                .unwrap();
        },
    ),
];

fn block(house: &House, id: &UserId) -> Option<Vec<SessionId>> {
    let (id, now) = (id.clone(), house.now());
    house.write(move |tx| users::block(tx, &id, now)).unwrap()
}
