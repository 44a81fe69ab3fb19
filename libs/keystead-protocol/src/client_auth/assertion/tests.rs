//! Cases of client assertions, each signed with a real key.

use std::sync::LazyLock;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::*;
use crate::{
    jwk::{Algorithm, SigningKey},
    jwt::Token,
};

const NOW: i64 = 1_800_000_000;
const ISSUER: &str = "https://login.example/";
const TOKEN_URL: &str = "https://login.example/oauth/token";

static KEY: LazyLock<SigningKey> =
    LazyLock::new(|| SigningKey::generate(Algorithm::ES256).unwrap());

fn check_text(
    header: Value,
    payload: &str,
    audience: AssertionAudience,
) -> Result<Assertion, AssertionRefusal> {
    let part = |text: String| URL_SAFE_NO_PAD.encode(text);
    let input = format!("{}.{}", part(header.to_string()), part(payload.to_owned()));
    let mut signature = Vec::new();
    KEY.sign(input.as_bytes(), &mut signature).unwrap();
    let token = format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature));
    let verified = Token::parse(&token)
        .unwrap()
        .verify(&KEY.to_verifying_key().unwrap())
        .unwrap();
    let client_id = "app".try_into().unwrap();
    let expected = Expected {
        client_id: &client_id,
        issuer: ISSUER,
        endpoints: &[TOKEN_URL],
        audience,
    };
    check(&verified, &expected, Timestamp::from_secs(NOW))
}

/// An assertion as it should be, with some members replaced; `null` removes one.
fn check_with(changes: Value, audience: AssertionAudience) -> Result<Assertion, AssertionRefusal> {
    let mut claims =
        json!({"iss": "app", "sub": "app", "aud": ISSUER, "iat": NOW, "exp": NOW + 60, "jti": "1"});
    let claims = claims.as_object_mut().unwrap();
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => drop(claims.remove(name)),
            value => drop(claims.insert(name.clone(), value.clone())),
        }
    }
    let payload = serde_json::to_string(claims).unwrap();
    check_text(json!({"alg": "ES256"}), &payload, audience)
}

// One row, one line: a table is read down its columns.
#[rustfmt::skip]
#[test]
fn what_an_assertion_must_say() {
    use AssertionRefusal::*;
    for (name, changes, want) in [
        ("as it should be", json!({}), Ok(())),
        ("without iat", json!({"iat": null}), Ok(())),
        ("iat eight seconds ahead", json!({"iat": NOW + 8}), Ok(())),
        ("nbf eight seconds ahead", json!({"nbf": NOW + 8}), Ok(())),
        ("iat and nbf at the limit", json!({"iat": NOW + 10, "nbf": NOW + 10}), Ok(())),
        ("iat past the limit", json!({"iat": NOW + 11}), Err(FromTheFuture)),
        ("iat a minute ahead", json!({"iat": NOW + 60}), Err(FromTheFuture)),
        ("nbf a minute ahead", json!({"nbf": NOW + 60}), Err(FromTheFuture)),
        ("nbf a minute ahead and no iat", json!({"nbf": NOW + 60, "iat": null}), Err(FromTheFuture)),
        ("iat long ago", json!({"iat": NOW - 86_400}), Ok(())),
        ("expires next second", json!({"exp": NOW + 1}), Ok(())),
        ("expires now", json!({"exp": NOW}), Err(Expired)),
        ("expired", json!({"exp": NOW - 300}), Err(Expired)),
        ("expires in an hour", json!({"exp": NOW + 3600}), Ok(())),
        ("expires later", json!({"exp": NOW + 3601}), Err(TooLong)),
        ("never expires", json!({"exp": null}), Err(NoExpiry)),
        ("a fraction of a second left", json!({"exp": NOW as f64 + 0.5}), Ok(())),
        ("expires at a text", json!({"exp": "tomorrow"}), Err(Malformed)),
        ("another issuer", json!({"iss": "other"}), Err(WrongIssuer)),
        ("our issuer", json!({"iss": ISSUER}), Err(WrongIssuer)),
        ("no issuer", json!({"iss": null}), Err(WrongIssuer)),
        ("another subject", json!({"sub": "other"}), Err(WrongSubject)),
        ("no subject, as in a request object", json!({"sub": null}), Err(WrongSubject)),
        ("a subject that is a list", json!({"sub": ["app"]}), Err(Malformed)),
        ("no jti", json!({"jti": null}), Err(NoId)),
        ("an empty jti", json!({"jti": ""}), Err(NoId)),
        ("a jti that is a number", json!({"jti": 1}), Err(Malformed)),
        ("no audience", json!({"aud": null}), Err(WrongAudience)),
    ] {
        for audience in [AssertionAudience::IssuerOrEndpoint, AssertionAudience::IssuerAlone] {
            assert_eq!(check_with(changes.clone(), audience).map(|_| ()), want, "{name}, {audience:?}");
        }
    }
}

