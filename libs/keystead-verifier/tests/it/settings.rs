//! What an API may be set up with: which keys and algorithms, how strict, and what cannot be meant.

use keystead_protocol::{jwk::SigningKey, jwt::Typ};
use keystead_verifier::{
    Algorithm, BuildError, ClaimRefusal as C, JwtRefusal as J, Refusal, TokenType, Verifier,
    VerifyingKeys,
};
use serde_json::json;

use crate::{
    house::{AUDIENCE, Clock, NOON, trusting},
    issuer::{Issuer, Script},
    tokens::{EC, RSA, claims, claims_with, forged, key_set, kid, signed, typed},
};

#[tokio::test]
async fn every_algorithm_is_taken() {
    for algorithm in Algorithm::ALL {
        if algorithm.is_symmetric() {
            let secret = [7; 64];
            let key = SigningKey::from_secret(algorithm, &secret).unwrap();
            let issuer = "https://tenant.example.com/";
            let verifier = Verifier::builder()
                .issuer(issuer)
                .audience(AUDIENCE)
                .clock(Clock::new().reader())
                .secret(algorithm, &secret);
            let result = verifier
                .build()
                .unwrap()
                .verify(&signed(&key, &claims(issuer)))
                .await;
            assert!(result.is_ok(), "{algorithm}: {result:?}");
            continue;
        }
        let key = SigningKey::generate(algorithm).unwrap();
        let issuer = Issuer::with(&[&key]).await;
        let verifier = trusting(&issuer, &Clock::new()).build().unwrap();
        let token = signed(&key, &claims(&issuer.name));
        let result = verifier.verify(&token).await;
        assert!(result.is_ok(), "{algorithm}: {result:?}");
        let (input, _) = token.rsplit_once('.').unwrap();
        let unsigned = verifier.verify(&format!("{input}.AAAA")).await.err();
        assert_eq!(
            unsigned,
            Some(Refusal::Token(J::BadSignature)),
            "{algorithm}"
        );
    }
}

#[tokio::test]
async fn keys_without_an_algorithm_get_the_first_that_is_allowed() {
    let unnamed = |key: &SigningKey| {
        let mut jwk = serde_json::to_value(key.to_jwk()).unwrap();
        jwk.as_object_mut().unwrap().remove("alg");
        json!({ "keys": [jwk] }).to_string()
    };
    let pss = SigningKey::generate(Algorithm::PS256).unwrap();
    for (name, key, allowed, passes) in [
        ("RS256 is what most mean", &*RSA, None, true),
        (
            "PS256 where nothing else is allowed",
            &pss,
            Some(Algorithm::PS256),
            true,
        ),
        ("PS256 is not guessed", &pss, None, false),
        (
            "RS256 is not taken where PS256 alone is",
            &*RSA,
            Some(Algorithm::PS256),
            false,
        ),
        ("a curve says it all", &*EC, None, true),
    ] {
        let issuer = Issuer::with(&[]).await;
        issuer.scripts(Script::json(unnamed(key)));
        let builder = trusting(&issuer, &Clock::new());
        let verifier = match allowed {
            Some(algorithm) => builder.algorithms([algorithm]),
            None => builder,
        };
        let result = verifier
            .build()
            .unwrap()
            .verify(&signed(key, &claims(&issuer.name)))
            .await;
        assert_eq!(result.is_ok(), passes, "{name}: {result:?}");
    }
}

