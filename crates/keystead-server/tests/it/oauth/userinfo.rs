//! Userinfo: by header, body and, where the profile allows, query; what scopes release; what is refused.

use axum::{body::Body, extract::Request};
use serde_json::{Value, json};
use url::form_urlencoded;

use crate::{
    actors::{Agreed, Written},
    house::{Answer, Engine, House, brisk, on_both},
};

const API: &str = "https://api.example/";
const REFUSED: &str =
    r#"401 {"error":"invalid_token","error_description":"The access token is not valid"}"#;

/// An access token of a site whose profile is this one.
async fn token(house: &House, profile: &str, scope: &str, audience: Option<&str>) -> String {
    let id = format!(
        "{profile}-{}-{}",
        scope.replace([' ', ':'], "-"),
        audience.is_some()
    );
    let metadata = json!({ "grant_types": ["authorization_code"], "security_profile": profile });
    let app = house.client(&id, metadata).await;
    let user = house.user(&format!("ada-{id}")).await;
    let code = house
        .code(
            &app,
            &user,
            Agreed {
                scope,
                audience,
                ..Agreed::default()
            },
        )
        .await;
    app.redeems(&code).await.text("access_token")
}

on_both! {
    async fn an_opaque_token_and_an_apis_are_shown_in_every_way(house) {
        house.api(API, |_| {}).await;
        for audience in [None, Some(API)] {
            let token = token(&house, "compat", "openid email", audience).await;
            let visitor = house.visitor();
            let want = visitor.shows(&token).await;
            assert_eq!(want.status, 200, "{}", want.body);
            assert_eq!(want.header("content-type"), "application/json");
            assert_eq!(want.header("cache-control"), "no-store");
            let member = json!({ "access_token": token });
            let encoded = form_urlencoded::Serializer::new(String::new()).append_pair("access_token", &token).finish();
            let bearer = |scheme: &str| format!("{scheme} {token}");
            let answers = [
                visitor.sends(Request::get("/userinfo").header("authorization", bearer("bearer"))).await,
                visitor.sends(Request::post("/userinfo").header("authorization", bearer("Bearer"))).await,
                visitor.posts(Request::post("/userinfo"), member.as_object().unwrap(), Written::Form).await,
                visitor.posts(Request::post("/userinfo"), member.as_object().unwrap(), Written::Json).await,
                visitor.gets(&format!("/userinfo?{encoded}")).await,
            ];
            for answer in answers {
                assert_eq!(answer.short(), want.short());
            }
        }
    }
}

#[tokio::test]
async fn scopes_release_their_claims_and_moments_are_written_as_the_profile_says() {
    let house = House::begun(Engine::Sqlite).await;
    for (profile, updated_at) in [
        ("compat", json!("2026-09-21T14:13:20.000Z")),
        ("oidc", json!(1_790_000_000)),
        ("fapi2", json!(1_790_000_000)),
    ] {
        let full = token(&house, profile, "openid profile email", None).await;
        let mut said = house.visitor().shows(&full).await.json();
        let sub = said.as_object_mut().unwrap().remove("sub").unwrap();
        assert!(sub.as_str().unwrap().starts_with("auth0|"));
        let name = format!("ada-{profile}-openid-profile-email-false");
        let mut want = json!({
            "name": name, "nickname": name, "updated_at": updated_at,
            "email": format!("{name}@example.com"), "email_verified": true,
        });
        if profile == "compat" {
            want["picture"] = json!("http://localhost:3000/avatar.png");
        }
        assert_eq!(said, want);
        let bare = token(&house, profile, "openid", None).await;
        let said = house.visitor().shows(&bare).await.json();
        assert_eq!(
            said.as_object().unwrap().keys().collect::<Vec<_>>(),
            ["sub"]
        );
    }
}

#[tokio::test]
async fn the_query_is_read_for_who_grew_up_with_it_and_nobody_else() {
    let house = House::begun(Engine::Sqlite).await;
    for (profile, status) in [
        ("legacy", 200),
        ("compat", 200),
        ("oidc", 401),
        ("fapi2", 401),
    ] {
        let token = token(&house, profile, "openid", None).await;
        let answer = house
            .visitor()
            .gets(&format!("/userinfo?access_token={token}"))
            .await;
        assert_eq!(answer.status, status, "{profile}");
        assert_eq!(house.visitor().shows(&token).await.status, 200, "{profile}");
    }
}

