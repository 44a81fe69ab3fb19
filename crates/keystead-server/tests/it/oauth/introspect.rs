//! Introspection: what holds is described, and what does not is inactive from that moment on.

use std::time::Duration;

use keystead_protocol::ids::{GrantId, SessionId, TokenId};
use keystead_store::{
    clients,
    grants::{self, Ended},
    revocations::{self, Reach},
    users,
};
use serde_json::json;

use crate::{
    actors::{Agreed, App, ISSUER, Shows, Written},
    house::{Engine, House, on_both},
};

const API: &str = "https://api.example/";
const SECOND: Duration = Duration::from_secs(1);

/// A JWT and an opaque token of a user.
async fn tokens(house: &House, app: &App, user: &keystead_store::users::User) -> [String; 2] {
    let mut tokens = vec![];
    for audience in [Some(API), None] {
        let agreed = Agreed {
            scope: "openid email",
            audience,
            ..Agreed::default()
        };
        tokens.push(
            app.redeems(&house.code(app, user, agreed).await)
                .await
                .text("access_token"),
        );
    }
    tokens.try_into().unwrap()
}

on_both! {
    async fn what_holds_is_described(house) {
        let api = house.api(API, |_| {}).await;
        let (app, machine, ada) = (house.site("site").await, house.machine("robot").await, house.user("ada").await);
        house.grants(&machine, &api, "read:messages").await;
        let (now, [jwt, opaque]) = (house.now().as_secs(), tokens(&house, &app, &ada).await);
        let robots = machine.asks(json!({ "grant_type": "client_credentials", "audience": API })).await;
        let robots = robots.text("access_token");
        let id = |token: &str| crate::actors::part(token, 1)["jti"].clone();
        let userinfo = format!("{ISSUER}userinfo");
        for (token, want) in [
            (&jwt, json!({
                "active": true, "iss": ISSUER, "sub": ada.id.as_str(), "aud": [API, userinfo], "client_id": "site",
                "scope": "openid email", "iat": now, "exp": now + 86_400, "token_type": "Bearer", "jti": id(&jwt),
            })),
            (&opaque, json!({
                "active": true, "iss": ISSUER, "sub": ada.id.as_str(), "aud": userinfo, "client_id": "site",
                "scope": "openid email", "iat": now, "exp": now + 86_400, "token_type": "Bearer",
            })),
            (&robots, json!({
                "active": true, "iss": ISSUER, "sub": "robot@clients", "aud": API, "client_id": "robot",
                "scope": "read:messages", "iat": now, "exp": now + 86_400, "token_type": "Bearer", "jti": id(&robots),
            })),
        ] {
            assert_eq!(machine.introspects(token).await, want);
        }
        house.waits(86_400 * SECOND).await;
        for token in [jwt, opaque, robots] {
            assert_eq!(machine.introspects(&token).await, json!({ "active": false }), "expired");
        }
    }

    async fn revocation_is_heard_at_once(house) {
        house.api(API, |_| {}).await;
        let reader = house.machine("reader").await;
        let (app, other) = (house.site("site").await, house.site("other").await);
        let (ada, bob) = (house.user("ada").await, house.user("bob").await);
        for what in ["family", "cut-off user", "cut-off client", "cut-off session", "cut-off family", "client", "block"] {
            let before = tokens(&house, &app, &ada).await;
            let untouched = tokens(&house, &other, &bob).await;
            house.waits(SECOND).await;
            let (now, then) = (house.now(), house.now() + 86_400 * SECOND);
            let families: Vec<GrantId> = house.families(&before).await;
            let (user, client) = (ada.id.clone(), app.client_id());
            // Not told to the catalogue: the database is asked each time.
            let done = house.services.store.write(move |tx| {
                for family in &families {
                    match what {
                        "family" => grants::revoke(tx, family, Ended::ByAdministrator, now)?,
                        "cut-off family" => revocations::cut_off(tx, Reach::Grant(family), now, then)?,
                        "cut-off user" => revocations::cut_off(tx, Reach::User(&user), now, then)?,
                        "cut-off client" => revocations::cut_off(tx, Reach::Client(&client), now, then)?,
                        "cut-off session" => {
                            let session = SessionId::try_from("session-of-ada").unwrap();
                            revocations::cut_off(tx, Reach::Session(&session), now, then)?;
                        }
                        "block" => assert!(users::block(tx, &user, now)?.is_some()),
                        _ => {
                            let _ = clients::set_enabled(tx, &client, false, now)?;
                        }
                    }
                }
                Ok::<_, keystead_store::Fault>(())
            });
            done.await.unwrap();
            if what == "client" {
                house.hears().await;
            }
            for token in &before {
                assert_eq!(reader.introspects(token).await, json!({ "active": false }), "{what}: {token}");
                assert_eq!(house.visitor().shows(token).await.status, 401, "{what}: {token}");
            }
            if what != "cut-off session" {
                for token in &untouched {
                    assert_eq!(reader.introspects(token).await["active"], true, "{what} is not everybody's");
                }
            }
            if what == "client" {
                let client = app.client_id();
                house.writes(move |tx| clients::set_enabled(tx, &client, true, now).map(drop)).await;
            }
            house.waits(SECOND).await;
        }
    }

    async fn a_denied_token_is_inactive_and_its_sibling_is_not(house) {
        let api = house.api(API, |_| {}).await;
        let machine = house.machine("robot").await;
        house.grants(&machine, &api, "read:messages").await;
        let form = || json!({ "grant_type": "client_credentials", "audience": API });
        let one = machine.asks(form()).await.text("access_token");
        let two = machine.asks(form()).await.text("access_token");
        let id = crate::actors::part(&one, 1)["jti"].as_str().unwrap().to_owned();
        let (id, then) = (TokenId::try_from(id).unwrap(), house.now() + 86_400 * SECOND);
        house.services.store.write(move |tx| revocations::deny(tx, &id, then)).await.unwrap();
        assert_eq!(machine.introspects(&one).await, json!({ "active": false }));
        assert_eq!(machine.introspects(&two).await["active"], true);
    }
}

