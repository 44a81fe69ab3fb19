//! Class 13: a client assertion used again, anywhere, or made for somebody else.

use std::sync::Arc;

use keystead_protocol::client_auth::JWT_BEARER;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::{
    actors::{App, ISSUER},
    house::{Answer, Engine, House, on_both},
};

const UNAUTHORIZED: &str = r#"401 {"error":"invalid_client","error_description":"Unauthorized"}"#;

/// A client that may do nothing but be known: 403 says that its assertion was taken.
async fn signer(house: &House, id: &str, profile: &str) -> App {
    let metadata =
        json!({ "token_endpoint_auth_method": "private_key_jwt", "security_profile": profile });
    house.client(id, metadata).await
}

async fn shows(app: &App, assertion: &str) -> Answer {
    let form = json!({
        "grant_type": "client_credentials", "client_assertion_type": JWT_BEARER, "client_assertion": assertion,
    });
    app.asks(form).await
}

on_both! {
    async fn an_assertion_is_good_once_on_all_servers(house) {
        let app = signer(&house, "signer", "compat").await;
        let neighbour = house.neighbour().await;
        let there = neighbour.same_app(&app);
        let used_here = app.assertion(app.key(), json!({}));
        let used_there = app.assertion(app.key(), json!({}));
        assert_eq!(shows(&app, &used_here).await.refusal(), "403 unauthorized_client");
        assert_eq!(shows(&there, &used_there).await.refusal(), "403 unauthorized_client");
        let restarted = house.neighbour().await;
        let again = restarted.same_app(&app);
        for assertion in [&used_here, &used_there] {
            for app in [&app, &there, &again] {
                assert_eq!(shows(app, assertion).await.short(), UNAUTHORIZED);
            }
        }
        // Not at another endpoint either.
        let form = json!({ "token": "x", "client_assertion_type": JWT_BEARER, "client_assertion": used_here });
        let answer = app.posts("/oauth/revoke", form, crate::actors::Written::Form).await;
        assert_eq!(answer.short(), UNAUTHORIZED);
    }

    async fn of_fifty_at_once_one_is_taken(house) {
        let app = Arc::new(signer(&house, "signer", "compat").await);
        let assertion = app.assertion(app.key(), json!({}));
        let mut running = JoinSet::new();
        for _ in 0..50 {
            let (app, assertion) = (Arc::clone(&app), assertion.clone());
            running.spawn(async move { shows(&app, &assertion).await.status.as_u16() });
        }
        let mut statuses = running.join_all().await;
        statuses.sort_unstable();
        assert_eq!((statuses[48], statuses[49]), (401, 403), "{statuses:?}");
    }

    async fn the_same_jti_of_two_clients_is_two(house) {
        let (one, two) = (signer(&house, "one", "compat").await, signer(&house, "two", "compat").await);
        for app in [&one, &two] {
            let assertion = app.assertion(app.key(), json!({ "jti": "the same" }));
            assert_eq!(shows(app, &assertion).await.refusal(), "403 unauthorized_client");
        }
        let assertion = one.assertion(one.key(), json!({ "jti": "the same", "exp": house.now().as_secs() + 200 }));
        assert_eq!(shows(&one, &assertion).await.short(), UNAUTHORIZED);
    }
}

#[tokio::test]
async fn it_is_made_by_the_client_for_us_and_for_now() {
    let house = House::begun(Engine::Sqlite).await;
    let (compat, fapi) = (
        signer(&house, "compat", "compat").await,
        signer(&house, "fapi", "fapi2").await,
    );
    let now = house.now().as_secs();
    let token_url = format!("{ISSUER}oauth/token");
    for (about, claims, compat_takes, fapi_takes) in [
        ("for the issuer", json!({}), true, true),
        (
            "for the issuer, in an array",
            json!({ "aud": [ISSUER] }),
            true,
            false,
        ),
        ("for the endpoint", json!({ "aud": token_url }), true, false),
        (
            "for others too",
            json!({ "aud": ["https://x.example", token_url] }),
            true,
            false,
        ),
        (
            "for the issuer without its slash",
            json!({ "aud": ISSUER.trim_end_matches('/') }),
            false,
            false,
        ),
        (
            "for another server",
            json!({ "aud": "https://other.example/" }),
            false,
            false,
        ),
        ("for nobody", json!({ "aud": Value::Null }), false, false),
        ("by another", json!({ "iss": "other" }), false, false),
        ("about another", json!({ "sub": "other" }), false, false),
        (
            "about nobody, like a request object",
            json!({ "sub": Value::Null }),
            false,
            false,
        ),
        (
            "without an end",
            json!({ "exp": Value::Null }),
            false,
            false,
        ),
        ("at its end", json!({ "exp": now }), false, false),
        ("almost at its end", json!({ "exp": now + 1 }), true, true),
        (
            "for years",
            json!({ "exp": now + 100_000_000 }),
            false,
            false,
        ),
        (
            "from a clock that is fast",
            json!({ "iat": now + 8, "nbf": now + 8 }),
            true,
            true,
        ),
        ("from the future", json!({ "iat": now + 61 }), false, false),
        ("not yet valid", json!({ "nbf": now + 61 }), false, false),
        (
            "without a name",
            json!({ "jti": Value::Null }),
            false,
            false,
        ),
        ("with an empty name", json!({ "jti": "" }), false, false),
    ] {
        for (app, takes, status) in [(&compat, compat_takes, 403), (&fapi, fapi_takes, 400)] {
            // The clients name themselves beside the assertion, since some of these do not.
            let form = json!({
                "grant_type": "client_credentials", "client_id": app.id, "client_assertion_type": JWT_BEARER,
                "client_assertion": app.assertion(app.key(), claims.clone()),
            });
            let answer = app.asks(form).await;
            let want = if takes {
                format!("{status} unauthorized_client")
            } else {
                "401 invalid_client".to_owned()
            };
            assert_eq!(answer.refusal(), want, "{about}, {}", app.id);
        }
    }
}
