//! What an answer says, and what it is worth.

use std::{collections::BTreeSet, time::Duration};

use serde_json::json;
use url::{Url, form_urlencoded};

use super::{strict, words};
use crate::{actors::ISSUER, house::on_both};

/// Whether ASCII letters, digits, `-` and `_` for at least 128 bits stand there.
fn cannot_be_guessed(text: &str) -> bool {
    let letters = text
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
    letters && text.len() >= 22
}

on_both! {
    async fn c15_c16_c17_an_error_says_only_what_it_may_and_whose_it_is(house) {
        let ada = house.user("ada").await;
        let app = house.asker("app", &ada, json!({})).await;
        let browser = house.signed_in(&ada).await;
        let hostile = "x\r\nset-cookie: a=b\t\"\\&\u{e9}";
        for (parameter, value) in [
            ("audience", hostile), ("response_type", hostile), ("connection", hostile), ("scope", hostile), ("prompt", hostile),
            ("max_age", hostile), ("code_challenge_method", hostile), ("request", hostile), ("request_uri", hostile),
        ] {
            for mode in ["query", "fragment", "form_post"] {
                let name = format!("{parameter} {mode}");
                let answer = browser.opens(&app.authorizes(&[("response_mode", mode), (parameter, value)])).await;
                let pairs: Vec<(String, String)> = match answer.to() {
                    Some(to) => {
                        let to = Url::parse(&to).unwrap();
                        let (here, there) = match mode {
                            // Nobody knows where an answer of no type would stand.
                            "fragment" if parameter != "response_type" => (to.fragment(), to.query()),
                            _ => (to.query(), to.fragment()),
                        };
                        assert_eq!(there, None, "{name}");
                        form_urlencoded::parse(here.unwrap().as_bytes()).into_owned().collect()
                    }
                    None => {
                        let fields = answer.body.split("<input type=\"hidden\" name=\"").skip(1);
                        let fields = fields.map(|field| field.split_once('"').unwrap().0);
                        fields.map(|field| (field.to_owned(), answer.field(field))).collect()
                    }
                };
                let names: BTreeSet<&str> = pairs.iter().map(|(name, _)| name.as_str()).collect();
                assert_eq!(names, words("error error_description iss state"), "{name}");
                let of = |wanted: &str| pairs.iter().find(|(name, _)| name == wanted).unwrap().1.clone();
                assert_eq!((of("iss").as_str(), of("state").as_str()), (ISSUER, "s-1"), "{name}");
                let allowed = |b: u8| matches!(b, 0x20..=0x21 | 0x23..=0x5b | 0x5d..=0x7e);
                assert!(of("error_description").bytes().all(allowed), "{name}: {}", of("error_description"));
            }
        }
    }

    async fn e33_e36_codes_cannot_be_guessed_and_a_second_use_half_a_minute_later_ends_everything(house) {
        let ada = house.user("ada").await;
        let app = strict(&house, &ada).await;
        let browser = house.signed_in(&ada).await;
        let mut seen = BTreeSet::new();
        for _ in 0..2 {
            let answer = browser.opens(&app.authorizes(&[("scope", "openid offline_access")])).await;
            let code = answer.sent("code").unwrap();
            let first = app.redeems(&code).await;
            let (access, refresh) = (first.text("access_token"), first.text("refresh_token"));
            assert_eq!((first.header("cache-control"), first.text("token_type").as_str()), ("no-store", "Bearer"));
            assert!((1..86_400 * 365).contains(&first.json()["expires_in"].as_u64().unwrap()));
            house.waits(Duration::from_secs(30)).await;
            assert_eq!(house.visitor().shows(&access).await.status, 200);
            assert_eq!(app.redeems(&code).await.refusal(), "400 invalid_grant");
            assert_eq!(house.visitor().shows(&access).await.refusal(), "401 invalid_token");
            assert_eq!(app.refreshes(&refresh).await.refusal(), "400 invalid_grant");
            for text in [code, access, refresh] {
                assert!(cannot_be_guessed(&text) && seen.insert(text.clone()), "{text}");
            }
        }
    }
}
