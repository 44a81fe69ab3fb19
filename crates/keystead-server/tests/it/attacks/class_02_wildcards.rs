//! Class 2: a wildcard that is stretched over a label, a port, a path, or another host.

use serde_json::json;

use crate::house::on_both;

on_both! {
    async fn a_wildcard_stands_for_one_label_of_the_host(house) {
        let ada = house.user("ada").await;
        let callbacks = json!({ "callbacks": ["https://*.app.example/cb", "https://pr-*.dev.example/cb"] });
        let app = house.asker("app", &ada, callbacks).await;
        let strict = house.asker("strict", &ada, json!({ "callbacks": ["https://*.app.example/cb"], "security_profile": "oidc" })).await;
        let browser = house.signed_in(&ada).await;
        for good in ["https://one.app.example/cb", "https://pr-7.dev.example/cb"] {
            assert!(browser.opens(&app.authorizes(&[("redirect_uri", good)])).await.to().unwrap().starts_with(good), "{good}");
        }
        for evil in [
            "https://app.example/cb", "https://.app.example/cb", "https://a.b.app.example/cb", "https://*.app.example/cb",
            "https://evil.example/.app.example/cb", "https://evil.example?.app.example/cb", "https://evil.example#.app.example/cb",
            "https://evil.example\\.app.example/cb", "https://evil.example%2F.app.example/cb", "https://a@evil.app.example/cb",
            "https://evil.example:443.app.example/cb", "https://one.app.example:8443/cb", "https://one.app.example/cb/../x",
            "https://one.app.example/..;/cb", "https://one.app.example/cb/x", "https://one.app.example.evil.example/cb",
            "http://one.app.example/cb", "https://pr-.dev.example/cb", "https://pr-a.b.dev.example/cb", "https://xpr-1.dev.example/cb",
        ] {
            let answer = browser.opens(&app.authorizes(&[("redirect_uri", evil)])).await;
            assert_eq!((answer.to(), answer.shows("error-page")), (None, true), "{evil}");
        }
        let exact = strict.authorizes(&[("redirect_uri", "https://one.app.example/cb")]);
        assert_eq!(browser.opens(&exact).await.to(), None, "a strict client has none");
        let missing = strict.authorizes(&[("redirect_uri", "")]);
        assert_eq!(browser.opens(&missing).await.to(), None, "a pattern is no place to go");
    }
}
