//! The issuer's keys: fetched once for many, found by their names, and floods of names that nobody has.

use std::time::{Duration, Instant};

use keystead_verifier::Refusal;

use crate::{
    house::{Clock, trusting, verifies},
    issuer::{Issuer, Script},
    tokens::{EC, FOREIGN, NEXT, claims, forged, key_set, signed},
};

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
