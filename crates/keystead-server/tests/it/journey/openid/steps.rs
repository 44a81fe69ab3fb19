//! The pages on the way in and out.

use std::{collections::BTreeSet, time::Duration};

use serde_json::json;

use super::BYE;
use crate::house::{Answer, on_both};

on_both! {
    async fn f44_h51_l7_after_a_logout_the_session_is_gone_and_who_comes_again_is_the_same(house) {
        let ada = house.account("ada").await;
        let app = house.shop("app").await;
        let browser = house.browser();
        let mut sessions = BTreeSet::new();
        for out in ["/v2/logout?client_id=app", "/oidc/logout?post_logout_redirect_uri=https%3A%2F%2Fapp.example%2Fbye&id_token_hint="] {
            let page = browser.comes_from(&app, &[("scope", "openid offline_access")]).await;
            let answer = browser.signs_in(&page, &ada).await;
            let tokens = app.redeems(&answer.sent("code").unwrap()).await;
            let hint = tokens.text("id_token");
            let claims = house.reads(&hint).await.claims;
            let told = house.visitor().shows(&tokens.text("access_token")).await.json();
            assert_eq!((&claims["sub"], &told["sub"]), (&json!(ada.id.as_str()), &json!(ada.id.as_str())));
            assert!(sessions.insert(claims["sid"].as_str().unwrap().to_owned()), "a session of its own");
            let kept = browser.copied();
            let way = if out.ends_with('=') { format!("{out}{hint}") } else { out.to_owned() };
            assert_eq!(browser.opens(&way).await.to().as_deref(), Some(BYE), "{out}");
            for browser in [&browser, &kept] {
                let silent = browser.comes_from(&app, &[("prompt", "none")]).await;
                assert_eq!(silent.sent("error").as_deref(), Some("login_required"), "{out}");
                assert!(browser.comes_from(&app, &[]).await.shows("login-form"), "{out}");
            }
            // What was granted for when nobody is there lives on.
            assert_eq!(app.refreshes(&tokens.text("refresh_token")).await.status, 200, "{out}");
        }
    }

    async fn l2_l5_each_step_has_its_path_and_a_second_log_in_says_that_it_is_one(house) {
        let ada = house.account("ada").await;
        let app = house.shop("app").await;
        let browser = house.browser();
        let path = |answer: &Answer| answer.to().unwrap().split('?').next().unwrap().to_owned();
        assert_eq!(path(&browser.opens(&app.authorizes(&[("screen_hint", "signup")])).await), "/u/signup");
        let sent = browser.opens(&app.authorizes(&[])).await;
        assert_eq!(path(&sent), "/u/login");
        let first = browser.follows(sent).await;
        browser.signs_in(&first, &ada).await;
        house.waits(Duration::from_secs(2)).await;
        for changes in [[("prompt", "login")], [("max_age", "1")]] {
            let sent = browser.opens(&app.authorizes(&changes)).await;
            assert_eq!(path(&sent), "/u/login", "{changes:?}");
            let page = browser.follows(sent).await;
            assert!(page.shows("login-form") && page.body.contains("Please log in again"), "{changes:?}");
            assert!(!first.body.contains("Please log in again"));
        }
        assert_eq!(path(&browser.opens(&app.authorizes(&[("prompt", "consent")])).await), "/u/consent");
        assert_eq!(path(&browser.opens("/oidc/logout").await), "/u/logout");
        assert_eq!(path(&house.browser().opens("/oidc/logout").await), "/u/logged-out");
        assert_eq!(path(&house.browser().opens("/v2/logout").await), "/u/logged-out");
        browser.opens(&app.authorizes(&[("redirect_uri", "https://evil.example/")])).await;
        assert_eq!(browser.stands(), "/u/error");
    }

    async fn l7_what_was_agreed_is_remembered_in_another_browser(house) {
        let ada = house.user("ada").await;
        let third = house.asker("third", &ada, json!({ "is_first_party": false })).await;
        let page = house.signed_in(&ada).await.visits(&third.authorizes(&[])).await;
        assert!(page.shows("consent-form"));
        let browser = house.signed_in(&ada).await;
        let page = browser.visits(&third.authorizes(&[])).await;
        assert!(browser.presses("/u/consent", &page, "allow").await.sent("code").is_some());
        assert!(house.signed_in(&ada).await.visits(&third.authorizes(&[("prompt", "none")])).await.sent("code").is_some());
    }

    async fn l8_who_knows_the_password_may_log_in_a_hundred_times_within_a_minute(house) {
        let ada = house.account("ada").await;
        let app = house.shop("app").await;
        for turn in 0..120 {
            house.waits(Duration::from_millis(500)).await;
            let browser = house.browser();
            assert!(browser.arrives(&app, &ada).await.sent("code").is_some(), "{turn}");
            assert_eq!(browser.opens("/v2/logout?client_id=app").await.to().as_deref(), Some(BYE), "{turn}");
        }
    }
}
