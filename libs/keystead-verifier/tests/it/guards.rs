//! Scopes, permissions, optional tokens, and claims that nobody verified.

use std::sync::{Arc, Mutex};

use axum::{Router, routing::get};
use keystead_verifier::{Bearer, BearerLayer, Claims, Refusal, Require, VerifyingKeys};
use serde::Deserialize;
use serde_json::json;

use crate::{
    house::{AUDIENCE, Clock, get as ask, get_with, trusting},
    issuer::Issuer,
    tokens::{EC, FOREIGN, NEXT, claims, claims_with, signed},
};

async fn ok() -> &'static str {
    "in"
}

#[tokio::test]
async fn a_guard_asks_for_every_value() {
    let issuer = Issuer::with(&[&EC]).await;
    let verifier = trusting(&issuer, &Clock::new()).build().unwrap();
    let token = |scope, permissions| {
        signed(
            &EC,
            &claims_with(
                &issuer.name,
                json!({"scope": scope, "permissions": permissions}),
            ),
        )
    };
    let both = json!("read:a read:b");
    let none = json!(null);
    for (name, scope, permissions, wanted, by_scope, by_permission) in [
        (
            "the only one",
            json!("read:a"),
            json!(["read:a"]),
            "read:a",
            true,
            true,
        ),
        (
            "one of two",
            both.clone(),
            json!(["read:b", "read:a"]),
            "read:a",
            true,
            true,
        ),
        (
            "both of two",
            both.clone(),
            json!(["read:a", "read:b"]),
            "read:b read:a",
            true,
            true,
        ),
        (
            "one too few",
            json!("read:a"),
            json!(["read:a"]),
            "read:a read:b",
            false,
            false,
        ),
        (
            "a scope is no permission",
            both.clone(),
            none.clone(),
            "read:a",
            true,
            false,
        ),
        (
            "a permission is no scope",
            none.clone(),
            json!(["read:a"]),
            "read:a",
            false,
            true,
        ),
        (
            "the beginning of one",
            json!("read:ab"),
            json!(["read:ab"]),
            "read:a",
            false,
            false,
        ),
        (
            "another case",
            json!("Read:a"),
            json!(["Read:a"]),
            "read:a",
            false,
            false,
        ),
        (
            "two in one permission",
            both.clone(),
            json!(["read:a read:b"]),
            "read:a",
            true,
            false,
        ),
        (
            "nothing is not asked for by a slip",
            both,
            json!(["read:a"]),
            "",
            false,
            false,
        ),
    ] {
        let token = token(
            scope,
            if permissions.is_null() {
                json!([])
            } else {
                permissions
            },
        );
        let claims = verifier.verify(&token).await.unwrap();
        let refusal = Refusal::InsufficientScope(wanted.to_owned());
        let want = |has| if has { Ok(()) } else { Err(refusal.clone()) };
        assert_eq!(claims.require_scope(wanted), want(by_scope), "{name}");
        assert_eq!(
            claims.require_permission(wanted),
            want(by_permission),
            "{name}"
        );

        let routes = |require| Router::new().route("/", get(ok)).route_layer(require);
        let app = Router::new()
            .nest("/scope", routes(Require::scope(wanted)))
            .nest("/permission", routes(Require::permission(wanted)))
            .layer(BearerLayer::new(verifier.clone()));
        for (path, has) in [("/scope", by_scope), ("/permission", by_permission)] {
            let answer = get_with(&app, path, &token).await;
            assert_eq!(
                answer.status,
                if has { 200 } else { 403 },
                "{name} at {path}"
            );
        }
    }
}

#[tokio::test]
async fn a_missing_scope_is_named() {
    let issuer = Issuer::with(&[&EC]).await;
    let verifier = trusting(&issuer, &Clock::new()).build().unwrap();
    let app = Router::new()
        .route("/", get(ok))
        .route_layer(Require::scope("delete:messages"))
        .layer(BearerLayer::new(verifier));
    let answer = get_with(&app, "/", &signed(&EC, &claims(&issuer.name))).await;
    let challenge = r#"Bearer error="insufficient_scope", error_description="The access token does not permit this", scope="delete:messages""#;
    assert_eq!(answer.challenge.as_deref(), Some(challenge));
    let body = r#"{"error":"insufficient_scope","error_description":"The access token does not permit this"}"#;
    assert_eq!((answer.status, answer.body.as_str()), (403, body));
    assert_eq!(ask(&app, "/", &[]).await.status, 401);
}

