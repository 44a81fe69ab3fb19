//! Journeys that cross: two tabs, the back button, a form sent twice, and a page that was left open for too long.

use std::time::Duration;

use crate::{
    browser::Browser,
    cases,
    house::House,
    login::callback,
    party::party,
    records::{PASSWORD, SITE},
    scripts_off::without_scripts,
};

cases! {
    BOTH "two tabs are two journeys" => two_tabs;
    BOTH "a tab that is left at the log-in page goes on after the other has finished" => left_behind;
    ONE "a form that is sent twice logs in once" => sent_twice;
    BOTH "a form that is heard twice is answered twice" => heard_twice;
    ONE "going back after a log-in harms nobody" => back_button;
    ONE "a state that was changed is a page with a way out" => changed_state;
    ONE "a state of another browser is of no use" => foreign_state;
}

async fn two_tabs(house: &House) {
    let (browser, ada, bob) = (Browser::open().await, house.somebody(), house.somebody());
    let one = house.site_asks().with("state", "one");
    let two = house
        .site_asks()
        .with("state", "two")
        .with("nonce", "another");
    browser.asks(&one).await;
    let (first, second) = browser.opens_tab().await;
    browser.asks(&two).await;
    browser.turns_to(&first).await;
    browser.logs_in(&ada).await;
    let answer = browser.arrives().await;
    let of_one = house.web.tokens(SITE, &callback(), answer.code(&one)).await;
    browser.turns_to(&second).await;
    browser.logs_in(&bob).await;
    let answer = browser.arrives().await;
    let of_two = house.web.tokens(SITE, &callback(), answer.code(&two)).await;
    assert_eq!(house.web.userinfo(&of_one).await["email"], ada.as_str());
    assert_eq!(house.web.userinfo(&of_two).await["email"], bob.as_str());
    assert_eq!(of_one.claim("nonce"), one.get("nonce"));
    assert_eq!(of_two.claim("nonce"), two.get("nonce"));
    browser.was_quiet().await;
}

async fn left_behind(house: &House) {
    let (browser, email) = (Browser::open().await, house.somebody());
    let one = house.site_asks().with("state", "one");
    let two = house.site_asks().with("state", "two");
    browser.asks(&one).await;
    let (first, _second) = browser.opens_tab().await;
    browser.enters(&two, &email).await.code(&two);
    browser.turns_to(&first).await;
    browser.logs_in(&email).await;
    browser.arrives().await.code(&one);
    browser.was_quiet().await;
}

/// With scripts the page sends it once.
async fn sent_twice(house: &House) {
    let (browser, email) = (Browser::open().await, house.somebody());
    let ask = house.site_asks();
    browser.asks(&ask).await;
    browser.types("#username", &email).await;
    browser.types("#password", PASSWORD).await;
    let twice = "const form = document.getElementById('login-form');
        const submit = () => form.requestSubmit(document.getElementById('login-submit'));
        setTimeout(submit, 20); setTimeout(submit, 35);";
    browser.runs(twice, &[]).await;
    let answer = browser.arrives().await;
    house.web.tokens(SITE, &callback(), answer.code(&ask)).await;
    assert_eq!(browser.silently(house).await, None);
    browser.was_quiet().await;
}

/// Without scripts the server hears it twice, and both times answers with something that stands by itself.
async fn heard_twice(house: &House) {
    let (browser, email) = (without_scripts().await, house.somebody());
    let ask = house.site_asks();
    browser.asks(&ask).await;
    let first = browser.client().window().await.unwrap();
    browser.types("#username", &email).await;
    browser.types("#password", PASSWORD).await;
    let target = "document.getElementById('login-form').target = arguments[0]";
    browser.runs(target, &["_blank".into()]).await;
    browser.clicks("#login-submit").await;
    browser.runs(target, &["".into()]).await;
    browser.clicks("#login-submit").await;
    let one = browser.arrives().await;
    let one = one.code(&ask);
    let windows = browser.client().windows().await.unwrap();
    let other = windows.into_iter().find(|window| *window != first);
    browser.turns_to(&other.unwrap()).await;
    let other = browser.arrives().await;
    let other = other.code(&ask);
    assert_ne!(one, other);
    for code in [one, other] {
        house.web.tokens(SITE, &callback(), code).await;
    }
    browser.was_quiet().await;
}

async fn back_button(house: &House) {
    let (browser, email) = (Browser::open().await, house.somebody());
    let ask = house.site_asks();
    let answer = browser.enters(&ask, &email).await;
    let first = answer.code(&ask).to_owned();
    browser.client().back().await.unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    // Whatever stands there now, it is a page of ours or an answer, and it makes no second use of the first code.
    if browser.has("#login-form").await {
        browser.logs_in(&email).await;
        let again = browser.arrives().await;
        assert_ne!(again.code(&ask), first);
    } else if browser.has("#arrived").await {
        assert_ne!(browser.arrives().await.code(&ask), first);
    } else {
        browser.reads_error().await;
    }
    house.web.tokens(SITE, &callback(), &first).await;
    assert_eq!(browser.silently(house).await, None);
    browser.was_quiet().await;
}

async fn changed_state(house: &House) {
    let browser = Browser::open().await;
    browser.asks(&house.site_asks()).await;
    let url = browser.stands().await;
    let (_, state) = url.query_pairs().find(|(name, _)| name == "state").unwrap();
    let middle = state.len() / 2;
    let other = if &state[middle..=middle] == "A" {
        "B"
    } else {
        "A"
    };
    let changed = format!("{}{other}{}", &state[..middle], &state[middle + 1..]);
    for path in [
        "u/login",
        "u/signup",
        "u/consent",
        "u/confirm",
        "authorize/resume",
    ] {
        for bad in [changed.as_str(), &state[..middle], "", "x"] {
            let mut page = house.url(path);
            page.query_pairs_mut().append_pair("state", bad);
            browser.goes(&page).await;
            browser.reads_error().await;
        }
        browser.goes(&house.url(path)).await;
        browser.reads_error().await;
    }
    browser.was_quiet().await;
}

/// Class 18: nobody is logged in to somebody else's account by a link.
async fn foreign_state(house: &House) {
    let (browser, email) = (Browser::open().await, house.somebody());
    let ask = house.site_asks();
    browser.asks(&ask).await;
    let page = browser.stands().await;
    let stranger = Browser::open().await;
    stranger.goes(&page).await;
    stranger.reads_error().await;
    assert!(!stranger.has("#login-form").await);
    // The same of somebody who has been here before.
    stranger.asks(&house.site_asks()).await;
    stranger.goes(&page).await;
    stranger.reads_error().await;

    let mut forged = party().evil("/forge");
    let (_, state) = page
        .query_pairs()
        .find(|(name, _)| name == "state")
        .unwrap();
    forged.query_pairs_mut().extend_pairs([
        ("url", house.url("u/login").as_str()),
        ("state", &state),
        ("username", &email),
        ("password", PASSWORD),
        ("action", "submit"),
    ]);
    for victim in [&browser, &stranger] {
        victim.goes(&forged).await;
        victim.reads_error().await;
        assert!(victim.cookie("__Host-keystead").await.is_none());
    }
    browser.goes(&page).await;
    browser.logs_in(&email).await;
    browser.arrives().await.code(&ask);
    stranger.was_quiet().await;
}
