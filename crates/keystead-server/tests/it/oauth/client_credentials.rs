//! Machines: every way to authenticate, every algorithm and dialect, and which scopes come out.

use keystead_protocol::jwk::{Algorithm, SigningKey};
use keystead_protocol::jwt::Token;
use keystead_store::apis::TokenDialect;
use serde_json::{Value, json};

use crate::{
    actors::{ISSUER, Written, part},
    house::{Engine, House, on_both},
};

const API: &str = "https://api.example/";

fn wanted() -> Value {
    json!({ "grant_type": "client_credentials", "audience": API })
}

on_both! {
    async fn a_machine_gets_a_token_for_its_api(house) {
        let api = house.api(API, |_| {}).await;
        let machine = house.machine("robot").await;
        house.grants(&machine, &api, "read:messages write:messages").await;
        let answer = machine.asks(wanted()).await;
        assert_eq!(answer.header("cache-control"), "no-store");
        assert_eq!(answer.header("pragma"), "no-cache");
        assert_eq!(answer.header("content-type"), "application/json");
        let body = answer.json();
        let members: Vec<&String> = body.as_object().unwrap().keys().collect();
        assert_eq!(members, ["access_token", "expires_in", "scope", "token_type"]);
        assert_eq!(body["expires_in"], json!(86_400));
        assert_eq!(body["scope"], json!("read:messages write:messages"));
        assert_eq!(body["token_type"], json!("Bearer"));

        let read = house.reads(body["access_token"].as_str().unwrap()).await;
        assert_eq!(read.header["alg"], "RS256");
        assert_eq!(read.header["typ"], "JWT");
        let (mut claims, now) = (read.claims, house.now().as_secs());
        let id = claims.as_object_mut().unwrap().remove("jti").unwrap();
        assert!(id.as_str().unwrap().len() >= 22, "{id}");
        assert_eq!(claims, json!({
            "iss": ISSUER, "sub": "robot@clients", "aud": API, "azp": "robot", "iat": now, "exp": now + 86_400,
            "scope": "read:messages write:messages", "gty": "client-credentials",
        }));
        // Nobody asked the database to keep it, but it is in the log.
        house.services.logbook.flush().await;
        let lines = house.services.store
            .read(|tx| keystead_store::log::newest(tx, keystead_store::log::Whose::Everybody, None, 10))
            .await
            .unwrap();
        let kinds: Vec<_> = lines.iter().map(|line| (line.kind.as_str(), line.client.as_ref().unwrap().as_str())).collect();
        assert_eq!(kinds, [("seccft", "robot")]);
    }

    async fn every_way_to_authenticate_is_heard_in_either_body(house) {
        let api = house.api(API, |_| {}).await;
        for (id, metadata) in [
            ("post", json!({ "token_endpoint_auth_method": "client_secret_post" })),
            ("basic", json!({ "token_endpoint_auth_method": "client_secret_basic" })),
            ("never-asked", json!({})),
            ("ec", json!({ "token_endpoint_auth_method": "private_key_jwt" })),
            ("rsa", json!({ "token_endpoint_auth_method": "private_key_jwt", "assertion_alg": "RS256" })),
        ] {
            let mut metadata = metadata;
            metadata["grant_types"] = json!(["client_credentials"]);
            let app = house.client(id, metadata).await;
            house.grants(&app, &api, "read:messages").await;
            for written in [Written::Form, Written::Json] {
                let answer = app.posts("/oauth/token", wanted(), written).await;
                assert_eq!(answer.status, 200, "{id} {written:?}: {}", answer.body);
            }
            // The id may stand in the body as well, whatever else names it.
            let mut named = wanted();
            named["client_id"] = json!(id);
            assert_eq!(app.asks(named).await.status, 200, "{id}");
        }
    }

    async fn scopes_are_the_asked_the_defined_and_the_granted(house) {
        let api = house.api(API, |_| {}).await;
        let machine = house.machine("robot").await;
        house.grants(&machine, &api, "write:messages read:messages undefined:scope").await;
        for (asked, want) in [
            (None, "read:messages write:messages"),
            (Some("read:messages"), "read:messages"),
            (Some("delete:messages write:messages"), "write:messages"),
            (Some("undefined:scope"), ""),
            (Some("openid offline_access"), ""),
        ] {
            let mut form = wanted();
            if let Some(asked) = asked {
                form["scope"] = json!(asked);
            }
            let answer = machine.asks(form).await;
            assert_eq!(answer.text("scope"), want, "{asked:?}");
            let claims = house.reads(&answer.text("access_token")).await.claims;
            assert_eq!(claims.get("scope").and_then(Value::as_str).unwrap_or_default(), want, "{asked:?}");
        }
    }
}

