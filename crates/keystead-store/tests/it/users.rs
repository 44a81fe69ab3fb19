//! Users: names are unique alike on both databases, and changes are made by one at a time.

use keystead_protocol::ids::UserId;
use keystead_store::{
    Effect, Tx, connections,
    users::{self, Enabled, Insertion, Standing, Update, User},
};
use serde_json::json;

use crate::{Case, accounts::MINUTE, house::House};

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
    ("how a user stands is said without the rest", |house| {
        let connection = house.connection("db");
        let user = house.new_user(&connection, "ada@example.org");
        assert_eq!(insert(house, &user), Insertion::Inserted);
        let standing = || {
            let id = user.id.clone();
            house.read(move |tx| users::standing(tx, &id)).unwrap()
        };
        let stands = |blocked, enabled| {
            let connection = Enabled(enabled);
            Some(Standing {
                blocked,
                connection,
            })
        };
        assert_eq!(standing(), stands(false, true));
        let (id, now) = (user.id.clone(), house.now());
        let blocked = house.write(move |tx| users::block(tx, &id, now));
        assert_eq!(blocked.unwrap(), Some(vec![]));
        assert_eq!(standing(), stands(true, true));
        let disabled =
            house.write(move |tx| connections::set_enabled(tx, &connection.id, false, now));
        assert_eq!(disabled.unwrap(), Effect::Done);
        assert_eq!(standing(), stands(true, false));
        let id = user.id.clone();
        let deleted = house.write(move |tx| users::delete(tx, &id));
        assert_eq!(deleted.unwrap(), Effect::Done);
        assert_eq!(standing(), None);
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
            same_id.id = user.id;
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
        // The names of another connection's users are not in the way.
        let elsewhere = house.user(&house.connection("other"), "zoe@x.org");
        let user = User {
            email: elsewhere.email,
            version: 2,
            ..user
        };
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

pub fn found(house: &House, id: &UserId) -> Option<User> {
    let id = id.clone();
    house.read(move |tx| users::find(tx, &id)).unwrap()
}
