//! Tickets: one is good at a time, and of all who use it one does.

use std::time::Duration;

use keystead_store::{
    Tx,
    tickets::{self, GoodFor, Use},
    token_key::{Purpose, TokenKey},
};

use crate::{Case, accounts::HOUR, house::House};

const TICK: Duration = Duration::from_millis(1);
const OWNER: GoodFor = GoodFor::FirstOwner;

pub const CASES: &[Case] = &[
    ("it is good once, and looking does not use it", |house| {
        let key = issue(house);
        assert!(is_good(house, &key));
        assert!(is_good(house, &key));
        assert_eq!(redeem(house, &key), Use::Taken);
        assert!(!is_good(house, &key));
        assert_eq!(redeem(house, &key), Use::Dead);
        let never = house.key(Purpose::Ticket);
        assert!(!is_good(house, &never));
        assert_eq!(redeem(house, &never), Use::Dead);
    }),
    ("it is good up to its last moment", |house| {
        let key = issue(house);
        house.advance(HOUR - TICK);
        assert!(is_good(house, &key));
        house.advance(TICK);
        assert!(!is_good(house, &key));
        assert_eq!(redeem(house, &key), Use::Dead);
    }),
    ("the newest is the only good one", |house| {
        let older = issue(house);
        let newer = issue(house);
        assert_eq!(redeem(house, &older), Use::Dead);
        assert_eq!(redeem(house, &newer), Use::Taken);
    }),
    ("those that are left can be made worthless", |house| {
        let key = issue(house);
        let now = house.now();
        assert_eq!(house.write(move |tx| tickets::void(tx, OWNER, now)), Ok(1));
        assert_eq!(house.write(move |tx| tickets::void(tx, OWNER, now)), Ok(0));
        assert_eq!(redeem(house, &key), Use::Dead);
    }),
    ("of a hundred who use it at once, one does", |house| {
        let (key, now) = (issue(house), house.now());
        let answers = house
            .race((0..100).map(|_| move |tx: &mut Tx<'_>| tickets::redeem(tx, &key, OWNER, now)));
        let taken = answers.iter().filter(|answer| **answer == Ok(Use::Taken));
        assert_eq!(taken.count(), 1, "{answers:?}");
    }),
    (
        "of two that nodes issued at once, one is used however they are",
        |house| {
            for _ in 0..20 {
                let (older, newer, now) = (issue(house), issue(house), house.now());
                // As if neither node had seen the other's.
                let until = (now + HOUR).as_millis();
                house.execute(&format!(
                    "UPDATE tickets SET expires_at = {until} WHERE used_at IS NULL"
                ));
                let answers = house.race(
                    [older, newer]
                        .map(|key| move |tx: &mut Tx<'_>| tickets::redeem(tx, &key, OWNER, now)),
                );
                let taken = answers.iter().filter(|answer| **answer == Ok(Use::Taken));
                assert_eq!(taken.count(), 1, "{answers:?}");
                house.advance(HOUR);
            }
        },
    ),
];

fn issue(house: &House) -> TokenKey {
    let (key, now) = (house.key(Purpose::Ticket), house.now());
    house
        .write(move |tx| tickets::issue(tx, &key, OWNER, now + HOUR, now))
        .unwrap();
    key
}

fn is_good(house: &House, key: &TokenKey) -> bool {
    let (key, now) = (*key, house.now());
    house
        .read(move |tx| tickets::is_good(tx, &key, OWNER, now))
        .unwrap()
}

fn redeem(house: &House, key: &TokenKey) -> Use {
    let (key, now) = (*key, house.now());
    house
        .write(move |tx| tickets::redeem(tx, &key, OWNER, now))
        .unwrap()
}
