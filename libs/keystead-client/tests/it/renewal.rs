//! The manager of credentials: how many renewals there are, when, and what they may bring.

use std::time::Duration;

use keystead_client::{Error, LoginReason, MemoryVault, Scope, Want};
use tokio::task::JoinSet;

use crate::{
    house::{House, session},
    provider::Fault,
};

fn scope(text: &str) -> Scope {
    text.parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_hundred_who_ask_at_once_cause_one_renewal() {
    let house = House::new().await;
    let first = house.signs_in().await;
    house.clock.advance(600);
    let mut callers = JoinSet::new();
    for _ in 0..100 {
        let session = house.session.clone();
        callers.spawn(async move { session.credentials().await.unwrap() });
    }
    let all = callers.join_all().await;
    assert_eq!(house.provider.house().renewals, 1);
    let one = all[0].access_token();
    assert!(one != first.access_token() && all.iter().all(|other| other.access_token() == one));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn ten_processes_that_share_a_vault_cause_one_renewal() {
    let house = House::new().await;
    house.signs_in().await;
    house.clock.advance(600);
    let mut callers = JoinSet::new();
    // Made beforehand, since making one takes longer than a renewal.
    let processes: Vec<_> = (0..10).map(|_| house.started_again()).collect();
    for process in processes {
        callers.spawn(async move { process.credentials().await.unwrap() });
    }
    let all = callers.join_all().await;
    assert_eq!(house.provider.house().renewals, 1);
    assert!(
        all.iter()
            .all(|one| one.access_token() == all[0].access_token())
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_hundred_who_fail_together_ask_hardly_more_than_once() {
    let house = House::new().await;
    house.signs_in().await;
    house.clock.advance(600);
    house.provider.house().fault = Fault::Status(503);
    let mut callers = JoinSet::new();
    for _ in 0..100 {
        let session = house.session.clone();
        callers.spawn(async move { session.credentials().await.unwrap_err() });
    }
    for why in callers.join_all().await {
        let pause = Some(Duration::from_secs(7));
        assert!(
            matches!(why, Error::Unavailable { status: 503, retry_after } if retry_after == pause),
            "{why}"
        );
    }
    let renewals = house.provider.house().renewals;
    assert!(renewals <= 3, "{renewals}");
    house.provider.house().fault = Fault::None;
    assert!(house.session.credentials().await.is_ok());
}

#[tokio::test]
async fn a_caller_that_goes_away_does_not_stop_a_renewal() {
    let house = House::new().await;
    house.signs_in().await;
    house.clock.advance(600);
    let hasty = tokio::time::timeout(Duration::from_millis(5), house.session.credentials()).await;
    assert!(hasty.is_err());
    house.session.credentials().await.unwrap();
    assert_eq!(house.provider.house().renewals, 1);
}

#[tokio::test]
async fn renewals_come_one_after_another() {
    let house = House::new().await;
    house.signs_in().await;
    for number in 1..=5 {
        house.clock.advance(545);
        house.session.credentials().await.unwrap();
        house.session.credentials().await.unwrap();
        assert_eq!(house.provider.house().renewals, number);
    }
    // Keys were fetched for the sign-in, and served ever since.
    assert_eq!(house.provider.house().key_fetches, 1);
}

#[tokio::test]
async fn a_provider_that_does_not_rotate_leaves_the_refresh_token() {
    let house = House::new().await;
    house.provider.house().rotates = false;
    house.signs_in().await;
    for _ in 0..2 {
        house.clock.advance(600);
        assert!(house.session.credentials().await.unwrap().is_renewable());
    }
}

#[tokio::test]
async fn a_clock_that_is_moved_costs_a_renewal_at_most() {
    for (name, moved, renewals) in [
        ("forward, by a day", 86_400, 1),
        ("back, by a day", -86_400, 1),
        ("back, by half a minute", -30, 0),
        ("forward, by a minute", 60, 0),
    ] {
        let house = House::new().await;
        let provider = house.has_its_own_clock();
        house.signs_in().await;
        house.clock.advance(moved);
        let credentials = house.session.credentials().await;
        assert!(credentials.is_ok(), "{name}: {credentials:?}");
        assert_eq!(house.provider.house().renewals, renewals, "{name}");
        // The ID token of the renewal cannot be judged by a wrong clock; that of the sign-in still says who it is.
        assert_eq!(
            credentials.unwrap().id_token().unwrap().subject(),
            "ada",
            "{name}"
        );
        house.clock.advance(-moved);
        provider.advance(1);
        assert!(
            house.session.credentials().await.is_ok(),
            "{name}, and set right"
        );
    }
}

#[tokio::test]
async fn a_sign_in_with_a_wrong_clock_is_refused() {
    let house = House::new().await;
    house.has_its_own_clock();
    house.clock.advance(-3600);
    let login = house.begins().await;
    let callback = house.callback(login.url());
    let why = house.session.finish(&login, &callback).await.unwrap_err();
    assert!(
        matches!(why, Error::IdToken(_)) && why.to_string().contains("clock"),
        "{why}"
    );
}

#[tokio::test]
async fn a_family_that_was_revoked_needs_a_sign_in() {
    let house = House::new().await;
    house.signs_in().await;
    house.provider.house().is_revoked = true;
    assert!(
        house.session.credentials().await.is_ok(),
        "as long as the access token lives"
    );
    house.clock.advance(600);
    let why = house.session.credentials().await.unwrap_err();
    assert!(
        matches!(why, Error::LoginRequired(LoginReason::Revoked)),
        "{why}"
    );
    assert_eq!(
        why.to_string(),
        "the provider has ended this sign-in; let the user sign in"
    );
    assert!(why.needs_login() && !why.is_temporary());
    // The dead token is not sent again.
    assert!(house.session.credentials().await.unwrap_err().needs_login());
    assert_eq!(house.provider.house().renewals, 1);
    assert_eq!(house.kept(), "");
}

#[tokio::test]
async fn nobody_is_signed_in_at_first() {
    let house = House::new().await;
    let why = house.session.credentials().await.unwrap_err();
    assert!(
        matches!(why, Error::LoginRequired(LoginReason::NotSignedIn)),
        "{why}"
    );
    assert!(house.session.current().await.unwrap().is_none());
}

#[tokio::test]
async fn more_scope_is_asked_for_once() {
    let house = House::new().await;
    let credentials = house.signs_in().await;
    assert_eq!(
        credentials.scope().to_string(),
        "openid offline_access read:messages"
    );
    let with = |text: &str| {
        house
            .session
            .credentials_for(Want::new().scope(scope(text)))
    };
    with("read:messages openid").await.unwrap();
    let refused = with("write:messages").await.unwrap_err();
    assert!(
        matches!(&refused, Error::ScopeNotGranted { missing } if *missing == scope("write:messages")),
        "{refused}"
    );
    assert_eq!(
        house.provider.house().renewals,
        0,
        "it was asked for at sign-in, and not granted"
    );
    let refused = with("delete:messages").await.unwrap_err();
    assert!(
        matches!(refused, Error::ScopeNotGranted { .. }),
        "{refused}"
    );
    assert_eq!(house.provider.house().renewals, 1);
    with("delete:messages").await.unwrap_err();
    assert_eq!(house.provider.house().renewals, 1);
    // The provider comes to grant it: from the next renewal on.
    house.provider.house().grants.push("delete:messages");
    house
        .session
        .credentials_for(Want::new().renewed())
        .await
        .unwrap();
    with("delete:messages").await.unwrap();
    assert_eq!(house.provider.house().renewals, 2);
    assert!(!house.provider.house().last.contains_key("scope"));
}

#[tokio::test]
async fn tokens_that_live_shorter_than_asked() {
    let house = House::new().await;
    house.provider.house().lifetime = 30;
    house.signs_in().await;
    let why = house.session.credentials().await.unwrap_err();
    assert!(
        matches!(why, Error::ShortLived { lifetime } if lifetime == Duration::from_secs(30)),
        "{why}"
    );
    let want = Want::new().min_ttl(Duration::from_secs(10));
    assert!(house.session.credentials_for(want).await.is_ok());
}

#[tokio::test]
async fn a_renewal_cannot_change_the_user() {
    for fault in [Fault::OtherUser, Fault::Forged] {
        let house = House::new().await;
        house.signs_in().await;
        house.provider.house().fault = fault;
        house.clock.advance(600);
        let why = house.session.credentials().await.unwrap_err();
        assert!(
            matches!(why, Error::LoginRequired(LoginReason::WrongIdToken)),
            "{why}"
        );
        assert_eq!(house.kept(), "");
    }
}

#[tokio::test]
async fn a_provider_that_breaks_costs_nothing() {
    let house = House::new().await;
    house.signs_in().await;
    house.clock.advance(600);
    for status in [500, 502, 429, 404, 200] {
        house.provider.house().fault = Fault::Status(status);
        let why = house.session.credentials().await.unwrap_err();
        assert!(!why.needs_login(), "{status}: {why}");
        assert!(
            house
                .session
                .current()
                .await
                .unwrap()
                .unwrap()
                .is_renewable(),
            "{status}"
        );
    }
    house.provider.house().fault = Fault::None;
    assert!(house.session.credentials().await.is_ok());
}

#[tokio::test]
async fn without_a_vault_a_session_ends_with_its_process() {
    let house = House::new().await;
    let memory = MemoryVault::new();
    let one = session(&house.issuer, house.clock.clone(), memory.clone());
    let login = one.begin(&one.ask(), crate::house::REDIRECT).await.unwrap();
    let callback = house.callback(login.url());
    one.finish(&login, &callback).await.unwrap();
    let same = session(&house.issuer, house.clock.clone(), memory);
    assert!(same.credentials().await.is_ok());
    let other = session(&house.issuer, house.clock.clone(), MemoryVault::new());
    assert!(other.credentials().await.unwrap_err().needs_login());
}