#[tokio::test]
async fn everybody_is_cut_off_at_once() {
    let house = House::begun(Engine::Sqlite).await;
    house.api(API, |_| {}).await;
    let (app, ada) = (house.site("site").await, house.user("ada").await);
    let before = tokens(&house, &app, &ada).await;
    house.waits(SECOND).await;
    let (now, then) = (house.now(), house.now() + 86_400 * SECOND);
    house
        .writes(move |tx| revocations::cut_off(tx, Reach::Installation, now, then))
        .await;
    for token in &before {
        assert_eq!(
            app.introspects(token).await,
            json!({ "active": false }),
            "{token}"
        );
    }
    for token in tokens(&house, &app, &ada).await {
        assert_eq!(app.introspects(&token).await["active"], true);
    }
}

#[tokio::test]
async fn only_who_authenticates_may_ask() {
    let house = House::begun(Engine::Sqlite).await;
    let (site, phone) = (house.site("site").await, house.native("phone").await);
    let ask = json!({ "token": "x" });
    let answer = phone
        .posts("/oauth/introspect", ask.clone(), Written::Form)
        .await;
    assert_eq!(answer.refusal(), "403 unauthorized_client");
    let answer = site
        .showing(Shows::Nothing)
        .posts("/oauth/introspect", ask.clone(), Written::Form)
        .await;
    assert_eq!(answer.refusal(), "401 invalid_client");
    let answer = site
        .posts("/oauth/introspect", json!({}), Written::Form)
        .await;
    assert_eq!(answer.refusal(), "400 invalid_request");
    for token in ["x", "a.b.c", "ey.ey.ey"] {
        assert_eq!(site.introspects(token).await, json!({ "active": false }));
    }
}
