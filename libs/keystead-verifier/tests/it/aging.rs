//! Keys that grow old: refreshed in time, kept while the issuer is away, and not believed for ever.

use std::time::{Duration, Instant};

use keystead_verifier::{FetchError, Refusal};

use crate::{
    house::{Clock, minutes, trusting, verifies},
    issuer::{Issuer, Script},
    tokens::{EC, FOREIGN, NEXT, RSA, claims, key_set, signed},
};

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
