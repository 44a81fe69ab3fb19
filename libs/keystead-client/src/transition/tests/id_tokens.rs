//! ID tokens, each with one thing wrong, and what a sign-in makes of a good one.

use std::{sync::LazyLock, time::Duration};

use keystead_protocol::{
    claims::{ClaimRefusal, half_hash},
    jwk::{Algorithm, JwkSet, SigningKey, VerifyingKeys},
    jwt::{JwtRefusal, Signer, Typ},
    time::Timestamp,
};
use serde_json::{Value, json};

use super::{ISSUER, NOON, begin, parameter};
use crate::{
    Error, IdTokenRefusal, LoginReason,
    transition::{Expected, IdToken, SignIn},
};

static SIGNER: LazyLock<Signer> =
    LazyLock::new(|| Signer::new(SigningKey::generate(Algorithm::ES256).unwrap()));

fn keys(keys: &[&SigningKey]) -> VerifyingKeys {
    let set: JwkSet = keys.iter().copied().collect();
    VerifyingKeys::from_json(&serde_json::to_string(&set).unwrap()).unwrap()
}

fn claims(changes: Value) -> Value {
    let mut claims = json!({
        "iss": ISSUER, "aud": "app", "sub": "ada", "iat": NOON - 5, "exp": NOON + 3600, "nonce": "n",
        "auth_time": NOON - 100, "email": "ada@example.com",
    });
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            claims.as_object_mut().unwrap().remove(name);
        } else {
            claims[name] = value.clone();
        }
    }
    claims
}

fn verify(token: &str, keys: &VerifyingKeys) -> Result<IdToken, IdTokenRefusal> {
    let expected = Expected {
        issuer: ISSUER,
        client_id: "app",
        nonce: Some("n"),
        max_age: Some(Duration::from_secs(120)),
        access_token: Some("the access token"),
        leeway: Duration::from_secs(60),
    };
    IdToken::verify(token, keys, &expected, Timestamp::from_secs(NOON))
}

#[test]
fn id_tokens_are_checked() {
    let keys = keys(&[SIGNER.key()]);
    let at_hash = half_hash(Algorithm::ES256, "the access token");
    let claim = |why| Err(IdTokenRefusal::Claims(why));
    for (name, changes, want) in [
        ("good", json!({}), Ok(())),
        (
            "good with its access token",
            json!({"at_hash": at_hash, "azp": "app"}),
            Ok(()),
        ),
        (
            "for us among others",
            json!({"aud": ["app", "api"], "azp": "app"}),
            Ok(()),
        ),
        ("just ended", json!({"exp": NOON - 59}), Ok(())),
        (
            "another issuer",
            json!({"iss": "https://id.example.com"}),
            claim(ClaimRefusal::WrongIssuer),
        ),
        (
            "for another client",
            json!({"aud": "other"}),
            claim(ClaimRefusal::WrongAudience),
        ),
        (
            "for us among others, made for them",
            json!({"aud": ["app", "api"], "azp": "api"}),
            claim(ClaimRefusal::WrongAuthorizedParty),
        ),
        (
            "made for another client",
            json!({"azp": "other"}),
            Err(IdTokenRefusal::AuthorizedParty),
        ),
        (
            "ended",
            json!({"exp": NOON - 60}),
            claim(ClaimRefusal::Expired),
        ),
        (
            "without an end",
            json!({"exp": null}),
            claim(ClaimRefusal::MissingExpiry),
        ),
        (
            "from the future",
            json!({"iat": NOON + 61}),
            claim(ClaimRefusal::IssuedInTheFuture),
        ),
        (
            "without a beginning",
            json!({"iat": null}),
            claim(ClaimRefusal::MissingIssuedAt),
        ),
        (
            "another nonce",
            json!({"nonce": "m"}),
            claim(ClaimRefusal::WrongNonce),
        ),
        (
            "no nonce",
            json!({"nonce": null}),
            claim(ClaimRefusal::WrongNonce),
        ),
        (
            "signed in long ago",
            json!({"auth_time": NOON - 181}),
            claim(ClaimRefusal::AuthenticationTooOld),
        ),
        (
            "signed in nobody knows when",
            json!({"auth_time": null}),
            claim(ClaimRefusal::AuthenticationTooOld),
        ),
        (
            "with another access token",
            json!({"at_hash": half_hash(Algorithm::ES256, "x")}),
            Err(IdTokenRefusal::AccessTokenHash),
        ),
        (
            "about nobody",
            json!({"sub": null}),
            claim(ClaimRefusal::MissingSubject),
        ),
    ] {
        let token = SIGNER
            .encode(Typ::Jwt, claims(changes).to_string().as_bytes())
            .unwrap();
        assert_eq!(verify(&token, &keys).map(|_| ()), want, "{name}");
    }
}

