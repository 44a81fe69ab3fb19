//! Apps in browsers: whose pages may read what the endpoints answer, refusals included, and whose may not.

use axum::http::{Method, Request, request::Builder};
use keystead_store::{Effect, clients};
use serde_json::json;

use super::bad_input::{API, house_and_robot};
use crate::{
    actors::{Agreed, REDIRECT, VERIFIER, Written},
    house::{Answer, Engine, House, Visitor, on_both},
};

const PAGE: &str = "https://spa.example";
const STRANGER: &str = "https://evil.example";

const OPEN: [&str; 3] = ["/oauth/token", "/oauth/revoke", "/userinfo"];

fn from(origin: &str, request: Builder) -> Builder {
    request.header("origin", origin)
}

async fn may_ask(visitor: &Visitor, path: &str, origin: &str) -> Answer {
    let preflight = Request::builder()
        .method(Method::OPTIONS)
        .uri(path)
        .header("access-control-request-method", "POST")
        .header(
            "access-control-request-headers",
            "auth0-client,content-type",
        );
    visitor.sends(from(origin, preflight)).await
}

fn is_read_by(answer: &Answer, origin: &str) -> bool {
    let named = answer.headers.get("access-control-allow-origin");
    let credentials = answer.headers.get("access-control-allow-credentials");
    assert!(credentials.is_none(), "cookies never come along");
    assert_eq!(answer.header("vary"), "origin");
    match named {
        None => false,
        Some(named) => {
            assert_eq!(named, origin);
            let shown = answer.header("access-control-expose-headers");
            assert!(shown.contains("WWW-Authenticate") && shown.contains("Retry-After"));
            true
        }
    }
}

on_both! {
    async fn a_page_may_ask_if_a_client_has_its_origin_by_any_of_three_lists(house) {
        let visitor = house.visitor();
        assert!(!is_read_by(&may_ask(&visitor, "/oauth/token", PAGE).await, PAGE));
        for (id, metadata) in [
            ("listed", json!({ "allowed_origins": ["https://listed.example/"] })),
            ("web", json!({ "web_origins": ["https://web.example"] })),
            ("callback", json!({ "callbacks": ["https://callback.example/in?x=1", "demo://app/callback"] })),
            ("family", json!({ "allowed_origins": ["https://*.family.example"] })),
            ("phone", json!({ "allowed_origins": ["capacitor://localhost"] })),
        ] {
            house.client(id, metadata).await;
        }
        for (origin, want) in [
            ("https://listed.example", true),
            ("https://web.example", true),
            ("https://callback.example", true),
            ("https://one.family.example", true),
            ("capacitor://localhost", true),
            ("http://listed.example", false),
            ("https://listed.example:8443", false),
            ("https://family.example", false),
            (STRANGER, false),
            ("demo://app", false),
            ("null", false),
            ("\u{e9}", false),
        ] {
            for path in OPEN {
                let answer = may_ask(&visitor, path, origin).await;
                assert_eq!(answer.short(), "204 ", "{path}");
                assert_eq!(is_read_by(&answer, origin), want, "{path} for {origin}");
                assert_eq!(answer.header("access-control-allow-methods"), "GET, POST");
                assert_eq!(answer.header("access-control-allow-headers"), "auth0-client,content-type");
            }
        }
    }

    async fn who_is_switched_off_or_deleted_opens_nothing(house) {
        let (app, other) = (
            house.client("spa", json!({ "allowed_origins": [PAGE] })).await,
            house.client("other", json!({ "allowed_origins": ["https://other.example"] })).await,
        );
        let visitor = house.visitor();
        assert!(is_read_by(&may_ask(&visitor, "/userinfo", PAGE).await, PAGE));
        house.disables(&app).await;
        let (id, now) = (other.client_id(), house.now());
        let deleted = house.writes(move |tx| clients::delete(tx, &id, now)).await;
        assert_eq!(deleted, Effect::Done);
        for origin in [PAGE, "https://other.example"] {
            assert!(!is_read_by(&may_ask(&visitor, "/userinfo", origin).await, origin));
        }
    }
}

/// What auth0-spa-js does once it has a code, and what it must be able to read when it goes wrong.
#[tokio::test]
async fn a_page_reads_tokens_and_refusals_alike() {
    let (house, _) = house_and_robot().await;
    let registered = json!({
        "allowed_origins": [PAGE], "grant_types": ["authorization_code"], "token_endpoint_auth_method": "none",
    });
    let app = house.client("spa", registered).await;
    let user = house.user("ada").await;
    let agreed = Agreed {
        scope: "openid read:messages",
        audience: Some(API),
        ..Agreed::default()
    };
    let code = house.code(&app, &user, agreed).await;
    let visitor = house.visitor();
    let redeem = json!({
        "grant_type": "authorization_code", "client_id": "spa", "code": code,
        "redirect_uri": REDIRECT, "code_verifier": VERIFIER,
    });
    let redeem = redeem.as_object().unwrap();
    for want in [200, 403] {
        for origin in [PAGE, STRANGER] {
            if (want, origin) == (200, STRANGER) {
                continue;
            }
            let post = from(origin, Request::post("/oauth/token"));
            let answer = visitor.posts(post, redeem, Written::Json).await;
            assert_eq!(answer.status, want, "{}", answer.body);
            assert_eq!(is_read_by(&answer, origin), origin == PAGE);
        }
    }
    let shown = from(PAGE, Request::get("/userinfo")).header("authorization", "Bearer wrong");
    let refused = visitor.sends(shown).await;
    assert_eq!(refused.status, 401);
    assert!(is_read_by(&refused, PAGE));

    // What the edge refuses before any endpoint hears of it.
    let large = from(PAGE, Request::post("/oauth/token"))
        .header("content-type", "application/json")
        .header("content-length", "99999999");
    let refused = visitor.sends_body(large, vec![b' '; 2 << 20].into()).await;
    assert_eq!(refused.status, 413);
    assert!(is_read_by(&refused, PAGE));

    // Not a preflight, so an unknown method as ever.
    let options = Request::builder()
        .method(Method::OPTIONS)
        .uri("/oauth/token");
    assert_eq!(visitor.sends(from(PAGE, options)).await.status, 405);
}

#[tokio::test]
async fn what_is_for_servers_or_for_people_stays_closed_to_pages() {
    let house = House::begun(Engine::Sqlite).await;
    house
        .client("spa", json!({ "allowed_origins": [PAGE] }))
        .await;
    let visitor = house.visitor();
    for path in [
        "/oauth/introspect",
        "/authorize",
        "/u/login",
        "/v2/logout",
        "/healthz",
    ] {
        for answer in [
            may_ask(&visitor, path, PAGE).await,
            visitor.sends(from(PAGE, Request::get(path))).await,
        ] {
            let named = answer.headers.get("access-control-allow-origin");
            assert!(named.is_none(), "{path}");
        }
    }
}
