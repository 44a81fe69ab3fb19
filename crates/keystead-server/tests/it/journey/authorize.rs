//! `/authorize`: what is answered to the client, and what only to the person in front of the browser.

use std::time::Duration;

use keystead_store::token_key::{Purpose, TokenKey};
use serde_json::json;

use crate::{
    actors::{Begun, ISSUER, REDIRECT},
    house::on_both,
};

const API: &str = "https://api.example/";

on_both! {
    async fn a_session_is_enough_for_a_code_that_can_be_redeemed_once(house) {
        house.api(API, |api| api.settings.skip_consent_for_verifiable_first_party_clients = true).await;
        let ada = house.user("ada").await;
        let app = house.asker("app", &ada, json!({})).await;
        let browser = house.signed_in(&ada).await;
        house.clock.advance(Duration::from_secs(30));
        let asked = app.authorizes(&[("audience", API), ("scope", "openid email read:messages nothing:known offline_access")]);
        let answer = browser.opens(&asked).await;
        assert_eq!(answer.status, 302);
        assert!(answer.to().unwrap().starts_with(&format!("{REDIRECT}?code=")), "{:?}", answer.to());
        assert_eq!(answer.sent("state").as_deref(), Some("s-1"));
        assert_eq!(answer.sent("iss").as_deref(), Some(ISSUER));
        assert_eq!(answer.header("cache-control"), "no-store");
        let tokens = app.redeems(&answer.sent("code").unwrap()).await;
        assert_eq!(tokens.text("scope"), "openid email read:messages offline_access");
        let access = house.reads(&tokens.text("access_token")).await.claims;
        assert_eq!(access["aud"], json!([API, format!("{ISSUER}userinfo")]));
        let id = house.reads(&tokens.text("id_token")).await.claims;
        assert_eq!((&id["nonce"], &id["sub"]), (&json!("n-1"), &json!(ada.id.as_str())));
        assert_eq!(id["auth_time"], json!(house.now().as_secs() - 30));
        assert!(id["sid"].is_string());
        assert_eq!(app.redeems(&answer.sent("code").unwrap()).await.refusal(), "403 invalid_grant");
    }

    async fn nobody_signed_in_is_sent_to_the_page_and_nothing_is_stored(house) {
        let ada = house.user("ada").await;
        let app = house.asker("app", &ada, json!({})).await;
        let browser = house.browser();
        let answer = browser.opens(&app.authorizes(&[])).await;
        assert_eq!(answer.status, 302);
        assert!(answer.to().unwrap().starts_with("/u/login?state="), "{:?}", answer.to());
        assert!(browser.cookie("keystead-browser").is_some());
        let again = browser.opens(&app.authorizes(&[("screen_hint", "signup")])).await;
        assert!(again.to().unwrap().starts_with("/u/signup?state="));
        assert_eq!(again.header("set-cookie"), "", "it is known already");
        let state = answer.to().unwrap().split_once('=').unwrap().1.to_owned();
        assert_eq!(TokenKey::of(Purpose::Journey, &state), None, "the request itself is in it");
    }

    async fn the_same_as_a_form_from_anywhere_is_the_same(house) {
        let ada = house.user("ada").await;
        let app = house.asker("app", &ada, json!({})).await;
        let browser = house.signed_in(&ada).await;
        let asked = app.authorizes(&[("state", "a b+c&d")]);
        let pairs: Vec<(String, String)> = url::form_urlencoded::parse(asked.split_once('?').unwrap().1.as_bytes()).into_owned().collect();
        let pairs: Vec<(&str, &str)> = pairs.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        let answer = browser.posts("/authorize", &pairs, Begun::Elsewhere).await;
        assert_eq!(answer.status, 303);
        let answer = browser.follows(answer).await;
        assert!(answer.sent("code").is_some());
        assert_eq!(answer.sent("state").as_deref(), Some("a b+c&d"));
    }

    async fn whom_nobody_can_answer_is_told_on_a_page(house) {
        let ada = house.user("ada").await;
        let app = house.asker("app", &ada, json!({})).await;
        let off = house.asker("off", &ada, json!({})).await;
        house.disables(&off).await;
        let browser = house.signed_in(&ada).await;
        for (name, asked, status, code, cause) in [
            ("no client", "/authorize".to_owned(), 400, "invalid_request", "Missing required parameter: client_id"),
            ("an unknown client", "/authorize?client_id=nobody".to_owned(), 403, "invalid_request", "Unknown client: nobody"),
            ("a client switched off", off.authorizes(&[]), 403, "invalid_request", "Unknown client: off"),
            ("a parameter twice", format!("{}&scope=x", app.authorizes(&[])), 400, "invalid_request", "Duplicate parameter: scope"),
            ("no callback of several", app.authorizes(&[("redirect_uri", "")]), 400, "invalid_request", "Missing required parameter: redirect_uri"),
            ("an unregistered callback", app.authorizes(&[("redirect_uri", "https://evil.example/")]), 403, "unauthorized_client",
             "Callback URL mismatch. The redirect_uri https://evil.example/ is not registered for this application."),
        ] {
            let answer = browser.opens(&asked).await;
            assert_eq!((answer.status.as_u16(), answer.to()), (status, None), "{name}");
            assert!(answer.shows("error-page"), "{name}");
            assert_eq!(answer.says("error-code"), code, "{name}");
            assert_eq!(answer.says("error-cause"), cause, "{name}");
        }
    }

    async fn what_is_wrong_with_a_request_is_told_its_client(house) {
        house.api(API, |_| {}).await;
        let ada = house.user("ada").await;
        let app = house.asker("app", &ada, json!({})).await;
        let browser = house.signed_in(&ada).await;
        for (name, changes, error, description) in [
            ("no type", &[("response_type", "")][..], "invalid_request", "Missing required parameter: response_type"),
            ("no such API", &[("audience", "https://nowhere/")], "access_denied", "Service not found: https://nowhere/"),
            ("no such connection", &[("connection", "none")], "invalid_request", "The connection was not found or is not enabled"),
            ("a request object", &[("request", "e30.e30.")], "request_not_supported", "The parameter request is not supported"),
            ("prompts that exclude each other", &[("prompt", "none login")], "invalid_request", "prompt none cannot be combined with other values"),
        ] {
            let answer = browser.opens(&app.authorizes(changes)).await;
            assert_eq!(answer.sent("error").as_deref(), Some(error), "{name}");
            assert_eq!(answer.sent("error_description").as_deref(), Some(description), "{name}");
            assert_eq!(answer.sent("state").as_deref(), Some("s-1"), "{name}");
            assert_eq!(answer.sent("iss").as_deref(), Some(ISSUER), "{name}");
            assert_eq!(answer.sent("code"), None, "{name}");
            assert!(answer.to().unwrap().starts_with(REDIRECT), "{name}");
        }
        let silent = app.authorizes(&[("prompt", "none"), ("state", "")]);
        let nobody = house.browser().opens(&silent).await;
        assert_eq!(nobody.sent("error").as_deref(), Some("login_required"));
        assert_eq!(nobody.sent("state"), None);
    }

    async fn an_api_may_be_closed_and_scopes_are_what_the_user_may(house) {
        use keystead_store::{apis::UserPolicy, client_grants::SubjectType};
        let easy = |api: &mut keystead_store::apis::Api| api.settings.skip_consent_for_verifiable_first_party_clients = true;
        let closed = house.api("https://closed.example/", |api| {
            easy(api);
            api.settings.subject_type_authorization.user.policy = UserPolicy::RequireClientGrant;
        }).await;
        house.api(API, |api| {
            easy(api);
            api.settings.enforce_policies = Some(true);
        }).await;
        let ada = house.user("ada").await;
        let app = house.asker("app", &ada, json!({})).await;
        let browser = house.signed_in(&ada).await;
        let asked = app.authorizes(&[("audience", "https://closed.example/"), ("scope", "openid read:messages write:messages")]);
        assert_eq!(browser.opens(&asked).await.sent("error").as_deref(), Some("access_denied"));
        house.grants_for(SubjectType::User, &app, &closed, "read:messages").await;
        let code = browser.opens(&asked).await.sent("code").unwrap();
        assert_eq!(app.redeems(&code).await.text("scope"), "openid read:messages");
        let permitted = app.authorizes(&[("audience", API), ("scope", "openid read:messages")]);
        let code = browser.opens(&permitted).await.sent("code").unwrap();
        assert_eq!(app.redeems(&code).await.text("scope"), "openid", "nothing is permitted to ada");
    }

    async fn a_request_that_names_no_api_gets_the_default_one(house) {
        house.api(API, |api| api.settings.skip_consent_for_verifiable_first_party_clients = true).await;
        house.tenant_is(json!({ "default_audience": API })).await;
        let ada = house.user("ada").await;
        let app = house.asker("app", &ada, json!({})).await;
        let browser = house.signed_in(&ada).await;
        for (audience, want) in [("", Some(API)), ("http://localhost:3000/userinfo", None)] {
            let code = browser.opens(&app.authorizes(&[("audience", audience)])).await.sent("code").unwrap();
            let token = app.redeems(&code).await.text("access_token");
            let opaque = !token.contains('.');
            assert_eq!(opaque, want.is_none(), "{audience}");
        }
    }

    async fn a_redirect_that_was_not_named_need_not_be_named_again(house) {
        let ada = house.user("ada").await;
        let app = house.asker("app", &ada, json!({ "callbacks": [REDIRECT] })).await;
        let browser = house.signed_in(&ada).await;
        let redeem = |code: String| app.asks(json!({
            "grant_type": "authorization_code", "code": code, "code_verifier": crate::actors::VERIFIER,
        }));
        let code = browser.opens(&app.authorizes(&[("redirect_uri", "")])).await.sent("code").unwrap();
        assert_eq!(redeem(code).await.status, 200);
        let code = browser.opens(&app.authorizes(&[])).await.sent("code").unwrap();
        assert_eq!(redeem(code).await.refusal(), "403 invalid_grant");
    }

    async fn a_code_lives_for_a_minute(house) {
        let ada = house.user("ada").await;
        let app = house.asker("app", &ada, json!({})).await;
        let browser = house.signed_in(&ada).await;
        let code = async || browser.opens(&app.authorizes(&[])).await.sent("code").unwrap();
        let (early, late) = (code().await, code().await);
        house.waits(Duration::from_millis(59_999)).await;
        assert_eq!(app.redeems(&early).await.status, 200);
        house.waits(Duration::from_millis(1)).await;
        assert_eq!(app.redeems(&late).await.refusal(), "403 invalid_grant");
    }

    async fn claims_that_were_asked_for_by_name_arrive_where_they_were_wanted(house) {
        let ada = house.user("ada").await;
        let app = house.asker("app", &ada, json!({ "security_profile": "oidc" })).await;
        let browser = house.signed_in(&ada).await;
        let claims = r#"{"id_token":{"email":{"essential":true},"nonsense":null},"userinfo":{"name":null}}"#;
        let code = browser.opens(&app.authorizes(&[("claims", claims)])).await.sent("code").unwrap();
        let tokens = app.redeems(&code).await;
        let id = house.reads(&tokens.text("id_token")).await.claims;
        assert_eq!((&id["email"], &id["name"]), (&json!("ada@example.com"), &json!(null)));
        let told = house.visitor().shows(&tokens.text("access_token")).await.json();
        assert_eq!(told, json!({ "sub": ada.id.as_str(), "name": "ada" }));
        let other = app.authorizes(&[("claims", r#"{"id_token":{"sub":{"value":"auth0|somebody"}}}"#), ("prompt", "none")]);
        assert_eq!(browser.opens(&other).await.sent("error").as_deref(), Some("login_required"));
    }
}