#[tokio::test]
async fn what_is_refused_says_so_in_the_words_of_rfc_6750() {
    let house = House::begun(Engine::Sqlite).await;
    house.api(API, |_| {}).await;
    let visitor = house.visitor();
    let good = token(&house, "compat", "openid", None).await;
    let unnamed = token(&house, "compat", "read:messages", Some(API)).await;
    let opaque_without = token(&house, "compat", "email", None).await;
    let machine = house.machine("robot").await;
    let api = house.api("https://robots.example", |_| {}).await;
    house.grants(&machine, &api, "read:messages").await;
    let robots = machine
        .asks(json!({ "grant_type": "client_credentials", "audience": "https://robots.example" }))
        .await
        .text("access_token");

    let none = visitor.gets("/userinfo").await;
    assert_eq!(
        (none.short().as_str(), none.header("www-authenticate")),
        (REFUSED, r#"Bearer realm="api""#),
        "RFC 6750 §3: the scheme is followed by a parameter, and §3.1: nobody is told of an error who showed nothing"
    );
    for token in ["x", "", "a.b.c", &unnamed, &robots, &good[1..]] {
        let answer = visitor.shows(token).await;
        assert_eq!(answer.short(), REFUSED, "{token}");
        assert_eq!(
            answer.header("www-authenticate"),
            r#"Bearer error="invalid_token""#
        );
        assert_eq!(answer.header("cache-control"), "no-store");
    }
    let answer = visitor.shows(&opaque_without).await;
    assert_eq!(answer.refusal(), "403 insufficient_scope");
    assert_eq!(
        answer.header("www-authenticate"),
        r#"Bearer error="insufficient_scope", scope="openid""#
    );

    let bearer = format!("Bearer {good}");
    let twice = |answer: Answer| {
        assert_eq!(answer.refusal(), "400 invalid_request");
        assert_eq!(
            answer.header("www-authenticate"),
            r#"Bearer error="invalid_request""#
        );
    };
    let with = |path: &str| Request::get(path).header("authorization", &bearer);
    twice(
        visitor
            .sends(with(&format!("/userinfo?access_token={good}")))
            .await,
    );
    twice(
        visitor
            .sends(with("/userinfo").header("authorization", &bearer))
            .await,
    );
    let body = json!({ "access_token": good });
    let request = Request::post("/userinfo").header("authorization", &bearer);
    twice(
        visitor
            .posts(request, body.as_object().unwrap(), Written::Form)
            .await,
    );
    for scheme in ["Basic", "DPoP"] {
        let request = Request::get("/userinfo").header("authorization", format!("{scheme} {good}"));
        assert_eq!(visitor.sends(request).await.short(), REFUSED, "{scheme}");
    }
    let request = Request::post("/userinfo").header("content-type", "text/plain");
    let answer = visitor
        .sends_body(request, Body::from(format!("access_token={good}")))
        .await;
    assert_eq!(answer.refusal(), "400 invalid_request");
}

#[tokio::test]
async fn a_query_that_cannot_be_read_hides_no_second_token() {
    let house = House::begun(Engine::Sqlite).await;
    let visitor = house.visitor();
    let good = token(&house, "compat", "openid", None).await;
    let bearer = format!("Bearer {good}");
    for query in [
        format!("access_token={good}&access_token={good}"),
        format!("access_token={good}&access_token=other"),
        format!("access_token=&access_token={good}"),
        format!("access_token={good}&shoe=8&shoe=9"),
        format!("access_token={good}&shoe=%ff"),
        "shoe=%ff".to_owned(),
    ] {
        let path = format!("/userinfo?{query}");
        let beside = Request::get(&path).header("authorization", &bearer);
        for answer in [visitor.gets(&path).await, visitor.sends(beside).await] {
            assert_eq!(answer.refusal(), "400 invalid_request", "{query}");
            assert_eq!(
                answer.header("www-authenticate"),
                r#"Bearer error="invalid_request""#,
                "{query}"
            );
        }
    }
    // What can be read and is no token is nobody's business.
    let beside = Request::get("/userinfo?shoe=8&access_token=").header("authorization", &bearer);
    assert_eq!(visitor.sends(beside).await.status, 200);
}

#[tokio::test]
async fn a_users_token_ends_with_its_time() {
    let house = House::begun(Engine::Sqlite).await;
    house.api(API, |_| {}).await;
    let day = std::time::Duration::from_secs(86_400);
    let tokens = [
        token(&house, "compat", "openid", None).await,
        token(&house, "compat", "openid", Some(API)).await,
    ];
    house.waits(day - std::time::Duration::from_secs(1)).await;
    for token in &tokens {
        assert_eq!(house.visitor().shows(token).await.status, 200);
    }
    house.waits(std::time::Duration::from_secs(1)).await;
    for token in &tokens {
        assert_eq!(house.visitor().shows(token).await.short(), REFUSED);
    }
    let _: Value = house.visitor().gets("/.well-known/jwks.json").await.json();
}

#[tokio::test]
async fn g48_whatever_a_client_would_rather_read_it_gets_json_and_a_date() {
    let house = House::begun(Engine::Sqlite).await;
    let token = token(&house, "oidc", "openid", None).await;
    for accept in [
        "*/*",
        "application/json",
        "application/json;charset=UTF-8, application/jwt;q=0.1",
        "text/html, image/gif, image/jpeg, *; q=.2",
        "application/jwt",
        "",
    ] {
        let request = Request::get("/userinfo")
            .header("authorization", format!("Bearer {token}"))
            .header("accept", accept);
        let answer = house.visitor().sends(request).await;
        assert_eq!(answer.status, 200, "{accept}");
        assert_eq!(answer.header("content-type"), "application/json");
    }
    // The date is written where the answer leaves.
    let open = house.open(brisk(), None).await;
    let request = format!(
        "GET /userinfo HTTP/1.1\r\nHost: localhost:3000\r\nAuthorization: bearer {token}\r\nConnection: close\r\n\r\n"
    );
    let answer = open.hears(request.as_bytes()).await.to_ascii_lowercase();
    assert!(answer.starts_with("http/1.1 200"), "{answer}");
    assert!(answer.contains("\r\ndate: "), "{answer}");
}