#[tokio::test]
async fn the_default_audience_is_for_who_names_none() {
    let house = House::begun(Engine::Sqlite).await;
    let api = house.api(API, |_| {}).await;
    let machine = house.machine("robot").await;
    house.grants(&machine, &api, "read:messages").await;
    let unnamed = || json!({ "grant_type": "client_credentials" });
    assert_eq!(
        machine.asks(unnamed()).await.short(),
        r#"400 {"error":"invalid_request","error_description":"Missing required parameter: audience"}"#
    );
    let now = house.now();
    house
        .writes(move |tx| {
            let tenant = keystead_server::tenant::Tenant {
                default_audience: Some(API.try_into().unwrap()),
                ..Default::default()
            };
            keystead_store::settings::put(tx, &tenant, now)
        })
        .await;
    let token = machine.asks(unnamed()).await.text("access_token");
    assert_eq!(part(&token, 1)["aud"], API);
}

#[tokio::test]
async fn each_dialect_says_who_and_what_in_its_own_claims() {
    let house = House::begun(Engine::Sqlite).await;
    let machine = house.machine("robot").await;
    let everything = json!(["read:messages", "write:messages", "delete:messages"]);
    for (dialect, typ, client, gty, permissions) in [
        (TokenDialect::AccessToken, "JWT", "azp", true, None),
        (
            TokenDialect::AccessTokenAuthz,
            "JWT",
            "azp",
            true,
            Some(&everything),
        ),
        (
            TokenDialect::Rfc9068Profile,
            "at+jwt",
            "client_id",
            false,
            None,
        ),
        (
            TokenDialect::Rfc9068ProfileAuthz,
            "at+jwt",
            "client_id",
            false,
            Some(&everything),
        ),
    ] {
        let identifier = format!("https://{dialect:?}.example");
        let api = house
            .api(&identifier, |api| {
                api.settings.token_dialect = Some(dialect);
            })
            .await;
        house
            .grants(
                &machine,
                &api,
                "read:messages write:messages delete:messages",
            )
            .await;
        let answer = machine
            .asks(json!({ "grant_type": "client_credentials", "audience": identifier }))
            .await;
        let read = house.reads(&answer.text("access_token")).await;
        assert_eq!(read.header["typ"], typ, "{dialect:?}");
        assert_eq!(read.claims[client], "robot", "{dialect:?}");
        assert_eq!(read.claims.get("gty").is_some(), gty, "{dialect:?}");
        assert_eq!(read.claims.get("permissions"), permissions, "{dialect:?}");
        let one_name = read.claims.get("azp").is_some() != read.claims.get("client_id").is_some();
        assert!(one_name, "{dialect:?}");
    }
}

#[tokio::test]
async fn an_api_is_signed_for_as_it_asks() {
    let house = House::begun(Engine::Sqlite).await;
    let machine = house.machine("robot").await;
    for alg in [
        Algorithm::RS256,
        Algorithm::RS384,
        Algorithm::RS512,
        Algorithm::PS256,
        Algorithm::ES256,
        Algorithm::EdDSA,
    ] {
        let identifier = format!("https://{alg}.example");
        let api = house
            .api(&identifier, |api| {
                api.settings.signing_alg = alg;
                api.settings.token_lifetime = 120;
            })
            .await;
        house.grants(&machine, &api, "read:messages").await;
        let form = json!({ "grant_type": "client_credentials", "audience": identifier });
        let answer = machine.asks(form).await;
        assert_eq!(answer.json()["expires_in"], 120);
        let read = house.reads(&answer.text("access_token")).await;
        assert_eq!(read.header["alg"], alg.as_str());
        assert_eq!(read.claims["exp"], house.now().as_secs() + 120);
        assert_eq!(
            machine.introspects(&answer.text("access_token")).await["active"],
            true
        );
    }
    // A key was made for each algorithm, once.
    let keys = house.visitor().gets("/.well-known/jwks.json").await.json();
    assert_eq!(keys["keys"].as_array().unwrap().len(), 6);
}

#[tokio::test]
async fn an_api_with_a_shared_secret_verifies_with_it() {
    let house = House::begun(Engine::Sqlite).await;
    let machine = house.machine("robot").await;
    let secret = b"shared with the API since long ago";
    let api = house
        .api(API, |api| {
            api.settings.signing_alg = Algorithm::HS256;
            api.signing_secret = Some(house.signing_secret(api, secret));
        })
        .await;
    house.grants(&machine, &api, "read:messages").await;
    let token = machine.asks(wanted()).await.text("access_token");
    let key = SigningKey::from_secret(Algorithm::HS256, secret).unwrap();
    let verified = Token::parse(&token)
        .unwrap()
        .verify(&key.to_verifying_key().unwrap());
    assert_eq!(part(&token, 0), json!({ "alg": "HS256", "typ": "JWT" }));
    let claims: Value = serde_json::from_slice(verified.unwrap().payload()).unwrap();
    assert_eq!(claims["aud"], API);
    assert_eq!(machine.introspects(&token).await["active"], true);
    let keys = house.visitor().gets("/.well-known/jwks.json").await.json();
    assert_eq!(
        keys["keys"].as_array().unwrap().len(),
        1,
        "the secret is no public key"
    );
}
