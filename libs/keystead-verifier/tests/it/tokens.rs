//! Keys that sign, tokens as issuers make them, and tokens as forgers do.

use std::sync::LazyLock;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use keystead_protocol::{
    jwk::{JwkSet, SigningKey},
    jwt::Typ,
};
use keystead_verifier::Algorithm;
use serde_json::{Value, json};

use crate::house::{AUDIENCE, NOON};

macro_rules! keys {
    ($($(#[$doc:meta])* $name:ident: $alg:ident;)+) => {
        $($(#[$doc])* pub static $name: LazyLock<SigningKey> =
            LazyLock::new(|| SigningKey::generate(Algorithm::$alg).unwrap());)+
    };
}

keys! {
    /// The issuer's.
    RSA: RS256;
    /// The issuer's too.
    EC: ES256;
    /// The issuer's next.
    NEXT: ES256;
    /// Nobody's that we know.
    FOREIGN: ES256;
}

pub fn key_set(keys: &[&SigningKey]) -> String {
    let set: JwkSet = keys.iter().copied().collect();
    serde_json::to_string(&set).unwrap()
}

pub fn kid(key: &SigningKey) -> &str {
    key.kid().unwrap().as_str()
}

/// The claims of a good token.
pub fn claims(issuer: &str) -> Value {
    json!({
        "iss": issuer, "aud": AUDIENCE, "sub": "auth0|ada", "azp": "app",
        "iat": NOON - 60, "exp": NOON + 3600, "scope": "openid read:messages", "permissions": ["read:reports"],
    })
}

/// The claims of a good token, with some replaced, or, where the new value is null, left out.
pub fn claims_with(issuer: &str, changes: Value) -> Value {
    let mut claims = claims(issuer);
    let Value::Object(changes) = changes else {
        panic!("changes are an object")
    };
    for (name, value) in changes {
        if value.is_null() {
            claims.as_object_mut().unwrap().remove(&name);
        } else {
            claims[name] = value;
        }
    }
    claims
}

pub fn signed(key: &SigningKey, claims: &Value) -> String {
    typed(key, Typ::Jwt, claims)
}

pub fn typed(key: &SigningKey, typ: Typ, claims: &Value) -> String {
    let kid = key
        .kid()
        .map_or(String::new(), |kid| format!(r#","kid":"{kid}""#));
    let header = format!(r#"{{"alg":"{}","typ":"{}"{kid}}}"#, key.alg(), typ.as_str());
    forged(&header, &claims.to_string(), key)
}

/// A token with a header of one's own, signed by a key of one's own, whatever the header says.
pub fn forged(header: &str, payload: &str, key: &SigningKey) -> String {
    let input = format!("{}.{}", b64(header), b64(payload));
    let mut signature = Vec::new();
    key.sign(input.as_bytes(), &mut signature).unwrap();
    format!("{input}.{}", b64(signature))
}

pub fn b64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
