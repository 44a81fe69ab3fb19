//! Signing up: an account that keeps the rules, logged in at once; and nobody learns who has one.

use keystead_server::bootstrap::USERS;
use keystead_store::users;
use serde_json::{Value, json};

use crate::{
    actors::{App, Begun, Browser, PASSWORD, REDIRECT, email},
    house::{Answer, House, on_both},
};

const GOOD: &str = "Tr1ckier than it looks";

async fn page(browser: &Browser, app: &App) -> Answer {
    let changes = [("screen_hint", "signup"), ("scope", "openid email")];
    let page = browser.comes_from(app, &changes).await;
    assert!(page.shows("signup-form"), "{}", page.short());
    page
}

async fn sends(browser: &Browser, page: &Answer, email: &str, password: &str) -> Answer {
    let state = page.field("state");
    let pairs = [
        ("state", state.as_str()),
        ("email", email),
        ("password", password),
        ("action", "submit"),
    ];
    browser.submits("/u/signup", &pairs).await
}

async fn exists(house: &House, email: &'static str) -> bool {
    let connection = house.connection(USERS).await.id;
    let read = house
        .services
        .store
        .read(move |tx| users::by_email(tx, &connection, email));
    read.await.unwrap().is_some()
}

on_both! {
    async fn a_new_account_is_logged_in(house) {
        let app = house.shop("app").await;
        let browser = house.browser();
        let page = page(&browser, &app).await;
        let sent = sends(&browser, &page, " New@Example.com ", GOOD).await;
        assert_eq!(sent.status, 303, "{}", sent.body);
        let back = browser.follows(sent).await;
        assert!(back.header("location").starts_with(REDIRECT));
        let tokens = app.redeems(&back.sent("code").unwrap()).await;
        let claims = house.reads(&tokens.text("id_token")).await.claims;
        assert_eq!((claims["email"].as_str(), claims["email_verified"].as_bool()), (Some("New@Example.com"), Some(false)));
        assert_eq!((house.lines("ss").await.len(), house.lines("s").await.len()), (1, 1));
        // And from then on, with that password.
        let other = house.browser();
        let login = other.comes_from(&app, &[]).await;
        assert_eq!(other.types(&login, "new@example.com", GOOD).await.status, 303);
    }

    async fn a_password_that_breaks_a_rule_is_told_which(house) {
        let app = house.shop("app").await;
        let browser = house.browser();
        let page = page(&browser, &app).await;
        assert!(page.shows("password-rules"));
        let answer = sends(&browser, &page, "new@example.com", "short").await;
        assert_eq!(answer.status, 400);
        assert!(answer.shows("form-error") && answer.shows("signup-form"));
        assert!(answer.body.contains("class=\"broken\"") && answer.body.contains("class=\"met\""), "{}", answer.body);
        assert_eq!(answer.field("email"), "new@example.com");
        assert!(!answer.body.contains("short"));
        assert!(!exists(&house, "new@example.com").await);
        assert_eq!(house.lines("fs").await.len(), 1);
        assert_eq!(sends(&browser, &answer, "new@example.com", GOOD).await.status, 303);
    }

    async fn what_is_missing_or_no_address_is_said(house) {
        let app = house.shop("app").await;
        let browser = house.browser();
        let page = page(&browser, &app).await;
        for (email, password) in [("", GOOD), ("new@example.com", ""), ("nobody", GOOD), ("a@b@c", GOOD)] {
            let answer = sends(&browser, &page, email, password).await;
            assert_eq!(answer.status, 400, "{email:?} {password:?}");
            assert!(answer.shows("form-error"), "{email:?}");
            assert_eq!(answer.field("email"), email);
        }
        assert_eq!(browser.cookie("keystead"), None);
    }

    async fn nobody_learns_that_an_address_is_taken(house) {
        let app = house.shop("app").await;
        let ada = house.account("ada").await;
        let browser = house.browser();
        let page = page(&browser, &app).await;
        let taken = sends(&browser, &page, "ADA@example.com", GOOD).await;
        assert_eq!(taken.status, 400);
        let texts: Value = serde_json::from_str(include_str!("../../../locales/en.json")).unwrap();
        let told = texts["signup"]["signup"]["signup-not-possible"].as_str().unwrap();
        assert_eq!(taken.says("form-error"), told, "and not a word about why");
        assert_eq!(house.lines("fs").await.len(), 1);
        assert_eq!(browser.cookie("keystead"), None);
        // Her account is as it was.
        let page = browser.comes_from(&app, &[]).await;
        assert_eq!(browser.types(&page, email(&ada), GOOD).await.status, 400);
        assert_eq!(browser.types(&page, email(&ada), PASSWORD).await.status, 303);
    }

    async fn a_closed_connection_has_no_way_in(house) {
        let app = house.shop("app").await;
        let browser = house.browser();
        let open = page(&browser, &app).await;
        assert!(browser.comes_from(&app, &[]).await.shows("to-signup"));
        house.sets(USERS, json!({ "disable_signup": true })).await;
        let login = browser.comes_from(&app, &[]).await;
        assert!(login.shows("login-form") && !login.shows("to-signup"));
        // A page that was open, the address itself, and the hint.
        let sent = sends(&browser, &open, "new@example.com", GOOD).await;
        assert!(browser.follows(sent).await.shows("login-form"));
        let state = open.field("state");
        assert!(browser.visits(&format!("/u/signup?state={state}")).await.shows("login-form"));
        assert!(browser.comes_from(&app, &[("screen_hint", "signup")]).await.shows("login-form"));
        assert!(!exists(&house, "new@example.com").await);
    }

    async fn cancelling_and_other_sites_make_no_account(house) {
        let app = house.shop("app").await;
        let browser = house.browser();
        let page = page(&browser, &app).await;
        let state = page.field("state");
        let pairs = [("state", state.as_str()), ("email", "new@example.com"), ("password", GOOD)];
        for begun in [Begun::Elsewhere, Begun::Typed] {
            assert_eq!(browser.posts("/u/signup", &pairs, begun).await.status, 403);
        }
        assert_eq!(sends(&house.browser(), &page, "new@example.com", GOOD).await.status, 403);
        let back = browser.submits("/u/signup", &[("state", &state), ("action", "cancel")]).await;
        assert_eq!((back.status.as_u16(), back.sent("error").as_deref()), (303, Some("access_denied")));
        assert!(!exists(&house, "new@example.com").await);
    }

    async fn where_user_names_are_used_one_is_asked_for(house) {
        let app = house.shop("app").await;
        house.sets(USERS, json!({ "requires_username": true })).await;
        let browser = house.browser();
        let page = page(&browser, &app).await;
        let state = page.field("state");
        let with = |name: &'static str| {
            let pairs = [("state", state.clone()), ("email", "new@example.com".to_owned()), ("username", name.to_owned()), ("password", GOOD.to_owned())];
            let browser = &browser;
            async move {
                let pairs: Vec<(&str, &str)> = pairs.iter().map(|(n, v)| (*n, v.as_str())).collect();
                browser.submits("/u/signup", &pairs).await
            }
        };
        assert_eq!(with("").await.status, 400);
        assert_eq!(with("no spaces").await.status, 400);
        assert_eq!(with("newcomer").await.status, 303);
        let other = house.browser();
        let login = other.comes_from(&app, &[]).await;
        assert_eq!(other.types(&login, "Newcomer", GOOD).await.status, 303);
    }
}
