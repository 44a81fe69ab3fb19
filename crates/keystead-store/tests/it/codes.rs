//! Codes: redeemed once however many try, unharmed by a refusal, and a replay costs the family.

use std::time::Duration;

use keystead_store::{
    Fault, Tx,
    codes::{self, Code, Redemption},
    grants::{self, Ended, Grant, Standing},
    token_key::{Purpose, TokenKey},
};
use serde_json::json;

use crate::{
    Case,
    accounts::{HOUR, MINUTE, Meeting},
    house::House,
};

const TICK: Duration = Duration::from_millis(1);

pub const CASES: &[Case] = &[
    ("a code is redeemed as it was issued", |house| {
        let meeting = house.meeting();
        let mut code = house.code(&meeting).1;
        code.terms
            .extra
            .insert("claims".to_owned(), json!({"é": null}));
        let bare = Code {
            session: None,
            challenge: None,
            terms: grants::Terms {
                audience: None,
                nonce: None,
                methods: vec![],
                ..code.terms.clone()
            },
            ..code.clone()
        };
        for code in [code, bare] {
            let (key, issued, now) = (house.key(Purpose::Code), code.clone(), house.now());
            house
                .write(move |tx| codes::issue(tx, &key, &issued, now, now + MINUTE))
                .unwrap();
            assert_eq!(redeem(house, &key), Redemption::Fresh(Box::new(code)));
        }
    }),
    (
        "the second redemption ends the family, the third changes nothing",
        |house| {
            let meeting = house.meeting();
            let (key, code) = house.code(&meeting);
            let (other, _) = house.code(&meeting);
            let bystander = house.grant(&meeting);
            let redeemed_at = house.now();
            assert!(matches!(
                exchange(house, &meeting, &key),
                Redemption::Fresh(_)
            ));
            assert!(matches!(standing(house, &code), Standing::Live(_)));
            // Long after the code has expired: the evidence stays.
            house.advance(HOUR);
            for _ in 0..2 {
                let replayed = Redemption::Replayed {
                    grant: code.grant.clone(),
                };
                assert_eq!(exchange(house, &meeting, &key), replayed);
                assert_eq!(
                    standing(house, &code),
                    Standing::Revoked(Ended::CodeReplayed)
                );
                assert_eq!(
                    house.integers("SELECT redeemed_at FROM codes WHERE redeemed_at IS NOT NULL"),
                    [redeemed_at.as_millis()]
                );
            }
            assert_eq!(redeem(house, &other), Redemption::Expired);
            let (id, now) = (bystander.id, house.now());
            let bystander = house
                .read(move |tx| grants::standing(tx, &id, now))
                .unwrap();
            assert!(matches!(bystander, Standing::Live(_)), "{bystander:?}");
        },
    ),
    ("a code lives to its last moment and no longer", |house| {
        let meeting = house.meeting();
        let (used, late) = (house.code(&meeting).0, house.code(&meeting).0);
        house.advance(MINUTE - TICK);
        assert!(matches!(redeem(house, &used), Redemption::Fresh(_)));
        house.advance(TICK);
        assert_eq!(redeem(house, &late), Redemption::Expired);
        assert_eq!(redeem(house, &late), Redemption::Expired);
    }),
    ("what was never issued is unknown", |house| {
        let _ = house.code(&house.meeting());
        assert_eq!(
            redeem(house, &house.key(Purpose::Code)),
            Redemption::Unknown
        );
    }),
    (
        "what it stands for can be read, used or not, and reading does not use it",
        |house| {
            let (key, code) = house.code(&house.meeting());
            let find = |key: TokenKey| house.read(move |tx| codes::find(tx, &key)).unwrap();
            assert_eq!(find(key), Some(code.clone()));
            assert_eq!(
                redeem(house, &key),
                Redemption::Fresh(Box::new(code.clone()))
            );
            house.advance(HOUR);
            assert_eq!(find(key), Some(code));
            assert_eq!(find(house.key(Purpose::Code)), None);
        },
    ),
    ("a refusal leaves the code as unused as before", |house| {
        let (key, code) = house.code(&house.meeting());
        let now = house.now();
        for _ in 0..2 {
            let refused = house.write(move |tx| {
                let redemption = codes::redeem(tx, &key, now)?;
                assert!(matches!(redemption, Redemption::Fresh(_)), "{redemption:?}");
                Err::<(), _>(Fault::Closed)
            });
            assert_eq!(refused, Err(Fault::Closed));
        }
        assert_eq!(redeem(house, &key), Redemption::Fresh(Box::new(code)));
    }),
    (
        "of 16 redemptions at once, one is fresh and the family is dead",
        |house| parallel(house, 16),
    ),
    (
        "of 100 redemptions at once, one is fresh and the family is dead",
        |house| parallel(house, 100),
    ),
    (
        "of 100 that are refused at once, the next is fresh",
        |house| {
            let (key, code) = house.code(&house.meeting());
            let now = house.now();
            let answers = house.race((0..100).map(|_| {
                move |tx: &mut Tx<'_>| match codes::redeem(tx, &key, now)? {
                    Redemption::Fresh(_) => Err(Fault::Closed),
                    other => Ok(other),
                }
            }));
            let refused = answers
                .iter()
                .filter(|answer| **answer == Err(Fault::Closed));
            assert_eq!(refused.count(), 100, "{answers:?}");
            assert_eq!(redeem(house, &key), Redemption::Fresh(Box::new(code)));
        },
    ),
    ("voiding all leaves the used ones as evidence", |house| {
        let meeting = house.meeting();
        let (used, unused) = (house.code(&meeting), house.code(&meeting).0);
        redeem(house, &used.0);
        let now = house.now();
        assert_eq!(house.write(move |tx| codes::void_all(tx, now)), Ok(1));
        assert_eq!(house.write(move |tx| codes::void_all(tx, now)), Ok(0));
        assert_eq!(redeem(house, &unused), Redemption::Expired);
        assert_eq!(
            redeem(house, &used.0),
            Redemption::Replayed {
                grant: used.1.grant
            }
        );
    }),
];

