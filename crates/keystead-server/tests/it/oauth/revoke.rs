//! Revocation: a client gives back what is its own, and nobody learns anything.

use serde_json::json;

use crate::{
    actors::{Agreed, App, Shows, Written},
    house::{Answer, House, on_both},
};

const API: &str = "https://api.example/";

async fn given(house: &House, app: &App, user: &str, audience: Option<&str>) -> Answer {
    let user = house.user(user).await;
    let scope = "openid offline_access read:messages";
    app.redeems(
        &house
            .code(
                app,
                &user,
                Agreed {
                    scope,
                    audience,
                    ..Agreed::default()
                },
            )
            .await,
    )
    .await
}

on_both! {
    async fn a_refresh_token_ends_its_whole_family(house) {
        house.api(API, |_| {}).await;
        let (app, reader) = (house.native("phone").await, house.machine("reader").await);
        let one = given(&house, &app, "ada", Some(API)).await;
        let two = app.refreshes(&one.text("refresh_token")).await;
        let other = given(&house, &app, "bob", Some(API)).await;
        // By its older token, as an app that was offline would.
        for _ in 0..2 {
            let answer = app.revokes(&one.text("refresh_token")).await;
            assert_eq!(answer.short(), "200 ");
            assert_eq!(answer.header("cache-control"), "no-store");
        }
        assert_eq!(app.refreshes(&two.text("refresh_token")).await.refusal(), "403 invalid_grant");
        for answer in [&one, &two] {
            assert_eq!(reader.introspects(&answer.text("access_token")).await, json!({ "active": false }));
            assert_eq!(house.visitor().shows(&answer.text("access_token")).await.status, 401);
        }
        assert_eq!(house.visitor().shows(&other.text("access_token")).await.status, 200);
    }

    async fn an_access_token_ends_alone(house) {
        house.api(API, |_| {}).await;
        let app = house.site("site").await;
        for (user, audience) in [("ada", Some(API)), ("bob", None)] {
            let start = given(&house, &app, user, audience).await;
            let other = app.refreshes(&start.text("refresh_token")).await;
            assert_eq!(app.revokes(&start.text("access_token")).await.short(), "200 ");
            assert_eq!(app.introspects(&start.text("access_token")).await, json!({ "active": false }), "{user}");
            assert_eq!(app.introspects(&other.text("access_token")).await["active"], true, "{user}");
            assert_eq!(app.refreshes(&start.text("refresh_token")).await.status, 200, "{user}");
        }
    }

    async fn what_is_not_its_own_is_answered_alike_and_not_touched(house) {
        house.api(API, |_| {}).await;
        let (app, thief) = (house.native("phone").await, house.native("thief").await);
        let start = given(&house, &app, "ada", Some(API)).await;
        let opaque = given(&house, &app, "bob", None).await;
        for token in [
            &start.text("refresh_token"), &start.text("access_token"), &opaque.text("access_token"),
            &start.text("id_token"), "unknown", "a.b.c",
        ] {
            assert_eq!(thief.revokes(token).await.short(), "200 ", "{token}");
        }
        assert_eq!(house.visitor().shows(&start.text("access_token")).await.status, 200);
        assert_eq!(house.visitor().shows(&opaque.text("access_token")).await.status, 200);
        assert_eq!(app.refreshes(&start.text("refresh_token")).await.status, 200);
    }
}

#[tokio::test]
async fn who_does_not_say_what_or_who_hears_so() {
    let house = House::begun(crate::house::Engine::Sqlite).await;
    let app = house.site("site").await;
    let missing = app.posts("/oauth/revoke", json!({}), Written::Form).await;
    assert_eq!(
        missing.short(),
        r#"400 {"error":"invalid_request","error_description":"Missing required parameter: token"}"#
    );
    let wrong = app
        .showing(Shows::Post("wrong".to_owned()))
        .revokes("token")
        .await;
    assert_eq!(
        wrong.short(),
        r#"401 {"error":"invalid_client","error_description":"Unauthorized"}"#
    );
}
