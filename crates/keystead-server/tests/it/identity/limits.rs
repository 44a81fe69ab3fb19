//! Limits: nobody has more guesses than they allow, and nobody is locked out by a stranger.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use keystead_server::identity::{
    accounts::Checked,
    lockout::{Admission, Gate, Limit},
    refusals::{Rejection, Why},
};
use keystead_store::cleanup::{self, LogRetention};
use serde_json::json;

use super::{HOME, PASSWORD, Town, together};
use crate::house::on_both;

const AWAY: &str = "198.51.100.7";

/// Which limit was reached, and for how long.
fn limit(checked: Checked) -> (Limit, Duration) {
    match checked {
        Checked::Rejected(Rejection {
            why: Why::TooManyAttempts { by, wait },
            ..
        }) => (by, wait),
        other => panic!("{other:?}"),
    }
}

fn guessed(answers: &[String]) -> usize {
    let wrong = |answer: &&String| matches!(answer.as_str(), "wrong password" | "no such user");
    answers.iter().filter(wrong).count()
}

impl Town {
    /// Many guess at once, each at an account from an address.
    async fn guesses_at_once<'a>(
        &self,
        guesses: impl Iterator<Item = (&'a str, String)>,
    ) -> Vec<String> {
        let guess = |(email, from): (&'a str, String)| async move {
            self.answer(email, "a guess", &from).await
        };
        together(guesses.map(guess)).await
    }

    /// Guesses at accounts that nobody has, each at another, counted as by a log-in but not hashed. Answers how many of
    /// them would have been looked at.
    async fn strays(&self, count: usize, from: &str) -> usize {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let (address, now) = (from.parse().unwrap(), self.house.now());
        let gates: Vec<Gate> = (0..count)
            .map(|_| {
                let email = format!("{}@example.net", NEXT.fetch_add(1, Ordering::Relaxed));
                Gate::new(&self.connection.id, &email, address, true)
            })
            .collect();
        let admitted = self.house.writes(move |tx| {
            let mut admitted = 0;
            for gate in &gates {
                admitted +=
                    usize::from(matches!(gate.count(tx, None, now)?, Admission::Counted(_)));
            }
            Ok(admitted)
        });
        admitted.await
    }
}

