//! Sign-up: who gets an account, who does not, and what strangers learn from it.

use std::time::Duration;

use keystead_protocol::secret::Secret;
use keystead_server::{
    error::Fault,
    identity::{
        accounts::{self, NewAccount, SignedUp},
        policy::Weakness,
        refusals::{Disclosure, SignUpRefusal},
    },
};
use keystead_store::users::{self, Profile, User, UserMetadata};
use serde_json::json;

use super::{HOME, PASSWORD, Town, together};
use crate::house::on_both;

fn created(signed_up: SignedUp) -> User {
    match signed_up {
        SignedUp::Created(who) => who.user,
        SignedUp::Refused(why) => panic!("{why}"),
    }
}

fn refused(signed_up: SignedUp) -> SignUpRefusal {
    match signed_up {
        SignedUp::Created(who) => panic!("{who:?}"),
        SignedUp::Refused(why) => why,
    }
}

on_both! {
    async fn who_signs_up_can_log_in(house) {
        let town = Town::new(house, json!({ "passwordPolicy": "good" })).await;
        let ada = created(town.signs_up(" Ada@example.org", Some("ignored"), PASSWORD).await);
        assert_eq!(ada.email.as_deref(), Some("Ada@example.org"));
        assert_eq!((ada.username.as_deref(), ada.email_verified, ada.blocked), (None, false, false));
        assert!(ada.id.as_str().starts_with("auth0|"));
        let id = ada.id.clone();
        let stored = town.house.writes(move |tx| users::find(tx, &id)).await;
        assert_eq!(stored, Some(ada));
        assert_eq!(town.answer("ada@example.org", PASSWORD, HOME).await, "in");
        assert_eq!(town.answer("ada@example.org", "another", HOME).await, "wrong password");
    }

    async fn a_name_is_had_by_one(house) {
        let town = Town::new(house, json!({ "requires_username": true })).await;
        let (answer, one, _) = town.cost(town.signs_up("ada@example.org", Some("countess"), PASSWORD)).await;
        created(answer);
        for (email, username, want) in [
            ("ADA@example.org", "other", SignUpRefusal::EmailTaken),
            ("other@example.org", "Countess", SignUpRefusal::UsernameTaken),
            ("ADA@example.org", "Countess", SignUpRefusal::EmailTaken),
        ] {
            let (answer, cost, _) = town.cost(town.signs_up(email, Some(username), PASSWORD)).await;
            assert_eq!((refused(answer), cost), (want, one), "{email} {username}");
        }
        for username in [None, Some(""), Some("two words"), Some("eve@example.org"), Some("a\0b")] {
            let answer = town.signs_up("eve@example.org", username, PASSWORD).await;
            assert_eq!(refused(answer), SignUpRefusal::BadUsername, "{username:?}");
        }
    }

    async fn of_many_at_once_one_gets_the_name(house) {
        let town = Town::new(house, json!({})).await;
        let all = (0..10).map(|_| town.signs_up("ada@example.org", None, PASSWORD));
        let answers = together(all).await;
        let made = answers.iter().filter(|answer| matches!(answer, SignedUp::Created(_)));
        assert_eq!(made.count(), 1, "{answers:?}");
        let taken = SignUpRefusal::EmailTaken;
        let lost = answers.iter().filter(|answer| matches!(answer, SignedUp::Refused(why) if *why == taken));
        assert_eq!(lost.count(), 9);
    }

    async fn not_every_connection_is_open(house) {
        let mut town = Town::new(house, json!({ "disable_signup": true })).await;
        let (answer, ours, _) = town.cost(town.signs_up("ada@example.org", None, PASSWORD)).await;
        assert_eq!((refused(answer), ours), (SignUpRefusal::Disabled, 0));
        town.connection.options.0.clear();
        town.connection.strategy = "google-oauth2".to_owned();
        let answer = town.signs_up("ada@example.org", None, PASSWORD).await;
        assert_eq!(refused(answer), SignUpRefusal::Disabled);
        town.connection.strategy = "auth0".to_owned();
        town.connection.options.0.insert("disable_signup".to_owned(), json!("yes"));
        let password = Secret::from(PASSWORD);
        let wanted = NewAccount {
            connection: &town.connection,
            email: "ada@example.org",
            username: None,
            password: &password,
            profile: Profile::default(),
            user_metadata: UserMetadata::default(),
            address: HOME.parse().unwrap(),
            now: town.house.now(),
        };
        let answer = accounts::sign_up(&town.house.services, wanted).await;
        assert!(matches!(answer, Err(Fault::Setting(_))), "{answer:?}");
    }

    async fn a_weak_password_is_told_why(house) {
        let town = Town::new(house, json!({
            "passwordPolicy": "excellent",
            "password_dictionary": { "enable": true, "dictionary": ["Difference-Engine-1822"] },
            "password_no_personal_info": { "enable": true },
        })).await;
        for (password, name) in [
            ("short", "PasswordStrengthError"),
            ("Aaa-bbb-111-ccc-222-ddd", "PasswordStrengthError"),
            ("Xy-1815-ada-Lovelace", "PasswordNoUserInfoError"),
            ("difference-engine-1822", "PasswordDictionaryError"),
        ] {
            let why = refused(town.signs_up("ada@example.org", None, password).await);
            let face = why.public(Disclosure::Told);
            assert_eq!((face.status, face.code, face.name), (400, "invalid_password", Some(name)), "{password}");
            assert_eq!(face.description.is_object(), name == "PasswordStrengthError");
        }
        let long = format!("Aa1-{}", "xyz".repeat(170));
        let SignUpRefusal::Weak(Weakness::Strength(report)) = refused(town.signs_up("ada@example.org", None, &long).await)
        else {
            panic!("it was taken");
        };
        assert_eq!(report.rules().last().unwrap().code, "lengthAtMost");
        for email in ["", "ada", "ada@", "ada@example.org\n"] {
            let answer = town.signs_up(email, None, PASSWORD).await;
            match email.trim() == "ada@example.org" {
                true => drop(created(answer)),
                false => assert_eq!(refused(answer), SignUpRefusal::BadEmail, "{email:?}"),
            }
        }
    }

    async fn an_address_makes_so_many_and_then_waits(house) {
        let town = Town::new(house, json!({ "passwordPolicy": "none" })).await;
        created(town.signs_up("ada@example.org", None, "x").await);
        for n in 0..49 {
            let answer = town.signs_up("ada@example.org", None, "x").await;
            assert_eq!(refused(answer), SignUpRefusal::EmailTaken, "{n}");
        }
        let (answer, ours, _) = town.cost(town.signs_up("eve@example.org", None, "x")).await;
        let wait = Duration::from_millis(1_200);
        assert_eq!((refused(answer), ours), (SignUpRefusal::TooMany { wait }, 0));
        assert_eq!(town.answer("ada@example.org", "x", HOME).await, "in");
        town.house.clock.advance(wait);
        created(town.signs_up("eve@example.org", None, "x").await);
    }
}
