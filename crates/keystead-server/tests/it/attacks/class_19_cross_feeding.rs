//! Class 19, at the token endpoint and its neighbours: each artefact is offered to each consumer but its own.

use keystead_protocol::{client_auth::JWT_BEARER, pkce::Verifier};
use serde_json::{Value, json};

use crate::{
    actors::{Agreed, REDIRECT, VERIFIER, Written},
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
}
