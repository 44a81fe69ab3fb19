//! Known addresses: each user's own, for as long as they are used, and no more than are kept.

use keystead_protocol::ids::UserId;
use keystead_store::{Fault, known_addresses, users};

use crate::{
    Case,
    accounts::{DAY, MINUTE},
    house::House,
};

pub const CASES: &[Case] = &[
    (
        "an address is known to whom it was noted for, up to its end",
        |house| {
            let connection = house.connection("db");
            let [ada, bob] = ["ada@x", "bob@x"].map(|email| house.user(&connection, email).id);
            assert!(!is_known(house, &ada, "192.0.2.1"));
            note(house, &ada, "192.0.2.1").unwrap();
            assert!(is_known(house, &ada, "192.0.2.1"));
            assert!(!is_known(house, &ada, "192.0.2.2"));
            assert!(!is_known(house, &bob, "192.0.2.1"));
            house.advance(MINUTE);
            note(house, &ada, "192.0.2.1").unwrap();
            house.advance(DAY - std::time::Duration::from_millis(1));
            assert!(is_known(house, &ada, "192.0.2.1"), "it was seen again");
            house.advance(std::time::Duration::from_millis(1));
            assert!(!is_known(house, &ada, "192.0.2.1"));
        },
    ),
    (
        "the longest not seen goes first, and of that user alone",
        |house| {
            let connection = house.connection("db");
            let [ada, bob] = ["ada@x", "bob@x"].map(|email| house.user(&connection, email).id);
            for address in ["z", "b", "c"] {
                note(house, &ada, address).unwrap();
                note(house, &bob, address).unwrap();
                house.advance(MINUTE);
            }
            note(house, &ada, "z").unwrap();
            house.advance(MINUTE);
            note(house, &ada, "d").unwrap();
            let known = ["z", "b", "c", "d"].map(|address| is_known(house, &ada, address));
            assert_eq!(known, [true, false, true, true]);
            let known = ["z", "b", "c", "d"].map(|address| is_known(house, &bob, address));
            assert_eq!(known, [true, true, true, false]);
        },
    ),
    ("they go with the user, and nobody has none", |house| {
        let ada = house.ada().id;
        note(house, &ada, "a").unwrap();
        let gone = ada.clone();
        let _ = house.write(move |tx| users::delete(tx, &gone)).unwrap();
        assert_eq!(house.integers("SELECT count(*) FROM known_addresses"), [0]);
        let answer = note(house, &ada, "a");
        assert!(matches!(answer, Err(Fault::Constraint(_))), "{answer:?}");
    }),
];

/// Three are kept, for a day.
fn note(house: &House, user: &UserId, address: &'static str) -> Result<(), Fault> {
    let (user, now) = (user.clone(), house.now());
    house.write(move |tx| known_addresses::note(tx, &user, address, 3, now + DAY, now))
}

fn is_known(house: &House, user: &UserId, address: &'static str) -> bool {
    let (user, now) = (user.clone(), house.now());
    house
        .read(move |tx| known_addresses::is_known(tx, &user, address, now))
        .unwrap()
}
