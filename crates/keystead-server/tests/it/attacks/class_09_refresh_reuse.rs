//! Class 9: a refresh token used in parallel, or alive again after a restart or a restore. The program that is killed is in
//! its own suite, and the machine that loses power in the store's.

use std::sync::Arc;

use keystead_store::restored;
use serde_json::json;
use tokio::task::JoinSet;

use crate::{
    actors::{Agreed, App},
    house::{Engine, House},
};

async fn strict(house: &House) -> (App, String) {
    let app = house
        .client("phone", json!({
            "grant_types": ["authorization_code", "refresh_token"], "token_endpoint_auth_method": "none",
            "refresh_token": { "rotation_type": "rotating", "expiration_type": "expiring" },
        }))
        .await;
    let agreed = Agreed {
        scope: "openid offline_access",
        ..Agreed::default()
    };
    let code = house.code(&app, &house.user("ada").await, agreed).await;
    let token = app.redeems(&code).await.text("refresh_token");
    (app, token)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_at_once_on_two_servers_one_wins_and_the_family_dies() {
    for (engine, count) in [(Engine::Sqlite, 1_000), (Engine::Postgres, 300)] {
        if !engine.is_here() {
            continue;
        }
        let off = [
            ("LIMITS__FAILURES_PER_SECOND", "0"),
            ("LIMITS__REQUESTS_PER_SECOND", "0"),
        ];
        let house = House::begun_with(engine, &off).await;
        let (app, token) = strict(&house).await;
        let neighbour = house.neighbour().await;
        let apps = [Arc::new(neighbour.same_app(&app)), Arc::new(app)];
        let mut running = JoinSet::new();
        for turn in 0..count {
            let (app, token) = (Arc::clone(&apps[turn % 2]), token.clone());
            running.spawn(async move { app.refreshes(&token).await });
        }
        let answers = running.join_all().await;
        let (won, lost): (Vec<_>, Vec<_>) =
            answers.into_iter().partition(|answer| answer.status == 200);
        assert_eq!(won.len(), 1, "{engine:?}");
        for answer in &lost {
            assert_eq!(
                answer.refusal(),
                "403 invalid_grant",
                "{engine:?}: {}",
                answer.body
            );
        }
        assert_eq!(
            apps[1]
                .refreshes(&won[0].text("refresh_token"))
                .await
                .refusal(),
            "403 invalid_grant"
        );
        assert_eq!(
            house
                .visitor()
                .shows(&won[0].text("access_token"))
                .await
                .status,
            401
        );
    }
}

#[tokio::test]
async fn what_was_revoked_stays_so_after_a_restart() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        if !engine.is_here() {
            continue;
        }
        let house = House::begun(engine).await;
        let (app, one) = strict(&house).await;
        let two = app.refreshes(&one).await;
        assert_eq!(app.refreshes(&one).await.refusal(), "403 invalid_grant");
        // Another process on the same records, its caches empty.
        let restarted = house.neighbour().await;
        let app = restarted.same_app(&app);
        for token in [one, two.text("refresh_token")] {
            assert_eq!(
                app.refreshes(&token).await.refusal(),
                "403 invalid_grant",
                "{engine:?}"
            );
        }
        assert_eq!(
            restarted
                .visitor()
                .shows(&two.text("access_token"))
                .await
                .status,
            401,
            "{engine:?}"
        );
    }
}

/// A backup is what was there when it was made: here everything in it still lives, whatever became of it since.
#[tokio::test]
async fn what_a_backup_holds_is_dead_after_the_restore() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        if !engine.is_here() {
            continue;
        }
        let house = House::begun(engine).await;
        house.api("https://api.example/", |_| {}).await;
        let (app, fixed) = (house.native("phone").await, house.site("site").await);
        let (ada, bob) = (house.user("ada").await, house.user("bob").await);
        let agreed = |audience| Agreed {
            scope: "openid offline_access",
            audience,
            ..Agreed::default()
        };
        let api = Some("https://api.example/");
        let one = app
            .redeems(&house.code(&app, &ada, agreed(api)).await)
            .await;
        let two = fixed
            .redeems(&house.code(&fixed, &bob, agreed(None)).await)
            .await;
        let unused = house.code(&app, &ada, agreed(api)).await;
        let browser = house.signed_in(&ada).await;
        house.opens(&ada, &fixed).await;
        house.waits(std::time::Duration::from_secs(1)).await;

        let (now, dead_at) = (
            house.now(),
            house.now() + std::time::Duration::from_secs(86_400),
        );
        house
            .writes(move |tx| restored::quiet(tx, now, dead_at).map(drop))
            .await;
        for (app, answer) in [(&app, &one), (&fixed, &two)] {
            let refreshed = app.refreshes(&answer.text("refresh_token")).await;
            assert_eq!(refreshed.refusal(), "403 invalid_grant", "{engine:?}");
            let shown = house.visitor().shows(&answer.text("access_token")).await;
            assert_eq!(shown.status, 401, "{engine:?}");
        }
        assert_eq!(
            app.redeems(&unused).await.refusal(),
            "403 invalid_grant",
            "{engine:?}"
        );
        let silent = fixed.authorizes(&[("prompt", "none")]);
        assert!(
            browser.opens(&silent).await.sent("code").is_none(),
            "{engine:?}"
        );
        // Whoever signs in from now on is well.
        house.waits(std::time::Duration::from_secs(1)).await;
        let fresh = app
            .redeems(&house.code(&app, &ada, agreed(api)).await)
            .await;
        assert_eq!(
            app.refreshes(&fresh.text("refresh_token")).await.status,
            200
        );
        let shown = house.visitor().shows(&fresh.text("access_token")).await;
        assert_eq!(shown.status, 200);
    }
}
