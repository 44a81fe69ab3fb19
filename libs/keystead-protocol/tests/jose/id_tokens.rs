//! Which claims make an ID token for us, and that neither kind of token passes for the other.

use std::time::Duration;

use keystead_protocol::{
    claims::{ClaimRefusal, Expected, TokenUse, half_hash},
    jwk::Algorithm,
};
use serde_json::{Value, json};

use crate::claims::{API, NOW, access, judge, with};

const APP: Expected<'_> = Expected {
    issuer: "https://issuer.example/",
    audience: "app",
    leeway: Duration::ZERO,
    token_use: TokenUse::IdToken {
        nonce: Some("n-0S6"),
        max_age: None,
    },
};

fn id() -> Value {
    json!({
        "iss": "https://issuer.example/", "sub": "auth0|1", "aud": "app", "exp": NOW + 60, "iat": NOW - 60,
        "nonce": "n-0S6", "auth_time": NOW - 100,
    })
}

#[test]
fn types() {
    use ClaimRefusal::WrongType;
    let typed = Expected {
        token_use: TokenUse::TypedAccessToken,
        ..API
    };
    for (name, typ, any, strict, id_token) in [
        ("none", None, Ok(()), Err(WrongType), Ok(())),
        ("JWT", Some("JWT"), Ok(()), Err(WrongType), Ok(())),
        ("jwt", Some("jwt"), Ok(()), Err(WrongType), Ok(())),
        ("at+jwt", Some("at+jwt"), Ok(()), Ok(()), Err(WrongType)),
        ("AT+JWT", Some("AT+JWT"), Ok(()), Ok(()), Err(WrongType)),
        (
            "application/at+jwt",
            Some("application/at+jwt"),
            Ok(()),
            Ok(()),
            Err(WrongType),
        ),
        (
            "Application/AT+JWT",
            Some("Application/AT+JWT"),
            Ok(()),
            Ok(()),
            Err(WrongType),
        ),
        (
            "text/at+jwt",
            Some("text/at+jwt"),
            Err(WrongType),
            Err(WrongType),
            Err(WrongType),
        ),
        (
            "imagination/at+jwt",
            Some("imagination/at+jwt"),
            Err(WrongType),
            Err(WrongType),
            Err(WrongType),
        ),
        (
            "logout+jwt",
            Some("logout+jwt"),
            Err(WrongType),
            Err(WrongType),
            Err(WrongType),
        ),
        (
            "dpop+jwt",
            Some("dpop+jwt"),
            Err(WrongType),
            Err(WrongType),
            Err(WrongType),
        ),
        (
            "JWE",
            Some("JWE"),
            Err(WrongType),
            Err(WrongType),
            Err(WrongType),
        ),
        (
            "empty",
            Some(""),
            Err(WrongType),
            Err(WrongType),
            Err(WrongType),
        ),
        (
            "no ASCII",
            Some("äpplication/at+jwt"),
            Err(WrongType),
            Err(WrongType),
            Err(WrongType),
        ),
    ] {
        assert_eq!(
            judge(typ, &access().to_string(), &API).map(drop),
            any,
            "{name}"
        );
        assert_eq!(
            judge(typ, &access().to_string(), &typed).map(drop),
            strict,
            "{name}, strictly"
        );
        assert_eq!(
            judge(typ, &id().to_string(), &APP).map(drop),
            id_token,
            "{name}, as an ID token"
        );
    }
    let marked = with(access(), json!({"nonce": "n"})).to_string();
    assert!(
        judge(Some("at+jwt"), &marked, &typed).is_ok(),
        "its type says what it is"
    );
}

/// An API whose identifier is a client's id (it should not be) must still tell the two tokens apart.
#[test]
fn an_id_token_is_not_an_access_token_even_for_the_same_audience() {
    let api = Expected {
        audience: "app",
        ..API
    };
    let refusal = judge(Some("JWT"), &id().to_string(), &api).unwrap_err();
    assert_eq!(refusal, ClaimRefusal::IdTokenAsAccessToken);
    let refusal = judge(Some("JWT"), &id().to_string(), &API).unwrap_err();
    assert_eq!(
        refusal,
        ClaimRefusal::IdTokenAsAccessToken,
        "said before the audience is compared"
    );
}

