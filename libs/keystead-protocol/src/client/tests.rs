//! Cases of client metadata: defaults, round trips, and what follows from what is registered.

use serde_json::json;

use super::*;

/// A client whose refresh-token policy says what it must and a little more.
fn with_policy(more: Value) -> Value {
    let mut policy = json!({"rotation_type": "rotating", "expiration_type": "expiring"});
    policy
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    json!({ "refresh_token": policy })
}

fn read(document: Value) -> ClientMetadata {
    serde_json::from_value(document).unwrap()
}

#[test]
fn a_client_that_asks_for_nothing_gets_what_auth0_gives() {
    let bare = read(json!({}));
    assert_eq!(bare, ClientMetadata::default());
    assert_eq!(
        serde_json::to_value(bare.with_defaults()).unwrap(),
        json!({
            "grant_types": ["authorization_code", "implicit", "refresh_token", "client_credentials"],
            "is_first_party": true,
            "oidc_conformant": false,
            "jwt_configuration": { "lifetime_in_seconds": 36000, "secret_encoded": false },
            "refresh_token": {
                "rotation_type": "non-rotating",
                "expiration_type": "non-expiring",
                "leeway": 0,
                "token_lifetime": 2_592_000,
                "infinite_token_lifetime": true,
                "idle_token_lifetime": 1_296_000,
                "infinite_idle_token_lifetime": true,
            },
        })
    );
}

