//! Logging in and signing up: from an app's request to its tokens.

use serde_json::json;

use crate::{
    browser::Browser,
    cases,
    engine::Engine,
    house::{House, Scheme},
    party::party,
    records::{PASSWORD, SITE},
};

cases! {
    BOTH "a log-in becomes a code, and the code becomes tokens once" => becomes_tokens;
    BOTH "a wrong password is told calmly, and the right one goes on" => wrong_then_right;
    BOTH "who signs up is logged in" => signs_up;
    ONE "an unknown address is told the same as a wrong password" => unknown_is_wrong;
    ONE "a password that breaks the policy is refused with its rules, and a better one goes on" => policy;
    ONE "an address that is taken is refused" => taken;
    ONE "an app hears of a person who cancels" => cancels;
    ONE "an app's hints choose the page and fill the field" => hints;
    ONE "on localhost it works in the open too" => in_the_open;
}

pub fn callback() -> String {
    party().url("/callback").into()
}

async fn becomes_tokens(house: &House) {
    let (browser, email) = (Browser::open().await, house.somebody());
    let ask = house.site_asks();
    let answer = browser.enters(&ask, &email).await;
    assert_eq!(answer.get("iss"), house.issuer.as_str());
    let code = answer.code(&ask);
    let tokens = house.web.tokens(SITE, &callback(), code).await;
    assert_eq!(tokens.claim("iss"), house.issuer.as_str());
    assert_eq!(tokens.claim("aud"), SITE);
    assert_eq!(tokens.claim("nonce"), ask.get("nonce"));
    let user = house.web.userinfo(&tokens).await;
    assert_eq!(
        (&user["email"], &user["sub"]),
        (&json!(email), &tokens.claim("sub"))
    );

    let (status, body) = house.web.redeem(SITE, &callback(), code).await;
    assert_eq!(
        (status, &body["error"]),
        (403, &json!("invalid_grant")),
        "{body}"
    );
    let cookie = browser.cookie("__Host-keystead").await.unwrap();
    assert_eq!(
        [
            &cookie["httpOnly"],
            &cookie["secure"],
            &cookie["sameSite"],
            &cookie["path"]
        ],
        [&json!(true), &json!(true), &json!("None"), &json!("/")],
    );
    browser.was_quiet().await;
}

async fn wrong_then_right(house: &House) {
    let (browser, email) = (Browser::open().await, house.somebody());
    let ask = house.site_asks();
    browser.asks(&ask).await;
    browser.tries(&email, "not-the-Passw0rd").await;
    let error = browser.sees("#form-error").await;
    assert_eq!(error.attr("role").await.unwrap().as_deref(), Some("alert"));
    assert_eq!(browser.stands().await.path(), "/u/login");
    let field = browser.sees("#username").await;
    assert_eq!(
        field.prop("value").await.unwrap().as_deref(),
        Some(email.as_str())
    );
    let field = browser.sees("#password").await;
    assert_eq!(field.prop("value").await.unwrap().as_deref(), Some(""));
    browser.types("#password", PASSWORD).await;
    browser.clicks("#login-submit").await;
    let answer = browser.arrives().await;
    house.web.tokens(SITE, &callback(), answer.code(&ask)).await;
    browser.was_quiet().await;
}

async fn unknown_is_wrong(house: &House) {
    let browser = Browser::open().await;
    browser.asks(&house.site_asks()).await;
    let mut told = Vec::new();
    for email in [house.somebody(), "nobody@example.com".to_owned()] {
        browser.tries(&email, "not-the-Passw0rd").await;
        browser.sees("#form-error").await;
        told.push(browser.text("#form-error").await);
    }
    assert_eq!(told[0], told[1]);
    assert!(!told[0].is_empty());
}

