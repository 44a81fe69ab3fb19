//! Which public keys are taken, which are refused and why, and what they are pinned to.

use keystead_protocol::jwk::{Algorithm, Jwk, KeyRefusal, VerifyingKey};
use serde_json::{Value, json};

use crate::tokens::{encode, vector};

pub fn rsa() -> Value {
    serde_json::from_str(&vector("RFC 7515 A.2").public_json()).unwrap()
}

pub fn with(mut jwk: Value, changes: Value) -> Value {
    for (name, value) in changes.as_object().unwrap() {
        jwk[name] = value.clone();
    }
    jwk
}

fn read(jwk: &Value, wanted: Option<Algorithm>) -> Result<Algorithm, KeyRefusal> {
    let jwk = Jwk::from_json(&jwk.to_string())?;
    VerifyingKey::from_jwk(&jwk, wanted).map(|key| key.alg())
}

#[test]
fn keys_that_are_refused() {
    let ec: Value = serde_json::from_str(&vector("RFC 7515 A.3").public_json()).unwrap();
    let ed: Value = serde_json::from_str(&vector("RFC 8037 A.4").public_json()).unwrap();
    let n = vector("RFC 7515 A.2").number("n");
    let even = [&n[..255], &[0]].concat();
    let (x, y) = (
        vector("RFC 7515 A.3").number("x"),
        vector("RFC 7515 A.3").number("y"),
    );
    use KeyRefusal as Why;

    for (name, jwk, want) in [
        ("not an object", json!([]), Why::NotAKey),
        ("no type", json!({"n": "AQAB"}), Why::NotAKey),
        (
            "RSA without its modulus",
            json!({"kty": "RSA", "e": "AQAB"}),
            Why::NotAKey,
        ),
        (
            "a modulus that is a number",
            with(rsa(), json!({"n": 5})),
            Why::NotAKey,
        ),
        (
            "a shared secret",
            json!({"kty": "oct", "k": "c2VjcmV0"}),
            Why::Private,
        ),
        (
            "a private exponent",
            with(rsa(), json!({"d": "AQAB"})),
            Why::Private,
        ),
        (
            "a private member that is null",
            with(rsa(), json!({"qi": null})),
            Why::Private,
        ),
        (
            "a secret in an RSA key",
            with(rsa(), json!({"k": "c2VjcmV0"})),
            Why::Private,
        ),
        (
            "the private half of Ed25519",
            with(ed.clone(), json!({"d": "AAAA"})),
            Why::Private,
        ),
        (
            "an unknown type",
            json!({"kty": "AKP", "pub": "AAAA", "alg": "ML-DSA-44"}),
            Why::UnsupportedType,
        ),
        (
            "a curve that is not for tokens",
            with(ec.clone(), json!({"crv": "secp256k1"})),
            Why::UnsupportedType,
        ),
        (
            "P-521",
            with(ec.clone(), json!({"crv": "P-521"})),
            Why::UnsupportedType,
        ),
        (
            "X25519, for agreement",
            with(ed.clone(), json!({"crv": "X25519"})),
            Why::UnsupportedType,
        ),
        (
            "EC without a curve",
            json!({"kty": "EC", "x": encode(&x), "y": encode(&y)}),
            Why::UnsupportedType,
        ),
        (
            "a key for encryption",
            with(rsa(), json!({"use": "enc"})),
            Why::NotForSignatures,
        ),
        (
            "operations without `verify`",
            with(rsa(), json!({"key_ops": ["wrapKey"]})),
            Why::NotForSignatures,
        ),
        (
            "an algorithm for encryption",
            with(rsa(), json!({"alg": "RSA-OAEP"})),
            Why::Algorithm,
        ),
        (
            "`none`",
            with(rsa(), json!({"alg": "none"})),
            Why::Algorithm,
        ),
        (
            "HMAC with an RSA key",
            with(rsa(), json!({"alg": "HS256"})),
            Why::Algorithm,
        ),
        (
            "ES256 with an RSA key",
            with(rsa(), json!({"alg": "ES256"})),
            Why::Algorithm,
        ),
        (
            "RS256 with an EC key",
            with(ec.clone(), json!({"alg": "RS256"})),
            Why::Algorithm,
        ),
        (
            "ES384 on P-256",
            with(ec.clone(), json!({"alg": "ES384"})),
            Why::Algorithm,
        ),
        (
            "1024 bits",
            with(rsa(), json!({"n": encode(&n[..128])})),
            Why::RsaSize,
        ),
        (
            "2047 bits",
            with(rsa(), json!({"n": encode([&[0x7f], &n[1..]].concat())})),
            Why::RsaSize,
        ),
        (
            "more than 8192 bits",
            with(rsa(), json!({"n": encode(vec![0xff; 1025])})),
            Why::RsaSize,
        ),
        (
            "a zero before the modulus",
            with(rsa(), json!({"n": encode([&[0], n.as_slice()].concat())})),
            Why::Encoding("n"),
        ),
        (
            "an empty exponent",
            with(rsa(), json!({"e": ""})),
            Why::Encoding("e"),
        ),
        (
            "padding",
            with(rsa(), json!({"n": format!("{}==", encode(&n))})),
            Why::Encoding("n"),
        ),
        (
            "stray bits",
            with(rsa(), json!({"e": "AQAC".replace('C', "B=")})),
            Why::Encoding("e"),
        ),
        (
            "stray bits in a coordinate",
            with(ec.clone(), json!({"x": encode(&x).replace("RVEU", "RVEV")})),
            Why::Encoding("x"),
        ),
        (
            "whitespace",
            with(rsa(), json!({"e": "AQ AB"})),
            Why::Encoding("e"),
        ),
        (
            "a short coordinate",
            with(ec.clone(), json!({"x": encode(&x[1..])})),
            Why::Encoding("x"),
        ),
        (
            "a long coordinate",
            with(
                ec.clone(),
                json!({"y": encode([&[0], y.as_slice()].concat())}),
            ),
            Why::Encoding("y"),
        ),
        (
            "a short Ed25519 key",
            with(ed, json!({"x": encode(&x[1..])})),
            Why::Encoding("x"),
        ),
        (
            "a point off the curve",
            with(ec.clone(), json!({"x": encode(&y), "y": encode(&x)})),
            Why::Material,
        ),
        (
            "the point of zeros",
            with(ec, json!({"x": encode([0; 32]), "y": encode([0; 32])})),
            Why::Material,
        ),
        (
            "an even modulus",
            with(rsa(), json!({"n": encode(even)})),
            Why::Material,
        ),
        (
            "an exponent of one",
            with(rsa(), json!({"e": "AQ"})),
            Why::Material,
        ),
        (
            "an even exponent",
            with(rsa(), json!({"e": "AQAA"})),
            Why::Material,
        ),
        (
            "an exponent that costs time",
            with(rsa(), json!({"e": encode([0xff; 64])})),
            Why::Material,
        ),
    ] {
        assert_eq!(read(&jwk, None), Err(want), "{name}");
    }
    let twice = r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","kty":"EC"}"#;
    assert_eq!(
        Jwk::from_json(twice),
        Err(KeyRefusal::NotAKey),
        "a member occurs twice"
    );
}

