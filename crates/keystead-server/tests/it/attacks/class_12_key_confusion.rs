//! Class 12: a signature algorithm or key of the attacker's choice, in access tokens and in client assertions.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use keystead_protocol::{
    client_auth::JWT_BEARER,
    jwk::{Algorithm, SigningKey},
    jwt::{Signer, Typ},
};
use serde_json::{Value, json};

use crate::{
    actors::{Agreed, App, ISSUER, part},
    house::{Engine, House},
};

const API: &str = "https://api.example/";

fn encode(value: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(value)
}

/// A token with any header text, signed by any key.
fn signed(header: &str, payload: &Value, key: &SigningKey) -> String {
    let message = format!("{}.{}", encode(header), encode(payload.to_string()));
    let mut signature = vec![];
    key.sign(message.as_bytes(), &mut signature).unwrap();
    format!("{message}.{}", encode(signature))
}

/// Everything that was ever tried: each with the claims of a good token.
fn forgeries(header: &Value, claims: &Value, public: &Value) -> Vec<(&'static str, String)> {
    let own = |alg| SigningKey::generate(alg).unwrap();
    let (rsa, ec) = (own(Algorithm::RS256), own(Algorithm::ES256));
    let kid = header["kid"].as_str().unwrap();
    let embedded = serde_json::to_value(rsa.to_jwk().unwrap()).unwrap();
    let unsigned = |alg: &str| {
        format!(
            "{}.{}.",
            encode(json!({ "alg": alg, "kid": kid, "typ": "JWT" }).to_string()),
            encode(claims.to_string())
        )
    };
    let hmac = |secret: &[u8]| SigningKey::from_secret(Algorithm::HS256, secret).unwrap();
    let hs256 = json!({ "alg": "HS256", "typ": "JWT", "kid": kid }).to_string();
    let modulus = public["n"].as_str().unwrap();
    let with = |members: Value| {
        let mut all = json!({ "alg": "RS256", "typ": "JWT", "kid": kid });
        all.as_object_mut()
            .unwrap()
            .extend(members.as_object().unwrap().clone());
        signed(&all.to_string(), claims, &rsa)
    };
    vec![
        ("no algorithm", unsigned("none")),
        ("no algorithm, in capitals", unsigned("nOnE")),
        ("no signature", unsigned("RS256")),
        (
            "HS256 with the public key as published",
            signed(&hs256, claims, &hmac(public.to_string().as_bytes())),
        ),
        (
            "HS256 with the modulus",
            signed(&hs256, claims, &hmac(modulus.as_bytes())),
        ),
        (
            "HS256 with the modulus, decoded",
            signed(
                &hs256,
                claims,
                &hmac(&URL_SAFE_NO_PAD.decode(modulus).unwrap()),
            ),
        ),
        (
            "HS256 without a kid",
            signed(r#"{"alg":"HS256","typ":"JWT"}"#, claims, &hmac(&[0; 32])),
        ),
        ("our kid, another key", with(json!({}))),
        ("an embedded key", with(json!({ "jwk": embedded }))),
        (
            "an embedded key by its own name",
            with(json!({ "jwk": embedded, "kid": embedded["kid"] })),
        ),
        (
            "a key elsewhere",
            with(
                json!({ "jku": "https://evil.example/jwks.json", "x5u": "https://evil.example/" }),
            ),
        ),
        (
            "a kid that is a path",
            with(json!({ "kid": "../../dev/null" })),
        ),
        ("a kid that is SQL", with(json!({ "kid": "' OR 1=1 --" }))),
        ("an empty kid", with(json!({ "kid": "" }))),
        (
            "no kid",
            signed(r#"{"alg":"RS256","typ":"JWT"}"#, claims, &rsa),
        ),
        (
            "another algorithm under our kid",
            signed(
                &json!({ "alg": "ES256", "typ": "JWT", "kid": kid }).to_string(),
                claims,
                &ec,
            ),
        ),
        ("critical extensions", with(json!({ "crit": ["exp"] }))),
        (
            "two algorithms",
            signed(
                &format!(r#"{{"alg":"none","alg":"RS256","kid":"{kid}","typ":"JWT"}}"#),
                claims,
                &rsa,
            ),
        ),
        (
            "encrypted",
            format!("{}.a.b.c.d", encode(r#"{"alg":"dir","enc":"A256GCM"}"#)),
        ),
    ]
}

#[tokio::test]
async fn an_access_token_is_ours_or_nothing() {
    let house = House::begun(Engine::Sqlite).await;
    house.api(API, |_| {}).await;
    let (site, ada) = (house.site("site").await, house.user("ada").await);
    let agreed = Agreed {
        scope: "openid read:messages",
        audience: Some(API),
        ..Agreed::default()
    };
    let token = site
        .redeems(&house.code(&site, &ada, agreed).await)
        .await
        .text("access_token");
    let public = house.visitor().gets("/.well-known/jwks.json").await.json()["keys"][0].clone();
    let mut forged = forgeries(&part(&token, 0), &part(&token, 1), &public);
    let pieces: Vec<&str> = token.split('.').collect();
    let mut more = part(&token, 1);
    more["scope"] = json!("openid read:messages delete:messages");
    forged.push((
        "other claims under our signature",
        format!("{}.{}.{}", pieces[0], encode(more.to_string()), pieces[2]),
    ));
    forged.push((
        "without its signature",
        format!("{}.{}.", pieces[0], pieces[1]),
    ));
    for (about, token) in forged {
        assert_eq!(
            house.visitor().shows(&token).await.refusal(),
            "401 invalid_token",
            "{about}"
        );
        assert_eq!(
            site.introspects(&token).await,
            json!({ "active": false }),
            "{about}"
        );
    }
    assert_eq!(house.visitor().shows(&token).await.status, 200);
}

/// Whoever runs an HS256 API holds its secret, and must not thereby speak for users elsewhere.
#[tokio::test]
async fn an_api_that_shares_a_secret_signs_for_itself_alone() {
    let house = House::begun(Engine::Sqlite).await;
    let secret = b"shared with the API since long ago";
    house
        .api("https://shared.example", |api| {
            api.settings.signing_alg = Algorithm::HS256;
            api.signing_secret = Some(house.signing_secret(api, secret));
        })
        .await;
    house.api(API, |_| {}).await;
    let (site, ada) = (house.site("site").await, house.user("ada").await);
    let signer = Signer::new(SigningKey::from_secret(Algorithm::HS256, secret).unwrap());
    let (now, userinfo) = (house.now().as_secs(), format!("{ISSUER}userinfo"));
    for audience in [
        json!(["https://shared.example", userinfo]),
        json!([userinfo, "https://shared.example"]),
        json!(userinfo),
        json!(["https://shared.example", API]),
        json!([API, "https://shared.example"]),
        json!(API),
    ] {
        let claims = json!({
            "iss": ISSUER, "sub": ada.id.as_str(), "aud": audience, "azp": "site", "iat": now, "exp": now + 60,
            "scope": "openid profile email", "jti": "mine",
        });
        let token = signer
            .encode(Typ::Jwt, claims.to_string().as_bytes())
            .unwrap();
        assert_eq!(
            house.visitor().shows(&token).await.refusal(),
            "401 invalid_token",
            "{audience}"
        );
        assert_eq!(
            site.introspects(&token).await,
            json!({ "active": false }),
            "{audience}"
        );
    }
}

#[tokio::test]
async fn an_assertion_is_the_clients_or_nothing() {
    let house = House::begun(Engine::Sqlite).await;
    let api = house.api(API, |_| {}).await;
    let metadata = json!({
        "grant_types": ["client_credentials"], "token_endpoint_auth_method": "private_key_jwt", "assertion_alg": "RS256",
    });
    let app = house.client("signer", metadata.clone()).await;
    let other = house.client("other", metadata).await;
    house.grants(&app, &api, "read:messages").await;
    let ask = async |app: &App, assertion: &str| {
        let form = json!({
            "grant_type": "client_credentials", "audience": API, "client_id": "signer",
            "client_assertion_type": JWT_BEARER, "client_assertion": assertion,
        });
        app.asks(form).await
    };
    let good = app.assertion(app.key(), json!({}));
    let public = serde_json::to_value(app.key().key().to_jwk().unwrap()).unwrap();
    let mut forged = forgeries(&part(&good, 0), &part(&good, 1), &public);
    forged.push((
        "another client's key",
        app.assertion(other.key(), json!({})),
    ));
    let secret =
        SigningKey::from_secret(Algorithm::HS256, b"the-secret-of-signer-0123456789").unwrap();
    forged.push(("a secret", app.assertion(&Signer::new(secret), json!({}))));
    for (about, assertion) in forged {
        let answer = ask(&app, &assertion).await;
        assert_eq!(
            answer.short(),
            r#"401 {"error":"invalid_client","error_description":"Unauthorized"}"#,
            "{about}"
        );
    }
    assert_eq!(ask(&app, &good).await.status, 200);
}

/// Two readers of one text may each believe another member, so none is believed.
#[tokio::test]
async fn an_assertion_that_says_something_twice_says_nothing() {
    let house = House::begun(Engine::Sqlite).await;
    let metadata = json!({ "token_endpoint_auth_method": "private_key_jwt" });
    let app = house.client("signer", metadata).await;
    let now = house.now().as_secs();
    let ask = async |header: &str, payload: &str| {
        let input = format!("{}.{}", encode(header), encode(payload));
        let mut signature = vec![];
        app.key()
            .key()
            .sign(input.as_bytes(), &mut signature)
            .unwrap();
        let form = json!({
            "grant_type": "client_credentials", "client_id": "signer", "client_assertion_type": JWT_BEARER,
            "client_assertion": format!("{input}.{}", encode(signature)),
        });
        app.asks(form).await.refusal()
    };
    let kid = app.key().key().kid().unwrap().as_str().to_owned();
    let header = |more: &str| format!(r#"{{"alg":"ES256","kid":"{kid}"{more}}}"#);
    let payload = |id: &str, more: &str| {
        format!(
            r#"{{"iss":"signer","sub":"signer","aud":"{ISSUER}","iat":{now},"exp":{},"jti":"{id}"{more}}}"#,
            now + 60
        )
    };
    // It may do nothing, but it is known.
    let known = "403 unauthorized_client";
    assert_eq!(ask(&header(""), &payload("1", "")).await, known);
    assert_eq!(ask(&header(""), &payload("2", r#","x":1"#)).await, known);
    for (number, twice) in [
        r#","iss":"signer""#,
        r#","sub":"signer""#,
        r#","aud":"https://other.example/""#,
        r#","exp":99999999999"#,
        r#","jti":"another""#,
        r#","iat":1"#,
        r#","\u0069ss":"other""#,
    ]
    .iter()
    .enumerate()
    {
        let said = ask(&header(""), &payload(&format!("p{number}"), twice)).await;
        assert_eq!(said, "401 invalid_client", "{twice}");
    }
    for (number, twice) in [
        r#","alg":"ES256""#,
        r#","kid":"another""#,
        r#","typ":"JWT","typ":"JWT""#,
        r#","x":1,"x":1"#,
    ]
    .iter()
    .enumerate()
    {
        let said = ask(&header(twice), &payload(&format!("h{number}"), "")).await;
        assert_eq!(said, "401 invalid_client", "{twice}");
    }
}
