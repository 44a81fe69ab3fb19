//! Codes: what a user agreed to becomes tokens.

use keystead_protocol::{client_auth::JWT_BEARER, jwk::Algorithm};
use serde_json::json;

use crate::{
    actors::{Agreed, ISSUER, REDIRECT, VERIFIER, Written},
    house::{Engine, House, on_both},
};

const API: &str = "https://api.example/";

on_both! {
    async fn a_code_becomes_an_id_token_an_access_token_and_a_refresh_token(house) {
        house.api(API, |_| {}).await;
        let (app, ada) = (house.native("phone").await, house.user("ada").await);
        let code = house.code(&app, &ada, Agreed {
            scope: "openid profile email offline_access read:messages undefined:scope",
            audience: Some(API),
            nonce: Some("n-0S6_WzA2Mj"),
            ..Agreed::default()
        }).await;
        let answer = app.redeems(&code).await;
        assert_eq!(answer.header("cache-control"), "no-store");
        let body = answer.json();
        let members: Vec<&String> = body.as_object().unwrap().keys().collect();
        assert_eq!(members, ["access_token", "expires_in", "id_token", "refresh_token", "scope", "token_type"]);
        let scope = "openid profile email offline_access read:messages";
        assert_eq!(body["scope"], scope);
        assert!(body["expires_in"].is_u64());
        for token in ["access_token", "refresh_token", "id_token"] {
            assert!(!answer.text(token).contains(['=', '&']), "{token} may ride in a redirect");
        }

        let (now, id) = (house.now().as_secs(), ada.id.as_str());
        let access = house.reads(&answer.text("access_token")).await;
        let mut claims = access.claims;
        assert!(claims.as_object_mut().unwrap().remove("jti").is_some());
        assert_eq!(claims, json!({
            "iss": ISSUER, "sub": id, "aud": [API, format!("{ISSUER}userinfo")], "azp": "phone",
            "iat": now, "exp": now + 86_400, "scope": scope,
        }));

        let read = house.reads(&answer.text("id_token")).await;
        assert_eq!((&read.header["alg"], &read.header["typ"]), (&json!("RS256"), &json!("JWT")));
        assert_eq!(read.claims, json!({
            "iss": ISSUER, "sub": id, "aud": "phone", "iat": now, "exp": now + 36_000,
            "nonce": "n-0S6_WzA2Mj", "auth_time": now - 60, "sid": "session-of-ada",
            "name": "ada", "nickname": "ada", "updated_at": "2026-09-21T14:13:20.000Z",
            "picture": "http://localhost:3000/avatar.png",
            "email": "ada@example.com", "email_verified": true,
        }));
    }

    async fn without_an_api_the_token_is_opaque_and_good_at_userinfo_alone(house) {
        let (app, ada) = (house.site("site").await, house.user("ada").await);
        let code = house.code(&app, &ada, Agreed { scope: "openid email", ..Agreed::default() }).await;
        let answer = app.redeems(&code).await;
        let token = answer.text("access_token");
        assert!(token.len() >= 43 && !token.contains('.'), "{token}");
        assert_eq!(answer.json().get("refresh_token"), None);
        assert_eq!(answer.json()["expires_in"], 86_400);
        let said = house.visitor().shows(&token).await.json();
        assert_eq!(said, json!({ "sub": ada.id.as_str(), "email": "ada@example.com", "email_verified": true }));
    }
}

#[tokio::test]
async fn only_who_asked_for_openid_has_an_id_token_and_a_second_audience() {
    let house = House::begun(Engine::Sqlite).await;
    house.api(API, |_| {}).await;
    let (app, ada) = (house.site("site").await, house.user("ada").await);
    let agreed = Agreed {
        scope: "read:messages",
        audience: Some(API),
        ..Agreed::default()
    };
    let answer = app.redeems(&house.code(&app, &ada, agreed).await).await;
    assert_eq!(answer.json().get("id_token"), None);
    assert_eq!(
        house.reads(&answer.text("access_token")).await.claims["aud"],
        API
    );
}

#[tokio::test]
async fn an_hs256_api_has_no_second_audience() {
    let house = House::begun(Engine::Sqlite).await;
    house
        .api(API, |api| {
            api.settings.signing_alg = Algorithm::HS256;
            api.signing_secret = Some(house.signing_secret(api, &[7; 32]));
        })
        .await;
    let (app, ada) = (house.site("site").await, house.user("ada").await);
    let agreed = Agreed {
        scope: "openid read:messages",
        audience: Some(API),
        ..Agreed::default()
    };
    let answer = app.redeems(&house.code(&app, &ada, agreed).await).await;
    let token = answer.text("access_token");
    assert_eq!(crate::actors::part(&token, 1)["aud"], API);
    assert_eq!(house.visitor().shows(&token).await.status, 401);
    assert_eq!(app.introspects(&token).await["active"], true);
}

