//! Passwords: a change always wins over an upgrade of the old hash.

use keystead_protocol::ids::UserId;
use keystead_store::{
    Fault, Tx,
    passwords::{self, Password, Upgrade},
    sessions,
    token_key::Purpose,
};

use crate::{
    Case,
    accounts::{MINUTE, secret},
    house::House,
};

pub const CASES: &[Case] = &[
    ("a password is found as it was set last", |house| {
        let user = house.ada().id;
        assert_eq!(found(house, &user), None);
        for hash in ["$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA", "$2b$10$é"] {
            house.advance(MINUTE);
            set(house, &user, hash).unwrap();
            let want = Password {
                hash: secret(hash),
                changed_at: house.now(),
            };
            assert_eq!(found(house, &user), Some(want));
        }
        let shown = format!("{:?}", found(house, &user));
        assert!(!shown.contains("2b"), "{shown}");
    }),
    ("nobody has no password", |house| {
        let answer = set(house, &"auth0|x".try_into().unwrap(), "$x");
        assert!(matches!(answer, Err(Fault::Constraint(_))), "{answer:?}");
    }),
    (
        "an upgrade replaces what was verified and is no change of the password",
        |house| {
            let (user, chosen) = (house.ada().id, house.now());
            set(house, &user, "$old").unwrap();
            house.advance(MINUTE);
            assert_eq!(upgrade(house, &user, "$old", "$new"), Upgrade::Done);
            let want = Password {
                hash: secret("$new"),
                changed_at: chosen,
            };
            assert_eq!(found(house, &user), Some(want));
        },
    ),
    (
        "an upgrade that comes after a change is overtaken",
        |house| {
            let user = house.ada().id;
            assert_eq!(upgrade(house, &user, "$old", "$new"), Upgrade::Overtaken);
            assert_eq!(found(house, &user), None);
            set(house, &user, "$old").unwrap();
            set(house, &user, "$changed").unwrap();
            assert_eq!(upgrade(house, &user, "$old", "$new"), Upgrade::Overtaken);
            assert_eq!(found(house, &user).unwrap().hash, secret("$changed"));
        },
    ),
    (
        "as many are remembered as are asked for, the newest first, the present one among them",
        |house| {
            let user = house.ada().id;
            assert_eq!(former(house, &user, 9), [""; 0]);
            for hash in ["$1", "$2", "$3", "$4"] {
                replace(house, &user, hash, 3);
                house.advance(MINUTE);
            }
            assert_eq!(former(house, &user, 9), ["$4", "$3", "$2"]);
            assert_eq!(former(house, &user, 2), ["$4", "$3"]);
            assert_eq!(found(house, &user).unwrap().hash, secret("$4"));
            replace(house, &user, "$5", 2);
            assert_eq!(former(house, &user, 9), ["$5", "$4"], "fewer from now on");
            replace(house, &user, "$6", 0);
            assert_eq!(former(house, &user, 9), ["$6"]);
        },
    ),
    (
        "a password that is set anew or comes back is remembered once, and each user's alone",
        |house| {
            let ada = house.ada();
            let bob = house.new_user(&house.connection("other"), "bob@x");
            let (user, bobs) = (ada.id, bob.id.clone());
            house
                .write(move |tx| keystead_store::users::insert(tx, &bob))
                .map(drop)
                .unwrap();
            for hash in ["$1", "$1", "$2", "$1"] {
                replace(house, &user, hash, 9);
                house.advance(MINUTE);
            }
            assert_eq!(former(house, &user, 9), ["$1", "$2", "$1"]);
            replace(house, &bobs, "$1", 9);
            assert_eq!(former(house, &bobs, 9), ["$1"]);
            let _ = house
                .write(move |tx| keystead_store::users::delete(tx, &user))
                .unwrap();
            assert_eq!(house.integers("SELECT count(*) FROM former_passwords"), [0]);
        },
    ),
    (
        "however an upgrade and a change meet, the change stays",
        |house| {
            let (user, now) = (house.ada().id, house.now());
            for round in 0..20 {
                set(house, &user, "$old").unwrap();
                let answers = house.race((0..2).map(|n| {
                    let user = user.clone();
                    move |tx: &mut Tx<'_>| {
                        if (n + round) % 2 == 0 {
                            passwords::upgrade(tx, &user, &secret("$old"), &secret("$new"))
                                .map(drop)
                        } else {
                            passwords::set(tx, &user, &secret("$changed"), now)
                        }
                    }
                }));
                assert!(answers.iter().all(Result::is_ok), "{answers:?}");
                assert_eq!(found(house, &user).unwrap().hash, secret("$changed"));
            }
        },
    ),
    (
        "what was verified stands until it is changed or improved",
        |house| {
            let user = house.ada().id;
            assert!(!stands(house, &user, "$old"));
            set(house, &user, "$old").unwrap();
            assert!(stands(house, &user, "$old") && !stands(house, &user, "$other"));
            assert!(!stands(house, &"auth0|x".try_into().unwrap(), "$old"));
            assert_eq!(upgrade(house, &user, "$old", "$new"), Upgrade::Done);
            assert!(!stands(house, &user, "$old") && stands(house, &user, "$new"));
        },
    ),
    (
        "however a log-in and a change of the password meet, no session of the old one stays",
        |house| {
            let (user, now) = (house.ada().id, house.now());
            for _ in 0..20 {
                set(house, &user, "$old").unwrap();
                let (key, session) = (house.key(Purpose::Session), house.new_session(&user));
                let answers = house.race((0..2).map(|n| {
                    let (user, session) = (user.clone(), session.clone());
                    move |tx: &mut Tx<'_>| match n {
                        0 => match passwords::stands(tx, &user, &secret("$old"))? {
                            true => sessions::start(tx, &key, &session),
                            false => Ok(()),
                        },
                        _ => {
                            passwords::set(tx, &user, &secret("$changed"), now)?;
                            sessions::end_all_of_user(tx, &user, now).map(drop)
                        }
                    }
                }));
                assert!(answers.iter().all(Result::is_ok), "{answers:?}");
                let living = "SELECT count(*) FROM sessions WHERE ended_at IS NULL";
                assert_eq!(house.integers(living), [0]);
            }
        },
    ),
];

