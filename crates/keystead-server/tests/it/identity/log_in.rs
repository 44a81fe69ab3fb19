//! Logging in: who is let in, who is not, and what becomes of a hash that came from elsewhere.

use std::time::Duration;

use keystead_protocol::secret::Secret;
use keystead_server::{
    identity::{
        accounts::{Checked, Settled, SignedUp},
        database::DatabaseOptions,
        policy::{Policy, Weakness},
    },
    password::import::CustomPasswordHash,
};
use keystead_store::{passwords, users};
use serde_json::json;

use super::{HOME, PASSWORD, Town};
use crate::house::on_both;

/// SHA-256 of the password, as an import brings it.
fn imported(password: &str) -> Secret {
    let sum = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, password.as_bytes());
    let sum: String = sum.as_ref().iter().map(|b| format!("{b:02x}")).collect();
    let hash = json!({ "algorithm": "sha256", "hash": { "value": sum, "encoding": "hex" } });
    serde_json::from_value::<CustomPasswordHash>(hash)
        .unwrap()
        .stored()
        .unwrap()
}

on_both! {
    async fn the_right_password_of_an_account_and_nothing_else(house) {
        let town = Town::new(house, json!({})).await;
        let ada = town.resident("ada@example.org").await;
        town.resident_with("bob@example.org", None).await;
        for (name, identifier, password, want) in [
            ("the password", "ada@example.org", PASSWORD, "in"),
            ("the address in other letters", " ADA@Example.org ", PASSWORD, "in"),
            ("another password", "ada@example.org", "Analytical-Engine-1844", "wrong password"),
            ("a space behind it", "ada@example.org", "Analytical-Engine-1843 ", "wrong password"),
            ("nothing", "ada@example.org", "", "wrong password"),
            ("an account without one", "bob@example.org", PASSWORD, "wrong password"),
            ("an account without one, and nothing", "bob@example.org", "", "wrong password"),
            ("nobody", "eve@example.org", PASSWORD, "no such user"),
            ("no name", "", PASSWORD, "no such user"),
            ("a name that no database takes", "ada\0@example.org", PASSWORD, "no such user"),
            ("a password with NUL", "ada@example.org", "\0", "wrong password"),
        ] {
            assert_eq!(town.answer(identifier, password, HOME).await, want, "{name}");
        }
        let Checked::Verified(who) = town.tries("ada@example.org", PASSWORD, HOME).await else {
            panic!("it was in before");
        };
        assert_eq!(who.user.id, ada.id);
    }

    async fn an_account_of_another_connection_is_another(house) {
        let mut town = Town::new(house, json!({})).await;
        town.resident("ada@example.org").await;
        town.connection.id = "con_ffffffffffffffff".try_into().unwrap();
        assert_eq!(town.answer("ada@example.org", PASSWORD, HOME).await, "no such user");
    }

    async fn a_user_name_counts_where_accounts_have_one(house) {
        let mut town = Town::new(house, json!({ "requires_username": true })).await;
        let made = town.signs_up("ada@example.org", Some("countess"), PASSWORD).await;
        assert!(matches!(made, SignedUp::Created(_)), "{made:?}");
        for identifier in ["ada@example.org", "countess", "Countess"] {
            assert_eq!(town.answer(identifier, PASSWORD, HOME).await, "in", "{identifier}");
        }
        town.connection.options.0.clear();
        assert_eq!(town.answer("countess", PASSWORD, HOME).await, "no such user");
        assert_eq!(town.answer("ada@example.org", PASSWORD, HOME).await, "in");
    }

    async fn that_an_account_is_blocked_is_for_its_owner_to_hear(house) {
        let town = Town::new(house, json!({})).await;
        let ada = town.resident("ada@example.org").await.id;
        let now = town.house.now();
        town.house.writes(move |tx| users::block(tx, &ada, now).map(drop)).await;
        assert_eq!(town.answer("ada@example.org", "a guess", HOME).await, "wrong password");
        assert_eq!(town.answer("ada@example.org", PASSWORD, HOME).await, "user is blocked");
    }

    async fn a_password_that_was_changed_meanwhile_earns_nothing_and_costs_nothing(house) {
        let town = Town::new(house, json!({})).await;
        let ada = town.resident("ada@example.org").await.id;
        let sets = async |hash: &str| {
            let (ada, hash, now) = (ada.clone(), Secret::from(hash), town.house.now());
            town.house.writes(move |tx| passwords::set(tx, &ada, &hash, now)).await;
        };
        let of_ada = ada.clone();
        let found = town.house.writes(move |tx| passwords::find(tx, &of_ada)).await;
        let right = found.unwrap().hash;
        // More often than anybody may guess from one place.
        for _ in 0..12 {
            let who = town.shows("ada@example.org", HOME).await;
            sets("another").await;
            assert_eq!(town.settles(who, HOME).await, Settled::PasswordChanged);
            sets(right.expose()).await;
        }
        assert!(!town.knows(&ada, HOME).await);
        assert_eq!(town.answer("ada@example.org", PASSWORD, HOME).await, "in");
        assert!(town.knows(&ada, HOME).await);
    }

    async fn whoever_is_blocked_or_gone_meanwhile_is_not_let_in(house) {
        let town = Town::new(house, json!({})).await;
        let (ada, bob) = (town.resident("ada@example.org").await.id, town.resident("bob@example.org").await.id);
        let (as_ada, as_bob) = (town.shows("ada@example.org", HOME).await, town.shows("bob@example.org", HOME).await);
        let (blocked, gone, now) = (ada.clone(), bob, town.house.now());
        town.house.writes(move |tx| {
            let _ = users::delete(tx, &gone)?;
            users::block(tx, &blocked, now).map(drop)
        }).await;
        assert_eq!(town.settles(as_ada, HOME).await, Settled::Blocked);
        assert_eq!(town.settles(as_bob, HOME).await, Settled::PasswordChanged);
        assert!(!town.knows(&ada, HOME).await);
    }

    async fn an_imported_hash_is_replaced_at_the_first_log_in(house) {
        let town = Town::new(house, json!({})).await;
        let foreign = imported(PASSWORD);
        let ada = town.resident_with("ada@example.org", Some(foreign.clone())).await.id;
        let stored = async |town: &Town| {
            let ada = ada.clone();
            let found = town.house.writes(move |tx| passwords::find(tx, &ada)).await;
            found.unwrap()
        };
        let (answer, ours, others) = town.cost(town.answer("ada@example.org", "a guess", HOME)).await;
        assert_eq!((answer.as_str(), ours, others), ("wrong password", 1, 1));
        assert_eq!(stored(&town).await.hash, foreign);
        let chosen = stored(&town).await.changed_at;
        town.house.clock.advance(Duration::from_secs(60));
        let (answer, ours, others) = town.cost(town.answer("ada@example.org", PASSWORD, HOME)).await;
        assert_eq!((answer.as_str(), ours, others), ("in", 1, 1));
        let after = stored(&town).await;
        assert!(after.hash.expose().starts_with("$argon2id$"));
        assert_eq!(after.changed_at, chosen, "it is the same password");
        let (answer, ours, others) = town.cost(town.answer("ada@example.org", PASSWORD, HOME)).await;
        assert_eq!((answer.as_str(), ours, others), ("in", 1, 0));
        assert_eq!(town.answer("ada@example.org", "a guess", HOME).await, "wrong password");
    }

    async fn a_stored_text_that_is_no_hash_lets_nobody_in(house) {
        let town = Town::new(house, json!({})).await;
        for (n, text) in ["", PASSWORD, "$2b$99$", "{SSHA}", "$argon2id$v=19$m=999999999,t=9,p=1$c2FsdHNhbHQ$AAAA"]
            .into_iter()
            .enumerate()
        {
            let email = format!("user{n}@example.org");
            town.resident_with(&email, Some(text.into())).await;
            let (answer, ours, others) = town.cost(town.answer(&email, PASSWORD, HOME)).await;
            assert_eq!((answer.as_str(), ours, others), ("wrong password", 1, 0), "{text}");
        }
    }

    async fn earlier_passwords_are_known_again(house) {
        let options = json!({ "password_history": { "enable": true, "size": 2 } });
        let town = Town::new(house, options).await;
        let ada = town.resident("ada@example.org").await.id;
        let services = &town.house.services;
        let policy = Policy::of(&DatabaseOptions::of(&town.connection).unwrap());
        let home = HOME.parse().unwrap();
        for password in ["Second-Password-2", "Third-Password-3"] {
            let hash = services.passwords.hash(home, &password.into(), &mut services.rng()).await.unwrap();
            let (user, remembered, now) = (ada.clone(), policy.history(), town.house.now());
            town.house.writes(move |tx| passwords::replace(tx, &user, &hash, remembered, now)).await;
            town.house.clock.advance(Duration::from_secs(1));
        }
        let (user, limit) = (ada.clone(), policy.history());
        let former = town.house.writes(move |tx| passwords::former(tx, &user, limit)).await;
        for (password, want) in [
            ("Third-Password-3", Err(Weakness::History)),
            ("Second-Password-2", Err(Weakness::History)),
            (PASSWORD, Ok(())),
            ("Fourth-Password-4", Ok(())),
        ] {
            let given = Secret::from(password);
            let judged = policy.judge_history(&services.passwords, home, &given, &former);
            assert_eq!(judged.await.unwrap(), want, "{password}");
        }
    }
}
