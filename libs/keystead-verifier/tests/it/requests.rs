//! How requests carry tokens, and what RFC 6750 §3 answers.

use axum::{Router, extract::State, routing::get};
use keystead_verifier::{Bearer, BearerLayer, Claims, Refusal, Verifier};
use serde_json::json;

use crate::{
    house::{Answer, Clock, NOON, get as ask, trusting},
    issuer::Issuer,
    tokens::{EC, claims, claims_with, signed},
};

const BARE: &str = r#"Bearer realm="api""#;
const TWICE: (&str, &str) = ("invalid_request", "The access token must be sent once");
const MALFORMED: (&str, &str) = ("invalid_request", "The Authorization header is malformed");

async fn api() -> (Issuer, Router) {
    let issuer = Issuer::with(&[&EC]).await;
    let verifier = trusting(&issuer, &Clock::new()).build().unwrap();
    // The same answers by layer and by extractor.
    let layered = Router::new()
        .route(
            "/layer",
            get(|claims: Claims| async move { claims.sub.clone().unwrap() }),
        )
        .layer(BearerLayer::new(verifier.clone()));
    let app = Router::new()
        .route(
            "/bearer",
            get(|Bearer(claims): Bearer| async move { claims.sub.clone().unwrap() }),
        )
        .with_state(verifier)
        .merge(layered);
    (issuer, app)
}

fn refused(status: u16, (code, text): (&str, &str)) -> Answer {
    Answer {
        status,
        challenge: Some(format!(
            r#"Bearer error="{code}", error_description="{text}""#
        )),
        retry_after: None,
        body: json!({"error": code, "error_description": text}).to_string(),
    }
}