#[tokio::test]
async fn a_refresh_token_needs_the_scope_the_grant_and_the_apis_leave() {
    let house = House::begun(Engine::Sqlite).await;
    house.api(API, |_| {}).await;
    house
        .api("https://strict.example", |api| {
            api.settings.allow_offline_access = false;
        })
        .await;
    let ada = house.user("ada").await;
    let site = house.site("site").await;
    let bare = house
        .client("bare", json!({ "grant_types": ["authorization_code"] }))
        .await;
    for (about, app, scope, audience, refreshes) in [
        ("all three", &site, "openid offline_access", Some(API), true),
        ("userinfo alone", &site, "openid offline_access", None, true),
        ("it was not asked for", &site, "openid", Some(API), false),
        (
            "the API does not want it",
            &site,
            "openid offline_access",
            Some("https://strict.example"),
            false,
        ),
        (
            "the client has no such grant",
            &bare,
            "openid offline_access",
            Some(API),
            false,
        ),
    ] {
        let code = house
            .code(
                app,
                &ada,
                Agreed {
                    scope,
                    audience,
                    ..Agreed::default()
                },
            )
            .await;
        let answer = app.redeems(&code).await;
        assert_eq!(answer.status, 200, "{about}: {}", answer.body);
        assert_eq!(
            answer.json().get("refresh_token").is_some(),
            refreshes,
            "{about}"
        );
        assert_eq!(
            answer.text("scope").contains("offline_access"),
            refreshes,
            "{about}"
        );
    }
}

#[tokio::test]
async fn a_strict_profile_has_thin_id_tokens_with_a_hash() {
    let house = House::begun(Engine::Sqlite).await;
    let ada = house.user("ada").await;
    for (profile, alg) in [
        ("oidc", "RS256"),
        ("oidc", "ES256"),
        ("oidc", "EdDSA"),
        ("fapi2", "PS256"),
    ] {
        let app = house
            .client(
                &format!("{profile}-{alg}"),
                json!({
                    "grant_types": ["authorization_code"], "security_profile": profile,
                    "jwt_configuration": { "alg": alg, "lifetime_in_seconds": 300 },
                }),
            )
            .await;
        let code = house
            .code(
                &app,
                &ada,
                Agreed {
                    scope: "openid profile email",
                    ..Agreed::default()
                },
            )
            .await;
        let answer = app.redeems(&code).await;
        let read = house.reads(&answer.text("id_token")).await;
        assert_eq!(read.header["alg"], alg);
        let hash = keystead_protocol::claims::half_hash(
            alg.parse().unwrap(),
            &answer.text("access_token"),
        );
        let now = house.now().as_secs();
        assert_eq!(
            read.claims,
            json!({
                "iss": ISSUER, "sub": ada.id.as_str(), "aud": app.id, "iat": now, "exp": now + 300,
                "auth_time": now - 60, "sid": "session-of-ada", "at_hash": hash,
            })
        );
    }
}

#[tokio::test]
async fn a_user_with_roles_gets_what_they_permit() {
    use keystead_store::{
        apis::TokenDialect,
        roles::{self, Addition, Assignment, Permission, Role},
    };
    let house = House::begun(Engine::Sqlite).await;
    let api = house
        .api(API, |api| {
            api.settings.enforce_policies = Some(true);
            api.settings.token_dialect = Some(TokenDialect::AccessTokenAuthz);
        })
        .await;
    let (app, ada) = (house.site("site").await, house.user("ada").await);
    let all = Agreed {
        scope: "openid read:messages delete:messages",
        audience: Some(API),
        ..Agreed::default()
    };
    let answer = app.redeems(&house.code(&app, &ada, all).await).await;
    assert_eq!(answer.text("scope"), "openid");
    assert_eq!(
        house.reads(&answer.text("access_token")).await.claims["permissions"],
        json!([])
    );

    let (rng, now) = (&mut house.services.rng(), house.now());
    let role = Role {
        id: keystead_protocol::ids::RoleId::generate(rng),
        name: "reader".to_owned(),
        description: None,
        created_at: now,
        updated_at: now,
    };
    let user = ada.id.clone();
    house
        .writes(move |tx| {
            assert_eq!(roles::create(tx, &role)?, keystead_store::Insert::Done);
            let may = |scope: &str| Permission {
                api: api.id.clone(),
                scope: scope.try_into().unwrap(),
            };
            let added = roles::add_to_role(tx, &role.id, &[may("read:messages")])?;
            assert_eq!(added, Addition::Done);
            assert_eq!(
                roles::add_to_user(tx, &user, &[may("write:messages")])?,
                Addition::Done
            );
            assert_eq!(roles::assign(tx, &user, &role.id)?, Assignment::Done);
            Ok(())
        })
        .await;
    let all = Agreed {
        scope: "openid read:messages delete:messages",
        audience: Some(API),
        ..Agreed::default()
    };
    let answer = app.redeems(&house.code(&app, &ada, all).await).await;
    assert_eq!(answer.text("scope"), "openid read:messages");
    let claims = house.reads(&answer.text("access_token")).await.claims;
    let mut permissions: Vec<_> = claims["permissions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| p.as_str().unwrap())
        .collect();
    permissions.sort_unstable();
    assert_eq!(permissions, ["read:messages", "write:messages"]);
}

#[tokio::test]
async fn forms_and_assertions_redeem_codes_too() {
    let house = House::begun(Engine::Sqlite).await;
    let ada = house.user("ada").await;
    let app = house
        .client("signer", json!({
            "grant_types": ["authorization_code"], "token_endpoint_auth_method": "private_key_jwt",
        }))
        .await;
    let code = house.code(&app, &ada, Agreed::default()).await;
    let form = json!({
        "grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT, "code_verifier": VERIFIER,
        "client_assertion_type": JWT_BEARER,
    });
    let answer = app.posts("/oauth/token", form, Written::Form).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
}
