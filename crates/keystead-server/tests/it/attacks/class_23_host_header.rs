//! Class 23: a link or redirect of ours whose host came from the request.

use axum::{body::Body, extract::Request};
use keystead_server::identity::owners;

use crate::{
    actors::{Begun, PASSWORD, email},
    house::{Engine, House},
};

const LIES: &[(&str, &str)] = &[
    ("host", "evil.example"),
    ("forwarded", "for=192.0.2.1;host=evil.example;proto=https"),
    ("x-forwarded-host", "evil.example"),
    ("x-forwarded-proto", "https"),
    ("x-forwarded-for", "192.0.2.1"),
    ("x-forwarded-prefix", "//evil.example"),
    ("x-original-url", "//evil.example/"),
    ("x-rewrite-url", "//evil.example/"),
    ("x-host", "evil.example"),
];

/// Every address that a browser opens, and the forms behind them.
async fn no_answer_names_it(house: House, lies: &[(&str, &str)]) {
    let app = house.shop("app").await;
    let ada = house.account("ada").await;
    let link = owners::invite(&house.services).await.unwrap().unwrap();
    assert!(link.expose().starts_with("http://localhost:3000/u/setup?"));
    let ticket = link.expose().split_once("ticket=").unwrap().1.to_owned();
    let browser = house.browser();
    let page = browser.comes_from(&app, &[]).await;
    let state = page.field("state");
    let lying = |method: &str, address: &str| {
        let mut request = Request::builder().method(method).uri(address);
        for (name, value) in lies {
            request = request.header(*name, *value);
        }
        request
    };
    let addresses = [
        app.authorizes(&[]),
        format!("/u/login?state={state}"),
        format!("/u/signup?state={state}"),
        format!("/authorize/resume?state={state}"),
        format!("/u/setup?ticket={ticket}"),
        "/u/login?state=unknown".to_owned(),
        "/v2/logout".to_owned(),
        "/v2/logout?client_id=app".to_owned(),
        "/v2/logout?client_id=app&returnTo=https%3A%2F%2Fevil.example%2F".to_owned(),
        "/oidc/logout".to_owned(),
        "/u/logged-out".to_owned(),
        "/ios/com.example.App/callback".to_owned(),
    ];
    for address in &addresses {
        let answer = browser
            .sends(lying("GET", address), Begun::Typed, Body::empty())
            .await;
        let named = address.contains("evil");
        for (name, value) in &answer.headers {
            let value = value.to_str().unwrap();
            assert!(!value.contains("evil"), "{address}: {name}: {value}");
            assert!(
                name != "set-cookie" || !value.to_lowercase().contains("domain="),
                "{address}: {value}"
            );
        }
        assert!(
            named || !answer.body.contains("evil"),
            "{address}: {}",
            answer.body
        );
    }
    // The log-in itself: it works, and leads where it always does.
    let form = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs([
            ("state", state.as_str()),
            ("username", email(&ada)),
            ("password", PASSWORD),
        ])
        .finish();
    let request =
        lying("POST", "/u/login").header("content-type", "application/x-www-form-urlencoded");
    let sent = browser.sends(request, Begun::Here, Body::from(form)).await;
    assert!(
        sent.header("location")
            .starts_with("/authorize/resume?state="),
        "{}",
        sent.short()
    );
    let back = browser.follows(sent).await;
    assert_eq!(back.sent("iss").as_deref(), Some("http://localhost:3000/"));
    // An origin that fits the lie is not ours.
    let request = lying("POST", "/u/login")
        .header("content-type", "application/x-www-form-urlencoded")
        .header("origin", "https://evil.example");
    let sent = browser
        .sends(request, Begun::Elsewhere, Body::from("action=cancel"))
        .await;
    assert_eq!(sent.status, 403);
}

#[tokio::test]
async fn a_hostile_host_is_followed_nowhere() {
    let house = House::begun(Engine::Sqlite).await;
    no_answer_names_it(house, LIES).await;
}

#[tokio::test]
async fn nor_one_that_a_trusted_proxy_lets_through() {
    let trusted = [("TRUSTED_PROXIES", "203.0.113.9")];
    let house = House::begun_with(Engine::Sqlite, &trusted).await;
    let lies: Vec<_> = LIES
        .iter()
        .copied()
        .filter(|(name, _)| *name != "forwarded")
        .collect();
    no_answer_names_it(house, &lies).await;
}
