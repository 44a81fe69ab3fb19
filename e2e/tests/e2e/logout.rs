//! Logging out: at once where somebody vouches for it, after a question where nobody does.

use url::Url;

use crate::{browser::Browser, cases, house::House, login::callback, party::party, records::SITE};

cases! {
    BOTH "/v2/logout ends the session and leads back to the app" => auth0s_way;
    BOTH "/oidc/logout asks first, and hears both answers" => asks_first;
    ONE "/oidc/logout with a hint leads straight back to the app" => with_a_hint;
    ONE "/v2/logout to a foreign address logs out and leads nowhere" => leads_nowhere;
    ONE "/v2/logout without an address ends on a page that says so" => without_address;
}

async fn logged_in(house: &House) -> Browser {
    let (browser, email) = (Browser::open().await, house.somebody());
    browser.enters(&house.site_asks(), &email).await;
    browser
}

fn with(house: &House, path: &str, pairs: &[(&str, &str)]) -> Url {
    let mut url = house.url(path);
    url.query_pairs_mut().extend_pairs(pairs);
    url
}

async fn is_out(house: &House, browser: &Browser) {
    assert!(browser.cookie("__Host-keystead").await.is_none());
    assert_eq!(
        browser.silently(house).await.as_deref(),
        Some("login_required")
    );
    browser.was_quiet().await;
}

async fn auth0s_way(house: &House) {
    let browser = logged_in(house).await;
    let back = party().url("/signed-out");
    let leave = with(
        house,
        "v2/logout",
        &[("client_id", SITE), ("returnTo", back.as_str())],
    );
    browser.goes(&leave).await;
    assert_eq!(
        browser.comes_to("/signed-out").await.origin(),
        back.origin()
    );
    is_out(house, &browser).await;
}

async fn asks_first(house: &House) {
    let browser = logged_in(house).await;
    for _ in 0..2 {
        browser.goes(&house.url("oidc/logout")).await;
        browser.comes_to("/u/logout").await;
        browser.sees("#logout-form").await;
        browser.clicks("#logout-no").await;
        browser.comes_to("/u/still-signed-in").await;
        browser.sees("#still-signed-in").await;
        assert_eq!(browser.silently(house).await, None, "the answer was no");
    }
    browser.goes(&house.url("oidc/logout")).await;
    browser.clicks("#logout-yes").await;
    browser.comes_to("/u/logged-out").await;
    browser.sees("#signed-out").await;
    is_out(house, &browser).await;
}

async fn with_a_hint(house: &House) {
    let (browser, email) = (Browser::open().await, house.somebody());
    let ask = house.site_asks();
    let answer = browser.enters(&ask, &email).await;
    let tokens = house.web.tokens(SITE, &callback(), answer.code(&ask)).await;
    let back = party().url("/signed-out");
    let pairs = [
        ("id_token_hint", tokens.0["id_token"].as_str().unwrap()),
        ("post_logout_redirect_uri", back.as_str()),
        ("state", "the-state-of-the-app"),
    ];
    browser.goes(&with(house, "oidc/logout", &pairs)).await;
    let url = browser.comes_to("/signed-out").await;
    assert_eq!(url.query(), Some("state=the-state-of-the-app"));
    is_out(house, &browser).await;
}

/// Class 4: nobody is sent to an address that was not registered.
async fn leads_nowhere(house: &House) {
    let browser = logged_in(house).await;
    let evil = party().evil("/signed-out");
    let leave = with(
        house,
        "v2/logout",
        &[("client_id", SITE), ("returnTo", evil.as_str())],
    );
    browser.goes(&leave).await;
    let (_, cause) = browser.reads_error().await;
    assert!(!cause.is_empty());
    assert_eq!(browser.stands().await.origin(), house.issuer.origin());
    is_out(house, &browser).await;
}

async fn without_address(house: &House) {
    let browser = logged_in(house).await;
    browser.goes(&house.url("v2/logout")).await;
    let url = browser.comes_to("/u/logged-out").await;
    assert_eq!(url.origin(), house.issuer.origin());
    browser.sees("#signed-out").await;
    is_out(house, &browser).await;
}
