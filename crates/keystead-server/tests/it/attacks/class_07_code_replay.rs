//! Class 7: a code used twice, or by another client, redirect URI or verifier.

use std::sync::Arc;

use serde_json::json;
use tokio::task::JoinSet;

use crate::{
    actors::{Agreed, REDIRECT, VERIFIER},
    house::{House, on_both},
};

const API: &str = "https://api.example/";
const INVALID: &str =
    r#"403 {"error":"invalid_grant","error_description":"Invalid authorization code"}"#;

fn everything() -> Agreed<'static> {
    Agreed {
        scope: "openid offline_access read:messages",
        audience: Some(API),
        ..Agreed::default()
    }
}

on_both! {
    async fn the_second_use_fails_and_takes_everything_with_it(house) {
        house.api(API, |_| {}).await;
        let (app, reader) = (house.native("phone").await, house.machine("reader").await);
        let code = house.code(&app, &house.user("ada").await, everything()).await;
        let first = app.redeems(&code).await;
        let later = app.refreshes(&first.text("refresh_token")).await;
        // Long after a code could be redeemed: the evidence is still there.
        house.waits(std::time::Duration::from_secs(3_600)).await;
        for _ in 0..2 {
            assert_eq!(app.redeems(&code).await.short(), INVALID);
        }
        for answer in [&first, &later] {
            assert_eq!(reader.introspects(&answer.text("access_token")).await, json!({ "active": false }));
            assert_eq!(house.visitor().shows(&answer.text("access_token")).await.status, 401);
            assert_eq!(app.refreshes(&answer.text("refresh_token")).await.refusal(), "403 invalid_grant");
        }
    }

    async fn whoever_is_not_the_codes_fails_and_does_not_burn_it(house) {
        house.api(API, |_| {}).await;
        let (app, thief) = (house.native("phone").await, house.native("thief").await);
        let code = house.code(&app, &house.user("ada").await, everything()).await;
        let with = |name: &str, value: &str| {
            let mut form = json!({
                "grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT, "code_verifier": VERIFIER,
            });
            form[name] = json!(value);
            form
        };
        assert_eq!(thief.redeems(&code).await.short(), INVALID);
        for redirect in ["https://app.example/callback/", "https://app.example/callback?", "HTTPS://app.example/callback", ""] {
            assert_eq!(app.asks(with("redirect_uri", redirect)).await.short(), INVALID, "{redirect}");
        }
        for verifier in [VERIFIER.to_lowercase(), VERIFIER.replace('d', "e"), format!("{VERIFIER}A")] {
            let answer = app.asks(with("code_verifier", &verifier)).await;
            assert_eq!(answer.refusal(), "403 invalid_grant", "{verifier}");
        }
        assert_eq!(app.redeems(&code).await.status, 200);
    }

    async fn of_a_hundred_at_once_on_two_servers_one_wins_and_then_loses(house) {
        let variables = [("LIMITS__FAILURES_PER_SECOND", "0")];
        let house = match house.services.store.dialect() {
            keystead_store::Dialect::Sqlite => House::begun_with(crate::house::Engine::Sqlite, &variables).await,
            keystead_store::Dialect::Postgres => House::begun_with(crate::house::Engine::Postgres, &variables).await,
        };
        house.api(API, |_| {}).await;
        let app = house.native("phone").await;
        let neighbour = house.neighbour().await;
        let code = house.code(&app, &house.user("ada").await, everything()).await;
        let apps = [Arc::new(neighbour.same_app(&app)), Arc::new(app)];
        let mut running = JoinSet::new();
        for turn in 0..100 {
            let (app, code) = (Arc::clone(&apps[turn % 2]), code.clone());
            running.spawn(async move { app.redeems(&code).await });
        }
        let answers = running.join_all().await;
        let (won, lost): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 200);
        assert_eq!((won.len(), lost.len()), (1, 99));
        assert!(lost.iter().all(|answer| answer.short() == INVALID), "{:?}", lost[0]);
        let reader = house.machine("reader").await;
        assert_eq!(reader.introspects(&won[0].text("access_token")).await, json!({ "active": false }));
        assert_eq!(apps[1].refreshes(&won[0].text("refresh_token")).await.refusal(), "403 invalid_grant");
    }

    async fn of_a_hundred_who_redeem_a_code_that_a_browser_brought_one_wins(house) {
        let variables = [("LIMITS__FAILURES_PER_SECOND", "0")];
        let house = match house.services.store.dialect() {
            keystead_store::Dialect::Sqlite => House::begun_with(crate::house::Engine::Sqlite, &variables).await,
            keystead_store::Dialect::Postgres => House::begun_with(crate::house::Engine::Postgres, &variables).await,
        };
        let ada = house.user("ada").await;
        let more = json!({ "token_endpoint_auth_method": "none", "app_type": "native" });
        let app = Arc::new(house.asker("phone", &ada, more).await);
        let asked = app.authorizes(&[("scope", "openid offline_access")]);
        let code = house.signed_in(&ada).await.opens(&asked).await.sent("code").unwrap();
        let mut running = JoinSet::new();
        for _ in 0..100 {
            let (app, code) = (Arc::clone(&app), code.clone());
            running.spawn(async move { app.redeems(&code).await });
        }
        let answers = running.join_all().await;
        let (won, lost): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 200);
        assert_eq!((won.len(), lost.len()), (1, 99));
        assert!(lost.iter().all(|answer| answer.short() == INVALID), "{:?}", lost[0]);
        assert_eq!(house.visitor().shows(&won[0].text("access_token")).await.status, 401);
        assert_eq!(app.refreshes(&won[0].text("refresh_token")).await.refusal(), "403 invalid_grant");
    }
}
