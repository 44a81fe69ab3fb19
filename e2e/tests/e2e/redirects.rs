//! Where an answer goes: to a foreign site, to an app's own scheme, by a form that posts itself. Chromium stops a redirect
//! after a form if the page's policy does not name its target, so each of them follows a form here.

use std::time::{Duration, Instant};

use url::Url;

use crate::{
    ask::{Answer, Ask},
    browser::Browser,
    cases,
    house::House,
    login::callback,
    party::party,
    records::{PHONE, PHONE_CALLBACK, QUIET_PHONE, SITE},
};

cases! {
    ONE "a policy that forbids a redirect is seen to do so" => a_control;
    BOTH "an app's own scheme is answered after a log-in" => own_scheme;
    ONE "an app's own scheme is answered only after a question when nothing else was asked" => confirmed;
    ONE "an app that wants no question is answered without one" => unconfirmed;
    ONE "an app's own scheme hears of a person who cancels" => own_scheme_cancelled;
    BOTH "a form posts itself to the app" => form_post;
    ONE "an answer in the fragment leaves the query empty" => fragment;
    ONE "an address that is not registered is a page, and never a redirect" => unregistered;
}

/// Waits until the browser is about to leave for a scheme that it does not know: the URL.
async fn leaves(browser: &Browser, scheme: &str) -> Url {
    let began = Instant::now();
    let mut seen = Vec::new();
    loop {
        for (method, event) in browser.events().await {
            let url = event["request"]["url"]
                .as_str()
                .or_else(|| event["url"].as_str());
            if let Some(url) = url.filter(|url| url.starts_with(scheme)) {
                return url.parse().unwrap();
            }
            seen.push(format!("{method} {}", url.unwrap_or_default()));
        }
        assert!(
            began.elapsed() < Duration::from_secs(15),
            "never leaves for {scheme}: {seen:#?}"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Whether the browser has said that a policy forbids where a form leads.
async fn was_stopped(browser: &Browser) -> bool {
    tokio::time::sleep(Duration::from_millis(500)).await;
    let complaints = browser.complaints().await;
    complaints
        .iter()
        .any(|complaint| complaint.text.contains("form-action"))
}

async fn a_control(_: &House) {
    for target in [PHONE_CALLBACK.to_owned(), party().evil("/callback").into()] {
        for (page, stopped) in [("/strict", true), ("/lenient", false)] {
            let browser = Browser::open().await;
            let mut form = party().url(page);
            form.query_pairs_mut().append_pair("to", &target);
            browser.goes(&form).await;
            browser.clicks("#go").await;
            assert_eq!(was_stopped(&browser).await, stopped, "{page} to {target}");
            if !stopped && target.starts_with("demo:") {
                leaves(&browser, "demo:").await;
            }
        }
    }
}

fn phone(house: &House, client: &str) -> Ask {
    house.asks_to(client, PHONE_CALLBACK)
}

async fn hears(browser: &Browser) -> Answer {
    let url = leaves(browser, "demo:").await;
    assert!(url.as_str().starts_with(PHONE_CALLBACK), "{url}");
    Answer::of_query(&url)
}

async fn own_scheme(house: &House) {
    let (browser, email) = (Browser::open().await, house.somebody());
    let ask = phone(house, PHONE);
    browser.asks(&ask).await;
    browser.logs_in(&email).await;
    let answer = hears(&browser).await;
    let tokens = house
        .web
        .tokens(PHONE, PHONE_CALLBACK, answer.code(&ask))
        .await;
    assert_eq!(house.web.userinfo(&tokens).await["email"], email.as_str());
    assert!(!was_stopped(&browser).await);
}

async fn confirmed(house: &House) {
    let (browser, email) = (Browser::open().await, house.somebody());
    browser.enters(&house.site_asks(), &email).await;
    let ask = phone(house, PHONE);
    browser.goes(&ask.url()).await;
    browser.comes_to("/u/confirm").await;
    assert!(
        browser.text("body").await.contains(&email),
        "it says whose account it is"
    );
    browser.clicks("#confirm-continue").await;
    hears(&browser).await.code(&ask);

    // In the first tab Chromium now asks whether some other program may be started, and hears nothing else.
    browser.opens_tab().await;
    browser.goes(&ask.url()).await;
    browser.comes_to("/u/confirm").await;
    browser.clicks("#confirm-cancel").await;
    assert_eq!(hears(&browser).await.error(&ask), "access_denied");
    assert!(!was_stopped(&browser).await);
}

async fn unconfirmed(house: &House) {
    let (browser, email) = (Browser::open().await, house.somebody());
    browser.enters(&house.site_asks(), &email).await;
    let ask = phone(house, QUIET_PHONE);
    // The driver may call it an error that nobody answers the new address.
    let _ = browser.client().goto(ask.url().as_str()).await;
    hears(&browser).await.code(&ask);
}

async fn own_scheme_cancelled(house: &House) {
    let browser = Browser::open().await;
    let ask = phone(house, PHONE);
    browser.asks(&ask).await;
    browser.clicks("#login-cancel").await;
    assert_eq!(hears(&browser).await.error(&ask), "access_denied");
    assert!(!was_stopped(&browser).await);
}

/// oidc L6 and C17: errors are posted too.
async fn form_post(house: &House) {
    let (browser, email) = (Browser::open().await, house.somebody());
    let target = party().url("/form-post");
    let ask = house
        .asks_to(SITE, target.as_str())
        .with("response_mode", "form_post");
    browser.asks(&ask).await;
    browser.clicks("#login-cancel").await;
    assert_eq!(received(&browser).await.error(&ask), "access_denied");

    browser.asks(&ask).await;
    browser.logs_in(&email).await;
    let answer = received(&browser).await;
    assert_eq!(browser.stands().await.query(), None);
    house
        .web
        .tokens(SITE, target.as_str(), answer.code(&ask))
        .await;
    browser.was_quiet().await;
}

async fn received(browser: &Browser) -> Answer {
    browser.sees("#received").await;
    Answer::of_form(serde_json::from_str(&browser.text("#received").await).unwrap())
}

async fn fragment(house: &House) {
    let (browser, email) = (Browser::open().await, house.somebody());
    let ask = house
        .site_asks()
        .with("response_type", "id_token token")
        .without("code_challenge");
    let ask = ask.without("code_challenge_method");
    browser.asks(&ask).await;
    browser.logs_in(&email).await;
    let url = browser.comes_to("/callback").await;
    assert_eq!(url.query(), None);
    let answer = Answer::of_fragment(&url);
    assert_eq!(answer.get("state"), ask.get("state"));
    assert_eq!(answer.get("id_token").split('.').count(), 3, "{answer:?}");
    assert!(!answer.get("access_token").is_empty(), "{answer:?}");
    browser.was_quiet().await;
}

/// oidc C12 and L4: the page names the cause.
async fn unregistered(house: &House) {
    let browser = Browser::open().await;
    let evil = party().evil("/callback");
    let longer = format!("{}/", callback());
    for target in [evil.as_str(), &longer] {
        browser.goes(&house.asks_to(SITE, target).url()).await;
        let (code, cause) = browser.reads_error().await;
        assert_eq!(code, "unauthorized_client");
        assert!(cause.contains(target), "{cause}");
        assert_eq!(browser.stands().await.origin(), house.issuer.origin());
    }
    browser.goes(&house.asks("nobody").url()).await;
    let (code, cause) = browser.reads_error().await;
    assert_eq!(code, "invalid_request");
    assert!(cause.contains("nobody"), "{cause}");
    browser.was_quiet().await;
}
