//! An app that dies at any moment of a renewal, and what it finds when it starts again.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use keystead_client::{Error, FileVault, Lock, LoginReason, Secret, Vault, VaultError};

use crate::house::{House, session};

/// A disk that fails at one of its writes, as if the process had died there, and works again when told so.
#[derive(Clone)]
struct Disk {
    vault: Arc<FileVault>,
    /// How many writes still work.
    left: Arc<AtomicUsize>,
}

impl Disk {
    fn of(house: &House, left: usize) -> Self {
        Self {
            vault: Arc::new(house.vault()),
            left: Arc::new(AtomicUsize::new(left)),
        }
    }

    fn mended(&self) {
        self.left.store(usize::MAX, Ordering::SeqCst);
    }
}

impl Vault for Disk {
    fn load(&self) -> Result<Option<Secret>, VaultError> {
        self.vault.load()
    }

    fn store(&self, text: &Secret) -> Result<(), VaultError> {
        let left = self
            .left
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| {
                left.checked_sub(1)
            });
        let full = || VaultError::Io {
            path: self.vault.path().to_owned(),
            why: "no space left on device".into(),
        };
        left.map_err(|_| full())?;
        self.vault.store(text)
    }

    fn clear(&self) -> Result<(), VaultError> {
        self.vault.clear()
    }

    fn try_lock(&self) -> Result<Option<Lock>, VaultError> {
        self.vault.try_lock()
    }
}

#[tokio::test]
async fn death_between_rotation_and_storing_is_mended_by_the_next_start() {
    let house = House::new().await;
    house.signs_in().await;
    house.clock.advance(545);
    // The intent is written; the answer is not.
    let dying = session(&house.issuer, house.clock.clone(), Disk::of(&house, 1));
    let why = dying.credentials().await.unwrap_err();
    assert!(matches!(why, Error::Vault(_)), "{why}");
    drop(dying);
    assert_eq!(house.provider.house().renewals, 1);

    house.clock.advance(5);
    let next = house.started_again();
    // The access token lives for another 50 s, but the old refresh token for 5 s only.
    let credentials = next
        .credentials_for(keystead_client::Want::new().min_ttl(std::time::Duration::ZERO))
        .await;
    assert!(credentials.is_ok(), "{credentials:?}");
    assert_eq!(house.provider.house().renewals, 2);
    house.clock.advance(600);
    assert!(next.credentials().await.is_ok(), "and so it goes on");
}

#[tokio::test]
async fn a_start_that_comes_too_late_needs_a_sign_in_and_says_why() {
    let house = House::new().await;
    house.signs_in().await;
    house.clock.advance(600);
    let dying = session(&house.issuer, house.clock.clone(), Disk::of(&house, 1));
    dying.credentials().await.unwrap_err();
    drop(dying);
    house.clock.advance(11);
    let why = house.started_again().credentials().await.unwrap_err();
    assert!(
        matches!(why, Error::LoginRequired(LoginReason::Interrupted)),
        "{why}"
    );
    assert_eq!(
        why.to_string(),
        "an interrupted renewal has spent the refresh token; let the user sign in"
    );
}

#[tokio::test]
async fn a_start_that_comes_too_late_uses_the_access_token_to_its_end() {
    let house = House::new().await;
    house.signs_in().await;
    let dying = session(&house.issuer, house.clock.clone(), Disk::of(&house, 1));
    let forced = dying
        .credentials_for(keystead_client::Want::new().renewed())
        .await;
    assert!(forced.is_err());
    drop(dying);
    house.clock.advance(11);
    let next = house.started_again();
    assert!(next.credentials().await.is_ok());
    assert_eq!(house.provider.house().renewals, 1);
}

#[tokio::test]
async fn death_before_the_request_costs_nothing() {
    let house = House::new().await;
    house.signs_in().await;
    house.clock.advance(600);
    let dying = session(&house.issuer, house.clock.clone(), Disk::of(&house, 0));
    assert!(matches!(
        dying.credentials().await.unwrap_err(),
        Error::Vault(_)
    ));
    assert_eq!(
        house.provider.house().renewals,
        0,
        "nothing is sent that is not written down"
    );
    house.clock.advance(3600);
    assert!(house.started_again().credentials().await.is_ok());
}

#[tokio::test]
async fn a_full_disk_loses_nothing_as_long_as_the_process_lives() {
    let house = House::new().await;
    house.signs_in().await;
    house.clock.advance(600);
    let disk = Disk::of(&house, 1);
    let living = session(&house.issuer, house.clock.clone(), disk.clone());
    for _ in 0..2 {
        let why = living.credentials().await.unwrap_err();
        assert!(why.to_string().contains("no space left"), "{why}");
    }
    assert_eq!(house.provider.house().renewals, 1);
    house.clock.advance(60);
    disk.mended();
    assert!(living.credentials().await.is_ok());
    assert_eq!(
        house.provider.house().renewals,
        1,
        "what was brought is written at last"
    );
    house.clock.advance(600);
    assert!(house.started_again().credentials().await.is_ok());
}

#[tokio::test]
async fn a_vault_that_cannot_be_read_is_not_an_empty_one() {
    let house = House::new().await;
    house.signs_in().await;
    std::fs::write(
        house.vault().path(),
        b"keystead-client vault 1, key given\nscrambled",
    )
    .unwrap();
    let started = house.started_again();
    let why = started.credentials().await.unwrap_err();
    assert!(matches!(why, Error::Vault(VaultError::Sealed(_))), "{why}");
    let out = started.sign_out(None).await.unwrap();
    assert!(out.revoked.is_err());
    assert!(started.credentials().await.unwrap_err().needs_login());
}
