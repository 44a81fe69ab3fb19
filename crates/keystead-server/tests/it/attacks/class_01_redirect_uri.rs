//! Class 1: a redirect URI that only looks like the registered one.

use serde_json::json;

use crate::{actors::ISSUER, house::on_both};

on_both! {
    async fn what_only_resembles_the_registered_uri_ends_on_a_page(house) {
        let ada = house.user("ada").await;
        let callbacks = json!(["https://app.example/cb", "https://app.example/cb?shop=1", "com.example.app://host/cb"]);
        for (id, more) in [
            ("compat", json!({})),
            ("strict", json!({ "security_profile": "oidc" })),
            ("old", json!({ "oidc_conformant": false })),
        ] {
            let mut metadata = more;
            metadata["callbacks"] = callbacks.clone();
            let app = house.asker(id, &ada, metadata).await;
            let browser = house.signed_in(&ada).await;
            assert!(browser.opens(&app.authorizes(&[("redirect_uri", "https://app.example/cb")])).await.sent("code").is_some());
            for evil in [
                "https://app.example/cb/", "https://app.example/cb/../x", "https://app.example/x/../cb",
                "https://app.example/cb/..;/x", "https://app.example/cb;x", "https://app.example/CB",
                "https://app.example/cb?x=1", "https://app.example/cb?shop=1&x=1", "https://app.example/cb?shop=2",
                "https://app.example/cb#x", "https://app.example/cb%2Fx", "https://app.example/%63b",
                "https://app.example%2Fcb", "https://app.example%252Fcb", "https://app.example/cb%00",
                "https://app.example.evil.example/cb", "https://evil.example/https://app.example/cb",
                "https://app.example@evil.example/cb", "https://evil.example@app.example/cb", "https://app.example:x@evil.example/cb",
                "https://app.example:443/cb", "https://app.example:8443/cb", "http://app.example/cb", "//app.example/cb",
                "https:/app.example/cb", "https:app.example/cb", "https://app.example\\@evil.example/cb",
                "https://app.example\\cb", "https://app.example/cb\t", "https://app.example/\tcb", " https://app.example/cb",
                "https://app.example/cb\n", "https://\u{430}pp.example/cb", "https://app\u{2024}example/cb",
                "https://xn--pp-tlc.example/cb", "https://appxexample/cb", "https://APP.example./cb",
                "com.example.app://host/cb/x", "com.example.app:/host/cb", "com.example.app2://host/cb",
                "javascript:alert(1)", "data:text/html,x", ISSUER, "/cb", "cb", "*", "https://*.example/cb",
            ] {
                let answer = browser.opens(&app.authorizes(&[("redirect_uri", evil)])).await;
                assert_eq!(answer.to(), None, "{id} {evil:?}");
                assert!([400, 403].contains(&answer.status.as_u16()), "{id} {evil:?}");
                assert!(answer.shows("error-page"), "{id} {evil:?}");
            }
        }
    }

    async fn a_callback_that_is_taken_away_on_the_way_is_not_answered(house) {
        let ada = house.user("ada").await;
        house.gives_password(&ada).await;
        let app = house.asker("app", &ada, json!({})).await;
        let browser = house.browser();
        let page = browser.visits(&app.authorizes(&[])).await;
        let id = app.client_id();
        let now = house.now();
        house.writes(move |tx| {
            let mut client = keystead_store::clients::find(tx, &id)?.unwrap();
            client.metadata.redirect_uris = Some(["https://new.example/".try_into().unwrap()].into_iter().collect());
            keystead_store::clients::update(tx, &client, now).map(drop)
        }).await;
        let answer = browser.signs_in(&page, &ada).await;
        assert_eq!((answer.to(), answer.status.as_u16()), (None, 403));
    }
}