async fn signs_up(house: &House) {
    let (browser, email) = (Browser::open().await, format!("new-{}", house.somebody()));
    let ask = house.site_asks();
    browser.asks(&ask).await;
    browser.clicks("#to-signup").await;
    browser.comes_to("/u/signup").await;
    browser.types("#email", &email).await;
    browser.types("#password", PASSWORD).await;
    browser.clicks("#signup-submit").await;
    let answer = browser.arrives().await;
    let tokens = house.web.tokens(SITE, &callback(), answer.code(&ask)).await;
    let user = house.web.userinfo(&tokens).await;
    assert_eq!(
        (&user["email"], &user["email_verified"]),
        (&json!(email), &json!(false))
    );

    // It is an account like any other: it can be used elsewhere.
    let elsewhere = Browser::open().await;
    let again = elsewhere.enters(&ask, &email).await;
    let tokens = house.web.tokens(SITE, &callback(), again.code(&ask)).await;
    assert_eq!(tokens.claim("sub"), user["sub"]);
    browser.was_quiet().await;
}

async fn policy(house: &House) {
    let (browser, email) = (Browser::open().await, format!("weak-{}", house.somebody()));
    let ask = house.site_asks();
    browser.asks(&ask).await;
    browser.clicks("#to-signup").await;
    browser.types("#email", &email).await;
    browser.types("#password", "short").await;
    browser.clicks("#signup-submit").await;
    browser.sees("#form-error").await;
    assert_eq!(browser.stands().await.path(), "/u/signup");
    assert!(
        browser.text("#signup-form").await.contains('8'),
        "the rules name the length"
    );
    let field = browser.sees("#email").await;
    assert_eq!(
        field.prop("value").await.unwrap().as_deref(),
        Some(email.as_str())
    );
    browser.types("#password", PASSWORD).await;
    browser.clicks("#signup-submit").await;
    browser.arrives().await.code(&ask);
    browser.was_quiet().await;
}

async fn taken(house: &House) {
    let (browser, email) = (Browser::open().await, house.somebody());
    browser.asks(&house.site_asks()).await;
    browser.clicks("#to-signup").await;
    browser.types("#email", &email.to_uppercase()).await;
    browser.types("#password", PASSWORD).await;
    browser.clicks("#signup-submit").await;
    browser.sees("#form-error").await;
    assert_eq!(browser.stands().await.path(), "/u/signup");
    assert!(
        browser.cookie("__Host-keystead").await.is_none(),
        "nobody is logged in"
    );
    browser.was_quiet().await;
}

/// Cancelling is a way out on every page, and leaves nobody logged in (oidc L3, C26).
async fn cancels(house: &House) {
    let browser = Browser::open().await;
    let ask = house.site_asks();
    browser.asks(&ask).await;
    browser.clicks("#login-cancel").await;
    assert_eq!(browser.arrives().await.error(&ask), "access_denied");

    browser.asks(&ask).await;
    browser.clicks("#to-signup").await;
    browser.comes_to("/u/signup").await;
    browser.clicks("#signup-cancel").await;
    assert_eq!(browser.arrives().await.error(&ask), "access_denied");
    assert_eq!(
        browser.silently(house).await.as_deref(),
        Some("login_required")
    );
    browser.was_quiet().await;
}

async fn hints(house: &House) {
    let browser = Browser::open().await;
    browser
        .goes(&house.site_asks().with("screen_hint", "signup").url())
        .await;
    browser.comes_to("/u/signup").await;
    browser.clicks("#to-login").await;
    browser.comes_to("/u/login").await;

    browser
        .asks(&house.site_asks().with("login_hint", "ada+1@example.com"))
        .await;
    let field = browser.sees("#username").await;
    assert_eq!(
        field.prop("value").await.unwrap().as_deref(),
        Some("ada+1@example.com")
    );
    browser.was_quiet().await;
}

/// Without encryption the cookies have other names; what people see is the same.
async fn in_the_open(_: &House) {
    let house = House::open(Engine::Sqlite, Scheme::Http);
    let (browser, email) = (Browser::open().await, house.somebody());
    let ask = house.site_asks();
    let answer = browser.enters(&ask, &email).await;
    house.web.tokens(SITE, &callback(), answer.code(&ask)).await;
    assert!(browser.cookie("keystead").await.is_some());
    browser.goes(&ask.url()).await;
    browser.arrives().await.code(&ask);
    browser.was_quiet().await;
}
