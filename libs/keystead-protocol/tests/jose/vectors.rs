//! The examples of RFC 7515 appendix A, RFC 7520 §4, RFC 7638 §3.1 and RFC 8037 appendix A.

use keystead_protocol::{
    jwk::{Algorithm, Jwk, KeyRefusal},
    jwt::{JwtRefusal, Token},
};

use crate::tokens::{VECTORS, decode, vector, verify};

#[test]
fn every_token_verifies_and_yields_its_payload() {
    for vector in VECTORS.iter() {
        let verified = verify(&vector.token, &vector.verifying_key()).expect(&vector.name);
        let payload = vector.token.split('.').nth(1).unwrap();
        assert_eq!(verified.payload(), decode(payload), "{}", vector.name);
        assert_eq!(verified.header().alg(), vector.alg, "{}", vector.name);
        assert_eq!(
            verified.header().kid(),
            vector.key["kid"].as_str(),
            "{}",
            vector.name
        );
    }
}

#[test]
fn every_signature_that_has_no_chance_in_it_is_made_again() {
    for vector in VECTORS.iter() {
        let (input, signature) = vector.token.rsplit_once('.').unwrap();
        let mut made = Vec::new();
        let key = vector.signing_key(vector.alg);
        key.sign(input.as_bytes(), &mut made).unwrap();
        let same = made == decode(signature);
        let chance = matches!(vector.alg, Algorithm::ES256 | Algorithm::PS384);
        assert_eq!(same, !chance, "{}", vector.name);
        let verified = vector.verifying_key().verify(input.as_bytes(), &made);
        assert_eq!(verified, Ok(()), "{}", vector.name);
    }
}

#[test]
fn a_private_key_is_never_read_as_a_public_one() {
    for vector in VECTORS.iter() {
        let refusal = Jwk::from_json(&vector.key.to_string());
        assert_eq!(refusal, Err(KeyRefusal::Private), "{}", vector.name);
    }
}

#[test]
fn the_public_half_of_a_private_key_is_the_published_one() {
    for vector in VECTORS.iter().filter(|vector| !vector.alg.is_symmetric()) {
        let ours = vector.signing_key(vector.alg).to_jwk().unwrap();
        let theirs = Jwk::from_json(&vector.public_json()).unwrap();
        assert_eq!(ours.thumbprint(), theirs.thumbprint(), "{}", vector.name);
        let published: serde_json::Value = serde_json::to_value(&ours).unwrap();
        for member in ["kty", "n", "e", "crv", "x", "y"] {
            assert_eq!(
                published.get(member),
                vector.key.get(member),
                "{}",
                vector.name
            );
        }
    }
}

#[test]
fn thumbprints() {
    let rsa = r#"{"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw","e":"AQAB","alg":"RS256","kid":"2011-04-29"}"#;
    for (name, json, want) in [
        (
            "RFC 7638 §3.1",
            rsa.to_owned(),
            "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs",
        ),
        (
            "RFC 8037 A.3",
            vector("RFC 8037 A.4").public_json(),
            "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
        ),
    ] {
        let jwk = Jwk::from_json(&json).unwrap();
        assert_eq!(jwk.thumbprint(), want, "{name}");
    }
}

#[test]
fn the_examples_that_are_not_supported_are_refused_as_such() {
    let payload = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
    for (name, header) in [
        ("RFC 7515 A.4, ES512", "eyJhbGciOiJFUzUxMiJ9"),
        ("RFC 7515 A.5, none", "eyJhbGciOiJub25lIn0"),
    ] {
        let token = format!("{header}.{payload}.");
        assert_eq!(
            Token::parse(&token).unwrap_err(),
            JwtRefusal::UnsupportedAlgorithm,
            "{name}"
        );
    }
}
