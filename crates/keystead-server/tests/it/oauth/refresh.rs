//! Refresh tokens: replaced or kept, narrowed but never widened, dead with their family.

use std::time::Duration;

use keystead_store::apis::UserPolicy;
use serde_json::json;

use crate::{
    actors::{Agreed, App, ISSUER},
    house::{Answer, Engine, House, on_both},
};

const API: &str = "https://api.example/";
const DEAD: &str =
    r#"403 {"error":"invalid_grant","error_description":"Unknown or invalid refresh token."}"#;
const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(24 * 3_600);

/// What Ada gave to an app: everything that its API has.
async fn first(house: &House, app: &App) -> Answer {
    house.api(API, |_| {}).await;
    let ada = house.user("ada").await;
    let agreed = Agreed {
        scope: "openid profile offline_access read:messages write:messages",
        audience: Some(API),
        nonce: Some("n-0S6_WzA2Mj"),
        ..Agreed::default()
    };
    app.redeems(&house.code(app, &ada, agreed).await).await
}

on_both! {
    async fn a_rotating_token_is_replaced_and_lives_on_for_its_leeway(house) {
        let app = house.native("phone").await;
        let start = first(&house, &app).await;
        let one = start.text("refresh_token");
        let answer = app.refreshes(&one).await;
        let two = answer.text("refresh_token");
        assert_ne!(one, two);
        assert_eq!(answer.text("scope"), start.text("scope"));
        assert_eq!(answer.json()["expires_in"], 86_400);
        assert_eq!(house.reads(&answer.text("access_token")).await.claims["gty"], "refresh_token");
        // The answer was lost: the app asks again, in time.
        house.waits(9 * SECOND).await;
        let other = app.refreshes(&one).await.text("refresh_token");
        let three = app.refreshes(&two).await.text("refresh_token");
        assert_eq!(app.refreshes(&other).await.status, 200);
        // Whoever uses the first one now has stolen it, or was stolen from: everything ends.
        house.waits(SECOND).await;
        let reader = house.machine("reader").await;
        assert_eq!(reader.introspects(&answer.text("access_token")).await["active"], true);
        assert_eq!(app.refreshes(&one).await.short(), DEAD);
        assert_eq!(app.refreshes(&three).await.short(), DEAD);
        for access in [&start, &answer] {
            assert_eq!(reader.introspects(&access.text("access_token")).await, json!({ "active": false }));
        }
    }

    async fn a_confidential_client_keeps_its_token(house) {
        let app = house.site("site").await;
        let token = first(&house, &app).await.text("refresh_token");
        for _ in 0..3 {
            house.waits(30 * DAY).await;
            let answer = app.refreshes(&token).await;
            assert_eq!(answer.status, 200, "{}", answer.body);
            assert_eq!(answer.json().get("refresh_token"), None);
        }
    }

    async fn scope_and_audience_only_narrow(house) {
        let app = house.site("site").await;
        let start = first(&house, &app).await;
        house.api("https://other.example", |_| {}).await;
        let token = start.text("refresh_token");
        let all = start.text("scope");
        for (about, audience, scope, want) in [
            ("less", None, Some("read:messages"), Ok("read:messages")),
            ("the same", Some(API), Some(all.as_str()), Ok(all.as_str())),
            ("more", None, Some("read:messages delete:messages email"), Ok("read:messages")),
            ("nothing that was granted", None, Some("delete:messages"), Ok("")),
            ("unsaid, all that was granted", Some(API), None, Ok(all.as_str())),
            ("another API", Some("https://other.example"), None, Err("400 invalid_target")),
            ("no API", Some("https://nobody.example"), None, Err("400 invalid_target")),
            ("userinfo instead of the API", Some("http://localhost:3000/userinfo"), None, Err("400 invalid_target")),
        ] {
            let mut form = json!({ "grant_type": "refresh_token", "refresh_token": token });
            if let Some(audience) = audience {
                form["audience"] = json!(audience);
            }
            if let Some(scope) = scope {
                form["scope"] = json!(scope);
            }
            let answer = app.asks(form).await;
            match want {
                Ok(scope) => {
                    assert_eq!(answer.text("scope"), scope, "{about}");
                    let has_id_token = answer.json().get("id_token").is_some();
                    assert_eq!(has_id_token, scope.contains("openid"), "{about}");
                }
                Err(refusal) => assert_eq!(answer.refusal(), refusal, "{about}"),
            }
        }
    }

    async fn who_asked_for_userinfo_alone_may_say_so_again(house) {
        house.api(API, |_| {}).await;
        let ada = house.user("ada").await;
        let app = house.asker("app", &ada, json!({})).await;
        let browser = house.signed_in(&ada).await;
        let userinfo = format!("{ISSUER}userinfo");
        let asked = app.authorizes(&[("audience", &userinfo), ("scope", "openid offline_access")]);
        let code = browser.opens(&asked).await.sent("code").unwrap();
        let token = app.redeems(&code).await.text("refresh_token");
        for (audience, want) in [
            (userinfo.as_str(), "200 "),
            (API, "400 invalid_target"),
            ("http://localhost:3000/userinfo/", "400 invalid_target"),
            ("http://localhost:3000/", "400 invalid_target"),
            ("https://elsewhere.example/userinfo", "400 invalid_target"),
        ] {
            for name in ["audience", "resource"] {
                let answer = app.asks(json!({ "grant_type": "refresh_token", "refresh_token": token, name: audience })).await;
                assert_eq!(answer.refusal(), want, "{name}={audience}");
                if answer.status == 200 {
                    assert_eq!(house.visitor().shows(&answer.text("access_token")).await.status, 200);
                }
            }
        }
    }

    async fn another_clients_token_is_unknown_and_not_harmed(house) {
        let (app, thief) = (house.native("phone").await, house.native("thief").await);
        let token = first(&house, &app).await.text("refresh_token");
        house.waits(60 * SECOND).await;
        for _ in 0..2 {
            assert_eq!(thief.refreshes(&token).await.short(), DEAD);
        }
        assert_eq!(app.refreshes(&token).await.status, 200);
    }
}

