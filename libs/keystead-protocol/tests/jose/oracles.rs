//! Two JOSE libraries written by others must read what we write, and we what they write.

use jose4rs::{
    jwk::JsonWebKey,
    jws::{AlgorithmIdentifier, JsonWebSignature},
    jwx::JsonWebStructure,
};
use jsonwebtoken::{
    DecodingKey, EncodingKey, Header, Validation,
    jwk::{Jwk as TheirJwk, ThumbprintHash},
};
use keystead_protocol::{
    jwk::{Algorithm, JwkSet, SigningKey, VerifyingKeys},
    jwt::{JwtRefusal, Signer, Token, Typ},
};
use serde_json::{Value, json};

use crate::tokens::{encode, key, vector, verify};

fn claims() -> Value {
    json!({"iss": "https://issuer.example/", "sub": "auth0|ä", "aud": ["a", "b"], "exp": 4_102_444_800_u64})
}

fn jwk_json(key: &SigningKey) -> String {
    match key.to_jwk() {
        Some(jwk) => serde_json::to_string(&jwk).unwrap(),
        None => {
            let secret = encode(vector("RFC 7515 A.1").number("k"));
            json!({"kty": "oct", "k": secret, "alg": key.alg()}).to_string()
        }
    }
}

#[test]
fn jsonwebtoken_reads_ours() {
    for alg in Algorithm::ALL {
        let signer = Signer::new(key(alg));
        let payload = claims().to_string();
        let token = signer.encode(Typ::AccessToken, payload.as_bytes()).unwrap();
        let jwk: TheirJwk = serde_json::from_str(&jwk_json(signer.key())).unwrap();
        let mut validation = Validation::new(alg.as_str().parse().unwrap());
        validation.validate_aud = false;
        let read = jsonwebtoken::decode::<Value>(
            &token,
            &DecodingKey::from_jwk(&jwk).unwrap(),
            &validation,
        );
        let read = read.unwrap_or_else(|why| panic!("{alg}: {why}"));
        assert_eq!(read.claims, claims(), "{alg}");
        assert_eq!(read.header.typ.as_deref(), Some("at+jwt"), "{alg}");
        assert_eq!(
            read.header.kid.as_deref(),
            signer.key().kid().map(AsRef::as_ref),
            "{alg}"
        );
    }
}

#[test]
fn we_read_what_jsonwebtoken_writes() {
    for alg in Algorithm::ALL {
        let key = key(alg);
        let header = Header {
            kid: key.kid().map(ToString::to_string),
            ..Header::new(alg.as_str().parse().unwrap())
        };
        let token = jsonwebtoken::encode(&header, &claims(), &their_private(&key)).unwrap();
        let verified = verify(&token, &key.to_verifying_key().unwrap());
        let verified = verified.unwrap_or_else(|why| panic!("{alg}: {why}"));
        assert_eq!(
            serde_json::from_slice::<Value>(verified.payload()).unwrap(),
            claims(),
            "{alg}"
        );
        assert!(verified.header().has_typ(Typ::Jwt), "{alg}");
    }
}

fn their_private(key: &SigningKey) -> EncodingKey {
    match key.to_pkcs8() {
        Err(_) => EncodingKey::from_secret(&vector("RFC 7515 A.1").number("k")),
        Ok(der) => match key.alg() {
            Algorithm::EdDSA => EncodingKey::from_ed_der(&der),
            Algorithm::ES256 | Algorithm::ES384 => EncodingKey::from_ec_der(&der),
            // Their RSA keys are RSAPrivateKey: what stands in PKCS#8 behind 26 bytes, for 2048 bits.
            _ => EncodingKey::from_rsa_der(&der[26..]),
        },
    }
}

#[test]
fn jose4rs_reads_ours() {
    for alg in Algorithm::ALL {
        let signer = Signer::new(key(alg));
        let payload = claims().to_string();
        let token = signer.encode(Typ::Jwt, payload.as_bytes()).unwrap();
        let theirs = JsonWebKey::from_json(jwk_json(signer.key())).unwrap();
        let jws = JsonWebSignature::from_compact_serialization(&token).unwrap();
        assert!(jws.verify_signature(&theirs).unwrap(), "{alg}");
        assert_eq!(jws.payload(&theirs).unwrap(), payload.as_bytes(), "{alg}");
    }
}

/// jose4rs signs PSS with the longest salt that fits, where RFC 7518 §3.5 wants one as long as the hash: refused.
#[test]
fn we_read_what_jose4rs_writes_and_agree_on_thumbprints() {
    use Algorithm::{ES256, EdDSA, HS256, HS384, HS512, PS256, PS384, PS512, RS256, RS384, RS512};
    let rsa = [RS256, RS384, RS512, PS256, PS384, PS512];
    for (name, algorithms) in [
        ("RFC 7515 A.1", &[HS256, HS384, HS512][..]),
        ("RFC 7515 A.2", &rsa),
        ("RFC 7520 §4.1", &rsa),
        ("RFC 7515 A.3", &[ES256]),
        ("RFC 8037 A.4", &[EdDSA]),
    ] {
        let theirs = JsonWebKey::from_json(vector(name).key.to_string()).unwrap();
        for &alg in algorithms {
            let ours = vector(name).signing_key(alg);
            let mut jws = JsonWebSignature::new();
            jws.set_payload(claims().to_string());
            jws.set_algorithm(alg.as_str().parse::<AlgorithmIdentifier>().unwrap());
            let token = jws.compact_serialization(&theirs).unwrap();
            let read = verify(&token, &ours.to_verifying_key().unwrap());
            let want = match alg {
                PS256 | PS384 | PS512 => Err(JwtRefusal::BadSignature),
                _ => Ok(claims().to_string().into_bytes()),
            };
            assert_eq!(
                read.map(|token| token.payload().to_vec()),
                want,
                "{name}, {alg}"
            );
            if let Some(jwk) = ours.to_jwk() {
                let json = serde_json::to_string(&jwk).unwrap();
                let other: TheirJwk = serde_json::from_str(&json).unwrap();
                let other = other.thumbprint(ThumbprintHash::SHA256).unwrap();
                assert_eq!(jwk.thumbprint(), theirs.thumbprint().unwrap(), "{name}");
                assert_eq!(jwk.thumbprint(), other, "{name}");
            }
        }
    }
}

/// The published document is read by them, and theirs finds our key by `kid` as ours does.
#[test]
fn a_published_set_serves_both() {
    let algorithms = [
        Algorithm::RS256,
        Algorithm::ES256,
        Algorithm::HS256,
        Algorithm::EdDSA,
    ];
    let signers = algorithms.map(|alg| Signer::new(key(alg)));
    let set: JwkSet = signers.iter().map(Signer::key).collect();
    let json = serde_json::to_string(&set).unwrap();
    let theirs: jsonwebtoken::jwk::JwkSet = serde_json::from_str(&json).unwrap();
    let ours = VerifyingKeys::from_json(&json).unwrap();
    assert_eq!(
        (theirs.keys.len(), ours.keys().len(), ours.skipped().len()),
        (3, 3, 0)
    );
    for signer in signers.iter().filter(|signer| signer.key().kid().is_some()) {
        let token = signer.encode(Typ::Jwt, b"{}").unwrap();
        let token = Token::parse(&token).unwrap();
        let found = token.key_in(&ours).expect("the key is published");
        assert!(theirs.find(found.kid().unwrap()).is_some());
        assert!(token.verify(found).is_ok());
    }
}
