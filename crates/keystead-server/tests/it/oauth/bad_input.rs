//! Bad input, each with the status and the text that it gets.

use keystead_store::clients;
use serde_json::{Value, json};

use crate::{
    actors::{Agreed, App, REDIRECT, Shows, VERIFIER},
    house::{Answer, Engine, House, on_both},
};

pub(super) const API: &str = "https://api.example/";
pub(super) const UNAUTHORIZED: &str =
    r#"401 {"error":"invalid_client","error_description":"Unauthorized"}"#;

/// A house in which nobody is shut out for guessing, and a machine with a grant.
pub(super) async fn house_and_robot() -> (House, App) {
    let house = House::begun_with(Engine::Sqlite, &[("LIMITS__FAILURES_PER_SECOND", "0")]).await;
    let api = house.api(API, |_| {}).await;
    let machine = house.machine("robot").await;
    house.grants(&machine, &api, "read:messages").await;
    (house, machine)
}

pub(super) fn wanted() -> Value {
    json!({ "grant_type": "client_credentials", "audience": API })
}

pub(super) fn assert_uncached(answer: &Answer, about: &str) {
    assert_eq!(answer.header("cache-control"), "no-store", "{about}");
    assert_eq!(answer.header("pragma"), "no-cache", "{about}");
    assert_eq!(answer.header("content-type"), "application/json", "{about}");
}

