//! Consent: who is asked, in which words, what is remembered, and what a refusal leads to.

use std::time::Duration;

use keystead_store::{
    apis::{Api, TokenDialect},
    consents::{self, Parties},
    journeys,
    roles::{self, Addition, Permission},
};
use serde_json::json;

use crate::{
    actors::{Begun, REDIRECT},
    house::on_both,
};

const API: &str = "https://api.example/";

fn described(api: &mut Api) {
    api.name = Some("Letters".to_owned());
    api.scopes[0].description = Some("Read your letters".to_owned());
}

on_both! {
    async fn a_third_party_asks_once_in_the_apis_words(house) {
        house.api(API, described).await;
        let ada = house.user("ada").await;
        let app = house.asker("third", &ada, json!({ "is_first_party": false })).await;
        let browser = house.signed_in(&ada).await;
        let asked = app.authorizes(&[("audience", API), ("scope", "openid profile read:messages write:messages")]);
        let page = browser.visits(&asked).await;
        assert!(page.shows("consent-form"), "{}", page.short());
        for words in ["The app third", "Letters", "Read your letters", "write:messages", "ada@example.com"] {
            assert!(page.body.contains(words), "{words}: {}", page.body);
        }
        assert!(!page.body.contains("read:messages"), "it has words of its own");
        assert!(page.header("content-security-policy").contains("form-action 'self' https:"));
        let answer = browser.presses("/u/consent", &page, "allow").await;
        let code = answer.sent("code").unwrap();
        assert_eq!(app.redeems(&code).await.text("scope"), "openid profile read:messages write:messages");
        let less = app.authorizes(&[("audience", API), ("scope", "openid read:messages"), ("prompt", "none")]);
        assert!(browser.opens(&less).await.sent("code").is_some(), "remembered");
        let more = app.authorizes(&[("audience", API), ("scope", "openid delete:messages")]);
        assert!(browser.visits(&more).await.shows("consent-form"), "more than was agreed");
        let elsewhere = app.authorizes(&[("scope", "openid profile")]);
        assert!(browser.visits(&elsewhere).await.shows("consent-form"), "about another API");
        let again = app.authorizes(&[("audience", API), ("prompt", "consent")]);
        let page = browser.visits(&again).await;
        assert!(page.shows("consent-form"), "asked for");
        assert!(browser.presses("/u/consent", &page, "allow").await.sent("code").is_some());
    }

    async fn a_refusal_is_told_the_client_and_nothing_is_remembered(house) {
        let ada = house.user("ada").await;
        let app = house.asker("third", &ada, json!({ "is_first_party": false })).await;
        let browser = house.signed_in(&ada).await;
        for _ in 0..2 {
            let page = browser.visits(&app.authorizes(&[])).await;
            let form = [("state", page.field("state")), ("action", "deny".to_owned())];
            let form: Vec<_> = form.iter().map(|(n, v)| (*n, v.as_str())).collect();
            let answer = browser.submits("/u/consent", &form).await;
            assert_eq!(answer.status, 303);
            assert!(answer.to().unwrap().starts_with(REDIRECT));
            assert_eq!(answer.sent("error").as_deref(), Some("access_denied"));
            assert_eq!(answer.sent("state").as_deref(), Some("s-1"));
            let later = [("state", form[0].1), ("action", "allow")];
            assert_eq!(browser.submits("/u/consent", &later).await.status, 400, "it is over");
        }
    }

    async fn our_own_apps_are_not_asked_about_unless_an_api_or_localhost_says_so(house) {
        let ada = house.user("ada").await;
        house.api("https://strict.example/", |_| {}).await;
        house.api(API, |api| api.settings.skip_consent_for_verifiable_first_party_clients = true).await;
        let callbacks = json!({ "callbacks": [REDIRECT, "http://localhost:8080/callback"] });
        let app = house.asker("app", &ada, callbacks).await;
        let browser = house.signed_in(&ada).await;
        let local = ("redirect_uri", "http://localhost:8080/callback");
        for (name, changes, asks) in [
            ("no API", &[][..], false),
            ("no API, on localhost", &[local], false),
            ("an API that lets ours pass", &[("audience", API)], false),
            ("the same on localhost", &[("audience", API), local], true),
            ("an API that does not", &[("audience", "https://strict.example/")], true),
        ] {
            let answer = browser.visits(&app.authorizes(changes)).await;
            assert_eq!(answer.shows("consent-form"), asks, "{name}");
            assert_eq!(answer.sent("code").is_some(), !asks, "{name}");
        }
    }

    async fn claims_by_name_need_the_same_consent_as_their_scope(house) {
        let ada = house.user("ada").await;
        let app = house.asker("third", &ada, json!({ "is_first_party": false })).await;
        let browser = house.signed_in(&ada).await;
        let page = browser.visits(&app.authorizes(&[])).await;
        browser.presses("/u/consent", &page, "allow").await;
        assert!(browser.opens(&app.authorizes(&[])).await.sent("code").is_some());
        let named = app.authorizes(&[("claims", r#"{"userinfo":{"email":null}}"#)]);
        let page = browser.visits(&named).await;
        assert!(page.shows("consent-form"));
        let code = browser.presses("/u/consent", &page, "allow").await.sent("code").unwrap();
        let tokens = app.redeems(&code).await;
        assert_eq!(tokens.text("scope"), "openid");
        let told = house.visitor().shows(&tokens.text("access_token")).await.json();
        assert_eq!(told["email"], "ada@example.com");
    }

    async fn who_asks_for_no_scope_asks_for_the_api_all_the_same(house) {
        let ada = house.user("ada").await;
        house.api(API, |api| {
            api.settings.skip_consent_for_verifiable_first_party_clients = true;
            api.settings.enforce_policies = Some(true);
            api.settings.token_dialect = Some(TokenDialect::AccessTokenAuthz);
        }).await;
        let third = house.asker("third", &ada, json!({ "is_first_party": false })).await;
        let local = house.asker("local", &ada, json!({ "callbacks": ["http://localhost:8080/callback"] })).await;
        let browser = house.signed_in(&ada).await;
        for (app, callback) in [(&third, REDIRECT), (&local, "http://localhost:8080/callback")] {
            let asked = [("audience", API), ("scope", ""), ("redirect_uri", callback)];
            let silent = app.authorizes(&[asked[0], asked[1], asked[2], ("prompt", "none")]);
            let answer = browser.opens(&silent).await;
            assert_eq!((answer.sent("code"), answer.sent("error").as_deref()), (None, Some("consent_required")), "{}", app.id);
            let page = browser.visits(&app.authorizes(&asked)).await;
            assert!(page.shows("consent-form"), "{}: {}", app.id, page.short());
            assert!(browser.presses("/u/consent", &page, "allow").await.sent("code").is_some(), "{}", app.id);
            assert!(browser.opens(&silent).await.sent("code").is_some(), "{}: remembered", app.id);
        }
        let asked = third.authorizes(&[("scope", ""), ("prompt", "none")]);
        assert_eq!(browser.opens(&asked).await.sent("error").as_deref(), Some("consent_required"), "nor without an API");
    }

    async fn what_was_not_shown_is_not_agreed_to(house) {
        let ada = house.user("ada").await;
        let api = house.api(API, |api| api.settings.enforce_policies = Some(true)).await;
        let third = house.asker("third", &ada, json!({ "is_first_party": false })).await;
        let browser = house.signed_in(&ada).await;
        let asked = third.authorizes(&[("audience", API), ("scope", "openid delete:messages")]);
        let page = browser.visits(&asked).await;
        assert!(!page.body.contains("delete:messages"), "it is not permitted to ada");
        let user = ada.id.clone();
        let more = Permission { api: api.id.clone(), scope: "delete:messages".try_into().unwrap() };
        let added = house.writes(move |tx| roles::add_to_user(tx, &user, std::slice::from_ref(&more))).await;
        assert_eq!(added, Addition::Done);
        let again = browser.presses("/u/consent", &page, "allow").await;
        assert!(again.shows("consent-form"), "{}", again.short());
        assert!(again.body.contains("delete:messages"));
        let parties = || Parties { user: ada.id.clone(), client: third.client_id(), audience: Some(API.try_into().unwrap()) };
        let asked = parties();
        assert_eq!(house.writes(move |tx| consents::find(tx, &asked)).await, None);
        let form = [("state", &*again.field("state")), ("action", "allow")];
        let answer = browser.submits("/u/consent", &form).await;
        assert!(browser.follows(answer).await.shows("consent-form"), "a form that does not say what it showed");
        let code = browser.presses("/u/consent", &again, "allow").await.sent("code").unwrap();
        assert_eq!(third.redeems(&code).await.text("scope"), "openid delete:messages");
    }

    async fn nothing_is_remembered_of_a_step_that_was_not_taken(house) {
        let ada = house.user("ada").await;
        let third = house.asker("third", &ada, json!({ "is_first_party": false })).await;
        let browser = house.signed_in(&ada).await;
        let page = browser.visits(&third.authorizes(&[])).await;
        // The journey is being ended while the form is read: the form's own step finds it over.
        let (user, now) = (ada.id.clone(), house.now());
        let ending = house.writes(move |tx| {
            let ended = journeys::end_all_of_user(tx, &user, now);
            std::thread::sleep(Duration::from_millis(500));
            ended
        });
        let late = async {
            tokio::time::sleep(Duration::from_millis(150)).await;
            browser.presses("/u/consent", &page, "allow").await
        };
        let (ended, answer) = tokio::join!(ending, late);
        assert_eq!((ended, answer.status.as_u16(), answer.sent("code")), (1, 400, None));
        let parties = Parties { user: ada.id.clone(), client: third.client_id(), audience: None };
        assert_eq!(house.writes(move |tx| consents::find(tx, &parties)).await, None);
    }

    async fn what_was_taken_back_is_asked_again(house) {
        let ada = house.user("ada").await;
        let app = house.asker("third", &ada, json!({ "is_first_party": false })).await;
        let browser = house.signed_in(&ada).await;
        let page = browser.visits(&app.authorizes(&[])).await;
        let code = browser.presses("/u/consent", &page, "allow").await.sent("code").unwrap();
        let tokens = app.redeems(&code).await;
        let (now, parties) = (house.now(), Parties { user: ada.id.clone(), client: app.client_id(), audience: None });
        house.writes(move |tx| consents::forget(tx, &parties, now)).await;
        assert_eq!(house.visitor().shows(&tokens.text("access_token")).await.status, 401);
        assert!(browser.visits(&app.authorizes(&[])).await.shows("consent-form"));
    }

    async fn nobody_else_can_answer(house) {
        let (ada, eve) = (house.user("ada").await, house.user("eve").await);
        let app = house.asker("third", &ada, json!({ "is_first_party": false })).await;
        house.opens(&eve, &app).await;
        let (browser, evil) = (house.signed_in(&ada).await, house.signed_in(&eve).await);
        let page = browser.visits(&app.authorizes(&[])).await;
        let state = page.field("state");
        let form = [("state", state.as_str()), ("action", "allow")];
        assert_eq!(browser.posts("/u/consent", &form, Begun::Elsewhere).await.status, 403, "from another site");
        assert_eq!(evil.submits("/u/consent", &form).await.status, 403, "in another session");
        assert_eq!(house.browser().submits("/u/consent", &form).await.status, 403, "in none");
        let resume = format!("/authorize/resume?state={state}");
        assert_eq!(evil.opens(&resume).await.sent("code"), None);
        assert!(browser.visits(&resume).await.shows("consent-form"), "still unanswered");
    }
}