#[test]
fn id_tokens_of_every_algorithm() {
    for alg in [
        Algorithm::RS256,
        Algorithm::PS256,
        Algorithm::ES256,
        Algorithm::EdDSA,
    ] {
        let signer = Signer::new(SigningKey::generate(alg).unwrap());
        let claims = claims(json!({"at_hash": half_hash(alg, "the access token")}));
        let token = signer
            .encode(Typ::Jwt, claims.to_string().as_bytes())
            .unwrap();
        let good = verify(&token, &keys(&[SIGNER.key(), signer.key()])).unwrap();
        assert_eq!(good.subject(), "ada", "{alg}");
        assert_eq!(good.custom::<Value>().unwrap()["email"], "ada@example.com");
        assert_eq!(format!("{good:?}"), "IdToken { .. }");
        let stranger = keys(&[SIGNER.key()]);
        let foreign = (alg != Algorithm::ES256).then(|| verify(&token, &stranger).unwrap_err());
        assert!(foreign.is_none_or(|why| why == IdTokenRefusal::UnknownKey));
        let (rest, signature) = token.rsplit_once('.').unwrap();
        let turned: String = signature.chars().rev().collect();
        let tampered = verify(&format!("{rest}.{turned}"), &keys(&[signer.key()]));
        let why = tampered.unwrap_err();
        assert!(
            matches!(
                why,
                IdTokenRefusal::Token(JwtRefusal::BadSignature | JwtRefusal::Encoding)
            ),
            "{alg}: {why}"
        );
    }
    let shared =
        SigningKey::from_secret(Algorithm::HS256, b"a secret of at least 32 bytes ...").unwrap();
    let token = Signer::new(shared)
        .encode(Typ::Jwt, claims(json!({})).to_string().as_bytes())
        .unwrap();
    assert_eq!(
        verify(&token, &keys(&[SIGNER.key()])).unwrap_err(),
        IdTokenRefusal::Token(JwtRefusal::AlgorithmMismatch)
    );
    let access = SIGNER
        .encode(Typ::AccessToken, claims(json!({})).to_string().as_bytes())
        .unwrap();
    let why = verify(&access, &keys(&[SIGNER.key()])).unwrap_err();
    assert_eq!(why, IdTokenRefusal::Claims(ClaimRefusal::WrongType));
}

#[test]
fn a_sign_in_becomes_credentials() {
    let login = begin(&SignIn::new().scope("read:messages")).unwrap();
    let nonce = parameter(login.url(), "nonce").unwrap();
    let id_token = SIGNER
        .encode(
            Typ::Jwt,
            claims(json!({"nonce": nonce})).to_string().as_bytes(),
        )
        .unwrap();
    let answer = json!({"access_token": "a", "token_type": "Bearer", "expires_in": 300, "id_token": id_token});
    let now = Timestamp::from_secs(NOON);
    let read = |answer: &Value| {
        login.credentials(
            200,
            answer.to_string().as_bytes(),
            &keys(&[SIGNER.key()]),
            now,
        )
    };
    let credentials = read(&answer).unwrap();
    assert_eq!(credentials.scope().to_string(), "openid read:messages");
    assert_eq!(
        credentials.expires_at(),
        Some(Timestamp::from_secs(NOON + 300))
    );
    assert_eq!(credentials.id_token().unwrap().subject(), "ada");
    assert!(!credentials.is_renewable());
    let anonymous = json!({"access_token": "a", "token_type": "Bearer"});
    assert!(matches!(
        read(&anonymous),
        Err(Error::IdToken(IdTokenRefusal::Missing))
    ));
    let stolen = SIGNER
        .encode(Typ::Jwt, claims(json!({})).to_string().as_bytes())
        .unwrap();
    let stolen = json!({"access_token": "a", "token_type": "Bearer", "id_token": stolen});
    let why = read(&stolen).unwrap_err();
    assert!(
        matches!(
            why,
            Error::IdToken(IdTokenRefusal::Claims(ClaimRefusal::WrongNonce))
        ),
        "{why}"
    );
    assert!(!Error::from(LoginReason::Revoked).is_temporary());
}
