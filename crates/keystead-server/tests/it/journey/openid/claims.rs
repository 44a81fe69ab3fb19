//! Which claims are asked for and where they are said.

use std::collections::BTreeSet;

use keystead_store::users::{self, User};
use serde_json::{Value, json};

use super::{strict, tokens, words};
use crate::house::{House, on_both};

/// Gives somebody everything that a profile can hold: what of it each scope releases.
async fn fills(house: &House, ada: &User) -> [(&'static str, Value); 4] {
    let address = json!({
        "formatted": "1 Row\nLondon", "street_address": "1 Row", "locality": "London", "region": "L", "postal_code": "N1", "country": "UK",
    });
    let mut profile = json!({
        "name": "Ada King", "given_name": "Ada", "family_name": "King", "middle_name": "Augusta", "nickname": "ada",
        "preferred_username": "countess", "profile": "https://ada.example/", "picture": "https://ada.example/a.png",
        "website": "https://ada.example/home", "gender": "female", "birthdate": "1815-12-10", "zoneinfo": "Europe/London",
        "locale": "en-GB",
    });
    let phone = json!({ "phone_number": "+44 20 7946 0000", "phone_number_verified": true });
    let mut all = profile.clone();
    all["address"] = address.clone();
    all.as_object_mut()
        .unwrap()
        .extend(phone.as_object().unwrap().clone());
    let (mut user, now) = (ada.clone(), house.now());
    user.profile = serde_json::from_value(all).unwrap();
    let done = house.writes(move |tx| users::update(tx, &user, now)).await;
    assert_eq!(done, users::Update::Done);
    profile["updated_at"] = json!(now.as_secs());
    [
        ("profile", profile),
        (
            "email",
            json!({ "email": "ada@example.com", "email_verified": true }),
        ),
        ("address", json!({ "address": address })),
        ("phone", phone),
    ]
}

on_both! {
    async fn c21_wishes_about_pages_and_strength_are_taken_and_demands_refused(house) {
        let ada = house.user("ada").await;
        house.gives_password(&ada).await;
        let app = strict(&house, &ada).await;
        let essential = r#"{"id_token":{"acr":{"essential":true,"values":["9"]}}}"#;
        for (name, value, language) in [
            ("display", "page", "en"), ("display", "popup", "en"), ("display", "wap", "en"), ("ui_locales", "xx de en", "de"),
            ("ui_locales", "se", "en"), ("claims_locales", "se", "en"), ("login_hint", "ada@example.com", "en"), ("acr_values", "1 2", "en"),
            ("claims", r#"{"id_token":{"acr":{"values":["9"]}}}"#, "en"),
        ] {
            let browser = house.browser();
            let page = browser.visits(&app.authorizes(&[(name, value)])).await;
            assert!(page.shows("login-form") && page.body.contains(&format!("lang=\"{language}\"")), "{name} {value}");
            let code = browser.signs_in(&page, &ada).await.sent("code").unwrap();
            let acr = house.reads(&app.redeems(&code).await.text("id_token")).await.claims.get("acr").cloned();
            assert!(acr.is_none_or(|acr| acr.as_str().is_some_and(|acr| !acr.is_empty())), "{name} {value}");
            let answer = browser.opens(&app.authorizes(&[("claims", essential)])).await;
            assert_eq!((answer.sent("error").as_deref(), answer.sent("code")), (Some("access_denied"), None));
        }
    }

    async fn c22_a_wish_for_claims_breaks_nothing_and_brings_only_what_was_asked(house) {
        let ada = house.user("ada").await;
        let app = strict(&house, &ada).await;
        let browser = house.signed_in(&ada).await;
        let only = json!({ "sub": ada.id.as_str() });
        let named = json!({ "sub": ada.id.as_str(), "name": "ada" });
        for (claims, want) in [
            ("{", &only), ("[]", &only), ("null", &only), ("\"name\"", &only), (r#"{"userinfo":7,"id_token":[]}"#, &only), ("{}", &only),
            (r#"{"userinfo":{"name":{"essential":true}}}"#, &named),
            (r#"{"userinfo":{"name":{"value":"somebody"},"shoe":{"essential":true,"values":["9"]}}}"#, &named),
            (r#"{"userinfo":{"name":null,"birthdate":{"essential":true}},"other":{"email":null}}"#, &named),
        ] {
            let answer = tokens(&app, &browser, &[("claims", claims)]).await;
            assert_eq!(&house.visitor().shows(&answer.text("access_token")).await.json(), want, "{claims}");
            let id = house.reads(&answer.text("id_token")).await.claims;
            let names: BTreeSet<&str> = id.as_object().unwrap().keys().map(String::as_str).collect();
            assert_eq!(names, words("at_hash aud auth_time exp iat iss nonce sid sub"), "{claims}");
        }
    }

    async fn c23_each_scope_releases_its_claims_and_all_of_them_are_said_to_be_there(house) {
        let ada = house.user("ada").await;
        let released = fills(&house, &ada).await;
        let app = strict(&house, &ada).await;
        let browser = house.signed_in(&ada).await;
        let said = house.visitor().gets("/.well-known/openid-configuration").await.json();
        let mut all = json!({ "sub": ada.id.as_str() });
        for (scope, claims) in released {
            let claims = claims.as_object().unwrap();
            let token = tokens(&app, &browser, &[("scope", &format!("openid {scope}"))]).await.text("access_token");
            let mut want = json!({ "sub": ada.id.as_str() });
            for wanted in [&mut want, &mut all] {
                wanted.as_object_mut().unwrap().extend(claims.clone());
            }
            assert_eq!(house.visitor().shows(&token).await.json(), want, "{scope}");
            for name in claims.keys() {
                assert!(said["claims_supported"].as_array().unwrap().contains(&json!(name)), "{name}");
            }
        }
        assert_eq!(all.as_object().unwrap().len(), 1 + 14 + 2 + 1 + 2);
        let token = tokens(&app, &browser, &[("scope", "phone address email profile openid")]).await.text("access_token");
        assert_eq!(house.visitor().shows(&token).await.json(), all);
    }
}
