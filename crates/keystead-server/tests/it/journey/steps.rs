//! What comes next, in conversation: silent log-ins, log-ins that are repeated, and whom a client expects.

use std::time::Duration;

use axum::extract::Request;
use serde_json::json;
use tokio::task::JoinSet;

use crate::house::on_both;

on_both! {
    async fn a_client_that_wants_no_page_gets_none(house) {
        let (ada, bob) = (house.user("ada").await, house.user("bob").await);
        let app = house.asker("app", &ada, json!({})).await;
        let silent = app.authorizes(&[("prompt", "none")]);
        let refused = async |browser: &crate::actors::Browser, asked: &str| {
            let answer = browser.opens(asked).await;
            assert_eq!(answer.sent("code"), None);
            answer.sent("error").unwrap()
        };
        assert_eq!(refused(&house.browser(), &silent).await, "login_required");
        let browser = house.signed_in(&ada).await;
        assert!(browser.opens(&silent).await.sent("code").is_some());
        // Bob is signed in, but no user of this app.
        assert_eq!(refused(&house.signed_in(&bob).await, &silent).await, "login_required");
        house.waits(Duration::from_secs(61)).await;
        let aged = app.authorizes(&[("prompt", "none"), ("max_age", "60")]);
        assert_eq!(refused(&browser, &aged).await, "login_required");
        let native = house.asker("native", &ada, json!({ "app_type": "native" })).await;
        let unproven = native.authorizes(&[("prompt", "none"), ("redirect_uri", "demo://app.example/callback")]);
        assert_eq!(refused(&browser, &unproven).await, "interaction_required");
        let third = house.asker("third", &ada, json!({ "is_first_party": false })).await;
        assert_eq!(refused(&browser, &third.authorizes(&[("prompt", "none")])).await, "consent_required");
        house.waits(Duration::from_hours(24 * 8)).await;
        assert_eq!(refused(&browser, &silent).await, "login_required", "the session is over");
    }

    async fn signing_in_leads_back_to_the_client(house) {
        let ada = house.user("ada").await;
        house.gives_password(&ada).await;
        let app = house.asker("app", &ada, json!({})).await;
        let browser = house.browser();
        let page = browser.visits(&app.authorizes(&[("login_hint", "ada+x@example.com")])).await;
        assert_eq!(page.field("username"), "ada+x@example.com");
        let answer = browser.signs_in(&page, &ada).await;
        let code = answer.sent("code").unwrap();
        assert_eq!(answer.sent("state").as_deref(), Some("s-1"));
        assert_eq!(app.redeems(&code).await.status, 200);
        assert!(browser.opens(&app.authorizes(&[])).await.sent("code").is_some(), "and is remembered");
    }

    async fn whoever_must_sign_in_again_does_and_auth_time_says_so(house) {
        let ada = house.user("ada").await;
        house.gives_password(&ada).await;
        let app = house.asker("app", &ada, json!({})).await;
        let browser = house.signed_in(&ada).await;
        let auth_time = async |code: String| {
            let tokens = app.redeems(&code).await;
            house.reads(&tokens.text("id_token")).await.claims["auth_time"].as_i64().unwrap()
        };
        let begun = house.now().as_secs();
        house.waits(Duration::from_secs(100)).await;
        let code = browser.opens(&app.authorizes(&[])).await.sent("code").unwrap();
        assert_eq!(auth_time(code).await, begun, "a silent answer does not renew it");
        for (name, changes) in [
            ("asked", &[("prompt", "login")][..]),
            ("an account chosen", &[("prompt", "select_account")]),
            ("too old", &[("max_age", "60")]),
            ("never young enough", &[("max_age", "0")]),
        ] {
            house.waits(Duration::from_secs(100)).await;
            let page = browser.visits(&app.authorizes(changes)).await;
            assert!(page.shows("login-form"), "{name}: {}", page.short());
            let code = browser.signs_in(&page, &ada).await.sent("code").unwrap_or_else(|| panic!("{name}"));
            assert_eq!(auth_time(code).await, house.now().as_secs(), "{name}");
        }
        let code = browser.opens(&app.authorizes(&[("max_age", "60"), ("prompt", "none")])).await.sent("code");
        assert!(code.is_some(), "fresh enough by now");
    }

    async fn whom_a_hint_names_is_the_only_one_answered_about(house) {
        let (ada, bob) = (house.user("ada").await, house.user("bob").await);
        let app = house.asker("app", &ada, json!({})).await;
        house.opens(&bob, &app).await;
        let (of_ada, of_bob) = (house.signed_in(&ada).await, house.signed_in(&bob).await);
        let code = of_ada.opens(&app.authorizes(&[])).await.sent("code").unwrap();
        let hint = app.redeems(&code).await.text("id_token");
        let silent = app.authorizes(&[("prompt", "none"), ("id_token_hint", &hint)]);
        assert!(of_ada.opens(&silent).await.sent("code").is_some());
        assert_eq!(of_bob.opens(&silent).await.sent("error").as_deref(), Some("login_required"));
        house.waits(Duration::from_secs(36_001)).await;
        assert!(of_ada.opens(&silent).await.sent("code").is_some(), "an expired hint is a hint");
        let page = of_bob.visits(&app.authorizes(&[("id_token_hint", &hint)])).await;
        assert!(page.shows("login-form"));
        // A hint that was changed is nobody's.
        let changed = format!("{}x", &hint[..hint.len() - 1]);
        let silent = app.authorizes(&[("prompt", "none"), ("id_token_hint", &changed)]);
        assert_eq!(of_ada.opens(&silent).await.sent("error").as_deref(), Some("login_required"));
    }

    async fn whom_the_claims_demand_is_the_only_one_answered_about_whatever_a_hint_says(house) {
        let (ada, bob) = (house.user("ada").await, house.user("bob").await);
        house.gives_password(&bob).await;
        let app = house.asker("app", &ada, json!({})).await;
        house.opens(&bob, &app).await;
        let (of_ada, of_bob) = (house.signed_in(&ada).await, house.signed_in(&bob).await);
        let demanded = json!({ "id_token": { "sub": { "value": ada.id.as_str() } } }).to_string();
        let unclear = [("id_token_hint", "not-a-token"), ("claims", &*demanded)];
        assert!(of_ada.opens(&app.authorizes(&unclear)).await.sent("code").is_some(), "the demand is clear");
        let silent = app.authorizes(&[unclear[0], unclear[1], ("prompt", "none")]);
        assert_eq!(of_bob.opens(&silent).await.sent("error").as_deref(), Some("login_required"));
        let there = ("connection", "users-of-bob");
        let browser = house.browser();
        let page = browser.visits(&app.authorizes(&[unclear[0], unclear[1], there])).await;
        let answer = browser.signs_in(&page, &bob).await;
        assert_eq!((answer.sent("code"), answer.sent("error").as_deref()), (None, Some("login_required")));
        // Two who cannot both be: no page is shown for it, to whomever.
        let code = of_bob.opens(&app.authorizes(&[])).await.sent("code").unwrap();
        let hint = app.redeems(&code).await.text("id_token");
        let (own, other) = (ada.id.as_str(), bob.id.as_str());
        let both = json!({ "id_token": { "sub": { "value": own } }, "userinfo": { "sub": { "value": other } } }).to_string();
        for (name, changes) in [
            ("a hint against a demand", &[("id_token_hint", hint.as_str()), ("claims", &*demanded)][..]),
            ("a demand against another", &[("claims", &*both)]),
        ] {
            for browser in [&of_ada, &of_bob, &house.browser()] {
                let answer = browser.opens(&app.authorizes(changes)).await;
                assert_eq!((answer.sent("code"), answer.sent("error").as_deref()), (None, Some("login_required")), "{name}");
            }
        }
    }

    async fn the_wrong_one_who_signs_in_is_not_answered_about(house) {
        let (ada, bob) = (house.user("ada").await, house.user("bob").await);
        house.gives_password(&bob).await;
        let app = house.asker("app", &ada, json!({})).await;
        house.opens(&bob, &app).await;
        let code = house.signed_in(&ada).await.opens(&app.authorizes(&[])).await.sent("code").unwrap();
        let hint = app.redeems(&code).await.text("id_token");
        let browser = house.browser();
        let connection = "users-of-bob";
        let page = browser.visits(&app.authorizes(&[("id_token_hint", &hint), ("connection", connection)])).await;
        let answer = browser.signs_in(&page, &bob).await;
        assert_eq!((answer.sent("code"), answer.sent("error").as_deref()), (None, Some("login_required")));
    }

    async fn an_app_that_its_callback_cannot_prove_is_confirmed_unless_a_page_was_seen(house) {
        let ada = house.user("ada").await;
        house.gives_password(&ada).await;
        let callback = [("redirect_uri", "demo://app.example/callback")];
        let app = house.asker("app", &ada, json!({ "app_type": "native" })).await;
        let browser = house.browser();
        let page = browser.visits(&app.authorizes(&callback)).await;
        let answer = browser.signs_in(&page, &ada).await;
        assert!(answer.to().unwrap().starts_with("demo://app.example/callback?code="), "it was seen at the log-in");
        let page = browser.visits(&app.authorizes(&callback)).await;
        assert!(page.shows("confirm-form"), "{}", page.short());
        assert!(page.header("content-security-policy").contains("form-action 'self' demo:"));
        let answer = browser.presses("/u/confirm", &page, "cancel").await;
        assert_eq!(answer.sent("error").as_deref(), Some("access_denied"));
        let page = browser.visits(&app.authorizes(&callback)).await;
        let answer = browser.presses("/u/confirm", &page, "submit").await;
        assert!(answer.sent("code").is_some());
        for (id, metadata) in [
            ("told-so", json!({ "app_type": "native", "skip_non_verifiable_callback_uri_confirmation_prompt": true })),
            ("of-old", json!({ "app_type": "native", "oidc_conformant": false })),
        ] {
            let app = house.asker(id, &ada, metadata).await;
            assert!(browser.visits(&app.authorizes(&callback)).await.sent("code").is_some(), "{id}");
        }
        house.tenant_is(json!({ "skip_non_verifiable_callback_uri_confirmation_prompt": true })).await;
        assert!(browser.visits(&app.authorizes(&callback)).await.sent("code").is_some(), "told so for all");
    }

    async fn what_was_done_once_is_over(house) {
        let ada = house.user("ada").await;
        let third = house.asker("third", &ada, json!({ "is_first_party": false })).await;
        let browser = house.signed_in(&ada).await;
        let page = browser.visits(&third.authorizes(&[])).await;
        let state = page.field("state");
        let form = [("state", state.as_str()), ("shown", &page.field("shown")), ("action", "allow")];
        let (first, second) = (browser.submits("/u/consent", &form).await, browser.submits("/u/consent", &form).await);
        assert_eq!((first.status.as_u16(), second.status.as_u16()), (303, 303), "the button was pressed twice");
        assert_eq!(first.to(), second.to());
        let answer = browser.follows(second).await;
        assert!(answer.sent("code").is_some());
        for address in [first.to().unwrap(), format!("/u/consent?state={state}")] {
            let back = browser.opens(&address).await;
            assert_eq!((back.status.as_u16(), back.shows("error-page")), (400, true), "the back button");
        }
        let again = browser.submits("/u/consent", &form).await;
        assert_eq!((again.status.as_u16(), again.sent("code")), (400, None));
    }

    async fn two_tabs_are_two_journeys(house) {
        let ada = house.user("ada").await;
        house.gives_password(&ada).await;
        let app = house.asker("app", &ada, json!({})).await;
        let browser = house.browser();
        let one = browser.visits(&app.authorizes(&[("state", "one")])).await;
        let two = browser.visits(&app.authorizes(&[("state", "two")])).await;
        let answer = browser.signs_in(&two, &ada).await;
        assert_eq!(answer.sent("state").as_deref(), Some("two"));
        let answer = browser.signs_in(&one, &ada).await;
        assert_eq!(answer.sent("state").as_deref(), Some("one"));
        assert!(answer.sent("code").is_some());
    }

    async fn an_hour_is_enough(house) {
        let ada = house.user("ada").await;
        house.gives_password(&ada).await;
        let app = house.asker("app", &ada, json!({})).await;
        let browser = house.browser();
        let page = browser.visits(&app.authorizes(&[])).await;
        house.waits(Duration::from_secs(3_600)).await;
        let answer = browser.signs_in(&page, &ada).await;
        assert_eq!((answer.status.as_u16(), answer.shows("error-page")), (400, true));
    }

    async fn long_values_come_through_the_pages_unchanged(house) {
        let ada = house.user("ada").await;
        house.gives_password(&ada).await;
        let app = house.asker("app", &ada, json!({})).await;
        let browser = house.browser();
        let (state, nonce) = ("a+b&c=d%20\u{e9}\"".repeat(120), "n".repeat(384));
        let page = browser.visits(&app.authorizes(&[("state", &state), ("nonce", &nonce)])).await;
        let answer = browser.signs_in(&page, &ada).await;
        assert_eq!(answer.sent("state"), Some(state));
        let tokens = app.redeems(&answer.sent("code").unwrap()).await;
        assert_eq!(house.reads(&tokens.text("id_token")).await.claims["nonce"], nonce);
    }

    async fn what_is_switched_off_on_the_way_is_off(house) {
        let (ada, bob) = (house.user("ada").await, house.user("bob").await);
        house.gives_password(&ada).await;
        let off = house.asker("off", &ada, json!({})).await;
        let browser = house.browser();
        let page = browser.visits(&off.authorizes(&[])).await;
        house.disables(&off).await;
        let answer = browser.signs_in(&page, &ada).await;
        assert_eq!((answer.status.as_u16(), answer.says("error-cause").as_str()), (403, "Unknown client: off"));
        let third = house.asker("third", &bob, json!({ "is_first_party": false })).await;
        let browser = house.signed_in(&bob).await;
        let page = browser.visits(&third.authorizes(&[])).await;
        house.blocks(&bob).await;
        let answer = browser.presses("/u/consent", &page, "allow").await;
        assert_eq!((answer.status.as_u16(), answer.sent("code")), (400, None), "it went with the account");
    }

    async fn of_twenty_who_end_a_journey_at_once_one_is_answered(house) {
        let ada = house.user("ada").await;
        let third = house.asker("third", &ada, json!({ "is_first_party": false })).await;
        let browser = house.signed_in(&ada).await;
        let page = browser.visits(&third.authorizes(&[])).await;
        let form = [("state", &*page.field("state")), ("shown", &page.field("shown")), ("action", "allow")];
        let resume = browser.submits("/u/consent", &form).await.to().unwrap();
        let cookie = format!("keystead={}", browser.cookie("keystead").unwrap());
        let mut running = JoinSet::new();
        for _ in 0..20 {
            let (visitor, resume, cookie) = (house.visitor(), resume.clone(), cookie.clone());
            running.spawn(async move { visitor.sends(Request::get(resume).header("cookie", cookie)).await });
        }
        let (won, lost): (Vec<_>, Vec<_>) = running.join_all().await.into_iter().partition(|answer| answer.to().is_some());
        assert_eq!((won.len(), lost.len()), (1, 19));
        assert!(won[0].sent("code").is_some());
        assert!(lost.iter().all(|answer| answer.status == 400 && answer.shows("error-page")));
    }
}