fn parallel(house: &House, redeemers: usize) {
    let meeting = house.meeting();
    let (key, code) = house.code(&meeting);
    let grant = family(house, &meeting, &code);
    let now = house.now();
    let answers = house.race((0..redeemers).map(|_| {
        let grant = grant.clone();
        move |tx: &mut Tx<'_>| settle(tx, &key, &grant, now)
    }));
    let fresh = Ok(Redemption::Fresh(Box::new(code.clone())));
    let replayed = Ok(Redemption::Replayed {
        grant: code.grant.clone(),
    });
    let count = |wanted| answers.iter().filter(|answer| **answer == wanted).count();
    assert_eq!(
        (count(fresh), count(replayed)),
        (1, redeemers - 1),
        "{answers:?}"
    );
    assert_eq!(
        standing(house, &code),
        Standing::Revoked(Ended::CodeReplayed)
    );
    assert_eq!(
        house.integers("SELECT redeemed_at FROM codes"),
        [now.as_millis()]
    );
}

fn redeem(house: &House, key: &TokenKey) -> Redemption {
    let (key, now) = (*key, house.now());
    house.write(move |tx| codes::redeem(tx, &key, now)).unwrap()
}

/// Redeems a code and begins its family, as the token endpoint does.
fn exchange(house: &House, meeting: &Meeting, key: &TokenKey) -> Redemption {
    let (key, begun, now) = (*key, house.unbegun_grant(meeting), house.now());
    house
        .write(move |tx| settle(tx, &key, &begun, now))
        .unwrap()
}

fn settle(
    tx: &mut Tx<'_>,
    key: &TokenKey,
    like: &Grant,
    now: keystead_protocol::time::Timestamp,
) -> Result<Redemption, Fault> {
    let redemption = codes::redeem(tx, key, now)?;
    if let Redemption::Fresh(code) = &redemption {
        grants::begin(
            tx,
            &Grant {
                id: code.grant.clone(),
                ..like.clone()
            },
            now,
        )?;
    }
    Ok(redemption)
}

fn family(house: &House, meeting: &Meeting, code: &Code) -> Grant {
    Grant {
        id: code.grant.clone(),
        ..house.unbegun_grant(meeting)
    }
}

fn standing(house: &House, code: &Code) -> Standing {
    let (id, now) = (code.grant.clone(), house.now());
    house
        .read(move |tx| grants::standing(tx, &id, now))
        .unwrap()
}
