//! Revocation: a client gives back what is its own, and nobody learns anything.

use keystead_protocol::{
    ids::ClientGrantId,
    jwk::{Algorithm, SigningKey},
    jwt::{Signer, Typ},
};
use keystead_store::{
    Update,
    apis::{self, Api, ClientPolicy, UserPolicy},
    client_grants::{self, SubjectType},
    connections,
    users::User,
};
use serde_json::json;

use crate::{
    actors::{Agreed, App, Shows, Written, part},
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

/// What a client and a user of its have of an API, and of none.
async fn had(house: &House, app: &App, user: &User) -> [String; 3] {
    let mut tokens = vec![];
    for audience in [Some(API), None] {
        let agreed = Agreed {
            scope: "openid read:messages",
            audience,
            ..Agreed::default()
        };
        let code = house.code(app, user, agreed).await;
        tokens.push(app.redeems(&code).await.text("access_token"));
    }
    let machine = json!({ "grant_type": "client_credentials", "audience": API });
    tokens.push(app.asks(machine).await.text("access_token"));
    tokens.try_into().unwrap()
}

async fn granted(house: &House, app: &App, api: &Api) -> [ClientGrantId; 2] {
    [
        house.grants(app, api, "read:messages").await,
        house
            .grants_for(SubjectType::User, app, api, "read:messages")
            .await,
    ]
}

on_both! {
    /// RFC 7009 §2: the token ends, also one that for the moment would not have been taken.
    async fn what_is_given_back_while_it_does_not_hold_stays_given_back(house) {
        let require = |api: &mut Api| api.settings.subject_type_authorization.user.policy = UserPolicy::RequireClientGrant;
        let metadata = json!({ "grant_types": ["client_credentials", "authorization_code"] });
        let (app, thief) = (house.client("app", metadata.clone()).await, house.native("thief").await);
        let (reader, ada) = (house.machine("reader").await, house.user("ada").await);
        let mut api = house.api(API, require).await;
        let mut grants = granted(&house, &app, &api).await;
        for (what, held) in [
            ("connection disabled", [false, false, true]),
            ("client grants deleted", [false, true, false]),
            ("nobody served by the API", [false, true, false]),
            ("API deleted", [false, true, false]),
        ] {
            let (revoked, stolen) = (had(&house, &app, &ada).await, had(&house, &app, &ada).await);
            let (now, user, mut changed, gone) = (house.now(), ada.clone(), api.clone(), grants.clone());
            house.writes(move |tx| {
                let policy = &mut changed.settings.subject_type_authorization;
                match what {
                    "connection disabled" => { let _ = connections::set_enabled(tx, &user.connection, false, now)?; }
                    "client grants deleted" => {
                        for grant in &gone {
                            let _ = client_grants::delete(tx, grant, now)?;
                        }
                    }
                    "nobody served by the API" => {
                        (policy.user.policy, policy.client.policy) = (UserPolicy::DenyAll, ClientPolicy::DenyAll);
                        assert_eq!(apis::update(tx, &changed, now)?, Update::Done);
                    }
                    _ => { let _ = apis::delete(tx, &changed.id, now)?; }
                }
                Ok(())
            }).await;
            for ((revoked, stolen), held) in revoked.iter().zip(&stolen).zip(held) {
                assert_eq!(reader.introspects(revoked).await["active"], held, "{what}");
                assert_eq!(app.revokes(revoked).await.short(), "200 ", "{what}");
                assert_eq!(thief.revokes(stolen).await.short(), "200 ", "{what}");
            }
            let user = ada.clone();
            match what {
                "connection disabled" => {
                    house.writes(move |tx| connections::set_enabled(tx, &user.connection, true, now).map(drop)).await;
                }
                "client grants deleted" => grants = granted(&house, &app, &api).await,
                "nobody served by the API" => {
                    api = house.writes(move |tx| {
                        let mut api = apis::by_identifier(tx, &API.try_into().unwrap())?.unwrap();
                        let policy = &mut api.settings.subject_type_authorization;
                        (policy.user.policy, policy.client.policy) =
                            (UserPolicy::RequireClientGrant, ClientPolicy::RequireClientGrant);
                        assert_eq!(apis::update(tx, &api, now)?, Update::Done);
                        Ok(apis::by_identifier(tx, &API.try_into().unwrap())?.unwrap())
                    }).await;
                }
                _ => {
                    api = house.api(API, require).await;
                    grants = granted(&house, &app, &api).await;
                }
            }
            for (kind, (revoked, stolen)) in revoked.iter().zip(&stolen).enumerate() {
                assert_eq!(reader.introspects(stolen).await["active"], true, "{what}, {kind}: another client's");
                assert_eq!(reader.introspects(revoked).await, json!({ "active": false }), "{what}, {kind}");
            }
        }
    }
}

/// It could sign whatever it likes in our name: a family's token is the family's client's, whatever else is said of it.
#[tokio::test]
async fn an_api_that_shares_a_secret_revokes_nobody_elses_token() {
    const SHARED: &str = "https://shared.example/";
    let house = House::begun(crate::house::Engine::Sqlite).await;
    house.api(API, |_| {}).await;
    let shared = |api: &mut Api| {
        api.settings.signing_alg = Algorithm::HS256;
        api.signing_secret = Some(house.signing_secret(api, &[7; 32]));
    };
    house.api(SHARED, shared).await;
    let (app, thief) = (house.native("phone").await, house.native("thief").await);
    let reader = house.machine("reader").await;
    let victim = given(&house, &app, "ada", Some(API)).await;
    let victim = victim.text("access_token");
    let own = given(&house, &thief, "bob", Some(SHARED)).await;
    let own = own.text("access_token");
    let mut claims = part(&own, 1);
    claims["jti"] = part(&victim, 1)["jti"].clone();
    let secret = SigningKey::from_secret(Algorithm::HS256, &[7; 32]).unwrap();
    let key = Signer::new(secret);
    let forged = key.encode(Typ::Jwt, claims.to_string().as_bytes()).unwrap();
    for token in [&forged, &own] {
        assert_eq!(thief.revokes(token).await.short(), "200 ");
    }
    assert_eq!(reader.introspects(&victim).await["active"], true);
    assert_eq!(reader.introspects(&own).await, json!({ "active": false }));
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
