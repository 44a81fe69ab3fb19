//! Keys and tokens that the other modules share: fixed keys from the RFCs, so that no test waits for primes.

use std::sync::LazyLock;

use aws_lc_rs::{
    encoding::AsDer,
    rsa::{KeyPair as RsaKeyPair, KeyPairComponents},
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, RsaPublicKeyComponents,
    },
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use keystead_protocol::{
    jwk::{Algorithm, Jwk, SigningKey, VerifyingKey},
    jwt::{JwtRefusal, Token, Verified},
};
use serde_json::Value;

/// A key and a token that an RFC shows.
pub struct Vector {
    pub name: String,
    pub alg: Algorithm,
    pub key: Value,
    pub token: String,
}

pub static VECTORS: LazyLock<Vec<Vector>> = LazyLock::new(|| {
    let vectors: Vec<Value> = serde_json::from_str(include_str!("vectors.json")).unwrap();
    vectors
        .into_iter()
        .map(|vector| Vector {
            name: vector["name"].as_str().unwrap().into(),
            alg: vector["alg"].as_str().unwrap().parse().unwrap(),
            key: vector["key"].clone(),
            token: vector["token"].as_str().unwrap().into(),
        })
        .collect()
});

pub fn vector(name: &str) -> &'static Vector {
    VECTORS.iter().find(|vector| vector.name == name).unwrap()
}

impl Vector {
    pub fn number(&self, member: &str) -> Vec<u8> {
        decode(self.key[member].as_str().unwrap())
    }

    /// The public half, as a provider would publish it.
    pub fn public_json(&self) -> String {
        let mut public = self.key.clone();
        public
            .as_object_mut()
            .unwrap()
            .retain(|name, _| !["d", "p", "q", "dp", "dq", "qi"].contains(&name.as_str()));
        public.to_string()
    }

    pub fn verifying_key(&self) -> VerifyingKey {
        if self.alg.is_symmetric() {
            return VerifyingKey::from_secret(self.alg, &self.number("k")).unwrap();
        }
        let jwk = Jwk::from_json(&self.public_json()).unwrap();
        VerifyingKey::from_jwk(&jwk, Some(self.alg)).unwrap()
    }

    /// The private half for an algorithm of the same type of key.
    pub fn signing_key(&self, alg: Algorithm) -> SigningKey {
        match self.key["kty"].as_str().unwrap() {
            "oct" => SigningKey::from_secret(alg, &self.number("k")).unwrap(),
            _ => SigningKey::from_pkcs8(alg, &self.pkcs8()).unwrap(),
        }
    }

    pub fn pkcs8(&self) -> Vec<u8> {
        let number = |member| self.number(member);
        match self.key["kty"].as_str().unwrap() {
            "RSA" => RsaKeyPair::from_components(&KeyPairComponents {
                public_key: RsaPublicKeyComponents {
                    n: number("n"),
                    e: number("e"),
                },
                d: number("d"),
                p: number("p"),
                q: number("q"),
                dP: number("dp"),
                dQ: number("dq"),
                qInv: number("qi"),
            })
            .unwrap()
            .as_der()
            .unwrap()
            .as_ref()
            .to_vec(),
            "EC" => EcdsaKeyPair::from_private_key_and_public_key(
                &ECDSA_P256_SHA256_FIXED_SIGNING,
                &number("d"),
                &[vec![4], number("x"), number("y")].concat(),
            )
            .unwrap()
            .to_pkcs8v1()
            .unwrap()
            .as_ref()
            .to_vec(),
            _ => Ed25519KeyPair::from_seed_and_public_key(&number("d"), &number("x"))
                .unwrap()
                .to_pkcs8v1()
                .unwrap()
                .as_ref()
                .to_vec(),
        }
    }
}

/// A payload that means nothing.
pub const CLAIMS: &str = r#"{"sub":"mallory"}"#;

/// The key that the attackers would like to have: RS256, known by a `kid`.
pub fn victim() -> (SigningKey, VerifyingKey) {
    let signing = key(Algorithm::RS256).with_kid("victim".parse().unwrap());
    let verifying = signing.to_verifying_key().unwrap();
    (signing, verifying)
}

/// One key of every algorithm; RSA's three times two are one pair.
pub fn key(alg: Algorithm) -> SigningKey {
    use Algorithm::{
        ES256, ES384, EdDSA, HS256, HS384, HS512, PS256, PS384, PS512, RS256, RS384, RS512,
    };
    match alg {
        HS256 | HS384 | HS512 => vector("RFC 7515 A.1").signing_key(alg),
        RS256 | RS384 | RS512 | PS256 | PS384 | PS512 => vector("RFC 7515 A.2").signing_key(alg),
        ES256 => vector("RFC 7515 A.3").signing_key(alg),
        EdDSA => vector("RFC 8037 A.4").signing_key(alg),
        ES384 => SigningKey::generate(alg).unwrap(),
    }
}

/// A token of a header and a payload as they are given, signed by a key that does not look at them.
pub fn forge(header: &str, payload: &str, signer: &SigningKey) -> String {
    let mut token = format!("{}.{}", encode(header), encode(payload));
    let mut signature = Vec::new();
    signer.sign(token.as_bytes(), &mut signature).unwrap();
    token.push('.');
    token.push_str(&encode(signature));
    token
}

pub fn verify(token: &str, key: &VerifyingKey) -> Result<Verified, JwtRefusal> {
    Token::parse(token)?.verify(key)
}

pub fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub fn decode(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).unwrap()
}
