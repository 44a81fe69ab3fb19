//! Metadata and keys.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use keystead_protocol::claims::half_hash;
use serde_json::json;

use crate::{
    actors::ISSUER,
    house::{Engine, House, on_both},
};

#[tokio::test]
async fn a1_a2_behind_an_https_issuer_every_address_is_https() {
    let issuer = "https://id.example.com/";
    let variables = [("ISSUER", issuer), ("TRUSTED_PROXIES", "127.0.0.1")];
    let house = House::begun_with(Engine::Sqlite, &variables).await;
    let answer = house
        .visitor()
        .gets("/.well-known/openid-configuration")
        .await;
    assert_eq!(
        (answer.status.as_u16(), answer.header("content-type")),
        (200, "application/json")
    );
    let said = answer.json();
    assert_eq!(said["issuer"], issuer);
    let mut addresses = 0;
    for (name, value) in said.as_object().unwrap() {
        if name == "jwks_uri" || name.ends_with("_endpoint") {
            assert!(
                value.as_str().unwrap().starts_with(issuer),
                "{name}: {value}"
            );
            addresses += 1;
        }
    }
    assert_eq!(addresses, 7);
}

#[tokio::test]
async fn a3_a4_a5_a7_what_is_said_is_what_there_is() {
    let house = House::begun(Engine::Sqlite).await;
    let said = house
        .visitor()
        .gets("/.well-known/openid-configuration")
        .await
        .json();
    let lists = |name: &str, word: &str| said[name].as_array().unwrap().contains(&json!(word));
    for alg in ["RS256", "PS256", "ES256", "EdDSA"] {
        assert!(lists("id_token_signing_alg_values_supported", alg), "{alg}");
    }
    assert!(
        lists("code_challenge_methods_supported", "S256")
            && lists("grant_types_supported", "refresh_token")
    );
    assert!(lists("subject_types_supported", "public") && lists("scopes_supported", "openid"));
    for (name, want) in [
        ("request_parameter_supported", false),
        ("request_uri_parameter_supported", false),
        ("claims_parameter_supported", true),
        ("authorization_response_iss_parameter_supported", true),
    ] {
        assert_eq!(said[name], want, "{name}");
    }
    for name in [
        "backchannel_logout_supported",
        "backchannel_logout_session_supported",
        "frontchannel_logout_supported",
        "check_session_iframe",
        "registration_endpoint",
        "pushed_authorization_request_endpoint",
        "dpop_signing_alg_values_supported",
        "acr_values_supported",
        "display_values_supported",
    ] {
        assert_eq!(said.get(name), None, "{name} is not there yet");
    }
}

on_both! {
    async fn b8_f43_f45_each_algorithm_that_is_named_signs_with_a_published_key_and_ties_what_it_comes_with(house) {
        let ada = house.user("ada").await;
        let said = house.visitor().gets("/.well-known/openid-configuration").await.json();
        for alg in said["id_token_signing_alg_values_supported"].as_array().unwrap() {
            let alg = alg.as_str().unwrap();
            let more = json!({ "security_profile": "oidc", "jwt_configuration": { "alg": alg } });
            let app = house.asker(&format!("by-{alg}"), &ada, more).await;
            let browser = house.signed_in(&ada).await;
            let answer = browser.opens(&app.authorizes(&[("response_type", "code id_token token")])).await;
            let (code, front) = (answer.sent("code").unwrap(), answer.sent("access_token").unwrap());
            let later = app.redeems(&code).await;
            let back = later.text("access_token");
            for (token, access, c_hash) in [(answer.sent("id_token").unwrap(), front, Some(code)), (later.text("id_token"), back, None)] {
                let read = house.reads(&token).await;
                assert_eq!(read.header["alg"], alg);
                let half = |value: &str| json!(half_hash(alg.parse().unwrap(), value));
                let (now, claims) = (house.now().as_secs(), read.claims);
                assert_eq!(claims["at_hash"], half(&access), "{alg}");
                assert_eq!(claims.get("c_hash").cloned(), c_hash.as_deref().map(half), "{alg}");
                assert_eq!((&claims["iss"], &claims["aud"], &claims["nonce"]), (&json!(ISSUER), &json!(app.id), &json!("n-1")));
                assert_eq!(claims["iat"], now);
                let lives = claims["exp"].as_i64().unwrap() - now;
                assert!((1..86_400 * 365).contains(&lives), "{lives}");
                assert_eq!(claims.get("s_hash"), None);
            }
        }
        let published = house.visitor().gets("/.well-known/jwks.json").await.json();
        for key in published["keys"].as_array().unwrap() {
            let bytes = |name: &str| URL_SAFE_NO_PAD.decode(key[name].as_str().unwrap()).unwrap().len();
            match key["kty"].as_str().unwrap() {
                "RSA" => assert!(bytes("n") >= 2048 / 8, "{key}"),
                "EC" => assert_eq!((&key["crv"], bytes("x")), (&json!("P-256"), 32)),
                "OKP" => assert_eq!((&key["crv"], bytes("x")), (&json!("Ed25519"), 32)),
                strange => panic!("{strange} is a kind of key that not every client reads"),
            }
        }
    }
}
