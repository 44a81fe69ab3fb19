//! Signed tokens and the sets of keys that vouch for them: nothing passes that was not signed, word for word.

use std::sync::LazyLock;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use keystead_protocol::{
    jwk::{Algorithm, Jwk, JwkSet, SigningKey, VerifyingKey, VerifyingKeys},
    jwt::{Signer, Token, Typ},
};
use keystead_verifier::Verifier;
use serde_json::json;

use crate::Target;

const ISSUER: &str = "https://id.example/";
const AUDIENCE: &str = "https://api.example/";

/// One of each kind of mathematics.
static SIGNERS: LazyLock<Vec<Signer>> = LazyLock::new(|| {
    let generated =
        [Algorithm::ES256, Algorithm::EdDSA, Algorithm::RS256].map(SigningKey::generate);
    let shared = SigningKey::from_secret(Algorithm::HS256, &[7; 32]);
    let keys = generated.into_iter().chain([shared]);
    keys.map(|key| Signer::new(key.expect("a key"))).collect()
});

static KEYS: LazyLock<Vec<VerifyingKey>> = LazyLock::new(|| {
    let verifying = |signer: &Signer| signer.key().to_verifying_key().expect("a key");
    SIGNERS.iter().map(verifying).collect()
});

/// All that was ever signed.
static SIGNED: LazyLock<Vec<String>> = LazyLock::new(|| {
    let claims = json!({
        "iss": ISSUER, "sub": "auth0|ada", "aud": [AUDIENCE], "azp": "app", "scope": "read:x",
        "iat": 1_700_000_000, "exp": 4_000_000_000_u64, "jti": "t1",
    });
    let sign = |signer: &Signer| signer.encode(Typ::Jwt, claims.to_string().as_bytes());
    SIGNERS
        .iter()
        .map(|signer| sign(signer).expect("a token"))
        .collect()
});

static VERIFIER: LazyLock<Verifier> = LazyLock::new(|| {
    let public = KEYS.iter().filter(|key| !key.alg().is_symmetric());
    let keys: VerifyingKeys = public.cloned().collect();
    let builder = Verifier::builder()
        .issuer(ISSUER)
        .audience(AUDIENCE)
        .keys(keys);
    builder.build().expect("a verifier")
});

/// A compact token, held against each key and against the verifier of a resource server.
pub const TOKEN: Target = Target {
    name: "token",
    seeds: || {
        let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
        let (claims, es256) = (SIGNED[0].split('.').nth(1).unwrap_or_default(), &SIGNED[0]);
        let signature = es256.rsplit('.').next().unwrap_or_default();
        let unsigned = [
            r#"{"alg":"none","typ":"JWT"}"#,
            r#"{"alg":"HS256","typ":"JWT"}"#,
            r#"{"alg":"ES256","crit":["b64"],"b64":false}"#,
            r#"{"alg":"ES256","jwk":{"kty":"EC"},"x5u":"https://evil.example/"}"#,
        ];
        let forged = unsigned.map(|header| format!("{}.{claims}.{signature}", part(header)));
        SIGNED.iter().cloned().chain(forged).collect()
    },
    run: |bytes| {
        let Ok(text) = str::from_utf8(bytes) else {
            return;
        };
        let genuine = SIGNED.iter().any(|token| token == text);
        for key in KEYS.iter() {
            let verified = Token::parse(text).and_then(|token| token.verify(key));
            assert!(verified.is_err() || genuine, "{text}");
        }
        match VERIFIER.verify_now(text) {
            Ok(claims) => assert!(genuine && claims.iss.as_deref() == Some(ISSUER), "{text}"),
            Err(why) => assert!(why.challenge().is_none_or(|text| text.is_ascii())),
        }
    },
};

/// A set of keys, as an issuer publishes it, and the keys in it.
pub const KEY_SET: Target = Target {
    name: "key set",
    seeds: || {
        let set: JwkSet = SIGNERS.iter().map(Signer::key).collect();
        let keys = set.keys().iter().map(|key| json!(key).to_string());
        [json!(set).to_string()].into_iter().chain(keys).collect()
    },
    run: |bytes| {
        let Ok(text) = str::from_utf8(bytes) else {
            return;
        };
        if let Ok(key) = Jwk::from_json(text) {
            assert!(!key.thumbprint().is_empty());
        }
        if let Ok(set) = VerifyingKeys::from_json(text) {
            assert!(
                set.keys().iter().all(|key| !key.alg().is_symmetric()),
                "a published secret"
            );
        }
    },
};