on_both! {
    async fn who_has_no_secret_speaks_for_no_machine(house) {
        let api = house.api(API, |_| {}).await;
        let metadata = json!({ "grant_types": ["client_credentials"], "token_endpoint_auth_method": "none" });
        let app = house.client("public", metadata).await;
        house.grants(&app, &api, "read:messages").await;
        assert_eq!(
            app.asks(wanted()).await.short(),
            r#"403 {"error":"unauthorized_client","error_description":"Grant type 'client_credentials' not allowed for the client."}"#
        );
    }

    async fn a_client_that_is_not_there_not_itself_or_not_enabled_hears_one_thing(house) {
        let api = house.api(API, |_| {}).await;
        let machine = house.machine("robot").await;
        house.grants(&machine, &api, "read:messages").await;
        let (gone, off) = (house.machine("gone").await, house.machine("off").await);
        let (now, one, two) = (house.now(), gone.client_id(), off.client_id());
        house.writes(move |tx| {
            let _ = clients::delete(tx, &one, now)?;
            clients::set_enabled(tx, &two, false, now).map(drop)
        }).await;
        let secret = |text: &str| Shows::Post(text.to_owned());
        let basic = |text: &str| Shows::Basic(text.to_owned());
        for (about, app) in [
            ("unknown", house.stranger("nobody", secret("x"))),
            ("unknown, Basic", house.stranger("nobody", basic("x"))),
            ("unknown, public", house.stranger("nobody", Shows::Nothing)),
            ("deleted", gone),
            ("disabled", off),
            ("wrong secret", machine.showing(secret("wrong"))),
            ("wrong secret, Basic", machine.showing(basic("wrong"))),
            ("half of the secret", machine.showing(secret("the-secret-of-robot"))),
            ("no secret", machine.showing(Shows::Nothing)),
        ] {
            let answer = app.asks(wanted()).await;
            assert_eq!(answer.short(), UNAUTHORIZED, "{about}");
            assert_eq!(answer.header("www-authenticate"), r#"Basic realm="keystead""#, "{about}");
            assert_uncached(&answer, about);
        }
        assert_eq!(machine.asks(wanted()).await.status, 200);
    }
}

#[tokio::test]
async fn a_method_that_is_not_the_clients_is_refused() {
    let (house, _) = house_and_robot().await;
    for (registered, shown) in [
        ("client_secret_post", "basic"),
        ("client_secret_basic", "post"),
        ("client_secret_post", "none"),
        ("client_secret_post", "assertion"),
        ("private_key_jwt", "post"),
        ("private_key_jwt", "none"),
        ("none", "post"),
        ("none", "basic"),
    ] {
        let id = format!("{registered}-{shown}");
        let metadata =
            json!({ "grant_types": ["refresh_token"], "token_endpoint_auth_method": registered });
        let app = house.client(&id, metadata).await;
        let secret = format!("the-secret-of-{id}-0123456789");
        let shows = match shown {
            "basic" => Shows::Basic(secret),
            "post" => Shows::Post(secret),
            "none" => Shows::Nothing,
            _ => {
                let other = json!({ "token_endpoint_auth_method": "private_key_jwt" });
                house.client(&format!("key-of-{id}"), other).await.shows
            }
        };
        let answer = app.showing(shows).refreshes("x").await;
        assert_eq!(answer.short(), UNAUTHORIZED, "{id}");
    }
}

#[tokio::test]
async fn parameters_that_are_missing_unknown_or_wrong_are_named() {
    let (house, machine) = house_and_robot().await;
    let site = house.site("site").await;
    let ada = house.user("ada").await;
    let code = house.code(&site, &ada, Agreed::default()).await;
    let bare = house.api("https://ungranted.example", |_| {}).await;
    let closed = house
        .api("https://closed.example", |api| {
            api.settings.subject_type_authorization.client.policy =
                keystead_store::apis::ClientPolicy::DenyAll;
        })
        .await;
    house.grants(&machine, &closed, "read:messages").await;
    assert_eq!(bare.scopes.len(), 3);
    for (app, form, want) in [
        (
            &machine,
            json!({}),
            r#"400 {"error":"invalid_request","error_description":"Missing required parameter: grant_type"}"#,
        ),
        (
            &machine,
            json!({ "grant_type": "" }),
            r#"400 {"error":"invalid_request","error_description":"Missing required parameter: grant_type"}"#,
        ),
        (
            &machine,
            json!({ "grant_type": "magic" }),
            r#"400 {"error":"unsupported_grant_type","error_description":"Unsupported grant type: magic"}"#,
        ),
        (
            &machine,
            json!({ "grant_type": "<b>\"x\"&" }),
            r#"400 {"error":"unsupported_grant_type","error_description":"Unsupported grant type: <b>'x'?"}"#,
        ),
        (
            &machine,
            json!({ "grant_type": "refresh_token", "refresh_token": "x" }),
            r#"403 {"error":"unauthorized_client","error_description":"Grant type 'refresh_token' not allowed for the client."}"#,
        ),
        (
            &site,
            wanted(),
            r#"403 {"error":"unauthorized_client","error_description":"Grant type 'client_credentials' not allowed for the client."}"#,
        ),
        (
            &machine,
            json!({ "grant_type": "client_credentials", "audience": "https://nowhere.example" }),
            r#"403 {"error":"access_denied","error_description":"Service not found: https://nowhere.example"}"#,
        ),
        (
            &machine,
            json!({ "grant_type": "client_credentials", "audience": "https://API.example/" }),
            r#"403 {"error":"access_denied","error_description":"Service not found: https://API.example/"}"#,
        ),
        (
            &machine,
            json!({ "grant_type": "client_credentials", "audience": "https://api.example" }),
            r#"403 {"error":"access_denied","error_description":"Service not found: https://api.example"}"#,
        ),
        (
            &machine,
            json!({ "grant_type": "client_credentials", "audience": "https://ungranted.example" }),
            r#"403 {"error":"access_denied","error_description":"Client is not authorized to access 'https://ungranted.example'. Give it a client grant for this API."}"#,
        ),
        (
            &machine,
            json!({ "grant_type": "client_credentials", "audience": "https://closed.example" }),
            r#"403 {"error":"access_denied","error_description":"Client is not authorized to access 'https://closed.example'. Give it a client grant for this API."}"#,
        ),
        (
            &site,
            json!({ "grant_type": "refresh_token" }),
            r#"400 {"error":"invalid_request","error_description":"Missing required parameter: refresh_token"}"#,
        ),
        (
            &site,
            json!({ "grant_type": "refresh_token", "refresh_token": "x" }),
            r#"403 {"error":"invalid_grant","error_description":"Unknown or invalid refresh token."}"#,
        ),
        (
            &site,
            json!({ "grant_type": "authorization_code" }),
            r#"400 {"error":"invalid_request","error_description":"Missing required parameter: code"}"#,
        ),
        (
            &site,
            json!({ "grant_type": "authorization_code", "code": "x" }),
            r#"403 {"error":"invalid_grant","error_description":"Invalid authorization code"}"#,
        ),
        (
            &site,
            json!({ "grant_type": "authorization_code", "code": code, "code_verifier": VERIFIER }),
            r#"403 {"error":"invalid_grant","error_description":"Invalid authorization code"}"#,
        ),
        (
            &site,
            json!({ "grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT }),
            r#"403 {"error":"invalid_grant","error_description":"Failed to verify code verifier"}"#,
        ),
    ] {
        let answer = app.asks(form.clone()).await;
        assert_eq!(answer.short(), want, "{form}");
        assert_uncached(&answer, &form.to_string());
    }
    let mut scope = wanted();
    scope["scope"] = json!("read:messages \"quoted\"");
    assert_eq!(machine.asks(scope).await.refusal(), "400 invalid_scope");
    let mut audience = wanted();
    audience["audience"] = json!("a\nb");
    assert_eq!(machine.asks(audience).await.refusal(), "400 invalid_target");
    // None of it spent the code.
    assert_eq!(site.redeems(&code).await.status, 200);
}

#[tokio::test]
async fn a_refusal_has_the_status_of_the_clients_profile() {
    let (house, _) = house_and_robot().await;
    for (profile, status) in [
        ("legacy", 403),
        ("compat", 403),
        ("oidc", 400),
        ("fapi2", 400),
    ] {
        let grants = json!(["authorization_code", "refresh_token"]);
        let app = house
            .client(
                profile,
                json!({ "grant_types": grants, "security_profile": profile }),
            )
            .await;
        let invalid_grant = format!("{status} invalid_grant");
        assert_eq!(
            app.refreshes("x").await.refusal(),
            invalid_grant,
            "{profile}"
        );
        assert_eq!(app.redeems("x").await.refusal(), invalid_grant, "{profile}");
        let short = json!({ "grant_type": "authorization_code", "code": "x", "code_verifier": "too short" });
        assert_eq!(app.asks(short).await.refusal(), invalid_grant, "{profile}");
        assert_eq!(
            app.asks(wanted()).await.refusal(),
            format!("{status} unauthorized_client"),
            "{profile}"
        );
        assert_eq!(
            app.showing(Shows::Nothing).refreshes("x").await.refusal(),
            "401 invalid_client",
            "{profile}"
        );
        assert_eq!(
            app.asks(json!({})).await.refusal(),
            "400 invalid_request",
            "{profile}"
        );
    }
}

/// RFC 6749 §5.2 and RFC 8707 §2 know neither `access_denied` nor `unauthorized` at the token endpoint: Auth0 does.
#[tokio::test]
async fn a_strict_profile_hears_no_code_of_auth0s_own() {
    let house = House::begun_with(Engine::Sqlite, &[("LIMITS__FAILURES_PER_SECOND", "0")]).await;
    for (profile, no_api, no_user) in [
        ("legacy", "403 access_denied", "403 unauthorized"),
        ("compat", "403 access_denied", "403 unauthorized"),
        ("oidc", "400 invalid_target", "400 invalid_grant"),
        ("fapi2", "400 invalid_target", "400 invalid_grant"),
    ] {
        let grants = json!(["client_credentials", "authorization_code", "refresh_token"]);
        let metadata = json!({ "grant_types": grants, "security_profile": profile });
        let app = house.client(profile, metadata).await;
        let ada = house.user(&format!("ada-{profile}")).await;
        let names = ["gone", "closed"].map(|name| format!("https://{name}.example/{profile}"));
        let mut apis = vec![];
        for name in &names {
            apis.push(house.api(name, |_| {}).await);
        }
        let (mut codes, mut tokens) = (vec![], vec![]);
        for name in &names {
            let agreed = || Agreed {
                scope: "openid offline_access",
                audience: Some(name),
                ..Agreed::default()
            };
            codes.push(house.code(&app, &ada, agreed()).await);
            let first = app.redeems(&house.code(&app, &ada, agreed()).await).await;
            tokens.push(first.text("refresh_token"));
        }
        let (now, mut closed) = (house.now(), apis.remove(1));
        let gone = apis.remove(0);
        closed.settings.subject_type_authorization.user.policy =
            keystead_store::apis::UserPolicy::DenyAll;
        house
            .writes(move |tx| {
                let _ = keystead_store::apis::update(tx, &closed, now)?;
                keystead_store::apis::delete(tx, &gone.id, now).map(drop)
            })
            .await;
        for (index, name) in names.iter().enumerate() {
            let machine = json!({ "grant_type": "client_credentials", "audience": name });
            for (about, answer) in [
                ("client_credentials", app.asks(machine).await),
                ("authorization_code", app.redeems(&codes[index]).await),
                ("refresh_token", app.refreshes(&tokens[index]).await),
            ] {
                assert_eq!(answer.refusal(), no_api, "{profile}: {about} for {name}");
            }
        }
        let code = house.code(&app, &ada, Agreed::default()).await;
        let id = ada.id.clone();
        house
            .writes(move |tx| keystead_store::users::block(tx, &id, now).map(drop))
            .await;
        assert_eq!(app.redeems(&code).await.refusal(), no_user, "{profile}");
    }
}

#[tokio::test]
async fn a_user_who_is_gone_or_blocked_is_said_to_be() {
    let house = House::begun(Engine::Sqlite).await;
    let site = house.site("site").await;
    let (ada, bob) = (house.user("ada").await, house.user("bob").await);
    let agreed = || Agreed {
        scope: "openid offline_access",
        ..Agreed::default()
    };
    let code = house.code(&site, &ada, agreed()).await;
    let other = house.code(&site, &bob, agreed()).await;
    let (now, ada, bob) = (house.now(), ada.id, bob.id);
    house
        .writes(move |tx| {
            let _ = keystead_store::users::block(tx, &ada, now)?;
            keystead_store::users::delete(tx, &bob).map(drop)
        })
        .await;
    assert_eq!(
        site.redeems(&code).await.short(),
        r#"403 {"error":"unauthorized","error_description":"user is blocked"}"#
    );
    assert_eq!(
        site.redeems(&other).await.short(),
        r#"403 {"error":"invalid_grant","error_description":"Invalid authorization code"}"#
    );
}