#[tokio::test]
async fn an_optional_token_may_be_missing_but_not_bad() {
    let issuer = Issuer::with(&[&EC]).await;
    let verifier = trusting(&issuer, &Clock::new()).build().unwrap();
    let who =
        |claims: Option<Claims>| claims.map_or("nobody".to_owned(), |c| c.sub.clone().unwrap());
    let app = Router::new()
        .route(
            "/bearer",
            get(move |bearer: Option<Bearer>| async move { who(bearer.map(|b| b.0)) }),
        )
        .with_state(verifier.clone())
        .merge(
            Router::new()
                .route(
                    "/layer",
                    get(move |claims: Option<Claims>| async move { who(claims) }),
                )
                .route("/must", get(|_: Claims| ok()))
                .route(
                    "/scope",
                    get(ok).route_layer(Require::scope("read:messages")),
                )
                .layer(BearerLayer::new(verifier).optional()),
        );
    let good = signed(&EC, &claims(&issuer.name));
    for path in ["/bearer", "/layer"] {
        assert_eq!(
            get_with(&app, path, &good).await.body,
            "auth0|ada",
            "{path}"
        );
        assert_eq!(ask(&app, path, &[]).await.body, "nobody", "{path}");
        assert_eq!(get_with(&app, path, "rubbish").await.status, 401, "{path}");
        assert_eq!(ask(&app, path, &[b"Bearer"]).await.status, 400, "{path}");
    }
    for path in ["/must", "/scope"] {
        assert_eq!(get_with(&app, path, &good).await.status, 200, "{path}");
        assert_eq!(ask(&app, path, &[]).await.status, 401, "{path}");
    }
}

#[tokio::test]
async fn claims_without_a_layer_are_a_fault_and_never_believed() {
    let issuer = Issuer::with(&[&EC]).await;
    let app = Router::new()
        .route("/", get(|_: Claims| ok()))
        .route("/optional", get(|_: Option<Claims>| ok()))
        .route(
            "/guard",
            get(ok).route_layer(Require::scope("read:messages")),
        );
    let good = signed(&EC, &claims(&issuer.name));
    for path in ["/", "/optional"] {
        let answer = get_with(&app, path, &good).await;
        assert_eq!((answer.status, answer.challenge), (500, None), "{path}");
    }
    assert_eq!(get_with(&app, "/guard", &good).await.status, 401);
    assert_eq!(ask(&app, "/", &[]).await.status, 401);
}

/// Class 11: what a layer verified for one API is not taken for another.
#[tokio::test]
async fn two_apis_in_one_process_keep_their_audiences_apart() {
    let issuer = Issuer::with(&[&EC]).await;
    let outer = trusting(&issuer, &Clock::new()).build().unwrap();
    let inner = outer.for_audience("https://admin.example.com");
    let app = Router::new()
        .route("/", get(|Bearer(_): Bearer| ok()))
        .with_state(inner)
        .layer(BearerLayer::new(outer));
    let token = |aud| signed(&EC, &claims_with(&issuer.name, json!({"aud": aud})));
    for (name, aud, status) in [
        ("both", json!([AUDIENCE, "https://admin.example.com"]), 200),
        ("the outer alone", json!(AUDIENCE), 401),
        ("the inner alone", json!("https://admin.example.com"), 401),
    ] {
        assert_eq!(
            get_with(&app, "/", &token(aud)).await.status,
            status,
            "{name}"
        );
    }
    assert_eq!(issuer.fetches(), 1, "the keys are shared");
}

#[tokio::test]
async fn keys_in_the_process_are_asked_each_time() {
    let issuer = "https://keystead.example.com/";
    let set = |key: &keystead_protocol::jwk::SigningKey| {
        let keys: VerifyingKeys = [key.to_verifying_key().unwrap()].into_iter().collect();
        Arc::new(keys)
    };
    let keys = Arc::new(Mutex::new(set(&EC)));
    let source = Arc::clone(&keys);
    let verifier = keystead_verifier::Verifier::builder()
        .issuer(issuer)
        .audience(AUDIENCE)
        .clock(Clock::new().reader())
        .key_source(move || Arc::clone(&source.lock().unwrap()))
        .build()
        .unwrap();
    let (old, new) = (signed(&EC, &claims(issuer)), signed(&NEXT, &claims(issuer)));
    assert!(verifier.verify(&old).await.is_ok());
    assert_eq!(verifier.verify(&new).await.err(), Some(Refusal::UnknownKey));
    *keys.lock().unwrap() = set(&NEXT);
    assert!(verifier.verify_now(&new).is_ok());
    assert_eq!(verifier.verify_now(&old).err(), Some(Refusal::UnknownKey));
    let foreign = signed(&FOREIGN, &claims(issuer));
    assert_eq!(
        verifier.verify(&foreign).await.err(),
        Some(Refusal::UnknownKey)
    );
}

#[tokio::test]
async fn a_handler_reads_claims_of_its_own() {
    #[derive(Deserialize)]
    struct Own<'a> {
        #[serde(rename = "https://example.com/team")]
        team: &'a str,
    }

    let issuer = Issuer::with(&[&EC]).await;
    let verifier = trusting(&issuer, &Clock::new()).build().unwrap();
    let token = claims_with(&issuer.name, json!({"https://example.com/team": "red"}));
    let claims = verifier.verify(&signed(&EC, &token)).await.unwrap();
    assert_eq!(claims.custom::<Own<'_>>().unwrap().team, "red");
    assert_eq!(claims.client(), Some("app"));
}
