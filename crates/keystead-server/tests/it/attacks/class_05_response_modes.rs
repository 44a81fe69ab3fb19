//! Class 5: what a request says comes back in pages and headers. None of it may become markup, a script or a header.

use serde_json::json;

use crate::{
    actors::Browser,
    house::{Answer, on_both},
};

const HOSTILE: [&str; 8] = [
    "\"><script>alert(1)</script>",
    "'><img src=x onerror=alert(1)>",
    "</script><script>alert(1)</script>",
    "javascript:alert(1)",
    "${alert(1)}{{7*7}}",
    "x\r\nSet-Cookie: evil=1\r\n\r\n<script>alert(1)</script>",
    "\u{202e}\u{0}<svg/onload=alert(1)>",
    "-->]]><b>",
];

/// Nothing of what came in is markup, and nothing that is no file of ours may run.
fn is_harmless(name: &str, answer: &Answer) {
    for markup in [
        "<script>",
        "<img src=x",
        "<svg/onload",
        "<b>",
        "</script><script",
    ] {
        assert!(
            !answer.body.contains(markup),
            "{name}: {markup} in {}",
            answer.body
        );
    }
    assert!(!answer.header("set-cookie").contains("evil"), "{name}");
    let policy = answer.header("content-security-policy");
    assert!(policy.contains("default-src 'none'"), "{name}: {policy}");
    assert!(
        !policy.contains("unsafe-inline")
            && !policy.contains("unsafe-eval")
            && !policy.contains("alert"),
        "{name}: {policy}"
    );
    assert_eq!(answer.header("x-content-type-options"), "nosniff", "{name}");
}

async fn opens(browser: &Browser, asked: &str) -> Answer {
    let answer = browser.opens(asked).await;
    for value in answer.headers.values() {
        assert!(!value.as_bytes().contains(&b'\n'));
    }
    answer
}

on_both! {
    async fn nothing_that_is_reflected_is_markup(house) {
        let ada = house.user("ada").await;
        let app = house.asker("app", &ada, json!({})).await;
        let (browser, nobody) = (house.signed_in(&ada).await, house.browser());
        for evil in HOSTILE {
            for parameter in ["state", "nonce", "scope", "login_hint", "ui_locales", "audience", "connection", "screen_hint", "prompt", "claims", "acr_values", "response_type", "response_mode", "redirect_uri", "client_id"] {
                for mode in ["form_post", "web_message", "query"] {
                    let name = format!("{parameter} {mode} {evil}");
                    for silent in ["none", ""] {
                        let changes = [("response_mode", mode), ("prompt", silent), (parameter, evil)];
                        for browser in [&browser, &nobody] {
                            let answer = opens(browser, &app.authorizes(&changes)).await;
                            match answer.to() {
                                Some(to) if to.starts_with("/u/") => {
                                    let page = opens(browser, &to).await;
                                    is_harmless(&name, &page);
                                }
                                Some(to) => assert!(to.starts_with("https://app.example/callback"), "{name}: {to}"),
                                None => is_harmless(&name, &answer),
                            }
                        }
                    }
                }
            }
        }
    }

    async fn what_is_registered_is_not_believed_either(house) {
        let ada = house.user("ada").await;
        let app = house.asker("third", &ada, json!({ "is_first_party": false, "logo_uri": "javascript:alert(1)" })).await;
        house.api("https://api.example/", |api| {
            api.name = Some(HOSTILE[0].to_owned());
            api.scopes[0].description = Some(HOSTILE[1].to_owned());
        }).await;
        let browser = house.signed_in(&ada).await;
        let asked = app.authorizes(&[("audience", "https://api.example/"), ("scope", "openid read:messages")]);
        let page = browser.visits(&asked).await;
        assert!(page.shows("consent-form"));
        assert!(!page.body.contains("javascript:"));
        is_harmless("consent", &page);
    }
}