#[test]
fn default_grants_depend_on_the_kind_of_application() {
    let grants = |document| {
        let names = read(document).with_defaults().grant_types.unwrap();
        names
            .into_iter()
            .map(GrantType::as_str)
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(
        grants(json!({"app_type": "native"})),
        "authorization_code implicit refresh_token"
    );
    assert_eq!(
        grants(json!({"app_type": "spa"})),
        "authorization_code implicit refresh_token"
    );
    assert_eq!(grants(json!({"app_type": "resource_server"})), "");
    assert_eq!(
        grants(json!({"grant_types": ["password"], "app_type": "spa"})),
        "password"
    );
    assert_eq!(grants(json!({"grant_types": []})), "");
}

#[test]
fn what_is_absent_allows_nothing() {
    assert!(
        GrantType::ALL
            .iter()
            .all(|&grant| !ClientMetadata::default().allows(grant))
    );
    let machine = read(json!({"grant_types": ["client_credentials"]}));
    assert!(
        machine.allows(GrantType::ClientCredentials) && !machine.allows(GrantType::RefreshToken)
    );
}

/// Class 16 of the attacks: what is read, changed elsewhere and written again is what it was.
#[test]
fn a_round_trip_loses_nothing() {
    let document = json!({
        "name": "Ada's app",
        "app_type": "zendesk",
        "callbacks": ["https://app.example.com/cb", "com.acme.app://x/ios/com.acme.app/callback"],
        "allowed_logout_urls": [],
        "grant_types": ["authorization_code", "http://auth0.com/oauth/legacy/grant-type/ro"],
        "token_endpoint_auth_method": "client_secret_basic",
        "client_authentication_methods": {"private_key_jwt": {"credentials": [{"id": "cred_1", "alg": "RS256"}]}},
        "jwks": {"keys": [{"kty": "OKP", "tomorrow": true}]},
        "is_first_party": false,
        "oidc_conformant": true,
        "security_profile": "oidc",
        "compliance_level": "none",
        "jwt_configuration": {"alg": "RS256", "lifetime_in_seconds": 60, "secret_encoded": true, "scopes": {"a": {}}},
        "refresh_token": {
            "rotation_type": "rotating", "expiration_type": "expiring", "leeway": 5,
            "token_lifetime": 10, "infinite_token_lifetime": false,
            "idle_token_lifetime": 9, "infinite_idle_token_lifetime": false,
            "policies": [{"audience": "https://api/", "scope": ["a"]}],
        },
        "addons": {"samlp": {"audience": null}},
        "a_member_of_the_future": [1, 2.5, {"x": null}],
    });
    assert_eq!(
        serde_json::to_value(read(document.clone())).unwrap(),
        document
    );
}

#[rustfmt::skip]
#[test]
fn what_is_wrong_is_not_registered() {
    for (name, document) in [
        ("an unknown grant", json!({"grant_types": ["magic"]})),
        ("an unknown method", json!({"token_endpoint_auth_method": "password"})),
        ("the method without a name", json!({"token_endpoint_auth_method": "client_secret"})),
        ("mutual TLS", json!({"client_authentication_methods": {"tls_client_auth": {"credentials": []}}})),
        ("no method", json!({"client_authentication_methods": {}})),
        ("mutual TLS beside a key", json!({"client_authentication_methods": {"private_key_jwt": {"credentials": []}, "self_signed_tls_client_auth": {"credentials": []}}})),
        ("a hostile redirect URI", json!({"callbacks": ["javascript:alert(1)"]})),
        ("an unknown level", json!({"compliance_level": "fapi9"})),
        ("a negative leeway", with_policy(json!({"leeway": -1}))),
        ("a lifetime in words", with_policy(json!({"token_lifetime": "long"}))),
        ("a policy that does not say whether tokens expire", json!({"refresh_token": {"rotation_type": "rotating"}})),
        ("the algorithm none", json!({"jwt_configuration": {"alg": "none"}})),
        ("a string for a boolean", json!({"is_first_party": "false"})),
    ] {
        assert!(
            serde_json::from_value::<ClientMetadata>(document).is_err(),
            "{name}"
        );
    }
    let twice = r#"{"oidc_conformant": true, "oidc_conformant": false}"#;
    assert!(serde_json::from_str::<ClientMetadata>(twice).is_err());
}

#[rustfmt::skip]
#[test]
fn how_a_client_authenticates() {
    use AuthMethod::*;
    let key = json!({"private_key_jwt": {"credentials": []}});
    for (name, document, want) in [
        ("nothing said", json!({}), ClientSecret),
        ("a machine", json!({"app_type": "non_interactive"}), ClientSecret),
        ("a native app", json!({"app_type": "native"}), None),
        ("an app in a browser", json!({"app_type": "spa"}), None),
        ("a native app with a secret", json!({"app_type": "native", "token_endpoint_auth_method": "client_secret_post"}), ClientSecretPost),
        ("none, said", json!({"token_endpoint_auth_method": "none"}), None),
        ("null is not said", json!({"token_endpoint_auth_method": null}), ClientSecret),
        ("by header", json!({"token_endpoint_auth_method": "client_secret_basic"}), ClientSecretBasic),
        ("by assertion", json!({"token_endpoint_auth_method": "private_key_jwt"}), PrivateKeyJwt),
        ("by assertion, in Auth0's words", json!({"client_authentication_methods": key}), PrivateKeyJwt),
        ("an assertion outranks none", json!({"client_authentication_methods": key, "token_endpoint_auth_method": "none"}), PrivateKeyJwt),
    ] {
        let client = read(document);
        assert_eq!(client.auth_method(), want, "{name}");
        assert_eq!(
            client.client_type() == ClientType::Public,
            want == None,
            "{name}"
        );
    }
}

#[rustfmt::skip]
#[test]
fn which_rule_book() {
    for (name, document, want) in [
        ("nothing said", json!({}), Profile::Legacy),
        ("conformant", json!({"oidc_conformant": true}), Profile::Compat),
        ("strict", json!({"oidc_conformant": true, "security_profile": "oidc"}), Profile::Oidc),
        ("our word alone", json!({"security_profile": "fapi2"}), Profile::Fapi2),
        ("Auth0's word", json!({"oidc_conformant": true, "compliance_level": "fapi2_sp_pkj_mtls"}), Profile::Fapi2),
        ("the older level", json!({"compliance_level": "fapi1_adv_pkj_par"}), Profile::Fapi2),
        ("a level is not lowered", json!({"compliance_level": "fapi2_sp_mtls_mtls", "security_profile": "compat"}), Profile::Fapi2),
        ("no level", json!({"compliance_level": "none", "oidc_conformant": true}), Profile::Compat),
    ] {
        assert_eq!(read(document).profile(), want, "{name}");
    }
}

#[test]
fn only_a_native_app_has_a_variable_port() {
    assert_eq!(
        read(json!({"app_type": "native"})).loopback_port(),
        LoopbackPort::Any
    );
    for other in ["spa", "regular_web", "non_interactive", "Native"] {
        assert_eq!(
            read(json!({"app_type": other})).loopback_port(),
            LoopbackPort::Fixed,
            "{other}"
        );
    }
    assert_eq!(read(json!({})).loopback_port(), LoopbackPort::Fixed);
}

// One row, one line: a table is read down its columns.
#[rustfmt::skip]
#[test]
fn how_refresh_tokens_live() {
    let days = |n: u64| Some(Duration::from_secs(n * 86_400));
    for (name, more, lifetime, idle) in [
        ("expiring, and no more said", json!({}), days(30), days(15)),
        ("expiring by idle time alone", json!({"infinite_token_lifetime": true, "idle_token_lifetime": 86_400}), None, days(1)),
        ("expiring by age alone", json!({"infinite_idle_token_lifetime": true, "token_lifetime": 86_400}), days(1), None),
        ("non-expiring outranks lifetimes", json!({"expiration_type": "non-expiring", "infinite_token_lifetime": false}), None, None),
    ] {
        let policy = read(with_policy(more)).refresh_policy();
        assert_eq!((policy.lifetime(), policy.idle_lifetime()), (lifetime, idle), "{name}");
    }
    let unsaid = read(json!({})).refresh_policy();
    assert_eq!((unsaid.lifetime(), unsaid.idle_lifetime()), (None, None));
    let public = read(json!({"app_type": "native"})).refresh_policy();
    assert_eq!((public.lifetime(), public.idle_lifetime()), (days(30), days(15)));
    assert_eq!(public.rotation(Profile::Compat), Rotation::Replace { leeway: Duration::from_secs(10) });
}

#[test]
fn what_a_use_does_to_a_refresh_token() {
    let rotating = read(with_policy(json!({"leeway": 3}))).refresh_policy();
    let replace = Rotation::Replace {
        leeway: Duration::from_secs(3),
    };
    for (profile, want) in [
        (Profile::Legacy, replace),
        (Profile::Compat, replace),
        (Profile::Oidc, replace),
        (Profile::Fapi2, Rotation::Keep),
    ] {
        assert_eq!(rotating.rotation(profile), want, "{profile:?}");
        assert_eq!(
            RefreshTokenPolicy::default().rotation(profile),
            Rotation::Keep,
            "{profile:?}"
        );
    }
}