fn stands(house: &House, user: &UserId, hash: &str) -> bool {
    let (user, hash) = (user.clone(), secret(hash));
    house
        .write(move |tx| passwords::stands(tx, &user, &hash))
        .unwrap()
}

fn set(house: &House, user: &UserId, hash: &str) -> Result<(), Fault> {
    let (user, hash, now) = (user.clone(), secret(hash), house.now());
    house.write(move |tx| passwords::set(tx, &user, &hash, now))
}

fn replace(house: &House, user: &UserId, hash: &str, remembered: u32) {
    let (user, hash, now) = (user.clone(), secret(hash), house.now());
    house
        .write(move |tx| passwords::replace(tx, &user, &hash, remembered, now))
        .unwrap();
}

fn former(house: &House, user: &UserId, limit: u32) -> Vec<String> {
    let user = user.clone();
    let former = house
        .read(move |tx| passwords::former(tx, &user, limit))
        .unwrap();
    former.iter().map(|hash| hash.expose().to_owned()).collect()
}

fn upgrade(house: &House, user: &UserId, verified: &str, better: &str) -> Upgrade {
    let (user, verified, better) = (user.clone(), secret(verified), secret(better));
    house
        .write(move |tx| passwords::upgrade(tx, &user, &verified, &better))
        .unwrap()
}

fn found(house: &House, user: &UserId) -> Option<Password> {
    let user = user.clone();
    house.read(move |tx| passwords::find(tx, &user)).unwrap()
}
