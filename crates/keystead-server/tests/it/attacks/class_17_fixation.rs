//! Class 17: a session that somebody else planted, or a log-in that is asked for and then called off.

use serde_json::json;

use crate::{actors::Begun, house::on_both};

on_both! {
    async fn a_cookie_that_was_planted_opens_nothing_after_the_log_in(house) {
        let ada = house.user("ada").await;
        house.gives_password(&ada).await;
        let app = house.asker("app", &ada, json!({})).await;
        for planted in ["x", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"] {
            let browser = house.browser();
            browser.plants("keystead", Some(planted));
            let page = browser.visits(&app.authorizes(&[])).await;
            assert!(browser.signs_in(&page, &ada).await.sent("code").is_some());
            assert_ne!(browser.cookie("keystead").as_deref(), Some(planted));
        }
    }

    async fn signing_in_again_leaves_a_copied_cookie_worthless(house) {
        let ada = house.user("ada").await;
        house.gives_password(&ada).await;
        let app = house.asker("app", &ada, json!({})).await;
        let browser = house.signed_in(&ada).await;
        let thief = browser.copied();
        let silent = app.authorizes(&[("prompt", "none")]);
        assert!(thief.opens(&silent).await.sent("code").is_some());
        let page = browser.visits(&app.authorizes(&[("prompt", "login")])).await;
        assert!(browser.signs_in(&page, &ada).await.sent("code").is_some());
        assert_eq!(thief.opens(&silent).await.sent("error").as_deref(), Some("login_required"));
        assert!(browser.opens(&silent).await.sent("code").is_some());
    }

    async fn a_log_in_that_is_called_off_changes_nobody(house) {
        let (ada, bob) = (house.user("ada").await, house.user("bob").await);
        house.gives_password(&bob).await;
        let app = house.asker("app", &ada, json!({})).await;
        let browser = house.signed_in(&ada).await;
        let before = browser.cookie("keystead");
        let page = browser.visits(&app.authorizes(&[("prompt", "login")])).await;
        let answer = browser.presses("/u/login", &page, "cancel").await;
        assert_eq!((answer.sent("error").as_deref(), answer.sent("code")), (Some("access_denied"), None));
        assert_eq!(browser.cookie("keystead"), before);
        // Whoever calls it off has not signed in: the next request that wants it asks again.
        let page = browser.visits(&app.authorizes(&[("prompt", "login")])).await;
        assert!(page.shows("login-form"));
        // Going on without the form leads back to the form.
        let skipped = browser.visits(&format!("/authorize/resume?state={}", page.field("state"))).await;
        assert!(skipped.shows("login-form"), "{}", skipped.short());
    }

    async fn a_journey_goes_on_only_in_the_browser_and_session_where_it_began(house) {
        let (ada, eve) = (house.user("ada").await, house.user("eve").await);
        house.gives_password(&ada).await;
        house.gives_password(&eve).await;
        let app = house.asker("app", &ada, json!({})).await;
        house.opens(&eve, &app).await;
        // Eve begins, and has Ada finish.
        let (evil, browser) = (house.browser(), house.browser());
        let page = evil.visits(&app.authorizes(&[])).await;
        let answer = browser.opens(&format!("/u/login?state={}", page.field("state"))).await;
        assert_eq!((answer.status.as_u16(), answer.shows("error-page")), (403, true));
        let answer = browser.signs_in(&page, &ada).await;
        assert_eq!((answer.status.as_u16(), answer.sent("code")), (403, None));
        // Eve signs in and plants her handle.
        let answer = evil.signs_in(&page, &eve).await;
        assert!(answer.sent("code").is_some());
        let pairs = [("state", page.field("state")), ("username", "eve@example.com".to_owned()), ("password", crate::actors::PASSWORD.to_owned())];
        let pairs: Vec<_> = pairs.iter().map(|(n, v)| (*n, v.as_str())).collect();
        let handle = evil.submits("/u/login", &pairs).await.to().unwrap();
        assert!(handle.starts_with("/authorize/resume?state="));
        let victim = house.signed_in(&ada).await;
        for begun in [Begun::Typed, Begun::Elsewhere] {
            let answer = victim.gets(&handle, begun).await;
            assert_eq!((answer.status.as_u16(), answer.sent("code")), (403, None));
        }
    }

    async fn an_administrators_session_is_good_for_no_other_client(house) {
        let (ada, root) = (house.user("ada").await, house.user("root").await);
        let app = house.asker("app", &ada, json!({})).await;
        let browser = house.signed_in(&root).await;
        let answer = browser.opens(&app.authorizes(&[("prompt", "none")])).await;
        assert_eq!(answer.sent("error").as_deref(), Some("login_required"));
        house.opens(&root, &app).await;
        assert!(browser.opens(&app.authorizes(&[("prompt", "none")])).await.sent("code").is_some());
    }
}