on_both! {
    async fn of_a_hundred_guesses_at_once_ten_are_looked_at(house) {
        let town = Town::new(house, json!({})).await;
        town.resident("ada@example.org").await;
        for email in ["ada@example.org", "nobody@example.org"] {
            let from = |_| (email, HOME.to_owned());
            let (answers, ours, _) = town.cost(town.guesses_at_once((0..100).map(from))).await;
            assert_eq!((answers.len(), guessed(&answers), ours), (100, 10, 10), "{email}");
        }
    }

    async fn beyond_the_limit_the_right_password_does_not_help(house) {
        let town = Town::new(house, json!({})).await;
        town.resident("ada@example.org").await;
        for email in ["ada@example.org", "nobody@example.org"] {
            for _ in 0..10 {
                town.answer(email, "a guess", HOME).await;
            }
            let (refused, ours, _) = town.cost(town.tries(email, PASSWORD, HOME)).await;
            let quarter = Duration::from_secs(900);
            assert_eq!((limit(refused), ours), ((Limit::AccountAndAddress, quarter), 0), "{email}");
        }
        town.house.clock.advance(Duration::from_secs(899));
        let left = limit(town.tries("ada@example.org", PASSWORD, HOME).await);
        assert_eq!(left, (Limit::AccountAndAddress, Duration::from_secs(1)));
        town.house.clock.advance(Duration::from_secs(1));
        assert_eq!(town.answer("ada@example.org", PASSWORD, HOME).await, "in");
        for _ in 0..10 {
            assert_eq!(town.answer("ada@example.org", "a guess", HOME).await, "wrong password");
        }
    }

    async fn what_was_right_was_no_attempt(house) {
        let town = Town::new(house, json!({})).await;
        town.resident("ada@example.org").await;
        for _ in 0..30 {
            assert_eq!(town.answer("ada@example.org", PASSWORD, HOME).await, "in");
        }
        for _ in 0..2 {
            for _ in 0..9 {
                assert_eq!(town.answer("ada@example.org", "a guess", HOME).await, "wrong password");
            }
            assert_eq!(town.answer("ada@example.org", PASSWORD, HOME).await, "in");
        }
    }

    async fn many_right_ones_at_once_wash_nothing_away_and_leave_nothing_behind(house) {
        let town = Town::new(house, json!({})).await;
        town.resident("ada@example.org").await;
        let all = (0..8).map(|_| town.answer("ada@example.org", PASSWORD, HOME));
        for answer in together(all).await {
            assert_eq!(answer, "in");
        }
        // Each was counted while its address was not yet known, and each was taken back as it was counted: so of the
        // hundred from here none is gone.
        assert_eq!(town.strays(101, HOME).await, 100);
    }

    async fn strangers_cannot_lock_the_owner_out_of_home(house) {
        let town = Town::new(house, json!({})).await;
        town.resident("ada@example.org").await;
        assert_eq!(town.answer("ada@example.org", PASSWORD, HOME).await, "in");
        let from = |n: u32| ("ada@example.org", format!("198.51.{}.{}", n / 200, n % 200));
        let (answers, ours, _) = town.cost(town.guesses_at_once((0..150).map(from))).await;
        assert_eq!((guessed(&answers), ours), (100, 100), "all of them together have a hundred");
        for _ in 0..15 {
            // It is this limit each time, so what it refuses counts for no other.
            let (by, _) = limit(town.tries("ada@example.org", PASSWORD, "192.0.2.200").await);
            assert_eq!(by, Limit::Account, "from where nobody was before");
        }
        assert_eq!(town.answer("ada@example.org", PASSWORD, HOME).await, "in");
        assert_eq!(town.answer("ada@example.org", "a slip", HOME).await, "wrong password");
        let (by, _) = limit(town.tries("ada@example.org", PASSWORD, "192.0.2.201").await);
        assert_eq!(by, Limit::Account, "that she is in at home gives strangers nothing");
        town.house.clock.advance(Duration::from_secs(864));
        assert_eq!(town.answer("ada@example.org", PASSWORD, "192.0.2.200").await, "in");
    }

    async fn an_address_that_guesses_at_many_is_shut_but_for_those_at_home_there(house) {
        let town = Town::new(house, json!({})).await;
        town.resident("ada@example.org").await;
        town.resident("bob@example.org").await;
        assert_eq!(town.answer("ada@example.org", PASSWORD, AWAY).await, "in");
        assert_eq!(town.answer("eve@example.org", "a guess", AWAY).await, "no such user");
        assert_eq!(town.strays(49, AWAY).await, 49);
        // Whoever has an account cannot wash himself clean with it.
        assert_eq!(town.answer("ada@example.org", PASSWORD, AWAY).await, "in");
        assert_eq!(town.strays(51, AWAY).await, 50);
        let (by, wait) = limit(town.tries("bob@example.org", PASSWORD, AWAY).await);
        assert_eq!((by, wait), (Limit::Address, Duration::from_secs(864)));
        assert_eq!(town.answer("ada@example.org", PASSWORD, AWAY).await, "in");
        assert_eq!(town.answer("bob@example.org", PASSWORD, HOME).await, "in");
    }

    async fn an_address_that_is_shut_leaves_no_row_for_each_name_that_it_makes_up(house) {
        let town = Town::new(house, json!({})).await;
        assert_eq!(town.strays(100, AWAY).await, 100);
        assert_eq!(town.strays(50, AWAY).await, 0);
        let later = town.house.now() + Duration::from_hours(24 * 30);
        let log = LogRetention { age: Duration::from_hours(24), lines: 1 };
        let swept = cleanup::sweep_all(&town.house.services.store, log, later).await.unwrap();
        let rows = swept.iter().find(|(table, _)| *table == "attempts");
        assert_eq!(rows, Some(&("attempts", 201)), "a hundred names, each with a pair, and the address");
    }

    async fn addresses_that_one_household_chooses_from_are_one(house) {
        let town = Town::new(house, json!({})).await;
        for n in 0..10 {
            let from = format!("2001:db8:1:1::{n:x}");
            assert_eq!(town.answer("ada@example.org", "a guess", &from).await, "no such user");
        }
        limit(town.tries("ada@example.org", "a guess", "2001:db8:1:1:ffff::1").await);
        assert_eq!(town.answer("ada@example.org", "a guess", "2001:db8:1:2::1").await, "no such user");
    }

    async fn without_protection_of_accounts_an_address_is_still_limited(house) {
        let town = Town::new(house, json!({ "brute_force_protection": false })).await;
        town.resident("ada@example.org").await;
        for n in 0..11 {
            assert_eq!(town.answer("ada@example.org", "a guess", AWAY).await, "wrong password", "{n}");
        }
        assert_eq!(town.strays(90, AWAY).await, 89);
        let (by, _) = limit(town.tries("ada@example.org", PASSWORD, AWAY).await);
        assert_eq!(by, Limit::Address);
        assert_eq!(town.answer("ada@example.org", PASSWORD, HOME).await, "in");
    }

    async fn counts_are_kept_before_the_answer_and_shared_by_all_nodes(house) {
        let town = Town::new(house, json!({})).await;
        town.resident("ada@example.org").await;
        let neighbour = Town { house: town.house.neighbour().await, connection: town.connection.clone() };
        for _ in 0..5 {
            town.answer("ada@example.org", "a guess", HOME).await;
            neighbour.answer("ada@example.org", "a guess", HOME).await;
        }
        for node in [&town, &neighbour] {
            let (by, _) = limit(node.tries("ada@example.org", PASSWORD, HOME).await);
            assert_eq!(by, Limit::AccountAndAddress);
        }
    }
}