#[tokio::test]
async fn a_request_has_one_token_in_one_place() {
    let (issuer, app) = api().await;
    let good = signed(&EC, &claims(&issuer.name));
    let bearer = format!("Bearer {good}");
    let in_query = format!("?access_token={good}");
    let not_sent = || Answer {
        status: 401,
        challenge: Some(BARE.to_owned()),
        retry_after: None,
        body: String::new(),
    };
    let passed = || Answer {
        status: 200,
        challenge: None,
        retry_after: None,
        body: "auth0|ada".to_owned(),
    };

    let rows: Vec<(&str, &str, Vec<Vec<u8>>, Answer)> = vec![
        ("a token", "", vec![bearer.clone().into()], passed()),
        (
            "the scheme in lower case",
            "",
            vec![format!("bearer {good}").into()],
            passed(),
        ),
        (
            "the scheme in upper case",
            "",
            vec![format!("BEARER {good}").into()],
            passed(),
        ),
        (
            "two spaces",
            "",
            vec![format!("Bearer  {good}").into()],
            passed(),
        ),
        (
            "a harmless query",
            "?access_tokens=1&x",
            vec![bearer.clone().into()],
            passed(),
        ),
        ("nothing", "", vec![], not_sent()),
        ("an empty header", "", vec![vec![]], not_sent()),
        (
            "another scheme",
            "",
            vec![b"Basic YTpi".to_vec()],
            not_sent(),
        ),
        (
            "a scheme that begins alike",
            "",
            vec![format!("BearerX {good}").into()],
            not_sent(),
        ),
        (
            "the token without a scheme",
            "",
            vec![good.clone().into()],
            not_sent(),
        ),
        ("a token in the query alone", &in_query, vec![], not_sent()),
        (
            "the scheme without a token",
            "",
            vec![b"Bearer".to_vec()],
            refused(400, MALFORMED),
        ),
        (
            "the scheme and a space",
            "",
            vec![b"Bearer ".to_vec()],
            refused(400, MALFORMED),
        ),
        (
            "a tab",
            "",
            vec![format!("Bearer {good}\t").into()],
            refused(400, MALFORMED),
        ),
        (
            "two words",
            "",
            vec![format!("Bearer {good} {good}").into()],
            refused(400, MALFORMED),
        ),
        (
            "two tokens by a comma",
            "",
            vec![format!("Bearer {good}, Bearer {good}").into()],
            refused(400, MALFORMED),
        ),
        (
            "quotation marks",
            "",
            vec![format!("Bearer \"{good}\"").into()],
            refused(400, MALFORMED),
        ),
        (
            "padding alone",
            "",
            vec![b"Bearer ===".to_vec()],
            refused(400, MALFORMED),
        ),
        (
            "bytes that are no text",
            "",
            vec![b"Bearer \xff\xfe".to_vec()],
            refused(400, MALFORMED),
        ),
        (
            "the header twice",
            "",
            vec![bearer.clone().into(), bearer.clone().into()],
            refused(400, TWICE),
        ),
        (
            "the header twice, with two schemes",
            "",
            vec![b"Basic YTpi".to_vec(), bearer.clone().into()],
            refused(400, TWICE),
        ),
        (
            "header and query",
            &in_query,
            vec![bearer.clone().into()],
            refused(400, TWICE),
        ),
        (
            "header and query, disguised",
            "?a=b&access%5ftoken=",
            vec![bearer.clone().into()],
            refused(400, TWICE),
        ),
    ];
    for (name, query, headers, want) in rows {
        let headers: Vec<&[u8]> = headers.iter().map(Vec::as_slice).collect();
        for path in ["/layer", "/bearer"] {
            let answer = ask(&app, &format!("{path}{query}"), &headers).await;
            assert_eq!(answer, want, "{name} at {path}");
        }
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_token_is_said_once_its_signature_is_right() {
    let (issuer, app) = api().await;
    let with = |changes| signed(&EC, &claims_with(&issuer.name, changes));
    for (name, token, text) in [
        (
            "rubbish",
            "rubbish".to_owned(),
            "The access token is not valid",
        ),
        (
            "another issuer",
            with(json!({"iss": "x"})),
            "The access token is not valid",
        ),
        (
            "expired",
            with(json!({"exp": 1})),
            "The access token expired",
        ),
        (
            "early",
            with(json!({"nbf": NOON + 60})),
            "The access token is not valid yet",
        ),
        (
            "for others",
            with(json!({"aud": "x"})),
            "The access token is for another audience",
        ),
        (
            "an ID token",
            with(json!({"nonce": "x"})),
            "An ID token is not an access token",
        ),
    ] {
        let bearer = format!("Bearer {token}");
        let answer = ask(&app, "/layer", &[bearer.as_bytes()]).await;
        assert_eq!(answer, refused(401, ("invalid_token", text)), "{name}");
    }
}

#[tokio::test]
async fn nobody_is_told_what_a_missing_permission_is_named_if_that_breaks_the_header() {
    for (scope, end) in [
        ("read:messages", r#", scope="read:messages""#),
        (
            "read:messages write:messages",
            r#", scope="read:messages write:messages""#,
        ),
        (r#"x", realm="evil"#, ""),
        ("a\r\nSet-Cookie: b", ""),
        ("", ""),
    ] {
        let refusal = Refusal::InsufficientScope(scope.to_owned());
        let want = format!(
            r#"Bearer error="insufficient_scope", error_description="The access token does not permit this"{end}"#
        );
        assert_eq!(refusal.challenge(), Some(want));
        assert_eq!(refusal.status(), 403);
    }
}

#[tokio::test]
async fn an_api_without_keys_says_so() {
    let issuer = Issuer::with(&[&EC]).await;
    issuer.goes_away();
    let verifier = trusting(&issuer, &Clock::new()).build().unwrap();
    let handler = async |State(_): State<Verifier>, Bearer(_): Bearer| "in";
    let app = Router::new().route("/", get(handler)).with_state(verifier);
    let token = format!("Bearer {}", signed(&EC, &claims(&issuer.name)));
    let answer = ask(&app, "/", &[token.as_bytes()]).await;
    let body = r#"{"error":"temporarily_unavailable","error_description":"The access token cannot be checked now"}"#;
    let want = Answer {
        status: 503,
        challenge: None,
        retry_after: Some("5".to_owned()),
        body: body.to_owned(),
    };
    assert_eq!(answer, want);
    // Who sends nothing is challenged all the same.
    assert_eq!(ask(&app, "/", &[]).await.status, 401);
}
