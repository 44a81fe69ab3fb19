//! Attempts: of however many at once, as many are counted as are allowed, and time brings them back one by one.

use std::time::Duration;

use keystead_protocol::{secret::Digest, time::Timestamp};
use keystead_store::{
    Tx,
    attempts::{self, Allowance, Attempt, Of},
};

use crate::{Case, accounts::MINUTE, house::House};

const THREE: Allowance = Allowance {
    at_once: 3,
    one_back_in: MINUTE,
};
const TICK: Duration = Duration::from_millis(1);
const ALL: [Of; 4] = [Of::AccountAndAddress, Of::Address, Of::Account, Of::SignUps];

pub const CASES: &[Case] = &[
    (
        "as many are counted as are allowed, for each kind and digest alone",
        |house| {
            for of in ALL {
                for text in ["a", "b"] {
                    for n in 0..3 {
                        assert_eq!(
                            count(house, of, text),
                            Attempt::Counted,
                            "{of:?} {text} {n}"
                        );
                    }
                    let until = house.now() + MINUTE;
                    assert_eq!(
                        count(house, of, text),
                        Attempt::Refused { until },
                        "{of:?} {text}"
                    );
                }
            }
        },
    ),
    ("each step of time brings one back and no more", |house| {
        for _ in 0..3 {
            assert_eq!(count(house, Of::Account, "a"), Attempt::Counted);
        }
        let first = house.now() + MINUTE;
        house.advance(MINUTE - TICK);
        assert_eq!(
            count(house, Of::Account, "a"),
            Attempt::Refused { until: first }
        );
        house.advance(TICK);
        assert_eq!(count(house, Of::Account, "a"), Attempt::Counted);
        let until = house.now() + MINUTE;
        assert_eq!(count(house, Of::Account, "a"), Attempt::Refused { until });
        house.advance(MINUTE * 100);
        for _ in 0..3 {
            assert_eq!(count(house, Of::Account, "a"), Attempt::Counted);
        }
        assert!(matches!(
            count(house, Of::Account, "a"),
            Attempt::Refused { .. }
        ));
    }),
    ("a refused attempt puts nothing off", |house| {
        for _ in 0..50 {
            let _ = count(house, Of::Account, "a");
        }
        house.advance(MINUTE);
        assert_eq!(count(house, Of::Account, "a"), Attempt::Counted);
    }),
    ("one that is taken back was never counted", |house| {
        for _ in 0..10 {
            assert_eq!(count(house, Of::Address, "a"), Attempt::Counted);
            take_back(house, Of::Address, "a");
        }
        for _ in 0..3 {
            assert_eq!(count(house, Of::Address, "a"), Attempt::Counted);
        }
        take_back(house, Of::Address, "a");
        assert_eq!(count(house, Of::Address, "a"), Attempt::Counted);
        assert!(matches!(
            count(house, Of::Address, "a"),
            Attempt::Refused { .. }
        ));
    }),
    (
        "taking back more than there is lets nobody have more than the limit",
        |house| {
            assert_eq!(count(house, Of::Address, "a"), Attempt::Counted);
            for _ in 0..10 {
                take_back(house, Of::Address, "a");
            }
            for _ in 0..3 {
                assert_eq!(count(house, Of::Address, "a"), Attempt::Counted);
            }
            assert!(matches!(
                count(house, Of::Address, "a"),
                Attempt::Refused { .. }
            ));
        },
    ),
    (
        "what is forgiven begins anew, and nothing else does",
        |house| {
            for of in ALL {
                for _ in 0..3 {
                    assert_eq!(count(house, of, "a"), Attempt::Counted);
                }
            }
            house
                .write(|tx| attempts::forgive(tx, Of::Account, &Digest::of(b"a")))
                .unwrap();
            for of in ALL {
                assert_eq!(
                    count(house, of, "a") == Attempt::Counted,
                    of == Of::Account,
                    "{of:?}"
                );
            }
        },
    ),
    (
        "of a hundred at once, as many are counted as are allowed",
        |house| {
            let ten = Allowance {
                at_once: 10,
                ..THREE
            };
            for round in [b"a", b"b"] {
                let now = house.now();
                let answers = house.race((0..100).map(|_| {
                    move |tx: &mut Tx<'_>| {
                        attempts::count(tx, Of::AccountAndAddress, &Digest::of(round), ten, now)
                    }
                }));
                let counted = answers.iter().filter(|a| **a == Ok(Attempt::Counted));
                assert_eq!(counted.count(), 10, "{answers:?}");
                assert!(answers.iter().all(Result::is_ok));
            }
        },
    ),
    (
        "of a hundred at once with a place for one, one is counted",
        |house| {
            for _ in 0..3 {
                assert_eq!(count(house, Of::Account, "a"), Attempt::Counted);
            }
            house.advance(MINUTE);
            let now = house.now();
            let answers = house.race((0..100).map(|_| {
                move |tx: &mut Tx<'_>| {
                    attempts::count(tx, Of::Account, &Digest::of(b"a"), THREE, now)
                }
            }));
            let counted = answers.iter().filter(|a| **a == Ok(Attempt::Counted));
            assert_eq!(counted.count(), 1, "{answers:?}");
        },
    ),
    ("a limit of one, and the end of time", |house| {
        let one = Allowance {
            at_once: 1,
            one_back_in: Duration::MAX,
        };
        let now = Timestamp::from_millis(house.now().as_millis());
        let count = |house: &House| {
            house
                .write(move |tx| attempts::count(tx, Of::Account, &Digest::of(b"x"), one, now))
                .unwrap()
        };
        assert_eq!(count(house), Attempt::Counted);
        assert!(matches!(count(house), Attempt::Refused { .. }));
    }),
];

fn count(house: &House, of: Of, text: &'static str) -> Attempt {
    let now = house.now();
    house
        .write(move |tx| attempts::count(tx, of, &Digest::of(text.as_bytes()), THREE, now))
        .unwrap()
}

fn take_back(house: &House, of: Of, text: &'static str) {
    house
        .write(move |tx| attempts::take_back(tx, of, &Digest::of(text.as_bytes()), THREE))
        .unwrap();
}
