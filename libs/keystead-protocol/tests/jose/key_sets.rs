//! How sets of keys are published, read and searched.

use keystead_protocol::{
    jwk::{Algorithm, JwkSet, KeyRefusal, NotAKeySet, VerifyingKey, VerifyingKeys},
    jwt::Token,
};
use serde_json::json;

use crate::{
    keys::{rsa, with},
    tokens::{forge, key, vector},
};

#[test]
fn a_set_is_published_as_the_mobile_sdks_want_it() {
    let first = key(Algorithm::RS256).with_kid("one".parse().unwrap());
    let again = key(Algorithm::EdDSA).with_kid("one".parse().unwrap());
    let second = key(Algorithm::ES256).with_kid("two".parse().unwrap());
    let secret = key(Algorithm::HS256).with_kid("three".parse().unwrap());
    let set: JwkSet = [&first, &again, &second, &secret].into_iter().collect();
    let n = vector("RFC 7515 A.2").key["n"].as_str().unwrap();
    assert_eq!(
        serde_json::to_string(&set).unwrap(),
        format!(
            r#"{{"keys":[{{"kty":"RSA","use":"sig","alg":"RS256","kid":"one","n":"{n}","e":"AQAB"}},{}]}}"#,
            r#"{"kty":"EC","use":"sig","alg":"ES256","kid":"two","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#
        )
    );
}

#[test]
fn a_set_keeps_what_it_can_use() {
    let good = with(rsa(), json!({"kid": "good"}));
    let set = json!({"keys": [
        {"kty": "oct", "k": "c2VjcmV0", "kid": "good"},
        good,
        with(rsa(), json!({"use": "enc"})),
        {"kty": 7},
        "not even an object",
        {"kty": "AKP", "alg": "ML-DSA-65", "pub": "AAAA"},
    ], "extra": true});
    let keys = VerifyingKeys::from_json(&set.to_string()).unwrap();
    assert_eq!(keys.keys().len(), 1);
    let skipped: Vec<_> = keys
        .skipped()
        .iter()
        .map(|skipped| (skipped.index, skipped.why))
        .collect();
    assert_eq!(
        skipped,
        [
            (0, KeyRefusal::Private),
            (2, KeyRefusal::NotForSignatures),
            (3, KeyRefusal::NotAKey),
            (4, KeyRefusal::NotAKey),
            (5, KeyRefusal::UnsupportedType),
        ]
    );
    for not_a_set in [
        "",
        "[]",
        "{}",
        r#"{"keys":{}}"#,
        r#"{"keys":[],"keys":[]}"#,
        r#"{"keys":[]"#,
    ] {
        assert_eq!(
            VerifyingKeys::from_json(not_a_set).unwrap_err(),
            NotAKeySet,
            "{not_a_set}"
        );
    }
    assert!(
        VerifyingKeys::from_json(r#"{"keys":[]}"#)
            .unwrap()
            .keys()
            .is_empty()
    );
}

#[test]
fn a_key_is_found_by_id_and_algorithm() {
    let pair = |alg, kid: &str| {
        key(alg)
            .with_kid(kid.parse().unwrap())
            .to_verifying_key()
            .unwrap()
    };
    let one: VerifyingKeys = [pair(Algorithm::RS256, "a")].into_iter().collect();
    let two: VerifyingKeys = [
        pair(Algorithm::RS256, "a"),
        pair(Algorithm::ES256, "a"),
        pair(Algorithm::RS512, "b"),
    ]
    .into_iter()
    .collect();
    for (name, keys, header, want) in [
        (
            "by its id",
            &one,
            r#"{"alg":"RS256","kid":"a"}"#,
            Some(Algorithm::RS256),
        ),
        (
            "the only key, without an id",
            &one,
            r#"{"alg":"RS256"}"#,
            Some(Algorithm::RS256),
        ),
        ("an unknown id", &one, r#"{"alg":"RS256","kid":"z"}"#, None),
        (
            "two keys of one id, by algorithm",
            &two,
            r#"{"alg":"ES256","kid":"a"}"#,
            Some(Algorithm::ES256),
        ),
        (
            "an id under another algorithm",
            &two,
            r#"{"alg":"RS256","kid":"b"}"#,
            None,
        ),
        (
            "several keys, without an id",
            &two,
            r#"{"alg":"RS256"}"#,
            None,
        ),
    ] {
        let token = forge(header, "{}", &key(Algorithm::HS256));
        let token = Token::parse(&token).unwrap();
        let found = token.key_in(keys).map(VerifyingKey::alg);
        assert_eq!(found, want, "{name}");
    }
}
