//! Issuers that are slow, huge, wrong, or not what they say (classes 24 and 33).

use std::time::{Duration, Instant};

use keystead_verifier::{FetchError, Refusal, Verifier};
use serde_json::json;
use tokio::net::TcpListener;

use crate::{
    house::{AUDIENCE, Clock, trusting},
    issuer::{Issuer, Script},
    tokens::{EC, claims, key_set, signed},
};

/// Why the keys could not be fetched.
async fn reason(verifier: &Verifier) -> FetchError {
    match verifier.warm().await {
        Err(Refusal::KeysUnavailable(why)) => why,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_discovery_document_must_be_our_issuers_and_lead_to_a_safe_place() {
    let target = Issuer::with(&[&EC]).await;
    let rows = |issuer: &Issuer| {
        let jwks = format!("{}jwks", issuer.name);
        let other = |found: &str| FetchError::WrongIssuer {
            expected: issuer.name.clone(),
            found: found.to_owned(),
        };
        let url = format!("{}.well-known/openid-configuration", issuer.name);
        let bare = issuer.name.trim_end_matches('/').to_owned();
        let moved = Script {
            headers: vec![("location", format!("{}jwks", target.name))],
            ..Script::status(302)
        };
        let document = |issuer: &str, jwks: &str| {
            Script::json(json!({"issuer": issuer, "jwks_uri": jwks}).to_string())
        };
        vec![
            (
                "another issuer",
                document("https://evil.example.com/", &jwks),
                other("https://evil.example.com/"),
            ),
            (
                "our issuer without its slash",
                document(&bare, &jwks),
                other(&bare),
            ),
            (
                "a key set by plain http",
                document(&issuer.name, "http://example.com/jwks"),
                FetchError::Insecure("http://example.com/jwks".to_owned()),
            ),
            (
                "a key set in a file",
                document(&issuer.name, "file:///etc/passwd"),
                FetchError::Insecure("file:///etc/passwd".to_owned()),
            ),
            ("a redirect", moved, FetchError::Redirect(url.clone())),
            (
                "no JSON",
                Script::json("<html>"),
                FetchError::Malformed(url.clone()),
            ),
            (
                "no key set",
                Script::json(json!({"issuer": issuer.name}).to_string()),
                FetchError::Malformed(url.clone()),
            ),
            (
                "an error",
                Script::status(404),
                FetchError::Status { url, status: 404 },
            ),
        ]
    };
    let issuer = Issuer::with(&[&EC]).await;
    for (name, script, want) in rows(&issuer) {
        issuer.describes_itself_as(script);
        let verifier = trusting(&issuer, &Clock::new()).build().unwrap();
        assert_eq!(reason(&verifier).await, want, "{name}");
    }
    assert_eq!(issuer.fetches(), 0);
    assert_eq!((target.fetches(), target.strays()), (0, 0));
}

#[tokio::test]
async fn a_key_set_has_limits() {
    let issuer = Issuer::with(&[&EC]).await;
    let url = format!("{}jwks", issuer.name);
    let moved = Script {
        headers: vec![("location", "http://169.254.169.254/".to_owned())],
        ..Script::status(307)
    };
    let padded = |bytes: usize| {
        let set = key_set(&[&EC]);
        format!("{set}{}", " ".repeat(bytes - set.len()))
    };
    let good = signed(&EC, &claims(&issuer.name));
    let limit = 512 * 1024;
    for (name, script, want) in [
        (
            "exactly as long as it may be",
            Script::json(padded(limit)),
            None,
        ),
        (
            "one byte longer",
            Script::json(padded(limit + 1)),
            Some(FetchError::TooLong(url.clone())),
        ),
        (
            "huge, in pieces",
            Script {
                pieces: 500,
                ..Script::json(padded(50_000_000))
            },
            Some(FetchError::TooLong(url.clone())),
        ),
        ("a redirect", moved, Some(FetchError::Redirect(url.clone()))),
        (
            "not a key set",
            Script::json("[]"),
            Some(FetchError::Malformed(url.clone())),
        ),
        (
            "empty",
            Script::json(""),
            Some(FetchError::Malformed(url.clone())),
        ),
    ] {
        issuer.scripts(script);
        let verifier = trusting(&issuer, &Clock::new()).build().unwrap();
        let result = verifier.verify(&good).await.err();
        assert_eq!(result, want.map(Refusal::KeysUnavailable), "{name}");
    }
}

#[tokio::test]
async fn more_keys_than_anybody_has_are_not_read() {
    let issuer = Issuer::with(&[&EC]).await;
    let ours = serde_json::to_value(EC.to_jwk()).unwrap();
    let mut keys = vec![json!({"kty": "EC"}); 99];
    keys.push(ours.clone());
    issuer.scripts(Script::json(json!({ "keys": keys }).to_string()));
    let good = signed(&EC, &claims(&issuer.name));
    let verifier = trusting(&issuer, &Clock::new()).build().unwrap();
    assert!(verifier.verify(&good).await.is_ok());
    keys.insert(0, json!({"kty": "EC"}));
    issuer.scripts(Script::json(json!({ "keys": keys }).to_string()));
    let verifier = trusting(&issuer, &Clock::new()).build().unwrap();
    assert_eq!(
        verifier.verify(&good).await.err(),
        Some(Refusal::UnknownKey)
    );
}

#[tokio::test]
async fn a_slow_issuer_is_not_waited_for() {
    let issuer = Issuer::with(&[&EC]).await;
    let good = signed(&EC, &claims(&issuer.name));
    let trickle = |delay, pieces| Script {
        delay,
        pieces,
        ..Script::json(key_set(&[&EC]))
    };
    for (name, script) in [
        ("says nothing", trickle(Duration::from_secs(30), 1)),
        ("trickles", trickle(Duration::from_millis(50), 100)),
    ] {
        issuer.scripts(script);
        let clock = Clock::new();
        let timeout = Duration::from_millis(300);
        let verifier = trusting(&issuer, &clock)
            .fetch_timeout(timeout)
            .build()
            .unwrap();
        let start = Instant::now();
        let result = verifier.verify(&good).await;
        assert!(
            matches!(
                result,
                Err(Refusal::KeysUnavailable(FetchError::Transport(_)))
            ),
            "{name}: {result:?}"
        );
        assert!(
            start.elapsed() < Duration::from_secs(3),
            "{name}: {:?}",
            start.elapsed()
        );
        // For a while everybody is refused at once.
        let (start, asked) = (Instant::now(), issuer.fetches());
        for _ in 0..100 {
            assert!(verifier.verify(&good).await.is_err(), "{name}");
        }
        assert!(
            start.elapsed() < Duration::from_millis(200),
            "{name}: {:?}",
            start.elapsed()
        );
        assert_eq!(issuer.fetches(), asked, "{name}");
        // Then it is tried again.
        issuer.publishes(&[&EC]);
        clock.advance(Duration::from_secs(5));
        assert!(verifier.verify(&good).await.is_ok(), "{name}");
    }
}

#[tokio::test]
async fn nobody_there_is_a_503_and_not_a_401() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let issuer = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    let verifier = Verifier::builder()
        .issuer(&issuer)
        .audience(AUDIENCE)
        .clock(Clock::new().reader());
    let verifier = verifier.build().unwrap();
    let good = signed(&EC, &claims(&issuer));
    let cold = Refusal::KeysUnavailable(FetchError::NotYet);
    assert_eq!(verifier.verify_now(&good).err(), Some(cold));
    let why = verifier.verify(&good).await.unwrap_err();
    assert!(
        matches!(why, Refusal::KeysUnavailable(FetchError::Transport(_))),
        "{why}"
    );
    assert_eq!(why.status(), 503);
    // What is not a token needs no keys to be refused.
    assert_eq!(verifier.verify("rubbish").await.unwrap_err().status(), 401);
}

#[tokio::test]
async fn a_caller_that_goes_away_stops_no_fetch() {
    let issuer = Issuer::with(&[&EC]).await;
    issuer.scripts(Script {
        delay: Duration::from_millis(200),
        ..Script::json(key_set(&[&EC]))
    });
    let verifier = trusting(&issuer, &Clock::new()).build().unwrap();
    let good = signed(&EC, &claims(&issuer.name));
    let impatient = tokio::time::timeout(Duration::from_millis(50), verifier.verify(&good));
    assert!(impatient.await.is_err());
    assert!(verifier.verify(&good).await.is_ok());
    assert_eq!((issuer.discoveries(), issuer.fetches()), (1, 1));
}

#[tokio::test]
async fn a_failed_refetch_does_not_lock_a_new_key_out() {
    let issuer = Issuer::with(&[&EC]).await;
    let clock = Clock::new();
    let verifier = trusting(&issuer, &clock).build().unwrap();
    verifier.warm().await.unwrap();
    let new = signed(&crate::tokens::NEXT, &claims(&issuer.name));
    issuer.scripts(Script::status(500));
    assert_eq!(verifier.verify(&new).await.err(), Some(Refusal::UnknownKey));
    issuer.publishes(&[&EC, &crate::tokens::NEXT]);
    assert_eq!(
        verifier.verify(&new).await.err(),
        Some(Refusal::UnknownKey),
        "not at once"
    );
    clock.advance(Duration::from_secs(5));
    assert!(verifier.verify(&new).await.is_ok());
}
