//! Sessions: alive or dead in the same instant everywhere, and never alive again.

use std::time::Duration;

use keystead_protocol::{
    ids::{SessionId, UserId},
    time::Timestamp,
};
use keystead_store::{
    Tx, codes,
    codes::Redemption,
    grants::{self, Ended, Standing},
    sessions::{self, Method, Session},
    token_key::{Purpose, TokenKey},
};

use crate::{
    Case,
    accounts::{DAY, HOUR, MINUTE, another_client},
    house::House,
    people::client_id,
};

const TICK: Duration = Duration::from_millis(1);

pub const CASES: &[Case] = &[
    (
        "a session is found by its cookie and by its name",
        |house| {
            let user = house.ada().id;
            let (key, session) = house.session(&user);
            let id = session.id.clone();
            let now = house.now();
            assert_eq!(found(house, &key), Some(session.clone()));
            assert_eq!(
                house.read(move |tx| sessions::by_id(tx, &id, now)),
                Ok(Some(session))
            );
            assert_eq!(found(house, &house.key(Purpose::Session)), None);
        },
    ),
    ("it idles to its last moment and no longer", |house| {
        let (key, _) = house.session(&house.ada().id);
        house.advance(HOUR - TICK);
        assert!(lives(house, &key));
        house.advance(TICK);
        assert!(!lives(house, &key));
        touch(house, &key, HOUR);
        assert!(!lives(house, &key));
    }),
    (
        "it ends for good in the end, however often it is used",
        |house| {
            let (key, _) = house.session(&house.ada().id);
            touch(house, &key, 100 * DAY);
            house.advance(MINUTE);
            touch(house, &key, 100 * DAY);
            house.advance(DAY - MINUTE - TICK);
            assert!(lives(house, &key));
            house.advance(TICK);
            assert!(!lives(house, &key));
            house.advance(MINUTE);
            touch(house, &key, 100 * DAY);
            assert!(!lives(house, &key));
        },
    ),
    ("a use is recorded at most once a minute", |house| {
        let (key, session) = house.session(&house.ada().id);
        house.advance(MINUTE - TICK);
        assert!(!session.wants_touch(house.now()));
        touch(house, &key, 2 * HOUR);
        assert_eq!(found(house, &key), Some(session.clone()));
        house.advance(TICK);
        assert!(session.wants_touch(house.now()));
        touch(house, &key, 2 * HOUR);
        let now = house.now();
        let seen = Session {
            seen_at: now,
            idle_until: now + 2 * HOUR,
            ..session
        };
        assert_eq!(found(house, &key), Some(seen));
    }),
    (
        "a renewed session has another cookie, and the old one is dead at once",
        |house| {
            let (old, session) = house.session(&house.ada().id);
            house.advance(MINUTE);
            let (new, now) = (house.key(Purpose::Session), house.now());
            let renewed = renew(house, &old, &new).unwrap();
            let want = Session {
                methods: methods(now),
                authenticated_at: now,
                seen_at: now,
                idle_until: now + HOUR,
                expires_at: now + DAY,
                ..session
            };
            assert_eq!(renewed, want);
            assert!(!lives(house, &old));
            assert_eq!(found(house, &new), Some(want));
            assert_eq!(renew(house, &old, &house.key(Purpose::Session)), None);
            assert!(lives(house, &new));
        },
    ),
    (
        "a renewed session lives as long as one that began then",
        |house| {
            let (old, session) = house.session(&house.ada().id);
            house.advance(MINUTE);
            touch(house, &old, 100 * DAY);
            house.advance(DAY - MINUTE - TICK);
            touch(house, &old, 100 * DAY);
            let new = house.key(Purpose::Session);
            assert!(renew(house, &old, &new).is_some());
            house.advance(HOUR - TICK);
            assert!(lives(house, &new), "past its first end");
            touch(house, &new, 100 * DAY);
            house.advance(DAY - HOUR);
            assert!(lives(house, &new), "to its last moment");
            house.advance(TICK);
            assert!(!lives(house, &new));
            assert_eq!(session.expires_at + (DAY - TICK), house.now());
        },
    ),
    ("what is dead cannot be renewed", |house| {
        let user = house.ada().id;
        for (name, kill) in [
            (
                "idle",
                Box::new(|house: &House, _: &SessionId| house.advance(HOUR))
                    as Box<dyn Fn(&House, &SessionId)>,
            ),
            ("ended", Box::new(|house, id| drop(end(house, id)))),
        ] {
            let (key, session) = house.session(&user);
            kill(house, &session.id);
            assert_eq!(
                renew(house, &key, &house.key(Purpose::Session)),
                None,
                "{name}"
            );
        }
        let (key, _) = house.session(&user);
        house.advance(MINUTE);
        touch(house, &key, 2 * DAY);
        house.advance(DAY);
        assert_eq!(
            renew(house, &key, &house.key(Purpose::Session)),
            None,
            "expired"
        );
    }),
    ("of sixteen renewals of one cookie, one is made", |house| {
        let (old, session) = house.session(&house.ada().id);
        let (keys, now): (Vec<_>, _) = (
            (0..16).map(|_| house.key(Purpose::Session)).collect(),
            house.now(),
        );
        let answers = house.race(
            keys.clone()
                .into_iter()
                .map(|new| (new, session.clone()))
                .map(|(new, fresh)| {
                    move |tx: &mut Tx<'_>| sessions::renew(tx, &old, &new, &fresh, now)
                }),
        );
        let renewed: Vec<_> = answers.into_iter().filter_map(Result::unwrap).collect();
        assert_eq!(renewed.len(), 1);
        assert_eq!(keys.iter().filter(|key| lives(house, key)).count(), 1);
    }),
    (
        "ending answers the clients once, and ends only that session",
        |house| {
            let meeting = house.meeting();
            let other = house.session(&meeting.user).0;
            let second = another_client(house);
            for client in [&second, &meeting.client, &meeting.client] {
                join(house, &meeting.session, client.as_str());
            }
            let both = vec![meeting.client.clone(), second];
            let id = meeting.session.clone();
            assert_eq!(
                house.read(move |tx| sessions::clients_of(tx, &id)),
                Ok(both.clone())
            );
            assert_eq!(end(house, &meeting.session), Some(both));
            assert!(!lives(house, &meeting.cookie));
            assert!(lives(house, &other));
            assert_eq!(end(house, &meeting.session), None);
            assert_eq!(end(house, &"unknown".try_into().unwrap()), None);
            house.client("late");
            join(house, &meeting.session, "late");
            let id = meeting.session;
            assert_eq!(
                house
                    .read(move |tx| sessions::clients_of(tx, &id))
                    .unwrap()
                    .len(),
                2
            );
        },
    ),
    ("joining what is unknown changes nothing", |house| {
        let meeting = house.meeting();
        let before = house.contents();
        join(house, &meeting.session, "nobody");
        join(house, &"unknown".try_into().unwrap(), "app");
        assert_eq!(house.contents(), before);
    }),
    (
        "of sixteen who end a session, one hears the clients",
        |house| {
            let meeting = house.meeting();
            let now = house.now();
            let answers = house.race((0..16).map(|_| {
                let id = meeting.session.clone();
                move |tx: &mut Tx<'_>| sessions::end(tx, &id, now)
            }));
            assert_eq!(answers.into_iter().filter_map(Result::unwrap).count(), 1);
        },
    ),
    (
        "ending alone leaves tokens, ending and revoking does not, even later",
        |house| {
            let meeting = house.meeting();
            let grant = house.grant(&meeting);
            let (elsewhere, now) = (house.session(&meeting.user).1.id, house.now());
            let other = house.grant(&crate::accounts::Meeting {
                session: elsewhere,
                ..meeting.clone()
            });
            let (code, used) = (house.code(&meeting).0, house.code(&meeting));
            house
                .write(move |tx| codes::redeem(tx, &used.0, now))
                .unwrap();
            let standing = |id: &keystead_protocol::ids::GrantId| {
                let id = id.clone();
                house
                    .read(move |tx| grants::standing(tx, &id, now))
                    .unwrap()
            };
            assert!(end(house, &meeting.session).is_some());
            assert!(matches!(standing(&grant.id), Standing::Live(_)));
            let id = meeting.session;
            let answer =
                house.write(move |tx| sessions::end_and_revoke(tx, &id, Ended::ByUser, now));
            assert_eq!(answer, Ok(None));
            assert_eq!(standing(&grant.id), Standing::Revoked(Ended::ByUser));
            assert!(matches!(standing(&other.id), Standing::Live(_)));
            assert_eq!(
                house.write(move |tx| codes::redeem(tx, &code, now)),
                Ok(Redemption::Expired)
            );
            // What was used stays evidence.
            let again = house.write(move |tx| codes::redeem(tx, &used.0, now));
            assert_eq!(
                again,
                Ok(Redemption::Replayed {
                    grant: used.1.grant
                })
            );
        },
    ),
    (
        "however a redemption and an end with revocation meet, nothing lives",
        |house| {
            let meeting = house.meeting();
            let now = house.now();
            for _ in 0..20 {
                let (id, session) = house.session(&meeting.user);
                let meeting = crate::accounts::Meeting {
                    cookie: id,
                    session: session.id,
                    ..meeting.clone()
                };
                let key = house.code(&meeting).0;
                let begun = house.unbegun_grant(&meeting);
                let answers = house.race((0..2).map(|n| {
                    let (begun, session) = (begun.clone(), meeting.session.clone());
                    move |tx: &mut Tx<'_>| match n {
                        0 => match codes::redeem(tx, &key, now)? {
                            Redemption::Fresh(_) => grants::begin(tx, &begun, now),
                            _ => Ok(()),
                        },
                        _ => sessions::end_and_revoke(tx, &session, Ended::ByUser, now).map(drop),
                    }
                }));
                assert!(answers.iter().all(Result::is_ok), "{answers:?}");
                assert_eq!(
                    house.integers("SELECT count(*) FROM grants WHERE revoked_at IS NULL"),
                    [0]
                );
            }
        },
    ),
    ("all sessions of a user end, and all there are", |house| {
        let ada = house.ada().id;
        let eve = house.user(&house.connection("other"), "eve@x.org").id;
        let (mut mine, now): (Vec<_>, _) =
            ((0..3).map(|_| house.session(&ada)).collect(), house.now());
        let (theirs, done) = (house.session(&eve).0, mine.pop().unwrap());
        end(house, &done.1.id);
        let user = ada;
        let mut ended = house
            .write(move |tx| sessions::end_all_of_user(tx, &user, now))
            .unwrap();
        ended.sort();
        let mut ids: Vec<_> = mine.iter().map(|(_, session)| session.id.clone()).collect();
        ids.sort();
        assert_eq!(ended, ids);
        assert!(mine.iter().all(|(key, _)| !lives(house, key)));
        assert!(lives(house, &theirs));
        assert_eq!(house.write(move |tx| sessions::end_all(tx, now)), Ok(1));
        assert!(!lives(house, &theirs));
    }),
    (
        "the list of a user shows the living, from behind",
        |house| {
            let (ada, now) = (house.ada().id, house.now());
            let mut ids: Vec<_> = (0..5).map(|_| house.session(&ada).1.id).collect();
            ids.sort();
            end(house, &ids[1]);
            let of = |user: &UserId, after: Option<&SessionId>, at: Timestamp| {
                let (user, after) = (user.clone(), after.cloned());
                let page =
                    house.read(move |tx| sessions::of_user(tx, &user, after.as_ref(), 2, at));
                page.unwrap()
                    .into_iter()
                    .map(|session| session.id)
                    .collect::<Vec<_>>()
            };
            assert_eq!(of(&ada, None, now), [ids[0].clone(), ids[2].clone()]);
            assert_eq!(of(&ada, Some(&ids[2]), now), ids[3..]);
            assert_eq!(of(&ada, None, now + HOUR), []);
            assert_eq!(of(&"auth0|x".try_into().unwrap(), None, now), []);
        },
    ),
];