#[tokio::test]
async fn a_given_secret_or_key_is_enough() {
    let issuer = "https://tenant.example.com/";
    let settings = || {
        Verifier::builder()
            .issuer(issuer)
            .audience(AUDIENCE)
            .clock(Clock::new().reader())
    };
    let secret = b"a secret of at least 16 bytes";
    let shared = SigningKey::from_secret(Algorithm::HS256, secret).unwrap();
    let token = signed(&shared, &claims(issuer));
    let named = forged(
        r#"{"alg":"HS256","kid":"whatever"}"#,
        &claims(issuer).to_string(),
        &shared,
    );
    let rsa = signed(&RSA, &claims(issuer));

    let by_secret = settings().secret(Algorithm::HS256, secret).build().unwrap();
    assert!(by_secret.verify_now(&token).is_ok());
    assert!(by_secret.verify_now(&named).is_ok());
    assert_eq!(
        by_secret.verify_now(&rsa).err(),
        Some(Refusal::AlgorithmNotAllowed)
    );
    let other = settings()
        .secret(Algorithm::HS256, b"another secret of some length")
        .build()
        .unwrap();
    assert!(other.verify_now(&token).is_err());

    let keys: VerifyingKeys = VerifyingKeys::from_json(&key_set(&[&RSA])).unwrap();
    let by_key = settings().keys(keys).build().unwrap();
    assert!(by_key.verify_now(&rsa).is_ok());
    assert_eq!(
        by_key.verify_now(&token).err(),
        Some(Refusal::AlgorithmNotAllowed)
    );
    let ps = forged(
        &format!(r#"{{"alg":"RS256","kid":"{}"}}"#, kid(&EC)),
        "{}",
        &RSA,
    );
    assert_eq!(by_key.verify_now(&ps).err(), Some(Refusal::UnknownKey));
}

#[test]
fn settings_that_cannot_be_meant_are_refused() {
    let settings = || {
        Verifier::builder()
            .issuer("https://tenant.example.com/")
            .audience(AUDIENCE)
    };
    let bad = |url: &str| Some(BuildError::BadUrl(url.to_owned()));
    let hs = || [Algorithm::RS256, Algorithm::HS256];
    for (name, builder, want) in [
        ("as it should be", settings(), None),
        (
            "no issuer",
            settings().issuer(""),
            Some(BuildError::MissingIssuer),
        ),
        (
            "no audience",
            settings().audience(""),
            Some(BuildError::MissingAudience),
        ),
        (
            "plain http",
            settings().issuer("http://example.com/"),
            bad("http://example.com/"),
        ),
        (
            "a host that only begins like loopback",
            settings().issuer("http://127.0.0.1.example.com/"),
            bad("http://127.0.0.1.example.com/"),
        ),
        (
            "not a URL",
            settings().issuer("accounts.example.com"),
            bad("accounts.example.com"),
        ),
        (
            "a query",
            settings().issuer("https://example.com/?a"),
            bad("https://example.com/?a"),
        ),
        (
            "a user",
            settings().issuer("https://a@example.com/"),
            bad("https://a@example.com/"),
        ),
        (
            "http on loopback",
            settings().issuer("http://localhost:3000"),
            None,
        ),
        (
            "http on loopback, in IPv6",
            settings().issuer("http://[::1]:3000"),
            None,
        ),
        (
            "a key set by http",
            settings().jwks_uri("http://example.com/jwks"),
            bad("http://example.com/jwks"),
        ),
        (
            "a key set with a query",
            settings().jwks_uri("https://example.com/jwks?p=1"),
            None,
        ),
        (
            "HMAC with published keys",
            settings().algorithms(hs()),
            Some(BuildError::Algorithms),
        ),
        (
            "no algorithm",
            settings().algorithms([]),
            Some(BuildError::Algorithms),
        ),
        (
            "no keys",
            settings().keys(VerifyingKeys::default()),
            Some(BuildError::Algorithms),
        ),
        (
            "a short secret",
            settings().secret(Algorithm::HS256, b"short"),
            Some(BuildError::Secret(
                keystead_verifier::KeyRefusal::ShortSecret,
            )),
        ),
    ] {
        assert_eq!(builder.build().err(), want, "{name}");
    }
}

#[tokio::test]
async fn a_stricter_api_takes_less() {
    let issuer = Issuer::with(&[&RSA, &EC]).await;
    let settings = || trusting(&issuer, &Clock::new());
    let good = claims(&issuer.name);
    let (plain, rsa) = (signed(&EC, &good), signed(&RSA, &good));

    let typed_only = settings().token_type(TokenType::AtJwt).build().unwrap();
    let wrong_type = Some(Refusal::Claims(C::WrongType));
    assert_eq!(typed_only.verify(&plain).await.err(), wrong_type);
    let typed = typed(&EC, Typ::AccessToken, &good);
    assert!(typed_only.verify(&typed).await.is_ok());

    let ec_only = settings().algorithms([Algorithm::ES256]).build().unwrap();
    assert_eq!(
        ec_only.verify(&rsa).await.err(),
        Some(Refusal::AlgorithmNotAllowed)
    );
    assert!(ec_only.verify(&plain).await.is_ok());

    let short = settings().longest_token(plain.len() - 1).build().unwrap();
    assert_eq!(
        short.verify(&plain).await.err(),
        Some(Refusal::Token(J::TooLong))
    );
    let exact = settings().longest_token(plain.len()).build().unwrap();
    assert!(exact.verify(&plain).await.is_ok());

    let punctual = settings()
        .leeway(std::time::Duration::ZERO)
        .build()
        .unwrap();
    let late = signed(&EC, &claims_with(&issuer.name, json!({"exp": NOON})));
    assert_eq!(
        punctual.verify(&late).await.err(),
        Some(Refusal::Claims(C::Expired))
    );
}