#[test]
fn id_tokens() {
    use ClaimRefusal as Why;
    let max_age = |seconds| TokenUse::IdToken {
        nonce: None,
        max_age: Some(Duration::from_secs(seconds)),
    };
    for (name, changes, token_use, want) in [
        ("as they should be", json!({}), APP.token_use, Ok(())),
        (
            "another nonce",
            json!({"nonce": "m"}),
            APP.token_use,
            Err(Why::WrongNonce),
        ),
        (
            "no nonce",
            json!({"nonce": null}),
            APP.token_use,
            Err(Why::WrongNonce),
        ),
        ("a nonce nobody asked for", json!({}), max_age(1000), Ok(())),
        (
            "for another client",
            json!({"aud": "other"}),
            APP.token_use,
            Err(Why::WrongAudience),
        ),
        (
            "for two, ours is the party",
            json!({"aud": ["app", "b"], "azp": "app"}),
            APP.token_use,
            Ok(()),
        ),
        (
            "for two, another is the party",
            json!({"aud": ["app", "b"], "azp": "b"}),
            APP.token_use,
            Err(Why::WrongAuthorizedParty),
        ),
        (
            "for two, without a party",
            json!({"aud": ["app", "b"]}),
            APP.token_use,
            Err(Why::WrongAuthorizedParty),
        ),
        (
            "without a subject",
            json!({"sub": null}),
            APP.token_use,
            Err(Why::MissingSubject),
        ),
        (
            "with an empty subject",
            json!({"sub": ""}),
            APP.token_use,
            Err(Why::MissingSubject),
        ),
        (
            "without a time of issue",
            json!({"iat": null}),
            APP.token_use,
            Err(Why::MissingIssuedAt),
        ),
        (
            "issued in the future",
            json!({"iat": NOW + 1}),
            APP.token_use,
            Err(Why::IssuedInTheFuture),
        ),
        (
            "expired",
            json!({"exp": NOW}),
            APP.token_use,
            Err(Why::Expired),
        ),
        (
            "signed in just recently enough",
            json!({}),
            max_age(100),
            Ok(()),
        ),
        (
            "signed in too long ago",
            json!({}),
            max_age(99),
            Err(Why::AuthenticationTooOld),
        ),
        (
            "max_age without auth_time",
            json!({"auth_time": null}),
            max_age(1000),
            Err(Why::AuthenticationTooOld),
        ),
        (
            "with events, a logout token",
            json!({"events": {"x": {}}}),
            APP.token_use,
            Err(Why::EventToken),
        ),
    ] {
        let payload = with(id(), changes).to_string();
        let expected = Expected { token_use, ..APP };
        assert_eq!(
            judge(Some("JWT"), &payload, &expected).map(drop),
            want,
            "{name}"
        );
    }
}

#[test]
fn leeway_widens_both_ends() {
    let leeway = Duration::from_secs(60);
    for (name, expected, claims, want) in [
        ("expired within", API, json!({"exp": NOW - 59}), Ok(())),
        (
            "expired at its end",
            API,
            json!({"exp": NOW - 60}),
            Err(ClaimRefusal::Expired),
        ),
        (
            "not yet valid within",
            API,
            json!({"nbf": NOW + 60}),
            Ok(()),
        ),
        (
            "not yet valid beyond",
            API,
            json!({"nbf": NOW + 61}),
            Err(ClaimRefusal::NotYetValid),
        ),
    ] {
        let payload = with(access(), claims).to_string();
        let expected = Expected { leeway, ..expected };
        assert_eq!(judge(None, &payload, &expected).map(drop), want, "{name}");
    }
    let ahead = with(id(), json!({"iat": NOW + 60})).to_string();
    assert!(judge(None, &ahead, &Expected { leeway, ..APP }).is_ok());
}

/// The access token and the code of OpenID Connect Core appendices A.3 and A.4.
#[test]
fn hashes_are_left_halves() {
    let (token, code) = (
        "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y",
        "Qcb0Orv1zh30vL1MPRsbm-diHiMwcLyZvn1arpZv-Jxf_11jnpEX3Tgfvk",
    );
    assert_eq!(half_hash(Algorithm::RS256, token), "77QmUPtjPfzWtF2AnpK9RQ");
    assert_eq!(half_hash(Algorithm::RS256, code), "LDktKdoQak3Pk0cnXxCltA");
    for (alg, characters) in Algorithm::ALL.map(|alg| {
        let bits = match alg.as_str() {
            "EdDSA" => 512,
            name => name[2..].parse::<usize>().unwrap(),
        };
        (alg, (bits / 2).div_ceil(6))
    }) {
        assert_eq!(half_hash(alg, token).len(), characters, "{alg}");
    }
}
