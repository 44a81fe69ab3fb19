//! Class 3: a loopback redirect whose host, path or client is another one. Only the port may differ.

use serde_json::json;

use crate::house::on_both;

const REGISTERED: &str = "http://127.0.0.1/cb";

on_both! {
    async fn only_the_port_of_a_native_apps_loopback_address_varies(house) {
        let ada = house.user("ada").await;
        let metadata = |kind: &str| json!({
            "callbacks": [REGISTERED, "http://[::1]:1/cb", "http://localhost:1/cb"], "app_type": kind,
            "skip_non_verifiable_callback_uri_confirmation_prompt": true,
        });
        let native = house.asker("native", &ada, metadata("native")).await;
        let web = house.asker("web", &ada, metadata("regular_web")).await;
        let browser = house.signed_in(&ada).await;
        for (redirect, for_native, for_web) in [
            (REGISTERED, true, true),
            ("http://127.0.0.1:49152/cb", true, false),
            ("http://[::1]:49152/cb", true, false),
            ("http://localhost:1/cb", true, true),
            ("http://localhost:49152/cb", false, false),
            ("http://127.0.0.1:0/cb", false, false),
            ("http://127.0.0.1:99999/cb", false, false),
            ("http://127.0.0.1:80@evil.example/cb", false, false),
            ("http://127.0.0.1:49152/cb/x", false, false),
            ("http://127.0.0.1:49152/cb?x", false, false),
            ("http://127.0.0.1.evil.example:49152/cb", false, false),
            ("http://127.0.0.2:49152/cb", false, false),
            ("http://127.1:49152/cb", false, false),
            ("http://0x7f000001:49152/cb", false, false),
            ("http://[::ffff:127.0.0.1]:49152/cb", false, false),
            ("https://127.0.0.1:49152/cb", false, false),
            ("http://192.168.0.1:49152/cb", false, false),
        ] {
            for (app, want) in [(&native, for_native), (&web, for_web)] {
                let answer = browser.opens(&app.authorizes(&[("redirect_uri", redirect)])).await;
                assert_eq!(answer.to().is_some(), want, "{} {redirect}", app.id);
                if want {
                    assert!(answer.to().unwrap().starts_with(&format!("{redirect}?code=")), "{redirect}");
                }
            }
        }
    }
}