#[tokio::test]
async fn a_refreshed_id_token_tells_of_the_same_sign_in() {
    let house = House::begun(Engine::Sqlite).await;
    let app = house.native("phone").await;
    let start = first(&house, &app).await;
    house.waits(3_600 * SECOND).await;
    let answer = app.refreshes(&start.text("refresh_token")).await;
    let before = house.reads(&start.text("id_token")).await.claims;
    let mut want = before.clone();
    want.as_object_mut().unwrap().remove("nonce");
    want["iat"] = json!(house.now().as_secs());
    want["exp"] = json!(house.now().as_secs() + 36_000);
    assert_eq!(house.reads(&answer.text("id_token")).await.claims, want);
    assert_eq!(
        before["auth_time"].as_i64().unwrap() + 60,
        before["iat"].as_i64().unwrap()
    );
}

#[tokio::test]
async fn a_token_that_nobody_uses_dies_and_so_does_one_that_is_used_for_ever() {
    let house = House::begun(Engine::Sqlite).await;
    house.api(API, |_| {}).await;
    let app = house
        .client("phone", json!({
            "grant_types": ["authorization_code", "refresh_token"], "token_endpoint_auth_method": "none",
            "refresh_token": {
                "rotation_type": "rotating", "expiration_type": "expiring",
                "token_lifetime": 100, "idle_token_lifetime": 30,
            },
        }))
        .await;
    let ada = house.user("ada").await;
    let agreed = || Agreed {
        scope: "openid offline_access",
        ..Agreed::default()
    };
    let idle = app
        .redeems(&house.code(&app, &ada, agreed()).await)
        .await
        .text("refresh_token");
    let mut used = app
        .redeems(&house.code(&app, &ada, agreed()).await)
        .await
        .text("refresh_token");
    for _ in 0..3 {
        house.waits(29 * SECOND).await;
        used = app.refreshes(&used).await.text("refresh_token");
    }
    assert_eq!(app.refreshes(&idle).await.short(), DEAD);
    house.waits(12 * SECOND).await;
    used = app.refreshes(&used).await.text("refresh_token");
    house.waits(SECOND).await;
    assert_eq!(
        app.refreshes(&used).await.short(),
        DEAD,
        "a hundred seconds are over"
    );
}

