//! Where an error stands: at an address of its own for whoever has a browser, and otherwise where it arose.

use std::time::Duration;

use axum::{
    body::Body,
    extract::Request,
    http::{Method, request::Builder},
};
use serde_json::json;

use crate::{
    actors::{App, Begun, PASSWORD, email},
    house::{Answer, House, on_both},
};

/// A request that arrives with these headers, and nothing else that a browser sends.
fn with(headers: &[(&str, &str)], method: Method, address: &str) -> Builder {
    let request = Request::builder().method(method).uri(address);
    let put = |request: Builder, (name, value): &(&str, &str)| request.header(*name, *value);
    headers.iter().fold(request, put)
}

const NAVIGATES: &[(&str, &str)] = &[
    ("sec-fetch-mode", "navigate"),
    ("sec-fetch-dest", "document"),
    ("sec-fetch-site", "cross-site"),
];

/// Requests of every kind that end on a page, with the status, code and cause that they have there.
fn refused(app: &App, other: &App) -> Vec<(Method, String, u16, &'static str, String)> {
    let evil = "https://evil.example/callback";
    vec![
        (
            Method::GET,
            app.authorizes(&[("redirect_uri", evil)]),
            403,
            "unauthorized_client",
            format!(
                "Callback URL mismatch. The redirect_uri {evil} is not registered for this application."
            ),
        ),
        (
            Method::GET,
            "/authorize?client_id=nobody".to_owned(),
            403,
            "invalid_request",
            "Unknown client: nobody".to_owned(),
        ),
        (
            Method::GET,
            "/authorize".to_owned(),
            400,
            "invalid_request",
            "Missing required parameter: client_id".to_owned(),
        ),
        (
            Method::POST,
            "/authorize".to_owned(),
            400,
            "invalid_request",
            "Missing required parameter: client_id".to_owned(),
        ),
        (
            Method::GET,
            other.authorizes(&[("response_mode", "web_message"), ("prompt", "none")]),
            403,
            "unauthorized_client",
            "The origin https://app.example is not an allowed web origin of this application."
                .to_owned(),
        ),
        (
            Method::GET,
            "/u/login?state=x".to_owned(),
            400,
            "invalid_request",
            "This page was opened without the request that it belongs to.".to_owned(),
        ),
        (
            Method::POST,
            "/u/login".to_owned(),
            403,
            "access_denied",
            "This form was not sent from one of our own pages.".to_owned(),
        ),
        (
            Method::GET,
            "/v2/logout?returnTo=https%3A%2F%2Fevil.example%2F".to_owned(),
            400,
            "invalid_request",
            "The returnTo URL https://evil.example/ is not among the Allowed Logout URLs."
                .to_owned(),
        ),
        (
            Method::GET,
            "/oidc/logout?client_id=nobody".to_owned(),
            400,
            "invalid_request",
            "Unknown client.".to_owned(),
        ),
        (
            Method::GET,
            "/u/setup?ticket=x".to_owned(),
            403,
            "access_denied",
            "This set-up link was used".to_owned(),
        ),
    ]
}

/// What the page says, and how.
fn says(answer: &Answer, name: &str, status: u16, code: &str, cause: &str) {
    assert_eq!(
        (answer.status.as_u16(), answer.to()),
        (status, None),
        "{name}"
    );
    assert!(answer.shows("error-page"), "{name}: {}", answer.short());
    assert_eq!(answer.says("error-code"), code, "{name}");
    assert!(
        answer.says("error-cause").starts_with(cause),
        "{name}: {}",
        answer.says("error-cause")
    );
}

/// How many rows there are of what a request could leave behind.
async fn stored(house: &House) -> usize {
    house.services.logbook.flush().await;
    let read = house.services.store.read(|tx| {
        keystead_store::log::newest(tx, keystead_store::log::Whose::Everybody, None, 200)
    });
    read.await.unwrap().len()
}

