//! Replays: of all who present the same thing, however many at once, one is first.

use keystead_protocol::secret::Digest;
use keystead_store::{
    Tx,
    replays::{self, Once, Use},
};

use crate::{Case, accounts::MINUTE, house::House};

pub const CASES: &[Case] = &[
    ("the second use is seen, for each purpose alone", |house| {
        for once in [Once::ClientAssertion, Once::DpopProof] {
            assert_eq!(present(house, once, "a"), Use::First, "{once:?}");
            assert_eq!(present(house, once, "a"), Use::Again, "{once:?}");
            assert_eq!(present(house, once, "b"), Use::First, "{once:?}");
        }
    }),
    (
        "it is remembered up to its last moment and no longer",
        |house| {
            assert_eq!(present(house, Once::ClientAssertion, "a"), Use::First);
            house.advance(MINUTE - std::time::Duration::from_millis(1));
            assert_eq!(present(house, Once::ClientAssertion, "a"), Use::Again);
            house.advance(std::time::Duration::from_millis(1));
            assert_eq!(present(house, Once::ClientAssertion, "a"), Use::First);
            house.advance(MINUTE - std::time::Duration::from_millis(1));
            assert_eq!(present(house, Once::ClientAssertion, "a"), Use::Again);
        },
    ),
    ("of a hundred at once, one is first", |house| {
        assert_eq!(firsts(house), 1);
    }),
    ("of a hundred at once after expiry, one is first", |house| {
        assert_eq!(present(house, Once::ClientAssertion, "a"), Use::First);
        house.advance(MINUTE);
        assert_eq!(firsts(house), 1);
    }),
];

fn present(house: &House, once: Once, text: &str) -> Use {
    let (digest, now) = (Digest::of(text.as_bytes()), house.now());
    house
        .write(move |tx| replays::first_use(tx, once, &digest, now + MINUTE, now))
        .unwrap()
}

fn firsts(house: &House) -> usize {
    let (digest, now) = (Digest::of(b"a"), house.now());
    let answers = house.race((0..100).map(|_| {
        move |tx: &mut Tx<'_>| {
            replays::first_use(tx, Once::ClientAssertion, &digest, now + MINUTE, now)
        }
    }));
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    answers
        .iter()
        .filter(|answer| **answer == Ok(Use::First))
        .count()
}