#[tokio::test]
async fn fapi_clients_keep_their_token_whatever_their_setting() {
    let house = House::begun(Engine::Sqlite).await;
    let app = house
        .client(
            "bank",
            json!({
                "grant_types": ["authorization_code", "refresh_token"], "security_profile": "fapi2",
                "refresh_token": { "rotation_type": "rotating", "expiration_type": "expiring" },
            }),
        )
        .await;
    let token = first(&house, &app).await.text("refresh_token");
    for _ in 0..2 {
        assert_eq!(
            app.refreshes(&token).await.json().get("refresh_token"),
            None
        );
    }
}

#[tokio::test]
async fn a_refresh_sees_what_was_taken_away_meanwhile() {
    use keystead_store::apis;
    let house = House::begun(Engine::Sqlite).await;
    let app = house.site("site").await;
    let token = first(&house, &app).await.text("refresh_token");
    let now = house.now();
    house
        .writes(move |tx| {
            let mut api = apis::by_identifier(tx, &API.try_into().unwrap())?.unwrap();
            api.scopes
                .retain(|scope| scope.value.as_str() != "write:messages");
            assert_eq!(apis::update(tx, &api, now)?, keystead_store::Update::Done);
            Ok(())
        })
        .await;
    assert_eq!(
        app.refreshes(&token).await.text("scope"),
        "openid profile offline_access read:messages"
    );
    let gone = house.api("https://gone.example", |_| {}).await;
    let ada = house.user("bob").await;
    let agreed = Agreed {
        scope: "offline_access",
        audience: Some("https://gone.example"),
        ..Agreed::default()
    };
    let token = app
        .redeems(&house.code(&app, &ada, agreed).await)
        .await
        .text("refresh_token");
    house
        .writes(move |tx| apis::delete(tx, &gone.id, now).map(drop))
        .await;
    assert_eq!(
        app.refreshes(&token).await.short(),
        r#"403 {"error":"access_denied","error_description":"Service not found: https://gone.example"}"#
    );
}

/// What a refusal finds out after the token was used is found out in the same transaction, which is then undone.
#[tokio::test]
async fn a_refused_refresh_leaves_the_token_as_it_was() {
    use keystead_store::{apis, connections};
    let house = House::begun(Engine::Sqlite).await;
    let app = house.native("phone").await;
    let token = first(&house, &app).await.text("refresh_token");
    let allow = async |policy: UserPolicy| {
        let now = house.now();
        let changed = house.writes(move |tx| {
            let mut api = apis::by_identifier(tx, &API.try_into().unwrap())?.unwrap();
            api.settings.subject_type_authorization.user.policy = policy;
            apis::update(tx, &api, now)
        });
        assert_eq!(changed.await, keystead_store::Update::Done);
    };
    let enable = async |enabled: bool| {
        let now = house.now();
        let changed = house.writes(move |tx| {
            let all = connections::list(tx, None, 10)?;
            all.iter().try_for_each(|connection| {
                connections::set_enabled(tx, &connection.id, enabled, now).map(drop)
            })
        });
        changed.await;
    };
    let elsewhere = json!({
        "grant_type": "refresh_token", "refresh_token": token, "audience": "https://other.example",
    });
    assert_eq!(app.asks(elsewhere).await.refusal(), "400 invalid_target");
    for policy in [UserPolicy::DenyAll, UserPolicy::RequireClientGrant] {
        allow(policy).await;
        assert_eq!(
            app.refreshes(&token).await.refusal(),
            "403 access_denied",
            "{policy:?}"
        );
    }
    allow(UserPolicy::AllowAll).await;
    enable(false).await;
    assert_eq!(app.refreshes(&token).await.status, 403);
    enable(true).await;
    // Long after any leeway: had one of them used it, this would be a reuse.
    house.waits(60 * SECOND).await;
    assert_eq!(app.refreshes(&token).await.status, 200);
    assert_eq!(app.refreshes(&token).await.status, 200, "in its leeway");
    house.waits(60 * SECOND).await;
    assert_eq!(app.refreshes(&token).await.short(), DEAD, "used by now");
}
