//! The same ways in a browser that runs no script: the pages are forms, and scripts only spare a click.

use crate::{
    ask::Answer,
    browser::Browser,
    cases,
    driver::Person,
    house::House,
    login::callback,
    party::party,
    records::{API, PARTNER, PASSWORD, SITE},
};

cases! {
    ONE "no script runs, or these cases would show nothing" => nothing_runs;
    BOTH "logging in, being known, and logging out" => in_and_out;
    BOTH "signing up" => signs_up;
    ONE "agreeing" => agrees;
    ONE "an answer by form post has a button" => form_post;
}

pub async fn without_scripts() -> Browser {
    Browser::of(Person {
        scripts: false,
        ..Person::default()
    })
    .await
}

async fn nothing_runs(_: &House) {
    for (browser, want) in [
        (Browser::open().await, "somewhere"),
        (without_scripts().await, ""),
    ] {
        browser.goes(&party().url("/lenient?to=somewhere")).await;
        let field = browser
            .client()
            .find(fantoccini::Locator::Id("to"))
            .await
            .unwrap();
        assert_eq!(field.prop("value").await.unwrap().unwrap_or_default(), want);
    }
}

async fn in_and_out(house: &House) {
    let (browser, email) = (without_scripts().await, house.somebody());
    let ask = house.site_asks();
    browser.asks(&ask).await;
    browser.tries(&email, "not-the-Passw0rd").await;
    browser.sees("#form-error").await;
    browser.logs_in(&email).await;
    let answer = browser.arrives().await;
    house.web.tokens(SITE, &callback(), answer.code(&ask)).await;
    assert_eq!(browser.silently(house).await, None);
    browser.goes(&house.url("oidc/logout")).await;
    browser.clicks("#logout-yes").await;
    browser.sees("#signed-out").await;
    assert_eq!(
        browser.silently(house).await.as_deref(),
        Some("login_required")
    );
    browser.was_quiet().await;
}

async fn signs_up(house: &House) {
    let (browser, email) = (
        without_scripts().await,
        format!("plain-{}", house.somebody()),
    );
    let ask = house.site_asks();
    browser.asks(&ask).await;
    browser.clicks("#to-signup").await;
    browser.types("#email", &email).await;
    browser.types("#password", PASSWORD).await;
    browser.clicks("#signup-submit").await;
    browser.arrives().await.code(&ask);
    browser.was_quiet().await;
}

async fn agrees(house: &House) {
    let (browser, email) = (without_scripts().await, house.somebody());
    let ask = house
        .asks(PARTNER)
        .with("audience", API)
        .with("scope", "openid read:messages");
    browser.asks(&ask).await;
    browser.logs_in(&email).await;
    browser.comes_to("/u/consent").await;
    browser.clicks("#consent-allow").await;
    browser.arrives().await.code(&ask);
    browser.was_quiet().await;
}

/// oidc L6: the fallback of the one script that an answer has.
async fn form_post(house: &House) {
    let (browser, email) = (without_scripts().await, house.somebody());
    let target = party().url("/form-post");
    let ask = house
        .asks_to(SITE, target.as_str())
        .with("response_mode", "form_post");
    browser.asks(&ask).await;
    browser.logs_in(&email).await;
    browser.clicks("#response-submit").await;
    browser.sees("#received").await;
    let pairs = serde_json::from_str(&browser.text("#received").await).unwrap();
    let answer = Answer::of_form(pairs);
    house
        .web
        .tokens(SITE, target.as_str(), answer.code(&ask))
        .await;
    browser.was_quiet().await;
}
