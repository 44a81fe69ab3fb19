//! Which claims make an access token for us (class 11 of the threat list).

use std::time::Duration;

use keystead_protocol::{
    claims::{ClaimRefusal, Claims, Expected, TokenUse, check},
    jwk::Algorithm,
    time::Timestamp,
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::tokens::{forge, key, verify};

pub const NOW: i64 = 1_700_000_000;

pub const API: Expected<'_> = Expected {
    issuer: "https://issuer.example/",
    audience: "https://api.example",
    leeway: Duration::ZERO,
    token_use: TokenUse::AccessToken,
};

pub fn access() -> Value {
    json!({
        "iss": "https://issuer.example/", "sub": "auth0|1", "aud": "https://api.example", "azp": "app",
        "exp": NOW + 60, "iat": NOW - 60, "scope": "read:x write:x", "permissions": ["read:x"],
    })
}

pub fn with(mut claims: Value, changes: Value) -> Value {
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
            value => claims[name] = value.clone(),
        }
    }
    claims
}

pub fn judge(
    typ: Option<&str>,
    payload: &str,
    expected: &Expected<'_>,
) -> Result<Claims, ClaimRefusal> {
    let signing = key(Algorithm::HS256);
    let header = match typ {
        Some(typ) => json!({"alg": "HS256", "typ": typ}),
        None => json!({"alg": "HS256"}),
    };
    let token = forge(&header.to_string(), payload, &signing);
    let verified = verify(&token, &signing.to_verifying_key().unwrap()).unwrap();
    check(verified, expected, Timestamp::from_secs(NOW))
}

#[test]
fn access_tokens() {
    use ClaimRefusal as Why;
    let other = "https://other.example";
    for (name, changes, want) in [
        ("as Auth0 makes them", json!({}), Ok(())),
        (
            "for two audiences",
            json!({"aud": ["https://api.example", "https://issuer.example/userinfo"]}),
            Ok(()),
        ),
        (
            "for one audience in an array",
            json!({"aud": ["https://api.example"]}),
            Ok(()),
        ),
        (
            "of RFC 9068, with `client_id`",
            json!({"azp": null, "client_id": "app", "jti": "1"}),
            Ok(()),
        ),
        (
            "times with a fraction",
            json!({"exp": NOW as f64 + 0.5, "iat": 1.5e9}),
            Ok(()),
        ),
        (
            "of another issuer",
            json!({"iss": other}),
            Err(Why::WrongIssuer),
        ),
        (
            "of the issuer without its slash",
            json!({"iss": "https://issuer.example"}),
            Err(Why::WrongIssuer),
        ),
        (
            "of the issuer in capitals",
            json!({"iss": "https://ISSUER.example/"}),
            Err(Why::WrongIssuer),
        ),
        (
            "without an issuer",
            json!({"iss": null}),
            Err(Why::WrongIssuer),
        ),
        (
            "for another audience",
            json!({"aud": other}),
            Err(Why::WrongAudience),
        ),
        (
            "for other audiences",
            json!({"aud": [other, "https://api.example/"]}),
            Err(Why::WrongAudience),
        ),
        (
            "for no audience",
            json!({"aud": []}),
            Err(Why::WrongAudience),
        ),
        (
            "without an audience",
            json!({"aud": null}),
            Err(Why::WrongAudience),
        ),
        (
            "for an audience that begins like ours",
            json!({"aud": "https://api.example.evil"}),
            Err(Why::WrongAudience),
        ),
        (
            "without an end",
            json!({"exp": null}),
            Err(Why::MissingExpiry),
        ),
        ("that end now", json!({"exp": NOW}), Err(Why::Expired)),
        ("that ended", json!({"exp": NOW - 1}), Err(Why::Expired)),
        ("that end in a second", json!({"exp": NOW + 1}), Ok(())),
        ("that hold from now", json!({"nbf": NOW}), Ok(())),
        (
            "that do not hold yet",
            json!({"nbf": NOW + 1}),
            Err(Why::NotYetValid),
        ),
        (
            "with a nonce, so an ID token",
            json!({"nonce": "n"}),
            Err(Why::IdTokenAsAccessToken),
        ),
        (
            "with the hash of an access token",
            json!({"at_hash": "h"}),
            Err(Why::IdTokenAsAccessToken),
        ),
        (
            "with the hash of a code",
            json!({"c_hash": "h"}),
            Err(Why::IdTokenAsAccessToken),
        ),
        (
            "with the hash of a state",
            json!({"s_hash": "h"}),
            Err(Why::IdTokenAsAccessToken),
        ),
        (
            "bound to a key",
            json!({"cnf": {"jkt": "x"}}),
            Err(Why::SenderConstrained),
        ),
        ("with events", json!({"events": {}}), Err(Why::EventToken)),
    ] {
        let payload = with(access(), changes).to_string();
        assert_eq!(judge(Some("JWT"), &payload, &API).map(drop), want, "{name}");
    }
}

#[test]
fn what_accepted_claims_tell() {
    #[derive(Deserialize)]
    struct Roles {
        #[serde(rename = "https://api.example/roles")]
        roles: Vec<String>,
    }

    let payload = with(
        access(),
        json!({"https://api.example/roles": ["admin"], "scope": "read:x  write:x"}),
    );
    let claims = judge(None, &payload.to_string(), &API).unwrap();
    assert_eq!(claims.sub.as_deref(), Some("auth0|1"));
    assert_eq!(claims.client(), Some("app"));
    assert_eq!(claims.exp, Some(Timestamp::from_secs(NOW + 60)));
    assert_eq!(claims.scopes().unwrap().len(), 2);
    assert_eq!(claims.custom::<Roles>().unwrap().roles, ["admin"]);
    assert_eq!(claims.payload(), payload.to_string().as_bytes());
    for (scope, has) in [
        ("read:x", true),
        ("write:x", true),
        ("read", false),
        ("", false),
        ("read:x  write:x", false),
    ] {
        assert_eq!(claims.has_scope(scope), has, "{scope:?}");
    }
    assert!(claims.has_permission("read:x") && !claims.has_permission("write:x"));

    let bare = judge(
        None,
        &with(access(), json!({"scope": null, "permissions": null})).to_string(),
        &API,
    )
    .unwrap();
    assert!(bare.scopes().unwrap().is_empty() && !bare.has_scope("") && !bare.has_permission(""));
}
