//! What holds for every token: it comes back as it went in, one character more or less or other spoils it, and no
//! input whatever makes the reader panic.

use keystead_protocol::{
    claims::{Expected, TokenUse, check},
    jwk::{Algorithm, Jwk, VerifyingKey, VerifyingKeys},
    jwt::{Signer, Token, Typ},
    time::Timestamp,
};
use proptest::prelude::*;

use crate::tokens::{encode, forge, key, verify};

/// One key of each kind of mathematics; the rest differ by their hash.
const KINDS: [Algorithm; 5] = [
    Algorithm::HS256,
    Algorithm::RS256,
    Algorithm::PS256,
    Algorithm::ES256,
    Algorithm::EdDSA,
];

const PAYLOAD: &[u8] = br#"{"iss":"https://issuer.example/","sub":"auth0|1"}"#;

#[test]
fn every_flipped_bit_is_noticed() {
    for alg in KINDS {
        let (token, verifying) = sample(alg);
        for bit in 0..token.len() * 8 {
            let mut bent = token.clone().into_bytes();
            bent[bit / 8] ^= 1 << (bit % 8);
            let Ok(bent) = String::from_utf8(bent) else {
                continue; // No header value, so never a token.
            };
            assert!(
                verify(&bent, &verifying).is_err(),
                "{alg}: bit {bit}, {bent}"
            );
        }
    }
}

#[test]
fn every_cut_and_every_addition_is_noticed() {
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_=. \n";
    for alg in KINDS {
        let (token, verifying) = sample(alg);
        for at in 0..token.len() {
            assert!(
                verify(&token[..at], &verifying).is_err(),
                "{alg}: first {at}"
            );
            assert!(
                at == 0 || verify(&token[at..], &verifying).is_err(),
                "{alg}: from {at}"
            );
            let gap = format!("{}{}", &token[..at], &token[at + 1..]);
            assert!(verify(&gap, &verifying).is_err(), "{alg}: without {at}");
            let double = format!("{}{}", &token[..=at], &token[at..]);
            assert!(verify(&double, &verifying).is_err(), "{alg}: twice {at}");
        }
        for more in ALPHABET.chars() {
            assert!(
                verify(&format!("{token}{more}"), &verifying).is_err(),
                "{alg}: {more:?} behind"
            );
            assert!(
                verify(&format!("{more}{token}"), &verifying).is_err(),
                "{alg}: {more:?} before"
            );
        }
    }
}

fn sample(alg: Algorithm) -> (String, VerifyingKey) {
    let signer = Signer::new(key(alg));
    let token = signer.encode(Typ::Jwt, PAYLOAD).unwrap();
    let verifying = signer.key().to_verifying_key().unwrap();
    assert!(verify(&token, &verifying).is_ok(), "{alg}");
    (token, verifying)
}

/// Text that comes close to a token: parts of base64url, of JSON in base64url, or of anything.
fn near_token() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        "[A-Za-z0-9_-]{0,40}",
        ".{0,20}",
        json().prop_map(encode),
        Just(encode(r#"{"alg":"HS256"}"#)),
    ];
    proptest::collection::vec(part, 0..5).prop_map(|parts| parts.join("."))
}

fn json() -> impl Strategy<Value = String> {
    let member = prop_oneof![
        Just("alg"),
        Just("kid"),
        Just("typ"),
        Just("crit"),
        Just("aud"),
        Just("exp"),
        Just("iss"),
        Just("x"),
        Just("keys"),
        Just("kty"),
        Just("n"),
        Just("e"),
        Just("crv"),
        Just("y"),
    ];
    let value = prop_oneof![
        Just("\"HS256\"".to_owned()),
        Just("null".to_owned()),
        Just("[]".to_owned()),
        Just("{}".to_owned()),
        Just("\"P-256\"".to_owned()),
        Just("\"EC\"".to_owned()),
        Just("\"RSA\"".to_owned()),
        any::<f64>().prop_map(|number| format!("{number:e}")),
        any::<i64>().prop_map(|number| number.to_string()),
        "[A-Za-z0-9_-]{0,48}".prop_map(|text| format!("\"{text}\"")),
        ".{0,8}",
    ];
    proptest::collection::vec((member, value), 0..6).prop_map(|members| {
        let members: Vec<String> = members
            .into_iter()
            .map(|(name, value)| format!("\"{name}\":{value}"))
            .collect();
        format!("{{{}}}", members.join(","))
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_payload_comes_back_as_it_went_in(payload in proptest::collection::vec(any::<u8>(), 0..900)) {
        for alg in Algorithm::ALL {
            let signer = Signer::new(key(alg));
            for typ in [Typ::Jwt, Typ::AccessToken, Typ::LogoutToken] {
                let token = signer.encode(typ, &payload).unwrap();
                prop_assert_eq!(token.len(), token.capacity(), "one allocation of the right size");
                let verified = verify(&token, &signer.key().to_verifying_key().unwrap()).unwrap();
                prop_assert_eq!(verified.payload(), payload.as_slice());
                prop_assert!(verified.header().has_typ(typ));
                prop_assert_eq!(verified.header().kid(), signer.key().kid().map(AsRef::as_ref));
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4096, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_makes_the_reader_panic(text in prop_oneof![near_token(), any::<String>()]) {
        let verifying = key(Algorithm::HS256).to_verifying_key().unwrap();
        if let Ok(token) = Token::parse(&text) {
            let _ = token.unverified_payload();
            prop_assert!(token.verify(&verifying).is_err());
        }
    }

    #[test]
    fn no_json_makes_the_readers_of_keys_and_claims_panic(json in prop_oneof![json(), any::<String>()]) {
        if let Ok(jwk) = Jwk::from_json(&json) {
            let _ = VerifyingKey::from_jwk(&jwk, None);
        }
        let _ = VerifyingKeys::from_json(&format!(r#"{{"keys":[{json}]}}"#));
        let signing = key(Algorithm::HS256);
        let token = forge(r#"{"alg":"HS256"}"#, &json, &signing);
        let verified = verify(&token, &signing.to_verifying_key().unwrap()).unwrap();
        let expected = Expected {
            issuer: "https://issuer.example/",
            audience: "api",
            leeway: std::time::Duration::ZERO,
            token_use: TokenUse::AccessToken,
        };
        prop_assert!(check(verified, &expected, Timestamp::from_secs(0)).is_err());
    }
}
