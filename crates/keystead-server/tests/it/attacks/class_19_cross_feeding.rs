//! Class 19: each artefact is offered to each consumer but its own, at the token endpoint and on the pages.

use axum::extract::Request;
use keystead_protocol::{client_auth::JWT_BEARER, pkce::Verifier};
use keystead_server::identity::owners;
use serde_json::{Value, json};

use crate::{
    actors::{Agreed, PASSWORD, REDIRECT, VERIFIER, Written, email},
    house::on_both,
};

const API: &str = "https://api.example/";

on_both! {
    async fn no_artefact_is_taken_in_anothers_place(house) {
        let api = house.api(API, |_| {}).await;
        let app = house
            .client("app", json!({
                "grant_types": ["client_credentials", "authorization_code", "refresh_token"],
                "token_endpoint_auth_method": "private_key_jwt",
            }))
            .await;
        house.grants(&app, &api, "read:messages").await;
        let ada = house.user("ada").await;
        let agreed = |audience| Agreed { scope: "openid offline_access", audience, ..Agreed::default() };
        let given = app.redeems(&house.code(&app, &ada, agreed(Some(API))).await).await;
        let userinfo = app.redeems(&house.code(&app, &ada, agreed(None)).await).await;
        let artefacts = [
            ("code", house.code(&app, &ada, agreed(Some(API))).await),
            ("refresh token", given.text("refresh_token")),
            ("opaque access token", userinfo.text("access_token")),
            ("JWT access token", given.text("access_token")),
            ("ID token", given.text("id_token")),
            ("client assertion", app.assertion(app.key(), json!({}))),
        ];
        assert!(Verifier::try_from(VERIFIER).is_ok());
        for (kind, value) in &artefacts {
            let value = value.as_str();
            let wrong = |own: &[&str], status: u16, about: &str| {
                assert!(own.contains(kind) || status >= 400, "a {kind} is taken {about}: {status}");
                assert!(status < 500, "a {kind} {about} is our fault: {status}");
            };
            let mut redeeming = json!({
                "grant_type": "authorization_code", "code": value, "redirect_uri": REDIRECT, "code_verifier": VERIFIER,
            });
            if *kind == "code" {
                // Its own consumer is tried last, so that it is not spent.
                redeeming["redirect_uri"] = json!("https://elsewhere.example/");
            }
            wrong(&[], app.asks(redeeming).await.status.as_u16(), "for a code");
            if *kind != "refresh token" {
                wrong(&[], app.refreshes(value).await.status.as_u16(), "for a refresh token");
            }
            let accesses = ["opaque access token", "JWT access token"];
            wrong(&accesses, house.visitor().shows(value).await.status.as_u16(), "at userinfo");
            let active = app.introspects(value).await["active"] == Value::Bool(true);
            assert_eq!(active, accesses.contains(kind), "a {kind} at introspection");
            if *kind != "client assertion" {
                let form = json!({
                    "grant_type": "client_credentials", "audience": API, "client_id": "app",
                    "client_assertion_type": JWT_BEARER, "client_assertion": value,
                });
                wrong(&[], app.asks(form).await.status.as_u16(), "for an assertion");
            }
            let stranger = house.stranger("app", crate::actors::Shows::Post(value.to_owned()));
            wrong(&[], stranger.asks(json!({ "grant_type": "client_credentials" })).await.status.as_u16(), "for a secret");
        }
        // Revoking by a code or an ID token ends nothing.
        for kind in ["code", "ID token"] {
            let value = &artefacts.iter().find(|(name, _)| *name == kind).unwrap().1;
            let form = json!({ "token": value, "token_type_hint": "refresh_token" });
            assert_eq!(app.posts("/oauth/revoke", form, Written::Form).await.short(), "200 ");
        }
        assert_eq!(app.redeems(&artefacts[0].1).await.status, 200, "nothing was harmed by it");
        assert_eq!(app.refreshes(&artefacts[1].1).await.status, 200);
        assert_eq!(house.visitor().shows(&artefacts[2].1).await.status, 200);
        assert_eq!(house.visitor().shows(&artefacts[3].1).await.status, 200);
    }

    async fn no_artefact_of_a_browser_is_taken_in_anothers_place(house) {
        let app = house.shop("app").await;
        let ada = house.account("ada").await;
        // One of each: the sealed request, its browser, the session, a journey's handle, a code, the question at the
        // log-out, the error page, the set-up ticket.
        let browser = house.browser();
        let page = browser.comes_from(&app, &[]).await;
        let sent = browser.types(&page, email(&ada), PASSWORD).await;
        let handle = sent.header("location").split_once("state=").unwrap().1.to_owned();
        let session = browser.cookie("keystead").unwrap();
        let question = browser.opens("/oidc/logout").await.to().unwrap();
        let question = question.split_once("state=").unwrap().1.to_owned();
        let navigates = Request::get("/authorize?client_id=the-evil-one").header("sec-fetch-mode", "navigate").header("sec-fetch-dest", "document");
        let trouble = house.visitor().sends(navigates).await.to().unwrap();
        let trouble = trouble.strip_prefix("/u/error?state=").unwrap().to_owned();
        let other = house.browser();
        let code = other.arrives(&app, &ada).await.sent("code").unwrap();
        let tokens = app.redeems(&other.comes_from(&app, &[]).await.sent("code").unwrap()).await;
        let link = owners::invite(&house.services).await.unwrap().unwrap();
        let ticket = link.expose().split_once("ticket=").unwrap().1.to_owned();
        let artefacts = [
            ("sealed request", page.field("state")),
            ("browser", browser.cookie("keystead-browser").unwrap()),
            ("session", session.clone()),
            ("journey", handle.clone()),
            ("code", code),
            ("log-out question", question),
            ("error page", trouble),
            ("ticket", ticket),
            ("ID token", tokens.text("id_token")),
            ("access token", tokens.text("access_token")),
        ];
        for (kind, value) in &artefacts {
            let value = value.as_str();
            let refused = |own: &[&str], taken: bool, place: &str| {
                assert!(own.contains(kind) || !taken, "a {kind} is taken {place}");
            };
            let steps = ["sealed request", "journey"];
            for path in ["/u/login", "/u/signup", "/u/consent", "/u/confirm", "/authorize/resume"] {
                let answer = browser.opens(&format!("{path}?state={value}")).await;
                assert!(!answer.status.is_server_error(), "a {kind} at {path}: {}", answer.short());
                refused(&steps, !answer.status.is_client_error(), path);
            }
            for path in ["/u/login", "/u/signup", "/u/consent", "/u/confirm"] {
                let pairs = [
                    ("state", value), ("username", "nobody"), ("email", "nobody"), ("password", "x"), ("action", "allow"),
                ];
                let answer = browser.submits(path, &pairs).await;
                assert!(!answer.status.is_server_error(), "a {kind} to {path}: {}", answer.short());
                refused(&steps, !answer.shows("error-page"), path);
            }
            let asked = browser.opens(&format!("/u/logout?state={value}")).await;
            refused(&["log-out question"], asked.shows("logout-yes"), "as a question");
            let stayed = browser.opens(&format!("/u/still-signed-in?state={value}")).await;
            refused(&["log-out question"], stayed.shows("still-signed-in"), "for an answer to it");
            let told = browser.opens(&format!("/u/error?state={value}")).await;
            assert!(told.shows("error-page"), "a {kind} at /u/error: {}", told.short());
            refused(&["error page"], told.says("error-cause").contains("the-evil-one"), "for an error page");
            refused(&["error page"], told.says("error-cause") != "This page was opened without the request that it belongs to.", "for an error page");
            let pairs = [("state", value), ("action", "yes")];
            if *kind != "log-out question" {
                browser.submits("/u/logout", &pairs).await;
                assert_eq!(house.sessions(&ada).await.len(), 2, "a {kind} signs out");
            }
            let setup = browser.opens(&format!("/u/setup?ticket={value}")).await;
            refused(&["ticket"], setup.shows("setup-form"), "for a ticket");
            // As a cookie: whose journey, whose session.
            let thief = house.browser();
            thief.plants("keystead", Some(value));
            refused(&["session"], thief.comes_from(&app, &[]).await.sent("code").is_some(), "for a session");
            let thief = house.browser();
            thief.plants("keystead-browser", Some(value));
            let opened = thief.opens(&format!("/u/login?state={}", artefacts[0].1)).await;
            refused(&["browser"], opened.shows("login-form"), "for a browser");
            // And at the endpoints of machines.
            if !["code", "access token"].contains(kind) {
                assert!(app.redeems(value).await.status.is_client_error(), "a {kind} for a code");
                assert!(app.refreshes(value).await.status.is_client_error(), "a {kind} for a refresh token");
                assert!(house.visitor().shows(value).await.status.is_client_error(), "a {kind} at userinfo");
                assert_eq!(app.introspects(value).await["active"], Value::Bool(false), "a {kind} at introspection");
            }
        }
    }
}
