//! Tokens that must not pass, each with its reason (classes 11 and 12).

use axum::{Router, routing::get};
use keystead_protocol::{jwk::SigningKey, jwt::Typ};
use keystead_verifier::{Algorithm, BearerLayer, ClaimRefusal as C, JwtRefusal as J, Refusal as R};
use serde_json::json;

use crate::{
    house::{self, AUDIENCE, Clock, NOON, trusting},
    issuer::Issuer,
    tokens::{EC, FOREIGN, NEXT, RSA, b64, claims, claims_with, forged, kid, signed, typed},
};

#[tokio::test]
async fn no_bad_token_passes() {
    let issuer = Issuer::with(&[&RSA, &EC, &NEXT]).await;
    let thief = Issuer::with(&[&FOREIGN]).await;
    let verifier = trusting(&issuer, &Clock::new()).build().unwrap();
    let app = Router::new()
        .route("/", get(|| async { "in" }))
        .layer(BearerLayer::new(verifier.clone()));

    let iss = issuer.name.as_str();
    let good = claims(iss);
    let with = |changes| signed(&EC, &claims_with(iss, changes));
    let header = |members: &str| format!(r#"{{"typ":"JWT",{members}}}"#);
    let named = |key: &SigningKey, more: &str| {
        header(&format!(r#""alg":"ES256","kid":"{}"{more}"#, kid(key)))
    };
    let payload = good.to_string();
    let foreign_jwk = serde_json::to_string(&FOREIGN.to_jwk()).unwrap();
    let thief_url = format!("{}jwks", thief.name);
    let public = serde_json::to_string(&RSA.to_jwk()).unwrap();
    let hmac = |secret: &[u8]| {
        let key = SigningKey::from_secret(Algorithm::HS256, secret).unwrap();
        let header = header(&format!(r#""alg":"HS256","kid":"{}""#, kid(&RSA)));
        forged(&header, &payload, &key)
    };
    let real = signed(&EC, &good);
    let (input, signature) = real.rsplit_once('.').unwrap();
    let (head, _) = input.split_once('.').unwrap();
    let none = |alg: &str| {
        format!(
            "{}.{}.",
            b64(header(&format!(r#""alg":"{alg}""#))),
            b64(&payload)
        )
    };

    let rows: Vec<(&str, String, R)> = vec![
        (
            "`none`, without a signature",
            none("none"),
            R::Token(J::UnsupportedAlgorithm),
        ),
        (
            "`none`, in another case",
            none("nOnE"),
            R::Token(J::UnsupportedAlgorithm),
        ),
        (
            "`none`, with the signature of a real token",
            format!("{}{signature}", none("none")),
            R::Token(J::UnsupportedAlgorithm),
        ),
        (
            "HS256 with the public key as the secret",
            hmac(public.as_bytes()),
            R::AlgorithmNotAllowed,
        ),
        (
            "HS256 with an empty-looking secret",
            hmac(&[0; 32]),
            R::AlgorithmNotAllowed,
        ),
        (
            "a foreign key under its own name",
            signed(&FOREIGN, &good),
            R::UnknownKey,
        ),
        (
            "a foreign key under the name of ours",
            forged(&named(&EC, ""), &payload, &FOREIGN),
            R::Token(J::BadSignature),
        ),
        (
            "no kid, where several keys would do",
            forged(&header(r#""alg":"ES256""#), &payload, &EC),
            R::UnnamedKey,
        ),
        (
            "no kid, and a foreign key of an algorithm that has none",
            forged(&header(r#""alg":"ES384""#), &payload, &FOREIGN),
            R::UnknownKey,
        ),
        (
            "a `jwk` that the token brings along",
            forged(
                &named(&FOREIGN, &format!(r#","jwk":{foreign_jwk}"#)),
                &payload,
                &FOREIGN,
            ),
            R::UnknownKey,
        ),
        (
            "a `jwk` under the name of ours",
            forged(
                &named(&EC, &format!(r#","jwk":{foreign_jwk}"#)),
                &payload,
                &FOREIGN,
            ),
            R::Token(J::BadSignature),
        ),
        (
            "a `jku` that leads to the thief's keys",
            forged(
                &named(&FOREIGN, &format!(r#","jku":"{thief_url}""#)),
                &payload,
                &FOREIGN,
            ),
            R::UnknownKey,
        ),
        (
            "an `x5u` that leads to the thief's keys",
            forged(
                &named(&FOREIGN, &format!(r#","x5u":"{thief_url}""#)),
                &payload,
                &FOREIGN,
            ),
            R::UnknownKey,
        ),
        (
            "a `kid` that is a path",
            forged(
                &header(r#""alg":"ES256","kid":"../../dev/null""#),
                &payload,
                &FOREIGN,
            ),
            R::UnknownKey,
        ),
        (
            "another algorithm than the key's",
            forged(
                &header(&format!(r#""alg":"PS256","kid":"{}""#, kid(&RSA))),
                &payload,
                &RSA,
            ),
            R::Token(J::AlgorithmMismatch),
        ),
        (
            "a header member twice",
            forged(&named(&EC, r#","alg":"ES256""#), &payload, &EC),
            R::Token(J::DuplicateMember),
        ),
        (
            "a critical extension",
            forged(&named(&EC, r#","crit":["exp"],"exp":1"#), &payload, &EC),
            R::Token(J::Critical),
        ),
        (
            "an encrypted token",
            format!("{input}.{signature}.a.b"),
            R::Token(J::NotThreeParts),
        ),
        (
            "the signature of a real token under other claims",
            format!(
                "{head}.{}.{signature}",
                b64(claims_with(iss, json!({"sub": "auth0|eve"})).to_string())
            ),
            R::Token(J::BadSignature),
        ),
        (
            "claims that are no JSON",
            forged(&named(&EC, ""), "{", &EC),
            R::Claims(C::Malformed),
        ),
        (
            "a claim twice",
            forged(
                &named(&EC, ""),
                &payload.replacen('{', r#"{"exp":99999999999,"#, 1),
                &EC,
            ),
            R::Claims(C::Malformed),
        ),
        (
            "an ID token with a nonce",
            with(json!({"nonce": "n"})),
            R::Claims(C::IdTokenAsAccessToken),
        ),
        (
            "an ID token with at_hash",
            with(json!({"at_hash": "h"})),
            R::Claims(C::IdTokenAsAccessToken),
        ),
        (
            "an ID token for the client",
            with(json!({"aud": "app", "azp": "app"})),
            R::Claims(C::WrongAudience),
        ),
        (
            "a logout token",
            typed(&EC, Typ::LogoutToken, &good),
            R::Claims(C::WrongType),
        ),
        (
            "a logout token without its type",
            with(json!({"events": {}})),
            R::Claims(C::EventToken),
        ),
        (
            "a token bound to a key",
            with(json!({"cnf": {"jkt": "k"}})),
            R::Claims(C::SenderConstrained),
        ),
        (
            "another audience",
            with(json!({"aud": "https://other.example.com"})),
            R::Claims(C::WrongAudience),
        ),
        (
            "our audience with a slash",
            with(json!({"aud": format!("{AUDIENCE}/")})),
            R::Claims(C::WrongAudience),
        ),
        (
            "the beginning of our audience",
            with(json!({"aud": "https://api.example"})),
            R::Claims(C::WrongAudience),
        ),
        (
            "several audiences, none ours",
            with(json!({"aud": ["a", "b"]})),
            R::Claims(C::WrongAudience),
        ),
        (
            "no audience",
            with(json!({"aud": null})),
            R::Claims(C::WrongAudience),
        ),
        (
            "an empty list of audiences",
            with(json!({"aud": []})),
            R::Claims(C::WrongAudience),
        ),
        (
            "audiences nested",
            with(json!({"aud": [[AUDIENCE]]})),
            R::Claims(C::Malformed),
        ),
        (
            "another issuer",
            with(json!({"iss": thief.name})),
            R::Claims(C::WrongIssuer),
        ),
        (
            "our issuer without its slash",
            with(json!({"iss": iss.trim_end_matches('/')})),
            R::Claims(C::WrongIssuer),
        ),
        (
            "no issuer",
            with(json!({"iss": null})),
            R::Claims(C::WrongIssuer),
        ),
        (
            "expired, to the second",
            with(json!({"exp": NOON - 10})),
            R::Claims(C::Expired),
        ),
        (
            "no expiry",
            with(json!({"exp": null})),
            R::Claims(C::MissingExpiry),
        ),
        (
            "an expiry in words",
            with(json!({"exp": "9999999999"})),
            R::Claims(C::Malformed),
        ),
        (
            "an expiry in milliseconds",
            with(json!({"exp": NOON * 1000})),
            R::Claims(C::Malformed),
        ),
        (
            "not yet valid",
            with(json!({"nbf": NOON + 11})),
            R::Claims(C::NotYetValid),
        ),
        (
            "too long",
            format!("{real}{}", "A".repeat(17_000)),
            R::Token(J::TooLong),
        ),
    ];
    assert_eq!(house::get_with(&app, "/", &real).await.body, "in");
    for (name, token, why) in rows {
        assert_eq!(verifier.verify(&token).await.unwrap_err(), why, "{name}");
        let answer = house::get_with(&app, "/", &token).await;
        assert_eq!(answer.status, 401, "{name}");
        let challenge = answer.challenge.unwrap();
        assert!(
            challenge.starts_with(r#"Bearer error="invalid_token", "#),
            "{name}: {challenge}"
        );
    }
    assert_eq!(
        (thief.fetches(), thief.discoveries(), thief.strays()),
        (0, 0, 0)
    );
}

/// What is close to a refusal and is none: without these the table above could pass by refusing everything.
#[tokio::test]
async fn good_tokens_pass() {
    let issuer = Issuer::with(&[&RSA, &EC]).await;
    let verifier = trusting(&issuer, &Clock::new()).build().unwrap();
    let iss = issuer.name.as_str();
    let good = claims(iss);
    let with = |changes| signed(&EC, &claims_with(iss, changes));
    let payload = good.to_string();
    for (name, token) in [
        ("RS256", signed(&RSA, &good)),
        ("ES256", signed(&EC, &good)),
        ("at+jwt", typed(&EC, Typ::AccessToken, &good)),
        (
            "at+jwt may have a nonce",
            typed(
                &EC,
                Typ::AccessToken,
                &claims_with(iss, json!({"nonce": "n"})),
            ),
        ),
        (
            "no kid, and one key of the algorithm",
            forged(r#"{"alg":"ES256"}"#, &payload, &EC),
        ),
        (
            "a jku is not looked at",
            forged(
                &format!(
                    r#"{{"alg":"ES256","kid":"{}","jku":"http://127.0.0.1:1/"}}"#,
                    kid(&EC)
                ),
                &payload,
                &EC,
            ),
        ),
        (
            "our audience among others",
            with(json!({"aud": ["https://other.example.com", AUDIENCE]})),
        ),
        (
            "one second before leeway ends",
            with(json!({"exp": NOON - 9})),
        ),
        (
            "one second of leeway before its time",
            with(json!({"nbf": NOON + 9})),
        ),
    ] {
        let claims = verifier.verify(&token).await;
        assert_eq!(
            claims.map(|claims| claims.sub.clone()),
            Ok(Some("auth0|ada".to_owned())),
            "{name}"
        );
    }
}