fn found(house: &House, key: &TokenKey) -> Option<Session> {
    let (key, now) = (*key, house.now());
    house.read(move |tx| sessions::find(tx, &key, now)).unwrap()
}

fn lives(house: &House, key: &TokenKey) -> bool {
    found(house, key).is_some()
}

fn touch(house: &House, key: &TokenKey, idle: Duration) {
    let (key, now) = (*key, house.now());
    house
        .write(move |tx| sessions::touch(tx, &key, now + idle, now))
        .unwrap();
}

fn methods(now: Timestamp) -> Vec<Method> {
    ["pwd", "otp"]
        .map(|name| Method {
            name: name.to_owned(),
            at: now.as_secs(),
        })
        .to_vec()
}

fn renew(house: &House, old: &TokenKey, new: &TokenKey) -> Option<Session> {
    let (old, new, now) = (*old, *new, house.now());
    let fresh = Session {
        methods: methods(now),
        ..house.new_session(&"auth0|whoever".try_into().unwrap())
    };
    house
        .write(move |tx| sessions::renew(tx, &old, &new, &fresh, now))
        .unwrap()
}

fn end(house: &House, id: &SessionId) -> Option<Vec<keystead_protocol::ids::ClientId>> {
    let (id, now) = (id.clone(), house.now());
    house.write(move |tx| sessions::end(tx, &id, now)).unwrap()
}

fn join(house: &House, id: &SessionId, client: &str) {
    let (id, client) = (id.clone(), client_id(client));
    house
        .write(move |tx| sessions::join_client(tx, &id, &client))
        .unwrap();
}
