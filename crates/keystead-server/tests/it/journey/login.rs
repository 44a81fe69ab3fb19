//! Logging in: the right password opens a session, and nothing else does.

use std::time::Duration;

use keystead_server::{bootstrap::USERS, password::import::CustomPasswordHash};
use keystead_store::{passwords, sessions};
use serde_json::json;

use crate::{
    actors::{Begun, Browser, PASSWORD, REDIRECT, email},
    house::{Answer, on_both},
};

/// What a page says but for what differs each time it is shown.
fn apart_from_state(page: &Answer) -> String {
    page.body.replace(&page.field("state"), "")
}

fn session(browser: &Browser) -> String {
    browser.cookie("keystead").expect("a session")
}

/// Where apps on devices are called back.
const CALLBACKS: [&str; 4] = [
    "/ios/com.example.App/callback?code=abc&state=x",
    "/macos/com.example.App/callback",
    "/visionos/com.example.App/callback",
    "/android/com.example.app/callback?error=access_denied",
];

on_both! {
    async fn the_right_password_leads_back_to_the_app(house) {
        let app = house.shop("app").await;
        let ada = house.account("ada").await;
        let browser = house.browser();
        let page = browser.comes_from(&app, &[("login_hint", "ada@example.com")]).await;
        assert_eq!(page.status, 200);
        assert_eq!(page.field("username"), "ada@example.com", "the hint is typed already");
        assert_eq!(browser.cookie("keystead"), None);
        let sent = browser.types(&page, " Ada@Example.COM ", PASSWORD).await;
        assert_eq!(sent.status, 303);
        assert!(sent.header("location").starts_with("/authorize/resume?state="), "{}", sent.header("location"));
        let cookie = sent.headers.get_all("set-cookie").iter().find_map(|line| line.to_str().ok());
        let cookie = cookie.unwrap();
        assert!(cookie.starts_with("keystead=") && cookie.ends_with("; Max-Age=604800; Path=/; HttpOnly; SameSite=Lax"), "{cookie}");
        let back = browser.follows(sent).await;
        assert!(back.header("location").starts_with(REDIRECT), "{}", back.short());
        assert_eq!(back.sent("state").as_deref(), Some("s-1"));
        let tokens = app.redeems(&back.sent("code").unwrap()).await;
        assert_eq!(tokens.status, 200, "{}", tokens.body);
        let id = house.reads(&tokens.text("id_token")).await.claims;
        let sessions = house.sessions(&ada).await;
        assert_eq!((id["sub"].as_str(), id["sid"].as_str()), (Some(ada.id.as_str()), Some(sessions[0].id.as_str())));
        let lines = house.lines("s").await;
        let line = &lines[0];
        assert_eq!(lines.len(), 1);
        assert_eq!(line.client, Some(app.client_id()));
        assert_eq!(line.user, Some(ada.id.clone()));
        assert_eq!(line.connection, Some(ada.connection.clone()));
        assert_eq!(line.address.as_deref(), Some("203.0.113.9"));
        // The next time nobody is asked.
        assert!(browser.comes_from(&app, &[]).await.sent("code").is_some());
    }

    async fn a_wrong_password_and_an_unknown_account_look_alike(house) {
        let app = house.shop("app").await;
        let ada = house.account("ada").await;
        let browser = house.browser();
        let page = browser.comes_from(&app, &[]).await;
        let wrong = browser.types(&page, email(&ada), "another").await;
        let unknown = browser.types(&page, "eve@example.com", "another").await;
        assert_eq!((wrong.status.as_u16(), unknown.status.as_u16()), (400, 400));
        assert!(!wrong.says("form-error").is_empty());
        assert_eq!(wrong.field("username"), "ada@example.com");
        assert!(!wrong.body.contains("another"), "no password comes back");
        assert_eq!(
            apart_from_state(&wrong).replace("ada@", ""),
            apart_from_state(&unknown).replace("eve@", "")
        );
        assert_eq!(browser.cookie("keystead"), None);
        let (fp, fu) = (house.lines("fp").await, house.lines("fu").await);
        assert_eq!((fp.len(), fu.len()), (1, 1));
        assert_eq!(fp[0].user, Some(ada.id.clone()));
        assert_eq!(fu[0].details["user_name"], json!("eve@example.com"));
        // And the page that came back works.
        assert!(browser.signs_in(&wrong, &ada).await.sent("code").is_some());
    }

    async fn what_is_missing_is_said(house) {
        let app = house.shop("app").await;
        let browser = house.browser();
        let page = browser.comes_from(&app, &[]).await;
        for (username, password) in [("", ""), ("  ", PASSWORD), ("ada@example.com", "")] {
            let answer = browser.types(&page, username, password).await;
            assert_eq!(answer.status, 400, "{username:?} {password:?}");
            assert!(answer.shows("form-error") && answer.shows("login-form"));
            assert_eq!(answer.field("username"), username.trim());
        }
        assert!(house.lines("fp").await.is_empty() && house.lines("fu").await.is_empty());
    }

    async fn cancelling_tells_the_app_and_changes_nothing(house) {
        let app = house.shop("app").await;
        let ada = house.account("ada").await;
        let browser = house.browser();
        browser.arrives(&app, &ada).await;
        let before = session(&browser);
        let page = browser.comes_from(&app, &[("prompt", "login")]).await;
        let state = page.field("state");
        let back = browser.submits("/u/login", &[("state", &state), ("action", "cancel")]).await;
        assert_eq!(back.status, 303);
        assert!(back.header("location").starts_with(REDIRECT));
        assert_eq!(back.sent("error").as_deref(), Some("access_denied"));
        assert_eq!(back.sent("state").as_deref(), Some("s-1"));
        assert_eq!(back.sent("code"), None);
        assert_eq!(session(&browser), before);
        assert!(browser.comes_from(&app, &[]).await.sent("code").is_some());
    }

    async fn a_blocked_account_is_told_so_after_the_right_password_only(house) {
        let app = house.shop("app").await;
        let ada = house.account("ada").await;
        house.blocks(&ada).await;
        let browser = house.browser();
        let page = browser.comes_from(&app, &[]).await;
        let wrong = browser.types(&page, email(&ada), "another").await;
        let right = browser.types(&page, email(&ada), PASSWORD).await;
        assert_eq!(right.status, 400);
        assert_ne!(right.says("form-error"), wrong.says("form-error"));
        assert_eq!(browser.cookie("keystead"), None);
        assert!(house.sessions(&ada).await.is_empty());
        assert_eq!(house.lines("f").await.len(), 1);
    }

    async fn too_many_wrong_ones_are_asked_to_wait(house) {
        let app = house.shop("app").await;
        let ada = house.account("ada").await;
        let browser = house.browser();
        let page = browser.comes_from(&app, &[]).await;
        let mut last = browser.types(&page, email(&ada), "another").await;
        for _ in 0..10 {
            last = browser.types(&page, email(&ada), "another").await;
        }
        assert_eq!(last.status, 429);
        assert!(last.header("retry-after").parse::<u32>().unwrap() > 0);
        assert!(last.shows("login-form") && last.shows("form-error"));
        assert_eq!(last.field("username"), "ada@example.com");
        let right = browser.types(&page, email(&ada), PASSWORD).await;
        assert_eq!(right.status, 429, "a right one is not looked at either");
        assert!(!house.lines("limit_wc").await.is_empty());
        // From elsewhere she comes in.
        let home = house.browser_from("198.51.100.7");
        assert!(home.arrives(&app, &ada).await.sent("code").is_some());
    }

    async fn a_password_that_is_changed_meanwhile_is_the_one_that_counts(house) {
        let app = house.shop("app").await;
        let ada = house.account("ada").await;
        let services = &house.services;
        let other = services.passwords.hash("192.0.2.1".parse().unwrap(), &"another".into(), &mut services.rng()).await.unwrap();
        let mut late = 0;
        for delay in (0..80).step_by(4) {
            house.gives_password(&ada).await;
            // Who comes too late has typed a wrong password, and nobody may do so for long from one place.
            let browser = house.browser_from(&format!("198.51.100.{delay}"));
            let page = browser.comes_from(&app, &[]).await;
            let reset = async {
                tokio::time::sleep(Duration::from_millis(delay)).await;
                let (id, other, now) = (ada.id.clone(), other.clone(), house.now());
                house.writes(move |tx| {
                    passwords::set(tx, &id, &other, now)?;
                    sessions::end_all_of_user(tx, &id, now)
                }).await
            };
            let (answer, ended) = tokio::join!(browser.types(&page, email(&ada), PASSWORD), reset);
            // Whichever came second has seen the other.
            assert!(house.sessions(&ada).await.is_empty(), "{delay}: {}", answer.status);
            assert_eq!((answer.status == 303, ended.len()), (answer.status != 400, usize::from(answer.status == 303)), "{delay}");
            late += usize::from(answer.status == 400);
            assert!(browser.comes_from(&app, &[]).await.shows("login-form"), "{delay}");
        }
        assert_eq!(house.lines("fp").await.len(), late);
        assert!(late > 0);
        // Who comes with the new one, gets in.
        let browser = house.browser();
        let page = browser.comes_from(&app, &[]).await;
        assert_eq!(browser.types(&page, email(&ada), "another").await.status, 303);
    }

    async fn who_comes_twice_with_a_password_from_elsewhere_comes_in_twice(house) {
        let app = house.shop("app").await;
        let ada = house.account("ada").await;
        let sum = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, PASSWORD.as_bytes());
        let sum: String = sum.as_ref().iter().map(|b| format!("{b:02x}")).collect();
        let hash = json!({ "algorithm": "sha256", "hash": { "value": sum, "encoding": "hex" } });
        let hash = serde_json::from_value::<CustomPasswordHash>(hash).unwrap().stored().unwrap();
        let (one, two) = (house.browser(), house.browser());
        for _ in 0..5 {
            let (id, foreign, now) = (ada.id.clone(), hash.clone(), house.now());
            house.writes(move |tx| passwords::set(tx, &id, &foreign, now)).await;
            let pages = (one.comes_from(&app, &[("prompt", "login")]).await, two.comes_from(&app, &[("prompt", "login")]).await);
            // Each verifies what was imported, and one of them improves it first.
            let answers = tokio::join!(one.types(&pages.0, email(&ada), PASSWORD), two.types(&pages.1, email(&ada), PASSWORD));
            assert_eq!((answers.0.status.as_u16(), answers.1.status.as_u16()), (303, 303));
        }
        assert!(house.lines("fp").await.is_empty());
    }

    async fn a_session_has_a_new_key_after_each_log_in(house) {
        let app = house.shop("app").await;
        let (ada, bob) = (house.account("ada").await, house.account("bob").await);
        let browser = house.browser();
        browser.arrives(&app, &ada).await;
        let (first, stolen) = (session(&browser), browser.copied());
        let sid = house.sessions(&ada).await[0].id.clone();
        // Again as herself: the session goes on, and whoever copied its cookie has nothing.
        let page = browser.comes_from(&app, &[("prompt", "login")]).await;
        house.waits(Duration::from_secs(5)).await;
        browser.signs_in(&page, &ada).await;
        assert_ne!(session(&browser), first);
        let sessions = house.sessions(&ada).await;
        assert_eq!(sessions.iter().map(|own| own.id.clone()).collect::<Vec<_>>(), [sid]);
        assert_eq!(sessions[0].authenticated_at, house.now());
        assert!(stolen.comes_from(&app, &[]).await.shows("login-form"));
        // As somebody else: hers has ended.
        let second = browser.copied();
        let page = browser.comes_from(&app, &[("prompt", "login")]).await;
        browser.signs_in(&page, &bob).await;
        assert!(house.sessions(&ada).await.is_empty());
        assert_eq!(house.sessions(&bob).await.len(), 1);
        assert!(second.comes_from(&app, &[]).await.shows("login-form"));
    }

    async fn logging_in_again_lets_a_session_live_as_long_as_a_new_one(house) {
        let app = house.shop("app").await;
        let hours = |count: u64| Duration::from_secs(count * 3_600);
        for (name, change) in [("ada", ("prompt", "login")), ("bob", ("max_age", "60"))] {
            let (user, browser) = (house.account(name).await, house.browser());
            browser.arrives(&app, &user).await;
            let began = house.sessions(&user).await[0].clone();
            house.waits(hours(60)).await;
            let page = browser.comes_from(&app, &[change]).await;
            assert!(page.shows("login-form"), "{change:?}");
            browser.signs_in(&page, &user).await;
            let renewed = house.sessions(&user).await[0].clone();
            let now = house.now();
            assert_eq!((&renewed.id, renewed.created_at), (&began.id, began.created_at), "{change:?}");
            assert_eq!((renewed.idle_until, renewed.expires_at), (now + hours(72), now + hours(168)), "{change:?}");
            // Past its first end, with a visit now and then.
            for _ in 0..2 {
                house.waits(hours(60)).await;
                assert!(browser.comes_from(&app, &[("prompt", "none")]).await.sent("code").is_some(), "{change:?}");
            }
            assert!(house.now() > began.expires_at, "{change:?}");
        }
    }

    async fn a_planted_session_is_not_the_one_that_a_log_in_opens(house) {
        let app = house.shop("app").await;
        let (ada, mallory) = (house.account("ada").await, house.account("mallory").await);
        let attacker = house.browser();
        attacker.arrives(&app, &mallory).await;
        let victim = house.browser();
        victim.plants("keystead", Some(&session(&attacker)));
        let page = victim.comes_from(&app, &[("prompt", "login")]).await;
        victim.signs_in(&page, &ada).await;
        assert_ne!(session(&victim), session(&attacker));
        // The attacker's cookie opens nothing any more, least of all hers.
        assert!(attacker.comes_from(&app, &[]).await.shows("login-form"));
        assert_eq!(house.sessions(&ada).await.len(), 1);
    }

    async fn a_page_belongs_to_the_browser_it_was_shown_in(house) {
        let app = house.shop("app").await;
        let ada = house.account("ada").await;
        let (browser, other) = (house.browser(), house.browser());
        let page = browser.comes_from(&app, &[]).await;
        // Another browser, with a journey of its own or none.
        for _ in 0..2 {
            let refused = other.types(&page, email(&ada), PASSWORD).await;
            assert_eq!(refused.status, 403, "{}", refused.short());
            assert!(refused.shows("error-page"));
            assert_eq!(other.cookie("keystead"), None);
            other.comes_from(&app, &[]).await;
        }
        // Another site's form, and one that does not say where it comes from.
        let state = page.field("state");
        let pairs = [("state", state.as_str()), ("username", email(&ada)), ("password", PASSWORD)];
        for begun in [Begun::Elsewhere, Begun::Typed] {
            let refused = browser.posts("/u/login", &pairs, begun).await;
            assert_eq!(refused.status, 403);
            assert!(refused.shows("error-page"));
        }
        assert!(house.sessions(&ada).await.is_empty());
        // Too late.
        house.waits(Duration::from_secs(3_600)).await;
        let late = browser.types(&page, email(&ada), PASSWORD).await;
        assert_eq!(late.status, 400);
        assert!(late.shows("error-page"));
        assert!(house.sessions(&ada).await.is_empty());
    }

    async fn twice_and_back_and_two_tabs_do_no_harm(house) {
        let app = house.shop("app").await;
        let ada = house.account("ada").await;
        let browser = house.browser();
        let (one, two) = (browser.comes_from(&app, &[]).await, browser.comes_from(&app, &[("state", "second")]).await);
        // Sent twice: both lead to a code, and the newer cookie is good.
        let first = browser.types(&one, email(&ada), PASSWORD).await;
        let again = browser.types(&one, email(&ada), PASSWORD).await;
        assert_eq!((first.status.as_u16(), again.status.as_u16()), (303, 303));
        let back = browser.follows(again).await;
        assert_eq!(back.sent("state").as_deref(), Some("s-1"));
        assert!(back.sent("code").is_some());
        // The other tab ends where it began.
        let other = browser.signs_in(&two, &ada).await;
        assert_eq!(other.sent("state").as_deref(), Some("second"));
        assert!(other.sent("code").is_some());
        // Back to a page whose form was sent.
        let state = one.field("state");
        let page = browser.opens(&format!("/u/login?state={state}")).await;
        assert_eq!(page.status, 200);
        assert!(page.shows("login-form"));
        // The first answer's way is open too: it is the same session, whose cookie is newer by now.
        assert!(browser.follows(first).await.sent("code").is_some());
        assert_eq!(house.sessions(&ada).await.len(), 1);
    }

    async fn the_connection_that_is_asked_for_is_where_the_account_must_be(house) {
        let app = house.shop("app").await;
        let ada = house.account("ada").await;
        house.database("staff", json!({})).await;
        house.database("elsewhere", json!({})).await;
        house.enables("staff", &app).await;
        let grace = house.account_in("staff", "grace").await;
        let browser = house.browser();
        let page = browser.comes_from(&app, &[("connection", "staff")]).await;
        assert_eq!(browser.types(&page, email(&ada), PASSWORD).await.status, 400);
        assert!(browser.signs_in(&page, &grace).await.sent("code").is_some());
        for wrong in ["nowhere", "elsewhere", "keystead-administrators"] {
            let back = house.browser().comes_from(&app, &[("connection", wrong)]).await;
            assert_eq!(back.sent("error").as_deref(), Some("invalid_request"), "{wrong}");
        }
        // Unasked, the oldest, or the one that the installation prefers.
        let page = house.browser().comes_from(&app, &[]).await;
        assert!(page.shows("login-form"));
        let set = serde_json::from_value(json!({ "default_directory": "staff" })).unwrap();
        let now = house.now();
        house
            .writes(move |tx| keystead_store::settings::put::<keystead_server::tenant::Tenant>(tx, &set, now))
            .await;
        let other = house.browser();
        let page = other.comes_from(&app, &[]).await;
        assert!(other.signs_in(&page, &grace).await.sent("code").is_some());
        let named = other.comes_from(&app, &[("connection", USERS), ("prompt", "login")]).await;
        assert!(other.signs_in(&named, &ada).await.sent("code").is_some());
    }

    async fn an_app_without_connections_hears_so(house) {
        let metadata = json!({ "grant_types": ["authorization_code"], "callbacks": [REDIRECT] });
        let app = house.client("lonely", metadata).await;
        let back = house.browser().comes_from(&app, &[]).await;
        assert_eq!(back.sent("error").as_deref(), Some("invalid_request"));
    }

    async fn a_session_ends_when_nobody_uses_it(house) {
        let app = house.shop("app").await;
        let ada = house.account("ada").await;
        let browser = house.browser();
        browser.arrives(&app, &ada).await;
        let hours = |n: u64| Duration::from_secs(n * 3_600);
        // Used every other day, it lasts a week.
        for _ in 0..3 {
            house.waits(hours(48)).await;
            assert!(browser.comes_from(&app, &[]).await.sent("code").is_some());
        }
        house.waits(hours(24)).await;
        assert!(browser.comes_from(&app, &[]).await.shows("login-form"), "a week is over");
        let page = browser.comes_from(&app, &[]).await;
        browser.signs_in(&page, &ada).await;
        house.waits(hours(72)).await;
        assert!(browser.comes_from(&app, &[]).await.shows("login-form"), "three days unused");
    }

    async fn a_mobile_callback_is_a_harmless_page(house) {
        for path in CALLBACKS {
            let page = house.browser().opens(path).await;
            assert_eq!(page.status, 200, "{path}");
            assert!(page.header("content-type").starts_with("text/html"));
            assert!(!page.body.contains("abc"), "nothing of the address is repeated");
        }
    }
}
