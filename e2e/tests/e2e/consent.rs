//! Consent: what somebody else's app is told about a person, and only when that person agrees.

use crate::{
    ask::Ask,
    browser::Browser,
    cases,
    house::House,
    login::callback,
    records::{API, PARTNER, READS},
};

cases! {
    BOTH "an app is allowed once, and not asked about again until it wants more" => allows;
    BOTH "a refusal is heard by the app, and remembered by nobody" => refuses;
    ONE "a silent request without consent is told so" => silently;
}

fn reads(house: &House) -> Ask {
    house
        .asks(PARTNER)
        .with("audience", API)
        .with("scope", "openid profile read:messages")
}

async fn allows(house: &House) {
    let (browser, email) = (Browser::open().await, house.somebody());
    let ask = reads(house);
    browser.asks(&ask).await;
    browser.logs_in(&email).await;
    browser.comes_to("/u/consent").await;
    let page = browser.sees("#consent-form").await;
    let text = browser.text("body").await;
    for wanted in ["The Partner", READS, email.as_str()] {
        assert!(text.contains(wanted), "{wanted}:\n{text}");
    }
    assert!(!text.contains("Write messages"), "{text}");
    drop(page);
    browser.clicks("#consent-allow").await;
    let answer = browser.arrives().await;
    let tokens = house
        .web
        .tokens(PARTNER, &callback(), answer.code(&ask))
        .await;
    assert_eq!(tokens.0["scope"], "openid profile read:messages");

    browser.goes(&ask.url()).await;
    browser.arrives().await.code(&ask);

    let more = ask
        .clone()
        .with("scope", "openid profile read:messages write:messages");
    browser.goes(&more.url()).await;
    browser.comes_to("/u/consent").await;
    browser.clicks("#consent-allow").await;
    browser.arrives().await.code(&more);

    browser
        .goes(&ask.clone().with("prompt", "consent").url())
        .await;
    browser.comes_to("/u/consent").await;
    browser.was_quiet().await;
}

async fn refuses(house: &House) {
    let (browser, email) = (Browser::open().await, house.somebody());
    let ask = reads(house);
    browser.asks(&ask).await;
    browser.logs_in(&email).await;
    browser.comes_to("/u/consent").await;
    browser.clicks("#consent-deny").await;
    assert_eq!(browser.arrives().await.error(&ask), "access_denied");

    browser.goes(&ask.url()).await;
    browser.comes_to("/u/consent").await;
    assert_eq!(
        browser.silently(house).await,
        None,
        "refusing an app logs nobody out"
    );
    browser.was_quiet().await;
}

async fn silently(house: &House) {
    let (browser, email) = (Browser::open().await, house.somebody());
    browser.enters(&house.site_asks(), &email).await;
    let ask = reads(house).with("prompt", "none");
    browser.goes(&ask.url()).await;
    assert_eq!(browser.arrives().await.error(&ask), "consent_required");
    browser.was_quiet().await;
}
