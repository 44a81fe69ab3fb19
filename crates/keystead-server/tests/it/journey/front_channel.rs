//! Tokens straight from `/authorize`: which come, what ties them together, how long they live.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use keystead_protocol::secret::Digest;
use serde_json::{Value, json};

use crate::{
    actors::ISSUER,
    house::{Answer, on_both},
};

const API: &str = "https://api.example/";

/// The left half of the SHA-256 of a value, which RS256 calls for.
fn half(value: &str) -> Value {
    URL_SAFE_NO_PAD
        .encode(&Digest::of(value.as_bytes()).as_bytes()[..16])
        .into()
}

fn names(answer: &Answer) -> Vec<&'static str> {
    let all = [
        "code",
        "access_token",
        "token_type",
        "expires_in",
        "id_token",
        "scope",
        "refresh_token",
    ];
    all.into_iter()
        .filter(|name| answer.sent(name).is_some())
        .collect()
}

on_both! {
    async fn each_type_brings_what_it_says_and_its_parts_are_tied_together(house) {
        house.api(API, |api| api.settings.skip_consent_for_verifiable_first_party_clients = true).await;
        let ada = house.user("ada").await;
        let app = house.asker("app", &ada, json!({})).await;
        let browser = house.signed_in(&ada).await;
        for (kind, want) in [
            ("token", &["access_token", "token_type", "expires_in", "scope"][..]),
            ("id_token", &["id_token"]),
            ("id_token token", &["access_token", "token_type", "expires_in", "id_token", "scope"]),
            ("code token", &["code", "access_token", "token_type", "expires_in", "scope"]),
            ("code id_token", &["code", "id_token"]),
            ("code id_token token", &["code", "access_token", "token_type", "expires_in", "id_token", "scope"]),
        ] {
            let changes = [("response_type", kind), ("audience", API), ("scope", "openid email read:messages")];
            let answer = browser.opens(&app.authorizes(&changes)).await;
            assert_eq!(names(&answer), want, "{kind}");
            if let Some(token) = answer.sent("access_token") {
                assert_eq!(answer.sent("token_type").as_deref(), Some("Bearer"));
                assert_eq!(answer.sent("expires_in").as_deref(), Some("7200"));
                assert_eq!(answer.sent("scope").as_deref(), Some("openid email read:messages"));
                let claims = house.reads(&token).await.claims;
                assert_eq!(claims["aud"], json!([API, format!("{ISSUER}userinfo")]));
                assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 7200);
                assert_eq!(house.visitor().shows(&token).await.json()["sub"], ada.id.as_str());
            }
            if let Some(token) = answer.sent("id_token") {
                let claims = house.reads(&token).await.claims;
                assert_eq!((&claims["nonce"], &claims["aud"], &claims["sub"]), (&json!("n-1"), &json!("app"), &json!(ada.id.as_str())));
                assert_eq!(claims["at_hash"], answer.sent("access_token").map_or(Value::Null, |token| half(&token)), "{kind}");
                assert_eq!(claims["c_hash"], answer.sent("code").map_or(Value::Null, |code| half(&code)), "{kind}");
                if let Some(code) = answer.sent("code") {
                    let later = house.reads(&app.redeems(&code).await.text("id_token")).await.claims;
                    for same in ["iss", "sub", "nonce", "auth_time", "sid"] {
                        assert_eq!(claims[same], later[same], "{kind} {same}");
                    }
                }
            }
        }
    }

    async fn without_an_api_a_token_is_opaque_and_opens_userinfo_for_two_hours(house) {
        let ada = house.user("ada").await;
        let app = house.asker("app", &ada, json!({})).await;
        let reader = house.machine("reader").await;
        let browser = house.signed_in(&ada).await;
        let token = browser.opens(&app.authorizes(&[("response_type", "token"), ("scope", "openid email")])).await.sent("access_token").unwrap();
        assert!(!token.contains('.'));
        assert_eq!(house.visitor().shows(&token).await.json()["email"], "ada@example.com");
        assert_eq!(reader.introspects(&token).await["active"], true);
        house.waits(std::time::Duration::from_secs(7_200)).await;
        assert_eq!(house.visitor().shows(&token).await.status, 401);
    }

    async fn a_session_that_is_revoked_takes_its_front_tokens_along(house) {
        use keystead_store::{grants::Ended, sessions};
        house.api(API, |api| {
            api.settings.skip_consent_for_verifiable_first_party_clients = true;
            api.settings.token_lifetime_for_web = 60;
        }).await;
        let ada = house.user("ada").await;
        let app = house.asker("app", &ada, json!({})).await;
        let browser = house.signed_in(&ada).await;
        let changes = [("response_type", "id_token token"), ("audience", API)];
        let answer = browser.opens(&app.authorizes(&changes)).await;
        assert_eq!(answer.sent("expires_in").as_deref(), Some("60"));
        let token = answer.sent("access_token").unwrap();
        let sid = house.reads(&answer.sent("id_token").unwrap()).await.claims["sid"].as_str().unwrap().to_owned();
        let (id, now) = (sid.as_str().try_into().unwrap(), house.now());
        house.writes(move |tx| sessions::end_and_revoke(tx, &id, Ended::ByUser, now)).await;
        assert_eq!(house.visitor().shows(&token).await.status, 401);
        assert_eq!(browser.opens(&app.authorizes(&[("prompt", "none")])).await.sent("error").as_deref(), Some("login_required"));
    }

    async fn a_client_that_did_not_register_for_it_gets_none(house) {
        let ada = house.user("ada").await;
        let app = house.asker("app", &ada, json!({ "grant_types": ["authorization_code"] })).await;
        let browser = house.signed_in(&ada).await;
        for kind in ["token", "id_token", "code id_token"] {
            let answer = browser.opens(&app.authorizes(&[("response_type", kind)])).await;
            assert_eq!(answer.sent("error").as_deref(), Some("unauthorized_client"), "{kind}");
            assert!(names(&answer).is_empty(), "{kind}");
        }
        let app = house.asker("other", &ada, json!({})).await;
        let answer = browser.opens(&app.authorizes(&[("response_type", "id_token"), ("nonce", "")])).await;
        assert_eq!(answer.sent("error").as_deref(), Some("invalid_request"), "a nonce is a must");
    }

    async fn strict_id_tokens_say_more_only_when_nothing_else_can(house) {
        let ada = house.user("ada").await;
        let app = house.asker("app", &ada, json!({ "security_profile": "oidc" })).await;
        let browser = house.signed_in(&ada).await;
        for (kind, says) in [("id_token", true), ("id_token token", false), ("code id_token", false)] {
            let changes = [("response_type", kind), ("scope", "openid email")];
            let token = browser.opens(&app.authorizes(&changes)).await.sent("id_token").unwrap();
            assert_eq!(house.reads(&token).await.claims.get("email").is_some(), says, "{kind}");
        }
    }

    async fn the_old_pipeline_adds_an_id_token_and_needs_no_nonce(house) {
        let ada = house.user("ada").await;
        let old = house.asker("old", &ada, json!({ "oidc_conformant": false })).await;
        let browser = house.signed_in(&ada).await;
        let answer = browser.opens(&old.authorizes(&[("response_type", "token"), ("nonce", ""), ("state", "")])).await;
        assert_eq!(names(&answer), ["access_token", "token_type", "expires_in", "id_token", "scope"]);
        assert_eq!(answer.sent("state"), None);
    }

    async fn a_shared_secret_does_not_sign_what_a_browser_checks(house) {
        let ada = house.user("ada").await;
        let app = house.asker("app", &ada, json!({ "jwt_configuration": { "alg": "HS256" } })).await;
        let browser = house.signed_in(&ada).await;
        let answer = browser.opens(&app.authorizes(&[("response_type", "code id_token")])).await;
        assert_eq!(house.reads(&answer.sent("id_token").unwrap()).await.header["alg"], "RS256");
        let later = app.redeems(&answer.sent("code").unwrap()).await.text("id_token");
        assert_eq!(crate::actors::part(&later, 0)["alg"], "HS256");
    }
}
