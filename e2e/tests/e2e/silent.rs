//! One session for many requests: answered without a page, in a frame too, until somebody has to show again who they are.

use std::time::Duration;

use serde_json::Value;

use crate::{
    ask::Ask,
    browser::Browser,
    cases,
    driver::Person,
    house::House,
    login::callback,
    party::party,
    records::{PASSWORD, SITE},
    web::Tokens,
};

cases! {
    BOTH "a second request is answered without a page" => second_request;
    BOTH "a frame of another site hears by web_message, logged in or not" => in_a_frame;
    BOTH "prompt=login asks again, and the time of the log-in moves" => prompt_login;
    ONE "max_age asks again when it has passed, and not before" => max_age;
    ONE "who cancels a second log-in keeps the first" => cancels_again;
    ONE "a second log-in by another person is that person's" => somebody_else;
}

async fn tokens(house: &House, browser: &Browser, ask: &Ask) -> Tokens {
    let answer = browser.arrives().await;
    house.web.tokens(SITE, &callback(), answer.code(ask)).await
}

async fn second_request(house: &House) {
    let (browser, email) = (Browser::open().await, house.somebody());
    let ask = house.site_asks();
    browser.asks(&ask).await;
    browser.logs_in(&email).await;
    let first = tokens(house, &browser, &ask).await;
    browser.events().await;
    browser.goes(&ask.url()).await;
    let second = tokens(house, &browser, &ask).await;
    for claim in ["sub", "auth_time", "sid"] {
        assert_eq!(first.claim(claim), second.claim(claim), "{claim}");
    }
    let pages = browser.events().await.into_iter().filter(|(_, event)| {
        let url = event["request"]["url"].as_str().unwrap_or_default();
        url.contains("/u/")
    });
    assert_eq!(pages.count(), 0, "no step's page was asked for");
    browser.was_quiet().await;
}

/// What the app's page heard from the frame in which it asked.
async fn heard(browser: &Browser, ask: &Ask) -> Value {
    let mut page = party().url("/spa");
    page.query_pairs_mut()
        .append_pair("url", ask.url().as_str());
    browser.goes(&page).await;
    browser.sees("#heard:not(:empty)").await;
    serde_json::from_str(&browser.text("#heard").await).unwrap()
}

/// A browser that gives frames no cookies of their own site knows nobody there, which is an answer too.
async fn in_a_frame(house: &House) {
    for cookies_in_frames in [true, false] {
        let person = Person {
            cookies_in_frames,
            ..Person::default()
        };
        let (browser, email) = (Browser::of(person).await, house.somebody());
        let app = party().url("/spa");
        let ask = house.asks_to(SITE, app.as_str());
        let ask = ask
            .with("prompt", "none")
            .with("response_mode", "web_message");
        let origin = house.issuer.origin().ascii_serialization();
        let before = heard(&browser, &ask).await;
        assert_eq!(before["origin"], origin.as_str());
        assert_eq!(before["data"]["type"], "authorization_response");
        assert_eq!(before["data"]["response"]["error"], "login_required");
        assert_eq!(before["data"]["response"]["state"], ask.get("state"));

        browser.enters(&house.site_asks(), &email).await;
        let after = heard(&browser, &ask).await;
        let response = &after["data"]["response"];
        assert_eq!(after["origin"], origin.as_str());
        assert_eq!(response["state"], ask.get("state"));
        if cookies_in_frames {
            let code = response["code"]
                .as_str()
                .unwrap_or_else(|| panic!("{after}"));
            let tokens = house.web.tokens(SITE, app.as_str(), code).await;
            assert_eq!(house.web.userinfo(&tokens).await["email"], email.as_str());
        } else {
            assert_eq!(response["error"], "login_required");
        }
        browser.was_quiet().await;
    }
}

/// Long enough for a clock of whole seconds to move.
async fn a_while() {
    tokio::time::sleep(Duration::from_millis(2_100)).await;
}

async fn prompt_login(house: &House) {
    let (browser, email) = (Browser::open().await, house.somebody());
    let ask = house.site_asks();
    browser.asks(&ask).await;
    let first_time = browser.text("main").await;
    browser.logs_in(&email).await;
    let first = tokens(house, &browser, &ask).await;
    let cookie = browser.cookie("__Host-keystead").await.unwrap();
    a_while().await;

    let again = ask.clone().with("prompt", "login");
    browser.asks(&again).await;
    let page = browser.text("main").await;
    assert_ne!(
        page, first_time,
        "it says that this is not the first time (oidc L5)"
    );
    browser.logs_in(&email).await;
    let second = tokens(house, &browser, &again).await;
    assert_eq!(first.claim("sub"), second.claim("sub"));
    assert!(second.claim("auth_time").as_i64() > first.claim("auth_time").as_i64());
    let fresh = browser.cookie("__Host-keystead").await.unwrap();
    assert_ne!(
        cookie["value"], fresh["value"],
        "a new cookie at each privilege step"
    );
    browser.was_quiet().await;
}

async fn max_age(house: &House) {
    let (browser, email) = (Browser::open().await, house.somebody());
    let ask = house.site_asks();
    browser.asks(&ask).await;
    browser.logs_in(&email).await;
    let first = tokens(house, &browser, &ask).await;
    let lenient = ask.clone().with("max_age", "3600");
    browser.goes(&lenient.url()).await;
    let second = tokens(house, &browser, &lenient).await;
    assert_eq!(first.claim("auth_time"), second.claim("auth_time"));
    a_while().await;
    let strict = ask.clone().with("max_age", "1");
    browser.asks(&strict).await;
    browser.logs_in(&email).await;
    let third = tokens(house, &browser, &strict).await;
    assert!(third.claim("auth_time").as_i64() > first.claim("auth_time").as_i64());
    browser.was_quiet().await;
}

/// Class 17: a re-authentication that is called off changes nobody's session.
async fn cancels_again(house: &House) {
    let (browser, email) = (Browser::open().await, house.somebody());
    let ask = house.site_asks();
    browser.asks(&ask).await;
    browser.logs_in(&email).await;
    let first = tokens(house, &browser, &ask).await;
    let again = ask.clone().with("prompt", "login");
    browser.asks(&again).await;
    browser.clicks("#login-cancel").await;
    assert_eq!(browser.arrives().await.error(&again), "access_denied");
    browser.goes(&ask.url()).await;
    let second = tokens(house, &browser, &ask).await;
    for claim in ["sub", "auth_time", "sid"] {
        assert_eq!(first.claim(claim), second.claim(claim), "{claim}");
    }
    browser.was_quiet().await;
}

async fn somebody_else(house: &House) {
    let (browser, ada, bob) = (Browser::open().await, house.somebody(), house.somebody());
    let ask = house.site_asks();
    browser.asks(&ask).await;
    browser.logs_in(&ada).await;
    let first = tokens(house, &browser, &ask).await;
    let again = ask.clone().with("prompt", "login");
    browser.asks(&again).await;
    browser.tries(&bob, PASSWORD).await;
    let second = tokens(house, &browser, &again).await;
    assert_ne!(first.claim("sub"), second.claim("sub"));
    assert_ne!(first.claim("sid"), second.claim("sid"));
    assert_eq!(house.web.userinfo(&second).await["email"], bob.as_str());
    browser.was_quiet().await;
}
