//! Users: unique names, changes by one at a time, and what ends with a block or a deletion.

use keystead_protocol::ids::UserId;
use keystead_store::{
    Effect, Tx, codes,
    codes::Redemption,
    grants::{self, Ended, Presented, Renewal, Standing},
    journeys::{self, Journey},
    passwords, sessions,
    token_key::Purpose,
    users::{self, Insertion, Update, User},
};
use serde_json::json;

use crate::{
    Case,
    accounts::{DAY, HOUR, MINUTE, secret},
    house::House,
};

pub const CASES: &[Case] = &[
    ("a user is found as it was inserted", |house| {
        let connection = house.connection("db");
        let mut full = house.new_user(&connection, "Ada@Example.org");
        full.email_verified = true;
        full.username = Some("Ada L.".to_owned());
        full.blocked = true;
        full.profile.name = Some("Ada, comtesse de Lovelace".to_owned());
        full.profile.address = Some(users::Address::default());
        full.profile
            .others
            .insert("shoe_size".to_owned(), json!([38, null]));
        full.user_metadata
            .0
            .insert("é".to_owned(), json!({"a": 1.5}));
        full.app_metadata.0.insert("plan".to_owned(), json!("gold"));
        full.logins = 3;
        full.last_login_at = Some(house.now());
        full.last_login_address = Some("::1".to_owned());
        let mut bare = house.new_user(&connection, "");
        bare.email = None;
        for user in [full, bare] {
            assert_eq!(insert(house, &user), Insertion::Inserted);
            assert_eq!(found(house, &user.id), Some(user));
        }
        assert_eq!(found(house, &"auth0|x".try_into().unwrap()), None);
    }),
    (
        "a user is found by either name in either case, in that connection",
        |house| {
            let (one, two) = (house.connection("one"), house.connection("two"));
            let mut user = house.new_user(&one, "Éva@example.org");
            user.username = Some("Éva".to_owned());
            assert_eq!(insert(house, &user), Insertion::Inserted);
            let by = |connection: &keystead_store::connections::Connection, email, username| {
                let id = connection.id.clone();
                house
                    .read(move |tx| {
                        Ok((
                            users::by_email(tx, &id, email)?.is_some(),
                            users::by_username(tx, &id, username)?.is_some(),
                        ))
                    })
                    .unwrap()
            };
            assert_eq!(by(&one, "éVA@EXAMPLE.ORG", "ÉVA"), (true, true));
            assert_eq!(by(&one, "Éva", "Éva@example.org"), (false, false));
            assert_eq!(by(&two, "Éva@example.org", "Éva"), (false, false));
        },
    ),
    (
        "a name is taken as the comparison keys say, on both databases",
        |house| {
            let connection = house.connection("db");
            for (first, second, taken) in [
                ("a@x.org", "A@X.ORG", true),
                ("é@x.org", "É@x.org", true),
                ("ß@x.org", "ẞ@x.org", true),
                ("straße@x.org", "strasse@x.org", false),
                ("i@x.org", "İ@x.org", false),
                ("ı@x.org", "I@x.org", true),
                ("οδος@x.org", "ΟΔΟΣ@x.org", true),
                ("ž@x.org", "z\u{30c}@x.org", false),
                ("space@x.org", "space@x.org ", false),
            ] {
                assert_eq!(
                    insert(house, &house.new_user(&connection, first)),
                    Insertion::Inserted
                );
                let answer = insert(house, &house.new_user(&connection, second));
                assert_eq!(
                    answer == Insertion::EmailTaken,
                    taken,
                    "{first} {second}: {answer:?}"
                );

                let named = |name: &str| {
                    let mut user = house.new_user(&connection, "");
                    user.email = None;
                    user.username = Some(name.to_owned());
                    user
                };
                assert_eq!(insert(house, &named(first)), Insertion::Inserted);
                let answer = insert(house, &named(second));
                assert_eq!(
                    answer == Insertion::UsernameTaken,
                    taken,
                    "{first} {second}: {answer:?}"
                );
            }
        },
    ),
    (
        "each way of being taken has its name, and changes nothing",
        |house| {
            let connection = house.connection("db");
            let mut user = house.new_user(&connection, "ada@x.org");
            user.username = Some("ada".to_owned());
            assert_eq!(insert(house, &user), Insertion::Inserted);
            let before = house.contents();

            let mut same_id = house.new_user(&connection, "eve@x.org");
            same_id.id = user.id.clone();
            assert_eq!(insert(house, &same_id), Insertion::IdTaken);
            let same_email = house.new_user(&connection, "ADA@x.org");
            assert_eq!(insert(house, &same_email), Insertion::EmailTaken);
            let mut same_name = house.new_user(&connection, "eve@x.org");
            same_name.username = Some("ADA".to_owned());
            assert_eq!(insert(house, &same_name), Insertion::UsernameTaken);
            let mut both = house.new_user(&connection, "ADA@x.org");
            both.username = Some("ADA".to_owned());
            assert_eq!(insert(house, &both), Insertion::EmailTaken);
            assert_eq!(house.contents(), before);

            let elsewhere = house.connection("other");
            assert_eq!(
                insert(house, &house.new_user(&elsewhere, "ada@x.org")),
                Insertion::Inserted
            );
            // Who has no name takes none.
            for _ in 0..2 {
                let mut nameless = house.new_user(&connection, "");
                nameless.email = None;
                assert_eq!(insert(house, &nameless), Insertion::Inserted);
            }
        },
    ),
    (
        "of sixteen who sign up with one address, one does",
        |house| {
            let connection = house.connection("db");
            let users: Vec<User> = (0..16)
                .map(|_| house.new_user(&connection, "ada@x.org"))
                .collect();
            let answers = house.race(
                users
                    .into_iter()
                    .map(|user| move |tx: &mut Tx<'_>| users::insert(tx, &user)),
            );
            let count = |wanted| {
                answers
                    .iter()
                    .filter(|answer| **answer == Ok(wanted))
                    .count()
            };
            assert_eq!(
                (count(Insertion::Inserted), count(Insertion::EmailTaken)),
                (1, 15),
                "{answers:?}"
            );
        },
    ),
    (
        "an update writes what may change and leaves the rest",
        |house| {
            let (user, connection) = (house.ada(), house.connection("other"));
            let (id, now) = (user.id.clone(), house.now());
            house
                .write(move |tx| users::record_login(tx, &id, Some("::1"), now))
                .unwrap();
            house.advance(MINUTE);
            let mut changed = user.clone();
            changed.email = Some("eve@x.org".to_owned());
            changed.email_verified = true;
            changed.username = Some("eve".to_owned());
            changed.profile.nickname = Some("e".to_owned());
            changed.user_metadata.0.insert("a".to_owned(), json!(1));
            changed.app_metadata.0.insert("b".to_owned(), json!(2));
            let mut written = changed.clone();
            written.connection = connection.id;
            written.blocked = true;
            written.logins = 99;
            written.created_at = house.now();
            assert_eq!(update(house, &written), Update::Done);
            changed.version = 2;
            changed.updated_at = house.now();
            changed.logins = 1;
            changed.last_login_at = Some(now);
            changed.last_login_address = Some("::1".to_owned());
            assert_eq!(found(house, &user.id), Some(changed));
        },
    ),
    ("an update answers why it changed nothing", |house| {
        let connection = house.connection("db");
        let mut user = house.user(&connection, "ada@x.org");
        let mut other = house.new_user(&connection, "eve@x.org");
        other.username = Some("eve".to_owned());
        assert_eq!(insert(house, &other), Insertion::Inserted);
        let before = house.contents();

        let email = User {
            email: Some("EVE@x.org".to_owned()),
            ..user.clone()
        };
        assert_eq!(update(house, &email), Update::EmailTaken);
        let username = User {
            username: Some("Eve".to_owned()),
            ..user.clone()
        };
        assert_eq!(update(house, &username), Update::UsernameTaken);
        let stale = User {
            version: 7,
            ..user.clone()
        };
        assert_eq!(update(house, &stale), Update::Stale);
        let unknown = User {
            id: "auth0|x".try_into().unwrap(),
            ..user.clone()
        };
        assert_eq!(update(house, &unknown), Update::Unknown);
        assert_eq!(house.contents(), before);

        user.email = Some("ADA@X.org".to_owned());
        assert_eq!(update(house, &user), Update::Done);
    }),
    ("of sixteen changes to one reading, one is made", |house| {
        let (user, now) = (house.ada(), house.now());
        let answers = house.race((0..16).map(|_| {
            let user = user.clone();
            move |tx: &mut Tx<'_>| users::update(tx, &user, now)
        }));
        let count = |wanted| {
            answers
                .iter()
                .filter(|answer| **answer == Ok(wanted))
                .count()
        };
        assert_eq!(
            (count(Update::Done), count(Update::Stale)),
            (1, 15),
            "{answers:?}"
        );
    }),
    (
        "lists go on from behind, in one connection or by address in all",
        |house| {
            let (one, two) = (house.connection("one"), house.connection("two"));
            let mut ids: Vec<UserId> = (0..5)
                .map(|n| house.user(&one, &format!("{n}@x.org")).id)
                .collect();
            ids.sort();
            let elsewhere = house.user(&two, "0@X.org");
            let page = |after: Option<UserId>, limit| {
                let connection = one.id.clone();
                let page =
                    house.read(move |tx| users::list(tx, &connection, after.as_ref(), limit));
                page.unwrap()
                    .into_iter()
                    .map(|user| user.id)
                    .collect::<Vec<_>>()
            };
            assert_eq!(page(None, 3), ids[..3]);
            assert_eq!(page(Some(ids[2].clone()), 3), ids[3..]);
            assert_eq!(page(Some(ids[4].clone()), 3), []);
            let named = house
                .read(|tx| users::all_with_email(tx, "0@x.ORG", 9))
                .unwrap();
            assert_eq!(named.len(), 2);
            assert!(named.iter().any(|user| user.id == elsewhere.id));
            assert_eq!(
                house
                    .read(|tx| users::all_with_email(tx, "0@x.ORG", 1))
                    .unwrap()
                    .len(),
                1
            );
        },
    ),
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

            let (cookie, client, id) = (meeting.cookie, meeting.client.clone(), grant.id.clone());
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
                let (mine, theirs) = (user.clone(), user.clone());
                let login: Box<dyn FnMut(&mut Tx<'_>) -> Result<(), keystead_store::Fault> + Send> =
                    Box::new(move |tx| {
                        if users::record_login(tx, &mine, None, now)?.is_some() {
                            sessions::start(tx, &key, &session)?;
                        }
                        Ok(())
                    });
                let block =
                    Box::new(move |tx: &mut Tx<'_>| users::block(tx, &theirs, now).map(drop));
                for answer in house.race([login, block]) {
                    answer.unwrap();
                }
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
            let (cookie, id) = (meeting.cookie, meeting.user.clone());
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

fn insert(house: &House, user: &User) -> Insertion {
    let user = user.clone();
    house.write(move |tx| users::insert(tx, &user)).unwrap()
}

fn update(house: &House, user: &User) -> Update {
    let (user, now) = (user.clone(), house.now());
    house
        .write(move |tx| users::update(tx, &user, now))
        .unwrap()
}

fn found(house: &House, id: &UserId) -> Option<User> {
    let id = id.clone();
    house.read(move |tx| users::find(tx, &id)).unwrap()
}

fn block(house: &House, id: &UserId) -> Option<Vec<keystead_protocol::ids::SessionId>> {
    let (id, now) = (id.clone(), house.now());
    house.write(move |tx| users::block(tx, &id, now)).unwrap()
}
