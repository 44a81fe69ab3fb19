//! Opaque access tokens: found under their key until they expire or are forgotten, and gone with their family.

use std::time::Duration;

use keystead_store::{
    access_tokens::{self, AccessToken},
    token_key::{Purpose, TokenKey},
};

use crate::{
    Case,
    accounts::{MINUTE, scope},
    house::House,
};

const TICK: Duration = Duration::from_millis(1);

pub const CASES: &[Case] = &[
    (
        "a token is found as it was stored, under its key alone",
        |house| {
            let (key, token) = issue(house);
            assert_eq!(found(house, &key), Some(token));
            assert_eq!(found(house, &house.key(Purpose::AccessToken)), None);
        },
    ),
    ("it lives to its last moment and no longer", |house| {
        let (key, _) = issue(house);
        house.advance(MINUTE - TICK);
        assert!(found(house, &key).is_some());
        house.advance(TICK);
        assert_eq!(found(house, &key), None);
    }),
    ("what is forgotten is gone, and no other", |house| {
        let (key, token) = issue(house);
        let other = house.key(Purpose::AccessToken);
        house
            .write(move |tx| access_tokens::insert(tx, &other, &token))
            .unwrap();
        for _ in 0..2 {
            assert_eq!(
                house.write(move |tx| access_tokens::forget(tx, &key)),
                Ok(())
            );
            assert_eq!(found(house, &key), None);
        }
        assert!(found(house, &other).is_some());
    }),
    ("it goes with its family", |house| {
        let (key, _) = issue(house);
        house.execute("DELETE FROM grants");
        assert_eq!(found(house, &key), None);
    }),
];

/// A token for a minute, of a family of Ada's.
fn issue(house: &House) -> (TokenKey, AccessToken) {
    let grant = house.grant(&house.meeting());
    let (key, now) = (house.key(Purpose::AccessToken), house.now());
    let token = AccessToken {
        grant: grant.id,
        scope: scope("openid profile"),
        expires_at: now + MINUTE,
        created_at: now,
    };
    let stored = token.clone();
    house
        .write(move |tx| access_tokens::insert(tx, &key, &stored))
        .unwrap();
    (key, token)
}

fn found(house: &House, key: &TokenKey) -> Option<AccessToken> {
    let (key, now) = (*key, house.now());
    house
        .read(move |tx| access_tokens::find(tx, &key, now))
        .unwrap()
}
