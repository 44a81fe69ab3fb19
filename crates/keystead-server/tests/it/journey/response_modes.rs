//! In which part of an answer the client finds it: query, fragment, a form that posts itself, a message.

use serde_json::json;
use url::Url;

use crate::house::on_both;

on_both! {
    async fn an_answer_stands_in_one_place_in_success_and_error(house) {
        let ada = house.user("ada").await;
        let app = house.asker("app", &ada, json!({})).await;
        let (browser, nobody) = (house.signed_in(&ada).await, house.browser());
        for (kind, mode, redirect, in_query) in [
            ("code", "", "https://app.example/callback", true),
            ("code", "query", "https://app.example/callback", true),
            ("code", "fragment", "https://app.example/callback", false),
            ("code", "", "https://app.example/other?shop=1", true),
            ("code", "fragment", "https://app.example/other?shop=1", false),
            ("id_token", "", "https://app.example/callback", false),
            ("code id_token", "", "https://app.example/other?shop=1", false),
            ("token", "fragment", "https://app.example/callback", false),
        ] {
            let changes = [("response_type", kind), ("response_mode", mode), ("redirect_uri", redirect), ("prompt", "none")];
            for (name, browser, wanted) in [("success", &browser, "iss"), ("error", &nobody, "error")] {
                let answer = browser.opens(&app.authorizes(&changes)).await;
                let to = Url::parse(&answer.to().unwrap()).unwrap();
                let own = redirect.split_once('?').map(|(_, query)| query);
                let (query, fragment) = (to.query(), to.fragment());
                match in_query {
                    true => {
                        assert_eq!(fragment, None, "{name} {changes:?}");
                        assert!(own.is_none_or(|own| query.unwrap().starts_with(&format!("{own}&"))), "{name} {changes:?}");
                        assert!(query.unwrap().contains(wanted), "{name} {changes:?}");
                    }
                    false => {
                        assert_eq!(query, own, "{name} {changes:?}");
                        assert!(fragment.unwrap().contains(wanted), "{name} {changes:?}");
                    }
                }
                assert_eq!(answer.sent("state").as_deref(), Some("s-1"), "{name} {changes:?}");
            }
        }
    }

    async fn a_form_posts_the_answer_and_nothing_else_may_run(house) {
        let ada = house.user("ada").await;
        let app = house.asker("app", &ada, json!({})).await;
        let changes = [("response_mode", "form_post"), ("response_type", "code id_token"), ("prompt", "none"), ("state", "\"><b>")];
        let page = house.signed_in(&ada).await.opens(&app.authorizes(&changes)).await;
        assert_eq!(page.status, 200);
        assert!(page.body.contains("action=\"https://app.example/callback\""), "{}", page.body);
        assert_eq!(page.field("state"), "\"><b>");
        assert!(!page.field("code").is_empty() && !page.field("id_token").is_empty());
        let policy = page.header("content-security-policy");
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
        assert!(!policy.contains("form-action 'none'"), "{policy}");
        let error = house.browser().opens(&app.authorizes(&changes)).await;
        assert_eq!((error.status.as_u16(), error.field("error").as_str()), (200, "login_required"));
        assert!(!error.body.contains("name=\"code\""));
    }

    async fn a_message_goes_to_the_clients_origin_alone(house) {
        let ada = house.user("ada").await;
        let app = house.asker("app", &ada, json!({})).await;
        let changes = [("response_mode", "web_message"), ("prompt", "none")];
        for (browser, wanted) in [(house.signed_in(&ada).await, "code"), (house.browser(), "login_required")] {
            let page = browser.opens(&app.authorizes(&changes)).await;
            assert_eq!(page.status, 200);
            assert!(page.body.contains("https://app.example") && page.body.contains(wanted), "{}", page.body);
            let policy = page.header("content-security-policy");
            assert!(policy.contains("frame-ancestors https://app.example;") || policy.ends_with("frame-ancestors https://app.example"), "{policy}");
            assert_eq!(page.header("x-frame-options"), "");
        }
        let strict = house.asker("strict", &ada, json!({ "web_origins": [] })).await;
        let page = house.signed_in(&ada).await.opens(&strict.authorizes(&changes)).await;
        assert_eq!((page.status.as_u16(), page.shows("error-page")), (403, true));
        assert!(page.header("content-security-policy").contains("frame-ancestors 'none'"));
    }

    async fn tokens_are_never_put_into_a_query(house) {
        let ada = house.user("ada").await;
        let app = house.asker("app", &ada, json!({})).await;
        let browser = house.signed_in(&ada).await;
        for kind in ["token", "id_token", "code token", "code id_token token"] {
            let answer = browser.opens(&app.authorizes(&[("response_type", kind), ("response_mode", "query")])).await;
            assert_eq!(answer.sent("error").as_deref(), Some("invalid_request"), "{kind}");
            assert_eq!(Url::parse(&answer.to().unwrap()).unwrap().query(), None, "{kind}");
        }
    }
}