on_both! {
    async fn l2_a_browser_is_sent_to_the_error_page_which_has_a_path_of_its_own(house) {
        let ada = house.user("ada").await;
        let app = house.asker("app", &ada, json!({})).await;
        let other = house.asker("other", &ada, json!({ "web_origins": [] })).await;
        for (method, address, status, code, cause) in refused(&app, &other) {
            let name = format!("{method} {address}");
            let asked = with(NAVIGATES, method, &address);
            let sent = house.visitor().sends(asked).await;
            assert_eq!(sent.status, 303, "{name}: {}", sent.short());
            let to = sent.header("location");
            assert!(to.starts_with("/u/error?state=") && !to.contains("evil"), "{name}: {to}");
            assert_eq!(sent.header("cache-control"), "no-store", "{name}");
            let quoted = sent.header("x-request-id").to_owned();
            // Reloaded, it says the same; and so it does to whoever is shown the address.
            for headers in [NAVIGATES, NAVIGATES, &[]] {
                let page = house.visitor().sends(with(headers, Method::GET, to)).await;
                says(&page, &name, status, code, &cause);
                assert_eq!(page.says("error-quote"), quoted, "{name}");
            }
        }
    }

    async fn everybody_else_is_answered_where_they_asked(house) {
        let ada = house.user("ada").await;
        let app = house.asker("app", &ada, json!({})).await;
        let other = house.asker("other", &ada, json!({ "web_origins": [] })).await;
        for headers in [
            &[][..],
            &[("sec-fetch-mode", "cors"), ("sec-fetch-dest", "empty"), ("sec-fetch-site", "cross-site")],
            &[("sec-fetch-mode", "no-cors"), ("sec-fetch-dest", "image"), ("sec-fetch-site", "cross-site")],
            &[("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "iframe"), ("sec-fetch-site", "cross-site")],
            &[("sec-fetch-mode", "navigate"), ("sec-fetch-site", "cross-site")],
            &[("sec-fetch-dest", "document"), ("sec-fetch-site", "cross-site")],
        ] {
            for (method, address, status, code, cause) in refused(&app, &other) {
                let name = format!("{headers:?} {method} {address}");
                let answer = house.visitor().sends(with(headers, method, &address)).await;
                says(&answer, &name, status, code, &cause);
            }
        }
    }

    async fn what_a_client_is_answered_is_no_page_of_ours(house) {
        let ada = house.user("ada").await;
        let app = house.asker("app", &ada, json!({})).await;
        let silent = [("prompt", "none")];
        for (mode, status, id) in [("query", 302, ""), ("fragment", 302, ""), ("form_post", 200, "response-form"), ("web_message", 200, "response")] {
            for headers in [NAVIGATES, &[]] {
                let asked = app.authorizes(&[silent[0], ("response_mode", mode)]);
                let answer = house.visitor().sends(with(headers, Method::GET, &asked)).await;
                assert_eq!(answer.status, status, "{mode}");
                assert!(!answer.header("location").starts_with('/'), "{mode}");
                assert!(id.is_empty() || answer.shows(id), "{mode}: {}", answer.short());
            }
        }
    }

    async fn a_state_that_is_not_the_error_pages_is_told_so_there(house) {
        let ada = house.user("ada").await;
        let app = house.asker("app", &ada, json!({})).await;
        let asked = app.authorizes(&[("redirect_uri", "https://evil.example/")]);
        let sent = house.visitor().sends(with(NAVIGATES, Method::GET, &asked)).await;
        let to = sent.header("location").to_owned();
        let state = to.split_once('=').unwrap().1;
        let middle = state.len() / 2;
        let flipped = if &state[middle..=middle] == "A" { "B" } else { "A" };
        let changed = format!("{}{flipped}{}", &state[..middle], &state[middle + 1..]);
        for (name, query) in [
            ("none", String::new()),
            ("an empty one", "?state=".to_owned()),
            ("nonsense", "?state=x".to_owned()),
            ("one that was changed", format!("?state={changed}")),
            ("one that was cut", format!("?state={}", &state[..middle])),
            ("two", format!("?state={state}&state={state}")),
            ("what cannot be read", "?state=%ff".to_owned()),
        ] {
            for headers in [NAVIGATES, &[]] {
                let page = house.visitor().sends(with(headers, Method::GET, &format!("/u/error{query}"))).await;
                says(&page, name, 400, "invalid_request", "This page was opened without the request that it belongs to.");
                assert!(!page.body.contains("evil"), "{name}");
            }
        }
        house.waits(Duration::from_secs(3_600)).await;
        let late = house.visitor().sends(with(NAVIGATES, Method::GET, &to)).await;
        says(&late, "too late", 400, "invalid_request", "This page was open for too long.");
    }

    async fn what_a_page_says_is_neither_stored_nor_endless(house) {
        let ada = house.user("ada").await;
        let app = house.asker("app", &ada, json!({})).await;
        let before = stored(&house).await;
        for _ in 0..5 {
            let sent = house.visitor().sends(with(NAVIGATES, Method::GET, "/u/login?state=x")).await;
            house.visitor().sends(with(NAVIGATES, Method::GET, sent.header("location"))).await;
        }
        assert_eq!(stored(&house).await, before);
        let long = format!("https://evil.example/{}", "\u{1f511}".repeat(500));
        let sent = house.visitor().sends(with(NAVIGATES, Method::GET, &app.authorizes(&[("redirect_uri", &long)]))).await;
        assert!(sent.header("location").len() < 6_000, "{}", sent.header("location").len());
        let page = house.visitor().sends(with(NAVIGATES, Method::GET, sent.header("location"))).await;
        assert!(page.says("error-cause").contains("https://evil.example/\u{1f511}"));
    }

    async fn a_log_out_that_leads_nowhere_has_happened(house) {
        let app = house.shop("app").await;
        let ada = house.account("ada").await;
        let browser = house.browser();
        browser.arrives(&app, &ada).await;
        let page = browser.gets("/v2/logout?returnTo=https%3A%2F%2Fevil.example%2F", Begun::Elsewhere).await;
        assert_eq!((page.status.as_u16(), browser.stands().as_str()), (400, "/u/error"));
        assert_eq!((browser.cookie("keystead"), house.sessions(&ada).await.len()), (None, 0));
    }

    async fn l2_a_form_with_a_mistake_stays_where_it_is(house) {
        let app = house.shop("app").await;
        let ada = house.account("ada").await;
        let browser = house.browser();
        let page = browser.comes_from(&app, &[]).await;
        assert_eq!(browser.stands(), "/u/login");
        assert!(browser.types(&page, email(&ada), "another").await.shows("form-error"));
        assert_eq!(browser.stands(), "/u/login");
        let state = page.field("state");
        let pairs = [("state", state.as_str()), ("email", "eve@example.com"), ("password", "short")];
        assert!(browser.submits("/u/signup", &pairs).await.shows("form-error"));
        assert_eq!(browser.stands(), "/u/signup");
        // And a form from elsewhere is an error, at its own address.
        let page = browser.posts("/u/login", &[("state", &state), ("password", PASSWORD)], Begun::Elsewhere).await;
        assert_eq!((page.status.as_u16(), browser.stands().as_str()), (403, "/u/error"));
    }
}

/// Reloading is what these pages advise, so they stay where there is something to reload.
#[tokio::test]
async fn who_has_to_wait_may_ask_again_at_the_same_address() {
    let limited = [("LIMITS__REQUESTS_PER_SECOND", "1")];
    let house = House::begun_with(crate::house::Engine::Sqlite, &limited).await;
    let visitor = house.visitor();
    let mut last = 0;
    for _ in 0..6 {
        let asked = with(NAVIGATES, Method::GET, "/authorize");
        let answer = visitor.sends_body(asked, Body::empty()).await;
        last = answer.status.as_u16();
    }
    assert_eq!(last, 429);
}