#[test]
fn a_key_is_pinned_to_what_is_wanted_or_named_or_implied() {
    let ec: Value = serde_json::from_str(&vector("RFC 7515 A.3").public_json()).unwrap();
    let (wanted, named) = (Some(Algorithm::PS256), with(rsa(), json!({"alg": "PS256"})));
    for (name, jwk, wanted, want) in [
        (
            "RSA that names nothing is RS256",
            rsa(),
            None,
            Ok(Algorithm::RS256),
        ),
        (
            "RSA that names nothing, PS256 wanted",
            rsa(),
            wanted,
            Ok(Algorithm::PS256),
        ),
        (
            "RSA that names PS256",
            named.clone(),
            None,
            Ok(Algorithm::PS256),
        ),
        (
            "RSA that names PS256, PS256 wanted",
            named.clone(),
            wanted,
            Ok(Algorithm::PS256),
        ),
        (
            "RSA that names PS256, RS256 wanted",
            named,
            Some(Algorithm::RS256),
            Err(KeyRefusal::Algorithm),
        ),
        (
            "RSA, ES256 wanted",
            rsa(),
            Some(Algorithm::ES256),
            Err(KeyRefusal::Algorithm),
        ),
        (
            "RSA, HS256 wanted",
            rsa(),
            Some(Algorithm::HS256),
            Err(KeyRefusal::Algorithm),
        ),
        ("P-256 is ES256", ec.clone(), None, Ok(Algorithm::ES256)),
        (
            "P-256, ES384 wanted",
            ec,
            Some(Algorithm::ES384),
            Err(KeyRefusal::Algorithm),
        ),
        (
            "`use` and `key_ops` as they should be",
            with(rsa(), json!({"use": "sig", "key_ops": ["verify"]})),
            None,
            Ok(Algorithm::RS256),
        ),
        (
            "certificates are ignored",
            with(rsa(), json!({"x5c": ["AA"], "x5u": "https://x", "x5t": 1})),
            None,
            Ok(Algorithm::RS256),
        ),
    ] {
        assert_eq!(read(&jwk, wanted), want, "{name}");
    }
}
