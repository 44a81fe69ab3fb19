//! What a client may write into a request, and what it may not.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::json;
use url::form_urlencoded;

use super::{strict, tokens, words};
use crate::{
    actors::{Begun, REDIRECT, VERIFIER},
    house::on_both,
};

on_both! {
    async fn c11_neither_order_nor_strangers_matter_by_get_or_by_post(house) {
        let ada = house.user("ada").await;
        let app = house.asker("app", &ada, json!({})).await;
        let browser = house.signed_in(&ada).await;
        for (kind, scope) in [("code id_token", "openid email profile"), ("id_token code", "profile email openid")] {
            let asked = app.authorizes(&[("response_type", kind), ("scope", scope)]);
            let query = asked.split_once('?').unwrap().1;
            let mut pairs: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
            let stranger = ("x-unheard-of".to_owned(), "1".to_owned());
            for strangers in [0, 1, 2] {
                pairs.reverse();
                let all = pairs.iter().chain(std::iter::repeat_n(&stranger, strangers));
                let all: Vec<(&str, &str)> = all.map(|(n, v)| (n.as_str(), v.as_str())).collect();
                let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(&all).finish();
                let by_get = browser.opens(&format!("/authorize?{query}")).await;
                let sent = browser.posts("/authorize", &all, Begun::Elsewhere).await;
                for answer in [by_get, browser.follows(sent).await] {
                    assert!(answer.sent("id_token").is_some(), "{kind} {strangers}: {:?}", answer.to());
                    let granted = app.redeems(&answer.sent("code").unwrap()).await.text("scope");
                    assert_eq!(words(&granted), words(scope), "{kind} {strangers}");
                }
            }
        }
    }

    async fn c14_a_state_comes_back_whole_or_nothing_does_and_a_code_needs_no_nonce(house) {
        let ada = house.user("ada").await;
        let app = house.asker("app", &ada, json!({})).await;
        let browser = house.signed_in(&ada).await;
        for length in [1, 128, 1_024, 7_000] {
            let state = "s".repeat(length);
            assert_eq!(browser.opens(&app.authorizes(&[("state", &state)])).await.sent("state"), Some(state));
        }
        let page = browser.opens(&app.authorizes(&[("state", &"s".repeat(9_000))])).await;
        assert_eq!((page.status.as_u16(), page.to(), page.shows("error-page")), (400, None, true));
        let answer = browser.opens(&app.authorizes(&[("state", "")])).await;
        assert_eq!((answer.sent("code").is_some(), answer.sent("state")), (true, None));
        let id = tokens(&app, &browser, &[("nonce", "")]).await.text("id_token");
        assert_eq!(house.reads(&id).await.claims.get("nonce"), None);
        let answer = browser.opens(&app.authorizes(&[("response_type", "code id_token"), ("nonce", "")])).await;
        assert_eq!((answer.sent("error").as_deref(), answer.sent("code")), (Some("invalid_request"), None));
    }

    async fn c18_consent_and_log_in_are_asked_for_together_with_offline_access(house) {
        let ada = house.account("ada").await;
        let app = house.shop("app").await;
        let browser = house.browser();
        let changes = [("scope", "openid offline_access"), ("prompt", "consent")];
        let page = browser.comes_from(&app, &changes).await;
        let page = browser.signs_in(&page, &ada).await;
        assert!(page.shows("consent-form"), "after the log-in: {}", page.short());
        let code = browser.presses("/u/consent", &page, "allow").await.sent("code").unwrap();
        let granted = app.redeems(&code).await;
        assert_eq!(words(&granted.text("scope")), words("openid offline_access"));
        assert_eq!(app.refreshes(&granted.text("refresh_token")).await.status, 200);
        assert!(browser.comes_from(&app, &changes).await.shows("consent-form"), "each time");
        let page = browser.comes_from(&app, &[("scope", "openid offline_access"), ("prompt", "login consent")]).await;
        assert!(page.shows("login-form"));
        assert!(browser.signs_in(&page, &ada).await.shows("consent-form"));
    }

    async fn c19_auth_time_stays_until_somebody_signs_in_again(house) {
        let ada = house.user("ada").await;
        let app = strict(&house, &ada).await;
        let browser = house.signed_in(&ada).await;
        let began = json!(house.now().as_secs());
        for changes in [&[("max_age", "10000")][..], &[("prompt", "none")], &[("max_age", "10000"), ("prompt", "none")]] {
            house.waits(Duration::from_secs(60)).await;
            let id = tokens(&app, &browser, changes).await.text("id_token");
            assert_eq!(house.reads(&id).await.claims["auth_time"], began, "{changes:?}");
        }
    }

    async fn c24_a_request_object_is_refused_and_never_followed(house) {
        let ada = house.user("ada").await;
        let app = house.asker("app", &ada, json!({})).await;
        let browser = house.signed_in(&ada).await;
        let inside = json!({ "redirect_uri": "https://app.example/other?shop=1", "state": "inside", "client_id": "app", "response_type": "code" });
        let object = format!("{}.{}.", URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#), URL_SAFE_NO_PAD.encode(inside.to_string()));
        for (name, value, error) in [
            ("request", object.as_str(), "request_not_supported"),
            ("request_uri", "https://app.example/request.jwt", "request_uri_not_supported"),
            ("request_uri", "urn:ietf:params:oauth:request_uri:x", "request_uri_not_supported"),
        ] {
            for kind in ["code", "code id_token"] {
                let answer = browser.opens(&app.authorizes(&[(name, value), ("response_type", kind)])).await;
                assert_eq!((answer.sent("error").as_deref(), answer.sent("state").as_deref()), (Some(error), Some("s-1")), "{name} {kind}");
                assert!(answer.to().unwrap().starts_with(REDIRECT), "{name} {kind}");
            }
            // What would be redirected to stands inside alone.
            let page = browser.opens(&app.authorizes(&[(name, value), ("redirect_uri", "")])).await;
            assert_eq!((page.to(), page.shows("error-page")), (None, true), "{name}");
        }
    }

    async fn c27_s256_serves_every_kind_of_client(house) {
        let ada = house.user("ada").await;
        let browser = house.signed_in(&ada).await;
        for method in ["none", "client_secret_post", "client_secret_basic", "private_key_jwt"] {
            let app = house.asker(method, &ada, json!({ "token_endpoint_auth_method": method, "security_profile": "oidc" })).await;
            let code = browser.opens(&app.authorizes(&[])).await.sent("code").unwrap();
            let with = |verifier: Option<String>| {
                let mut form = json!({ "grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT });
                if let Some(verifier) = verifier {
                    form["code_verifier"] = json!(verifier);
                }
                app.asks(form)
            };
            assert_eq!(with(None).await.refusal(), "400 invalid_grant", "{method}");
            assert_eq!(with(Some(VERIFIER.replace('d', "e"))).await.refusal(), "400 invalid_grant", "{method}");
            assert_eq!(with(Some(VERIFIER.to_owned())).await.status, 200, "{method}");
        }
    }
}
