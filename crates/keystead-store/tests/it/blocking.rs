//! Blocking: what begins with a log-in ends with a block or a deletion, and does not come back.

use std::{sync::mpsc, time::Duration};

use keystead_protocol::{
    ids::{SessionId, UserId},
    time::Timestamp,
};
use keystead_store::{
    Effect, Fault, Tx, codes,
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
    accounts::{DAY, HOUR, Meeting, secret},
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
        "what is issued in a session and the session's end come one after the other, and nothing outlives it",
        |house| {
            let meeting = house.meeting();
            let now = house.now();
            for (name, ends) in [("a block", end_by_block as End), ("an end", end_of_session)] {
                for ends_first in [true, false] {
                    let (cookie, session) = house.session(&meeting.user);
                    let id = session.id.clone();
                    let there = Meeting {
                        cookie,
                        session: session.id,
                        ..meeting.clone()
                    };
                    let issued = house.unissued_code(&there);
                    let (key, family) = (issued.0, house.unbegun_grant(&there));
                    let issue = {
                        let (id, family) = (id.clone(), family.clone());
                        move |tx: &mut Tx<'_>| {
                            if sessions::hold(tx, &id, now)?.is_some() {
                                codes::issue(tx, &key, &issued.1, now, now + HOUR)?;
                                grants::begin(tx, &family, now)?;
                            }
                            Ok(())
                        }
                    };
                    let end = move |tx: &mut Tx<'_>| ends(tx, &session.user, &id, now);
                    match ends_first {
                        true => meet(house, end, issue),
                        false => meet(house, issue, end),
                    }
                    let name = format!("{name}, ends first: {ends_first}");
                    let (redeemed, standing) = house
                        .write(move |tx| {
                            let redeemed = codes::redeem(tx, &key, now)?;
                            Ok((redeemed, grants::standing(tx, &family.id, now)?))
                        })
                        .unwrap();
                    match ends_first {
                        true => assert_eq!(
                            (redeemed, standing),
                            (Redemption::Unknown, Standing::Gone),
                            "{name}"
                        ),
                        false => {
                            assert_eq!(redeemed, Redemption::Expired, "{name}");
                            assert_eq!(
                                standing,
                                Standing::Revoked(Ended::ByAdministrator),
                                "{name}"
                            );
                        }
                    }
                    let id = meeting.user.clone();
                    house
                        .write(move |tx| users::unblock(tx, &id, now).map(drop))
                        .unwrap();
                }
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

type End = fn(&mut Tx<'_>, &UserId, &SessionId, Timestamp) -> Result<(), Fault>;

fn end_by_block(
    tx: &mut Tx<'_>,
    user: &UserId,
    _: &SessionId,
    now: Timestamp,
) -> Result<(), Fault> {
    users::block(tx, user, now).map(drop)
}

fn end_of_session(
    tx: &mut Tx<'_>,
    _: &UserId,
    session: &SessionId,
    now: Timestamp,
) -> Result<(), Fault> {
    sessions::end_and_revoke(tx, session, Ended::ByAdministrator, now).map(drop)
}

/// Lets the second transaction begin when the first has done its work and not committed it. The first waits for the second
/// in vain if that one waits for it, as it should.
fn meet(
    house: &House,
    mut first: impl FnMut(&mut Tx<'_>) -> Result<(), Fault> + Send + 'static,
    second: impl FnMut(&mut Tx<'_>) -> Result<(), Fault> + Send + 'static,
) {
    let (worked, has_worked) = mpsc::channel();
    let (release, released) = mpsc::channel::<()>();
    let (one, two) = (house.store.clone(), house.store.clone());
    let one = house.spawn(async move {
        one.write(move |tx| {
            first(tx)?;
            let _ = worked.send(());
            let _ = released.recv_timeout(Duration::from_secs(10));
            Ok::<_, Fault>(())
        })
        .await
    });
    has_worked.recv().unwrap();
    let mut two = house.spawn(async move { two.write(second).await });
    let early = house.wait(async {
        tokio::time::timeout(Duration::from_millis(200), &mut two)
            .await
            .ok()
    });
    release.send(()).unwrap();
    assert_eq!(house.wait(one).unwrap(), Ok(()));
    let two = early.unwrap_or_else(|| house.wait(two));
    assert_eq!(two.unwrap(), Ok(()));
}

fn block(house: &House, id: &UserId) -> Option<Vec<SessionId>> {
    let (id, now) = (id.clone(), house.now());
    house.write(move |tx| users::block(tx, &id, now)).unwrap()
}
