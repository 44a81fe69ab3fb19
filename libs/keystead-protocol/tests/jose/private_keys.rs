//! Keys that sign: made, sealed and read again, refused, and never shown.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, KeyPair,
};
use keystead_protocol::{
    jwk::{Algorithm, Jwk, KeyRefusal, SHORTEST_SECRET, SigningKey, VerifyingKey},
    jwt::{Signer, Token, Typ},
};

use crate::tokens::{decode, key, vector, verify};

#[test]
fn a_generated_key_survives_its_own_pkcs8() {
    for alg in Algorithm::ALL {
        if alg.is_symmetric() {
            assert_eq!(
                SigningKey::generate(alg).unwrap_err(),
                KeyRefusal::Symmetric,
                "{alg}"
            );
            continue;
        }
        let key = SigningKey::generate(alg).unwrap();
        let again = SigningKey::from_pkcs8(alg, &key.to_pkcs8().unwrap()).unwrap();
        assert_eq!(key.kid(), again.kid(), "{alg}");
        assert_eq!(key.to_jwk(), again.to_jwk(), "{alg}");
        assert_eq!(
            key.kid().unwrap().as_str(),
            key.to_jwk().unwrap().thumbprint(),
            "{alg}"
        );
        assert_ne!(key.kid(), SigningKey::generate(alg).unwrap().kid(), "{alg}");
        let token = Signer::new(key).encode(Typ::Jwt, b"{}").unwrap();
        assert!(
            verify(&token, &again.to_verifying_key().unwrap()).is_ok(),
            "{alg}"
        );
    }
}

#[test]
fn private_keys_that_are_refused() {
    let (rsa, ec) = (
        vector("RFC 7515 A.2").pkcs8(),
        vector("RFC 7515 A.3").pkcs8(),
    );
    let mut bent = rsa.clone();
    bent[300] ^= 1;
    for (name, alg, der, want) in [
        (
            "RSA for ES256",
            Algorithm::ES256,
            rsa.as_slice(),
            KeyRefusal::Material,
        ),
        (
            "RSA for EdDSA",
            Algorithm::EdDSA,
            &rsa,
            KeyRefusal::Material,
        ),
        (
            "P-256 for ES384",
            Algorithm::ES384,
            &ec,
            KeyRefusal::Material,
        ),
        (
            "P-256 for RS256",
            Algorithm::RS256,
            &ec,
            KeyRefusal::Material,
        ),
        (
            "halves that do not belong together",
            Algorithm::RS256,
            &bent,
            KeyRefusal::Material,
        ),
        (
            "half of a key",
            Algorithm::RS256,
            &rsa[..600],
            KeyRefusal::Material,
        ),
        ("nothing", Algorithm::EdDSA, &[], KeyRefusal::Material),
        (
            "a key pair for HMAC",
            Algorithm::HS256,
            &rsa,
            KeyRefusal::Symmetric,
        ),
    ] {
        assert_eq!(
            SigningKey::from_pkcs8(alg, der).unwrap_err(),
            want,
            "{name}"
        );
    }
}

#[test]
fn secrets() {
    let secret = [7; SHORTEST_SECRET];
    for alg in Algorithm::ALL {
        let (long, short) = match alg.is_symmetric() {
            true => (None, Some(KeyRefusal::ShortSecret)),
            false => (Some(KeyRefusal::Algorithm), Some(KeyRefusal::Algorithm)),
        };
        for (secret, want) in [(&secret[..], long), (&secret[1..], short)] {
            assert_eq!(SigningKey::from_secret(alg, secret).err(), want, "{alg}");
            assert_eq!(VerifyingKey::from_secret(alg, secret).err(), want, "{alg}");
        }
    }
    let key = SigningKey::from_secret(Algorithm::HS256, &secret).unwrap();
    assert!(key.to_jwk().is_none() && key.to_pkcs8().is_err());
    let token = Signer::new(key).encode(Typ::Jwt, b"{}").unwrap();
    assert_eq!(Token::parse(&token).unwrap().header().kid(), None);
    assert!(
        verify(
            &token,
            &VerifyingKey::from_secret(Algorithm::HS256, &secret).unwrap()
        )
        .is_ok()
    );
}

#[test]
fn keys_are_shared_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<SigningKey>();
    shared::<VerifyingKey>();
}

#[test]
fn what_is_shown_of_a_key() {
    let signing = key(Algorithm::HS256);
    assert_eq!(
        format!("{signing:?}"),
        "SigningKey { alg: HS256, kid: None, .. }"
    );
    let verifying = signing.to_verifying_key().unwrap();
    assert_eq!(
        format!("{verifying:?}"),
        "VerifyingKey { alg: HS256, kid: None, .. }"
    );
}

/// Coordinates keep their leading zeros (RFC 7518 §6.2.1.2): keys are drawn until one has some.
#[test]
fn coordinates_have_their_full_width() {
    let first_byte = |pair: &EcdsaKeyPair| pair.public_key().as_ref()[1];
    for (alg, curve, width) in [
        (Algorithm::ES256, &ECDSA_P256_SHA256_FIXED_SIGNING, 32),
        (Algorithm::ES384, &ECDSA_P384_SHA384_FIXED_SIGNING, 48),
    ] {
        let pair = (0..20_000)
            .map(|_| EcdsaKeyPair::generate(curve).unwrap())
            .find(|pair| first_byte(pair) == 0)
            .expect("one key in 256 starts with a zero");
        let key = SigningKey::from_pkcs8(alg, pair.to_pkcs8v1().unwrap().as_ref()).unwrap();
        let jwk = serde_json::to_value(key.to_jwk().unwrap()).unwrap();
        assert_eq!(decode(jwk["x"].as_str().unwrap()).len(), width, "{alg}");
        let token = Signer::new(key).encode(Typ::Jwt, b"{}").unwrap();
        let read = Jwk::from_json(&jwk.to_string()).unwrap();
        assert!(
            verify(&token, &VerifyingKey::from_jwk(&read, None).unwrap()).is_ok(),
            "{alg}"
        );
    }
}
