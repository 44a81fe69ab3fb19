//! The provider's documents: everything in them works, and nothing else is in them.

use axum::extract::Request;
use keystead_protocol::token::TokenRequest;
use serde_json::{Value, json};

use crate::{
    actors::ISSUER,
    house::{Engine, House},
};

const DOCUMENTS: [&str; 2] = [
    "/.well-known/openid-configuration",
    "/.well-known/oauth-authorization-server",
];

#[tokio::test]
async fn both_documents_say_the_same_and_may_be_kept_for_a_while() {
    let house = House::begun(Engine::Sqlite).await;
    let visitor = house.visitor();
    let mut said = vec![];
    for path in DOCUMENTS {
        let answer = visitor.gets(path).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("content-type"), "application/json");
        assert_eq!(answer.header("cache-control"), "public, max-age=300");
        assert_eq!(answer.header("access-control-allow-origin"), "*");
        said.push(answer.json());
    }
    assert_eq!(said[0], said[1]);
    assert_eq!(said[0]["issuer"], ISSUER);
}

#[tokio::test]
async fn every_address_in_it_answers() {
    let house = House::begun(Engine::Sqlite).await;
    let visitor = house.visitor();
    let said = visitor.gets(DOCUMENTS[0]).await.json();
    let mut addresses = 0;
    for (name, value) in said.as_object().unwrap() {
        let Some(path) = value
            .as_str()
            .and_then(|url| url.strip_prefix(ISSUER))
            .filter(|path| !path.is_empty())
        else {
            continue;
        };
        addresses += 1;
        let path = format!("/{path}");
        let (by_get, by_post) = (
            visitor.gets(&path).await,
            visitor.sends(Request::post(&path)).await,
        );
        let answered = [by_get.status.as_u16(), by_post.status.as_u16()];
        assert!(!answered.contains(&404), "{name}: {path}");
        assert!(
            answered
                .iter()
                .any(|status| [200, 302, 400, 401].contains(status)),
            "{name}: {answered:?}"
        );
    }
    assert_eq!(addresses, 7);
}

/// The types of RFC 8414 §2 and OpenID Connect Discovery §3, and members that need one another.
#[tokio::test]
async fn its_members_have_the_types_of_the_registry() {
    let house = House::begun(Engine::Sqlite).await;
    let said = house.visitor().gets(DOCUMENTS[0]).await.json();
    for (name, value) in said.as_object().unwrap() {
        if name == "issuer" || name == "jwks_uri" || name.ends_with("_endpoint") {
            assert!(
                value.as_str().is_some_and(|url| url.starts_with(ISSUER)),
                "{name}"
            );
        } else if name.contains("_parameter_supported") {
            assert!(value.is_boolean(), "{name}");
        } else {
            let words = value
                .as_array()
                .unwrap_or_else(|| panic!("{name} is not registered"));
            let distinct: std::collections::BTreeSet<_> =
                words.iter().map(|word| word.as_str().unwrap()).collect();
            assert!(!words.is_empty() && distinct.len() == words.len(), "{name}");
            assert!(
                name.ends_with("_supported") && !distinct.contains("HS256"),
                "{name}"
            );
            // "none" as an algorithm, that is; clients without credentials may revoke.
            assert!(
                !distinct.contains("none")
                    || name.ends_with("_auth_methods_supported")
                    || name == "prompt_values_supported",
                "{name}"
            );
        }
    }
    for endpoint in ["token", "revocation", "introspection"] {
        let methods = &said[format!("{endpoint}_endpoint_auth_methods_supported")];
        assert!(
            methods
                .as_array()
                .unwrap()
                .contains(&json!("private_key_jwt")),
            "{endpoint}"
        );
        let algs = &said[format!("{endpoint}_endpoint_auth_signing_alg_values_supported")];
        assert!(
            algs.as_array()
                .is_some_and(|algs| algs.contains(&json!("RS256"))),
            "{endpoint}"
        );
    }
    assert_eq!(said["id_token_signing_alg_values_supported"][0], "RS256");
    let grants: Vec<Value> = TokenRequest::GRANTS
        .iter()
        .map(|(grant, _)| json!(grant.as_str()))
        .chain([json!("implicit")])
        .collect();
    assert_eq!(said["grant_types_supported"], json!(grants));
}

#[tokio::test]
async fn every_response_type_mode_and_prompt_in_it_is_taken() {
    let house = House::begun(Engine::Sqlite).await;
    let ada = house.user("ada").await;
    let app = house.asker("app", &ada, json!({})).await;
    let browser = house.signed_in(&ada).await;
    let said = house.visitor().gets(DOCUMENTS[0]).await.json();
    let words = |name: &str| -> Vec<String> {
        let words = said[name].as_array().unwrap().iter();
        words
            .map(|word| word.as_str().unwrap().to_owned())
            .collect()
    };
    for kind in words("response_types_supported") {
        for mode in words("response_modes_supported") {
            let answer = browser
                .opens(&app.authorizes(&[("response_type", &kind), ("response_mode", &mode)]))
                .await;
            let refused = answer.to().and_then(|_| answer.sent("error"));
            let suits = mode != "query" || kind == "code";
            assert_eq!(refused.is_none(), suits, "{kind} {mode} {}", answer.short());
        }
    }
    for prompt in words("prompt_values_supported") {
        let answer = browser.opens(&app.authorizes(&[("prompt", &prompt)])).await;
        let to = answer.to().unwrap();
        assert!(!to.contains("error="), "{prompt}: {to}");
    }
}

#[tokio::test]
async fn every_method_and_algorithm_in_it_is_taken() {
    let house = House::begun(Engine::Sqlite).await;
    let api = house.api("https://api.example/", |_| {}).await;
    let said = house.visitor().gets(DOCUMENTS[0]).await.json();
    let form = || json!({ "grant_type": "client_credentials", "audience": "https://api.example/" });
    for alg in said["token_endpoint_auth_signing_alg_values_supported"]
        .as_array()
        .unwrap()
    {
        let metadata = json!({
            "grant_types": ["client_credentials"], "token_endpoint_auth_method": "private_key_jwt", "assertion_alg": alg,
        });
        let app = house
            .client(&format!("signs-{}", alg.as_str().unwrap()), metadata)
            .await;
        house.grants(&app, &api, "read:messages").await;
        assert_eq!(app.asks(form()).await.status, 200, "{alg}");
    }
    for method in said["token_endpoint_auth_methods_supported"]
        .as_array()
        .unwrap()
    {
        let app = house
            .client(
                &format!("by-{}", method.as_str().unwrap()),
                json!({ "token_endpoint_auth_method": method }),
            )
            .await;
        // It may do nothing, but it is known.
        assert_eq!(
            app.asks(form()).await.refusal(),
            "403 unauthorized_client",
            "{method}"
        );
    }
}
