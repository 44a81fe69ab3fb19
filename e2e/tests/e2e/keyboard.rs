//! Without a mouse: Tab, Enter and letters are enough, and Enter means what a person means by it.

use fantoccini::key::Key;

use crate::{
    browser::Browser,
    cases,
    house::House,
    records::{API, PARTNER, PASSWORD},
};

cases! {
    ONE "a log-in by Tab and Enter" => logs_in;
    ONE "Enter in a field sends the form, and does not cancel" => enter_sends;
    ONE "a sign-up, reached and sent by Tab and Enter" => signs_up;
    ONE "agreeing by Tab and Enter" => agrees;
}

/// What has the focus can be seen to have it.
async fn shows_focus(browser: &Browser) {
    let script = "const style = getComputedStyle(document.activeElement);
        return style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0 || style.boxShadow !== 'none'";
    assert_eq!(
        browser.runs(script, &[]).await,
        true,
        "the focus is not shown"
    );
}

async fn logs_in(house: &House) {
    let (browser, email) = (Browser::open().await, house.somebody());
    let ask = house.site_asks();
    browser.asks(&ask).await;
    browser.tabs_to("username").await;
    shows_focus(&browser).await;
    browser.writes(&email).await;
    browser.tabs_to("password").await;
    shows_focus(&browser).await;
    browser.writes(PASSWORD).await;
    browser.tabs_to("login-submit").await;
    shows_focus(&browser).await;
    browser.presses(Key::Enter).await;
    browser.arrives().await.code(&ask);
    browser.was_quiet().await;
}

async fn enter_sends(house: &House) {
    let (browser, email) = (Browser::open().await, house.somebody());
    let ask = house.site_asks();
    browser.asks(&ask).await;
    browser.tabs_to("username").await;
    browser.writes(&email).await;
    browser.tabs_to("password").await;
    browser.writes("not-the-Passw0rd").await;
    browser.presses(Key::Enter).await;
    browser.sees("#form-error").await;
    browser.tabs_to("password").await;
    browser.writes(PASSWORD).await;
    browser.presses(Key::Enter).await;
    browser.arrives().await.code(&ask);
    browser.was_quiet().await;
}

async fn signs_up(house: &House) {
    let (browser, email) = (Browser::open().await, format!("keys-{}", house.somebody()));
    let ask = house.site_asks();
    browser.asks(&ask).await;
    browser.tabs_to("to-signup").await;
    shows_focus(&browser).await;
    browser.presses(Key::Enter).await;
    browser.comes_to("/u/signup").await;
    browser.tabs_to("email").await;
    browser.writes(&email).await;
    browser.tabs_to("password").await;
    browser.writes(PASSWORD).await;
    browser.tabs_to("signup-submit").await;
    shows_focus(&browser).await;
    browser.presses(Key::Enter).await;
    browser.arrives().await.code(&ask);
    browser.was_quiet().await;
}

async fn agrees(house: &House) {
    let (browser, email) = (Browser::open().await, house.somebody());
    let ask = house
        .asks(PARTNER)
        .with("audience", API)
        .with("scope", "openid read:messages");
    browser.asks(&ask).await;
    browser.tabs_to("username").await;
    browser.writes(&email).await;
    browser.tabs_to("password").await;
    browser.writes(PASSWORD).await;
    browser.presses(Key::Enter).await;
    browser.comes_to("/u/consent").await;
    browser.tabs_to("consent-allow").await;
    shows_focus(&browser).await;
    browser.presses(Key::Enter).await;
    browser.arrives().await.code(&ask);
    browser.was_quiet().await;
}
