//! The end of a sign-in, with and without a network.

use std::time::Duration;

use crate::{house::House, provider::Fault};

#[tokio::test]
async fn a_sign_out_revokes_forgets_and_leads_to_the_providers() {
    let house = House::new().await;
    let credentials = house.signs_in().await;
    let out = house
        .session
        .sign_out(Some("com.example.app:/bye"))
        .await
        .unwrap();
    assert!(out.revoked.is_ok(), "{out:?}");
    assert_eq!(house.provider.house().revocations, ["refresh-2"]);
    let url = out.end_session.unwrap();
    let get = |name: &str| {
        url.query_pairs()
            .find(|(own, _)| own == name)
            .unwrap()
            .1
            .into_owned()
    };
    assert!(
        url.as_str()
            .starts_with(&format!("{}logout?", house.issuer))
    );
    assert_eq!(
        (
            get("client_id").as_str(),
            get("post_logout_redirect_uri").as_str()
        ),
        ("app", "com.example.app:/bye")
    );
    assert_eq!(
        get("id_token_hint"),
        credentials.id_token().unwrap().token().expose()
    );
    assert!(house.session.credentials().await.unwrap_err().needs_login());
    assert!(
        house
            .started_again()
            .credentials()
            .await
            .unwrap_err()
            .needs_login()
    );
    assert_eq!(house.kept(), "");
    let again = house.session.sign_out(None).await.unwrap();
    assert!(again.revoked.is_ok());
}

#[tokio::test]
async fn a_sign_out_without_a_network_forgets_all_the_same() {
    let house = House::new().await;
    house.signs_in().await;
    house.wire.unplug().await;
    let started = house.started_again();
    let out = started.sign_out(None).await.unwrap();
    assert!(out.revoked.unwrap_err().is_temporary());
    assert!(out.end_session.is_none());
    assert_eq!(house.kept(), "");
    assert!(started.credentials().await.unwrap_err().needs_login());
}

#[tokio::test]
async fn the_refresh_token_that_is_revoked_is_the_newest() {
    let house = House::new().await;
    house.signs_in().await;
    house.clock.advance(600);
    // Another process renews meanwhile.
    house.started_again().credentials().await.unwrap();
    let out = house.session.sign_out(None).await.unwrap();
    assert!(out.revoked.is_ok());
    let revoked = house.provider.house().revocations.clone();
    assert_eq!(revoked.len(), 1);
    assert_ne!(revoked[0], "refresh-2");
}

#[tokio::test]
async fn an_app_that_is_closed_before_the_provider_answers_is_signed_out() {
    let house = House::new().await;
    house.signs_in().await;
    house.provider.house().fault = Fault::Silent;
    let session = house.session.clone();
    let signing_out = tokio::spawn(async move { session.sign_out(None).await });
    for _ in 0..500 {
        if !house.provider.house().revocations.is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(house.provider.house().revocations, ["refresh-2"]);
    signing_out.abort();
    assert!(signing_out.await.unwrap_err().is_cancelled());
    assert_eq!(house.kept(), "");
    let started = house.started_again();
    assert!(started.credentials().await.unwrap_err().needs_login());
}
