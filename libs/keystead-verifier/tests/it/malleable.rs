//! What is almost a good token (class 31), and whatever an issuer might sign.

use keystead_verifier::Verifier;
use proptest::{prelude::*, sample::select, test_runner::RngSeed};
use serde_json::{Map, Value, json};

use crate::{
    house::{AUDIENCE, Clock, NOON, trusting},
    issuer::Issuer,
    tokens::{EC, claims, forged, kid, signed},
};

#[tokio::test]
async fn no_neighbour_of_a_good_token_passes() {
    let issuer = Issuer::with(&[&EC]).await;
    let verifier = trusting(&issuer, &Clock::new()).build().unwrap();
    verifier.warm().await.unwrap();
    let good = signed(&EC, &claims(&issuer.name));
    assert!(verifier.verify_now(&good).is_ok());
    for at in 0..good.len() {
        for bit in 0..7 {
            let mut bytes = good.clone().into_bytes();
            bytes[at] ^= 1 << bit;
            let flipped = String::from_utf8(bytes).unwrap();
            assert!(
                verifier.verify_now(&flipped).is_err(),
                "bit {bit} of character {at}"
            );
        }
        assert!(verifier.verify_now(&good[..at]).is_err(), "cut to {at}");
        assert!(
            verifier.verify_now(&good[at + 1..]).is_err(),
            "without the first {at}"
        );
    }
    for more in ["A", "=", ".", " ", "AAAA", "\n"] {
        assert!(
            verifier.verify_now(&format!("{good}{more}")).is_err(),
            "{more:?} after it"
        );
        assert!(
            verifier.verify_now(&format!("{more}{good}")).is_err(),
            "{more:?} before it"
        );
    }
}

/// Values of every shape, among them those that a claim may have.
fn any_value() -> impl Strategy<Value = Value> {
    let known = vec![
        ISSUER,
        AUDIENCE,
        "auth0|ada",
        "read:messages",
        "at+jwt",
        "ES256",
    ];
    let leaf = prop_oneof![
        1 => Just(Value::Null),
        1 => any::<bool>().prop_map(Value::from),
        1 => any::<i64>().prop_map(Value::from),
        1 => any::<f64>().prop_map(Value::from),
        1 => ".{0,12}".prop_map(Value::from),
        // What is almost right is what matters.
        5 => (NOON - 40..NOON + 40).prop_map(Value::from),
        5 => select(known).prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map(".{0,4}", inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// The members of an object: some of these names, changed or not.
fn changes(names: &'static [&'static str]) -> impl Strategy<Value = Map<String, Value>> {
    let member = (select(names), any_value());
    proptest::collection::vec(member, 0..4).prop_map(|members| {
        let named = |(name, value): (&str, Value)| (name.to_owned(), value);
        members.into_iter().map(named).collect()
    })
}

const ISSUER: &str = "https://tenant.example.com/";
const HEADER: &[&str] = &["alg", "kid", "typ", "crit", "cty", "jwk", "jku", "b64", "x"];
const CLAIMS: &[&str] = &[
    "iss",
    "sub",
    "aud",
    "azp",
    "client_id",
    "iat",
    "nbf",
    "exp",
    "jti",
    "scope",
    "permissions",
    "nonce",
    "at_hash",
    "events",
    "cnf",
    "x",
];

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 2_000,
        failure_persistence: None,
        // A case that fails does so each time.
        rng_seed: RngSeed::Fixed(31),
        ..ProptestConfig::default()
    })]

    /// The signature is right each time, so that everything behind it is reached.
    #[test]
    fn whatever_is_signed_panics_nowhere_and_passes_only_for_us_and_now(
        header in prop_oneof![2 => Just(Map::new()), 1 => changes(HEADER)], payload in changes(CLAIMS),
    ) {
        let verifier = Verifier::builder()
            .issuer(ISSUER)
            .audience(AUDIENCE)
            .clock(Clock::new().reader())
            .keys([EC.to_verifying_key().unwrap()].into_iter().collect())
            .build()
            .unwrap();
        let mut head = json!({ "alg": "ES256", "typ": "JWT", "kid": kid(&EC) });
        head.as_object_mut().unwrap().extend(header);
        let mut body = claims(ISSUER);
        body.as_object_mut().unwrap().extend(payload);
        let token = forged(&head.to_string(), &body.to_string(), &EC);
        match verifier.verify_now(&token) {
            Ok(claims) => {
                prop_assert_eq!(claims.iss.as_deref(), Some(ISSUER));
                prop_assert!(claims.aud.iter().any(|one| one == AUDIENCE));
                prop_assert!(claims.exp.is_some_and(|exp| exp.as_millis() > (NOON - 10) * 1000));
                prop_assert!(claims.nbf.is_none_or(|nbf| nbf.as_millis() <= (NOON + 10) * 1000));
                prop_assert_eq!(&head["alg"], "ES256");
                prop_assert!(body.get("cnf").is_none_or(Value::is_null));
                let _ = claims.require_scope("read:messages");
            }
            Err(why) => {
                prop_assert_eq!(why.status(), 401);
                prop_assert!(why.challenge().is_some_and(|text| text.is_ascii()));
            }
        }
    }

    #[test]
    fn whatever_is_sent_panics_nowhere(text in any::<String>(), parts in "[A-Za-z0-9_-]{0,8}([.][A-Za-z0-9_-]{0,8}){0,5}") {
        let verifier = Verifier::builder()
            .issuer(ISSUER)
            .audience(AUDIENCE)
            .keys([EC.to_verifying_key().unwrap()].into_iter().collect())
            .build()
            .unwrap();
        prop_assert!(verifier.verify_now(&text).is_err());
        prop_assert!(verifier.verify_now(&parts).is_err());
    }
}
