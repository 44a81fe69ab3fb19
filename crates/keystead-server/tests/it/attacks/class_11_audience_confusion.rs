//! Class 11, at our own resources: a token of one API, or of another kind, accepted at userinfo or introspection.

use serde_json::json;

use crate::{
    actors::{Agreed, ISSUER, part},
    house::{Engine, House},
};

const API: &str = "https://api.example/";

#[tokio::test]
async fn userinfo_takes_what_is_for_userinfo() {
    let house = House::begun(Engine::Sqlite).await;
    let api = house.api(API, |_| {}).await;
    let (site, machine, ada) = (
        house.site("site").await,
        house.machine("robot").await,
        house.user("ada").await,
    );
    house.grants(&machine, &api, "read:messages").await;
    let agreed = |scope| Agreed {
        scope,
        audience: Some(API),
        ..Agreed::default()
    };
    let both = site
        .redeems(
            &house
                .code(&site, &ada, agreed("openid read:messages"))
                .await,
        )
        .await;
    let alone = site
        .redeems(&house.code(&site, &ada, agreed("read:messages")).await)
        .await;
    let robots = machine
        .asks(json!({ "grant_type": "client_credentials", "audience": API }))
        .await;
    assert_eq!(
        part(&both.text("access_token"), 1)["aud"],
        json!([API, format!("{ISSUER}userinfo")])
    );
    assert_eq!(
        house
            .visitor()
            .shows(&both.text("access_token"))
            .await
            .status,
        200
    );
    for (about, token) in [
        ("an API's alone", alone.text("access_token")),
        ("a machine's", robots.text("access_token")),
        ("an ID token", both.text("id_token")),
    ] {
        assert_eq!(
            house.visitor().shows(&token).await.refusal(),
            "401 invalid_token",
            "{about}"
        );
    }
}

#[tokio::test]
async fn an_id_token_is_no_access_token_even_where_an_api_has_the_clients_name() {
    let house = House::begun(Engine::Sqlite).await;
    house.api("site", |_| {}).await;
    let (site, ada) = (house.site("site").await, house.user("ada").await);
    for nonce in [Some("n"), None] {
        let code = house
            .code(
                &site,
                &ada,
                Agreed {
                    nonce,
                    ..Agreed::default()
                },
            )
            .await;
        let id_token = site.redeems(&code).await.text("id_token");
        assert_eq!(part(&id_token, 1)["aud"], "site");
        assert_eq!(
            site.introspects(&id_token).await,
            json!({ "active": false }),
            "{nonce:?}"
        );
    }
}

#[tokio::test]
async fn what_was_said_of_one_token_is_not_said_of_another() {
    let house = House::begun(Engine::Sqlite).await;
    let api = house.api(API, |_| {}).await;
    let machine = house.machine("robot").await;
    house
        .grants(&machine, &api, "read:messages write:messages")
        .await;
    for scope in [
        "read:messages",
        "write:messages",
        "read:messages write:messages",
        "read:messages",
    ] {
        let form = json!({ "grant_type": "client_credentials", "audience": API, "scope": scope });
        let token = machine.asks(form).await.text("access_token");
        assert_eq!(machine.introspects(&token).await["scope"], scope);
    }
}
