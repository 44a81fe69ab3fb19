//! The issuer's keys over time: first use, rotation, age, and floods of names that nobody has.

use std::time::{Duration, Instant};

use keystead_protocol::jwk::SigningKey;
use keystead_verifier::{Algorithm, BuildError, FetchError, Refusal, Verifier, VerifyingKeys};
use serde_json::json;

use crate::{
    house::{AUDIENCE, Clock, trusting},
    issuer::{Issuer, Script},
    tokens::{EC, FOREIGN, NEXT, RSA, claims, forged, key_set, kid, signed},
};

const fn minutes(n: u64) -> Duration {
    Duration::from_secs(60 * n)
}

async fn all<T: Send + 'static>(
    calls: impl IntoIterator<Item = impl Future<Output = T> + Send + 'static>,
) -> Vec<T> {
    let tasks: Vec<_> = calls.into_iter().map(tokio::spawn).collect();
    let mut results = Vec::new();
    for task in tasks {
        results.push(task.await.unwrap());
    }
    results
}

fn verifies(
    verifier: &Verifier,
    token: &str,
) -> impl Future<Output = Option<Refusal>> + Send + 'static + use<> {
    let (verifier, token) = (verifier.clone(), token.to_owned());
    async move { verifier.verify(&token).await.err() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_first_requests_fetch_once() {
    let issuer = Issuer::with(&[&EC]).await;
    issuer.scripts(Script {
        delay: Duration::from_millis(100),
        ..Script::json(key_set(&[&EC]))
    });
    let verifier = trusting(&issuer, &Clock::new()).build().unwrap();
    let good = signed(&EC, &claims(&issuer.name));
    let results = all((0..500).map(|_| verifies(&verifier, &good))).await;
    assert!(results.iter().all(Option::is_none));
    assert_eq!((issuer.discoveries(), issuer.fetches()), (1, 1));
}

#[tokio::test]
async fn an_issuer_has_its_slash_or_not_and_may_have_a_path() {
    for end in ["", "/", "/realms/main", "/realms/main/"] {
        let issuer = Issuer::named(&[&EC], end).await;
        let verifier = trusting(&issuer, &Clock::new()).build().unwrap();
        let result = verifier.verify(&signed(&EC, &claims(&issuer.name))).await;
        assert!(result.is_ok(), "{end}: {result:?}");
        assert_eq!(issuer.strays(), 0, "{end}");
    }
}

#[tokio::test]
async fn a_key_set_needs_no_discovery() {
    let issuer = Issuer::with(&[&EC]).await;
    let verifier = trusting(&issuer, &Clock::new())
        .issuer("accounts.example.com")
        .jwks_uri(format!("{}jwks", issuer.name))
        .build()
        .unwrap();
    assert!(
        verifier
            .verify(&signed(&EC, &claims("accounts.example.com")))
            .await
            .is_ok()
    );
    assert_eq!((issuer.discoveries(), issuer.fetches()), (0, 1));
}

#[tokio::test]
async fn a_new_key_is_found_by_its_name() {
    let issuer = Issuer::with(&[&EC]).await;
    let verifier = trusting(&issuer, &Clock::new()).build().unwrap();
    verifier.warm().await.unwrap();
    let new = signed(&NEXT, &claims(&issuer.name));
    issuer.publishes(&[&EC, &NEXT]);
    assert_eq!(verifier.verify_now(&new).err(), Some(Refusal::UnknownKey));
    assert_eq!(issuer.fetches(), 1, "`verify_now` asks nobody");
    assert!(verifier.verify(&new).await.is_ok());
    assert!(
        verifier
            .verify(&signed(&EC, &claims(&issuer.name)))
            .await
            .is_ok()
    );
    assert_eq!(issuer.fetches(), 2);
}

/// Class 33: the issuer is not flooded through us, and good tokens pass meanwhile.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_unknown_names_in_a_second_fetch_once() {
    let issuer = Issuer::with(&[&EC]).await;
    let clock = Clock::new();
    let verifier = trusting(&issuer, &clock).build().unwrap();
    verifier.warm().await.unwrap();
    let payload = claims(&issuer.name).to_string();
    let flood = |from: usize| -> Vec<_> {
        let token = |n| {
            forged(
                &format!(r#"{{"alg":"ES256","kid":"{n}"}}"#),
                &payload,
                &FOREIGN,
            )
        };
        (from..from + 10_000)
            .map(|n| verifies(&verifier, &token(n)))
            .collect()
    };
    let good = signed(&EC, &claims(&issuer.name));
    let (first, second) = (flood(0), flood(10_000));

    let start = Instant::now();
    let (refusals, good_results) = tokio::join!(
        all(first),
        all((0..100).map(|_| verifies(&verifier, &good)))
    );
    assert!(refusals.iter().all(|why| *why == Some(Refusal::UnknownKey)));
    assert!(good_results.iter().all(Option::is_none));
    assert_eq!(issuer.fetches(), 2, "the first fetch, and one more");
    assert!(
        start.elapsed() < Duration::from_secs(5),
        "{:?}",
        start.elapsed()
    );

    clock.advance(Duration::from_secs(59));
    all(second).await;
    assert_eq!(issuer.fetches(), 2, "not again within the minute");
    clock.advance(Duration::from_secs(1));
    issuer.publishes(&[&EC, &NEXT]);
    assert!(
        verifier
            .verify(&signed(&NEXT, &claims(&issuer.name)))
            .await
            .is_ok()
    );
    assert_eq!(issuer.fetches(), 3, "the minute is over");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unknown_names_before_the_first_fetch_make_no_second() {
    let issuer = Issuer::with(&[&EC]).await;
    let verifier = trusting(&issuer, &Clock::new()).build().unwrap();
    let foreign = signed(&FOREIGN, &claims(&issuer.name));
    let refusals = all((0..100).map(|_| verifies(&verifier, &foreign))).await;
    assert!(refusals.iter().all(|why| *why == Some(Refusal::UnknownKey)));
    assert!(issuer.fetches() <= 2, "{}", issuer.fetches());
}

#[tokio::test]
async fn the_interval_for_unknown_names_can_be_set() {
    let issuer = Issuer::with(&[&EC]).await;
    let clock = Clock::new();
    let verifier = trusting(&issuer, &clock)
        .unknown_key_interval(Duration::from_secs(5))
        .build()
        .unwrap();
    verifier.warm().await.unwrap();
    let foreign = signed(&FOREIGN, &claims(&issuer.name));
    for (seconds, fetches) in [(0, 2), (4, 2), (1, 3), (4, 3), (1, 4)] {
        clock.advance(Duration::from_secs(seconds));
        verifies(&verifier, &foreign).await;
        assert_eq!(issuer.fetches(), fetches);
    }
}

#[tokio::test]
async fn keys_are_refreshed_before_they_are_old_and_nobody_waits() {
    for (name, cache_control, life) in [
        ("by default", None, minutes(10)),
        (
            "as the issuer says",
            Some("public, max-age=120, stale-while-revalidate=15"),
            minutes(2),
        ),
        (
            "not more often than each minute",
            Some("max-age=15"),
            minutes(1),
        ),
        ("not each time", Some("no-store"), minutes(1)),
        (
            "not more seldom than each hour",
            Some("max-age=31536000"),
            minutes(60),
        ),
        (
            "what is no number is not believed",
            Some("max-age=soon"),
            minutes(10),
        ),
    ] {
        let issuer = Issuer::with(&[&EC]).await;
        let mut script = Script::json(key_set(&[&EC]));
        script
            .headers
            .extend(cache_control.map(|value| ("cache-control", value.to_owned())));
        issuer.scripts(script);
        let clock = Clock::new();
        let verifier = trusting(&issuer, &clock).build().unwrap();
        let good = signed(&EC, &claims(&issuer.name));
        assert!(verifier.verify(&good).await.is_ok(), "{name}");
        clock.advance(life * 3 / 4 - Duration::from_secs(1));
        assert!(verifier.verify(&good).await.is_ok(), "{name}");
        assert_eq!(issuer.fetches(), 1, "{name}: young enough");

        // A slow issuer, to see that nobody waits for it.
        let slow = Script {
            delay: Duration::from_millis(200),
            ..Script::json(key_set(&[&EC]))
        };
        issuer.scripts(slow);
        clock.advance(Duration::from_secs(1));
        let start = Instant::now();
        for _ in 0..20 {
            assert!(verifier.verify(&good).await.is_ok(), "{name}");
        }
        assert!(
            start.elapsed() < Duration::from_millis(150),
            "{name}: {:?}",
            start.elapsed()
        );
        issuer.until_fetched(2).await;
        assert_eq!(issuer.fetches(), 2, "{name}: in the background, once");
    }
}

#[tokio::test]
async fn a_withdrawn_key_is_not_believed_after_a_quiet_night() {
    let issuer = Issuer::with(&[&EC, &NEXT]).await;
    let clock = Clock::new();
    let verifier = trusting(&issuer, &clock)
        .leeway(minutes(600))
        .build()
        .unwrap();
    let old = signed(&EC, &claims(&issuer.name));
    assert!(verifier.verify(&old).await.is_ok());
    issuer.publishes(&[&NEXT]);
    clock.advance(minutes(11));
    assert_eq!(verifier.verify(&old).await.err(), Some(Refusal::UnknownKey));
}

#[tokio::test]
async fn known_keys_serve_while_the_issuer_is_away_but_not_for_ever() {
    let issuer = Issuer::with(&[&EC]).await;
    let clock = Clock::new();
    let verifier = trusting(&issuer, &clock)
        .leeway(minutes(6000))
        .build()
        .unwrap();
    let good = signed(&EC, &claims(&issuer.name));
    assert!(verifier.verify(&good).await.is_ok());
    issuer.goes_away();
    for hours in 1..24 {
        clock.advance(minutes(60));
        assert!(verifier.verify(&good).await.is_ok(), "after {hours} hours");
    }
    // While it is away it is asked now and then, not by each request.
    let asked = issuer.discoveries();
    for _ in 0..1000 {
        assert!(verifier.verify(&good).await.is_ok());
    }
    assert!(issuer.discoveries() <= asked + 1);

    clock.advance(minutes(60));
    let url = format!("{}.well-known/openid-configuration", issuer.name);
    let gone = Refusal::KeysUnavailable(FetchError::Status { url, status: 503 });
    assert_eq!(verifier.verify(&good).await.err(), Some(gone.clone()));
    assert_eq!(verifier.verify_now(&good).err(), Some(gone));
    issuer.comes_back();
    clock.advance(Duration::from_secs(5));
    assert!(verifier.verify(&good).await.is_ok());
}

#[tokio::test]
async fn the_bound_of_staleness_can_be_set() {
    let issuer = Issuer::with(&[&EC]).await;
    let clock = Clock::new();
    let verifier = trusting(&issuer, &clock)
        .max_staleness(minutes(30))
        .build()
        .unwrap();
    let good = signed(&EC, &claims(&issuer.name));
    assert!(verifier.verify(&good).await.is_ok());
    issuer.goes_away();
    clock.advance(minutes(29));
    assert!(verifier.verify(&good).await.is_ok());
    clock.advance(minutes(1));
    assert!(matches!(
        verifier.verify(&good).await,
        Err(Refusal::KeysUnavailable(_))
    ));
}

#[tokio::test]
async fn only_the_first_request_waits_for_an_issuer_that_hangs() {
    let issuer = Issuer::with(&[&EC]).await;
    let clock = Clock::new();
    let timeout = Duration::from_millis(300);
    let verifier = trusting(&issuer, &clock)
        .fetch_timeout(timeout)
        .build()
        .unwrap();
    let good = signed(&EC, &claims(&issuer.name));
    assert!(verifier.verify(&good).await.is_ok());
    issuer.scripts(Script {
        delay: minutes(1),
        ..Script::json(key_set(&[&EC]))
    });
    clock.advance(minutes(10));
    let start = Instant::now();
    assert!(verifier.verify(&good).await.is_ok());
    assert!(
        start.elapsed() >= timeout,
        "keys that are old might have been withdrawn"
    );
    for _ in 0..20 {
        clock.advance(Duration::from_secs(5));
        let start = Instant::now();
        assert!(verifier.verify(&good).await.is_ok());
        assert!(start.elapsed() < timeout / 2, "{:?}", start.elapsed());
    }
}

#[tokio::test]
async fn a_clock_that_is_set_back_stops_nothing() {
    let issuer = Issuer::with(&[&EC]).await;
    let clock = Clock::new();
    let verifier = trusting(&issuer, &clock).build().unwrap();
    verifier.warm().await.unwrap();
    verifies(&verifier, &signed(&FOREIGN, &claims(&issuer.name))).await;
    clock.set_back(minutes(60));
    issuer.publishes(&[&NEXT]);
    let next = signed(&NEXT, &claims(&issuer.name));
    assert_eq!(
        verifies(&verifier, &next).await,
        None,
        "keys of the future are fetched again"
    );
    issuer.publishes(&[&RSA]);
    let rsa = signed(&RSA, &claims(&issuer.name));
    assert_eq!(
        verifies(&verifier, &rsa).await,
        None,
        "a fetch in the future is no reason to wait"
    );
    issuer.goes_away();
    clock.advance(minutes(20));
    assert_eq!(verifies(&verifier, &rsa).await, None);
    clock.set_back(minutes(10));
    issuer.comes_back();
    issuer.publishes(&[&EC]);
    let ec = signed(&EC, &claims(&issuer.name));
    assert_eq!(
        verifies(&verifier, &ec).await,
        None,
        "nor is a failure in the future"
    );
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