#[rustfmt::skip]
#[test]
fn whom_an_assertion_may_be_for() {
    for (name, aud, either, issuer_alone) in [
        ("the issuer", json!(ISSUER), true, true),
        ("the token endpoint", json!(TOKEN_URL), true, false),
        ("the issuer in an array", json!([ISSUER]), true, false),
        ("both in an array", json!([ISSUER, TOKEN_URL]), true, false),
        ("the issuer among others", json!(["https://other.example/", ISSUER]), true, false),
        ("another server", json!("https://other.example/"), false, false),
        ("another endpoint of ours", json!("https://login.example/userinfo"), false, false),
        ("the issuer without its slash", json!("https://login.example"), false, false),
        ("the issuer in another case", json!("https://LOGIN.example/"), false, false),
        ("the issuer as a prefix", json!("https://login.example/x"), false, false),
        ("nobody", json!([]), false, false),
        ("the empty string", json!(""), false, false),
    ] {
        let is_for = |audience| check_with(json!({ "aud": aud }), audience).is_ok();
        assert_eq!(is_for(AssertionAudience::IssuerOrEndpoint), either, "{name}");
        assert_eq!(is_for(AssertionAudience::IssuerAlone), issuer_alone, "{name}, strictly");
    }
}

#[test]
fn a_token_of_another_kind_is_no_assertion() {
    let claims =
        json!({"iss": "app", "sub": "app", "aud": ISSUER, "exp": NOW + 60, "jti": "1"}).to_string();
    for (typ, want) in [
        ("JWT", true),
        ("jwt", true),
        ("client-authentication+jwt", true),
        ("application/client-authentication+JWT", true),
        ("at+jwt", false),
        ("dpop+jwt", false),
        ("oauth-authz-req+jwt", false),
        ("logout+jwt", false),
        ("", false),
    ] {
        let checked = check_text(
            json!({"alg": "ES256", "typ": typ}),
            &claims,
            AssertionAudience::IssuerOrEndpoint,
        );
        assert_eq!(checked.is_ok(), want, "{typ}");
    }
}

#[test]
fn a_claim_occurs_once() {
    let payload = format!(
        r#"{{"iss":"app","sub":"app","aud":"{ISSUER}","exp":{},"jti":"1","jti":"2"}}"#,
        NOW + 60
    );
    let checked = check_text(
        json!({"alg": "ES256"}),
        &payload,
        AssertionAudience::IssuerOrEndpoint,
    );
    assert_eq!(checked, Err(AssertionRefusal::Malformed));
}

#[test]
fn what_is_remembered_tells_assertions_apart() {
    let key =
        |jti: &str| check_with(json!({ "jti": jti }), AssertionAudience::IssuerAlone).unwrap();
    assert_eq!(key("a").replay_key, key("a").replay_key);
    assert_ne!(key("a").replay_key, key("b").replay_key);
    assert_eq!(key("a").replay_key, Digest::of(b"app\0a"));
    assert_eq!(key("a").expires_at, Timestamp::from_secs(NOW + 60));
}
