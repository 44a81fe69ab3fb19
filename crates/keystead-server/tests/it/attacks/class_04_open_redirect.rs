//! Class 4: a page of ours sends somebody to a place that nobody registered, after logging out, logging in, or an error.

use serde_json::json;
use url::form_urlencoded;

use crate::{
    actors::{REDIRECT, email},
    house::{Answer, House, on_both},
};

/// Places that look like a registered one to somebody.
const HOSTILE: &[&str] = &[
    "https://evil.example/",
    "https://evil.example/bye",
    "//evil.example/bye",
    "///evil.example/bye",
    "/\\evil.example/bye",
    "\\\\evil.example/bye",
    "https:/evil.example/bye",
    "https:evil.example/bye",
    "https://app.example.evil.example/bye",
    "https://app.example@evil.example/bye",
    "https://app.example:pass@evil.example/bye",
    "https://evil.example/https://app.example/bye",
    "https://evil.example?https://app.example/bye",
    "https://evil.example#https://app.example/bye",
    "https://evil.example\\@app.example/bye",
    "https://app.example\\.evil.example/bye",
    "https://app.example%2eevil.example/bye",
    "https://app.example%00.evil.example/bye",
    "https://app.example\t.evil.example/bye",
    "https://app.example/bye/..//evil.example",
    "https://app.example/bye/../../evil",
    "https://app.example/bye;evil",
    "https://app.example/%62ye",
    "https://evil.example/.tenants.example/out",
    "https://evil.example?.tenants.example/out",
    "https://evil.example\\.tenants.example/out",
    "https://a.evil.tenants.example/out",
    "https://.tenants.example/out",
    "http://app.example/bye",
    "https://app.example:444/bye",
    "javascript:alert(1)//app.example/bye",
    "data:text/html,<script>alert(1)</script>",
    "ht\ntps://app.example/bye",
    " https://evil.example/bye",
    "https://ápp.example/bye",
];

fn leads_nowhere(answer: &Answer, what: &str) {
    assert_eq!(answer.header("location"), "", "{what}");
    assert_eq!(answer.header("refresh"), "", "{what}");
    for attribute in [
        "href=\"http",
        "href=\"//",
        "action=\"http",
        "src=\"//",
        "http-equiv=\"refresh\"",
        "href=\"javascript",
    ] {
        assert!(
            !answer.body.contains(attribute),
            "{what}: {attribute} in {}",
            answer.body
        );
    }
}

fn query(name: &str, value: &str) -> String {
    form_urlencoded::Serializer::new(String::new())
        .append_pair(name, value)
        .finish()
}

async fn prepared(house: &House) {
    let metadata = json!({
        "grant_types": ["authorization_code"],
        "callbacks": [REDIRECT],
        "allowed_logout_urls": ["https://app.example/bye", "https://*.tenants.example/out", "app.scheme://out"],
    });
    house.client("app", metadata).await;
}

on_both! {
    async fn after_logging_out(house) {
        prepared(&house).await;
        let browser = house.browser();
        for hostile in HOSTILE {
            for path in ["/v2/logout", "/logout"] {
                for client in ["", "&client_id=app"] {
                    let address = format!("{path}?{}{client}", query("returnTo", hostile));
                    let answer = browser.opens(&address).await;
                    assert_eq!(answer.status, 400, "{address}");
                    leads_nowhere(&answer, &address);
                }
            }
            let address = format!("/oidc/logout?client_id=app&{}", query("post_logout_redirect_uri", hostile));
            let answer = browser.visits(&address).await;
            assert_eq!(answer.status, 200, "{address}");
            leads_nowhere(&answer, &address);
        }
    }

    async fn on_the_pages_of_a_journey(house) {
        let app = house.shop("app").await;
        let ada = house.account("ada").await;
        let browser = house.browser();
        let page = browser.comes_from(&app, &[]).await;
        let state = page.field("state");
        for hostile in HOSTILE {
            for address in [
                format!("/u/login?{}", query("state", hostile)),
                format!("/u/signup?{}", query("state", hostile)),
                format!("/u/consent?{}", query("state", hostile)),
                format!("/u/confirm?{}", query("state", hostile)),
                format!("/authorize/resume?{}", query("state", hostile)),
                format!("/u/logout?{}", query("state", hostile)),
                format!("/u/setup?{}", query("ticket", hostile)),
                format!("/u/still-signed-in?{}", query("state", hostile)),
                format!("/u/error?{}&{}", query("state", hostile), query("redirect_uri", hostile)),
            ] {
                let answer = browser.opens(&address).await;
                assert!(answer.status.is_client_error(), "{address}: {}", answer.status);
                leads_nowhere(&answer, &address);
            }
            for address in [
                format!("/u/logged-out?{}&{}", query("returnTo", hostile), query("post_logout_redirect_uri", hostile)),
                format!("/u/login?state={state}&{}&{}", query("returnTo", hostile), query("redirect_uri", hostile)),
            ] {
                let answer = browser.opens(&address).await;
                assert_eq!(answer.status, 200, "{address}");
                leads_nowhere(&answer, &address);
            }
        }
        // What is smuggled into the form changes nothing about where it leads.
        let pairs = [
            ("state", state.as_str()), ("username", email(&ada)), ("password", crate::actors::PASSWORD),
            ("redirect_uri", "https://evil.example/"), ("returnTo", "https://evil.example/"),
        ];
        let answer = browser.submits("/u/login", &pairs).await;
        let back = browser.follows(answer).await;
        assert!(back.header("location").starts_with(REDIRECT), "{}", back.short());
    }
}
