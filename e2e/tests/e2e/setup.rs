//! The first start: a link in the log makes the first owner of an empty installation, once.

use url::Url;

use crate::{browser::Browser, cases, house::House, records::PASSWORD};

cases! {
    BOTH "the link of an empty installation makes its owner, once" => makes_the_owner;
}

/// The link that the server printed.
pub async fn link(house: &House) -> Url {
    for _ in 0..100 {
        let log = house.log();
        let start = format!("{}u/setup?ticket=", house.issuer);
        if let Some(at) = log.find(&start) {
            let rest = &log[at..];
            let end = rest.find(|c: char| c.is_whitespace() || c == '"' || c == '\\');
            return rest[..end.unwrap_or(rest.len())].parse().unwrap();
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("no link in:\n{}", house.log());
}

async fn makes_the_owner(house: &House) {
    let house = House::empty(house.engine);
    let browser = Browser::open().await;
    let link = link(&house).await;
    browser.goes(&link).await;
    browser.sees("#setup-form").await;
    browser.types("#email", "owner@example.com").await;
    browser.types("#password", "short").await;
    browser.clicks("#setup-submit").await;
    browser.sees("#form-error").await;
    browser.types("#password", PASSWORD).await;
    browser.clicks("#setup-submit").await;
    browser.sees("#setup-done").await;

    browser.goes(&link).await;
    browser.reads_error().await;
    assert!(!browser.has("#setup-form").await, "the link works once");
    browser.was_quiet().await;
}
