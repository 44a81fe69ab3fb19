//! The operating system's keychain: Keychain on macOS, Credential Manager on Windows, the Secret Service elsewhere.

use std::sync::Arc;

use keyring_core::{CredentialStore, Entry, Error};
use zeroize::Zeroizing;

use super::sealed::Key;
use crate::VaultError;

/// Beside the service, which names the app, an entry has a user. Ours names what is kept.
const USER: &str = "credentials key";

/// A keychain that is there. Whether it is locked shows when it is asked.
pub(super) struct Keychain(pub(super) Arc<CredentialStore>);

impl Keychain {
    /// The system's. An error means that there is none: no session bus, no Secret Service on it, no keychain of ours on
    /// this system. To open one needs neither the user nor the keychain's password.
    pub(super) fn open() -> Result<Self, VaultError> {
        store().map(Self).map_err(|why| refused(&why))
    }

    /// The key under this name; nothing if the keychain has none.
    pub(super) fn find(&self, service: &str) -> Result<Option<Key>, VaultError> {
        match self.entry(service)?.get_secret().map(Zeroizing::new) {
            Ok(bytes) => {
                let strange = |_| VaultError::Keychain("it is not a key of 32 bytes".into());
                let key = bytes.as_slice().try_into().map_err(strange)?;
                Ok(Some(Zeroizing::new(key)))
            }
            Err(Error::NoEntry) => Ok(None),
            Err(why) => Err(refused(&why)),
        }
    }

    /// Puts a key under this name.
    pub(super) fn keep(&self, service: &str, key: &Key) -> Result<(), VaultError> {
        let kept = self.entry(service)?.set_secret(key.as_slice());
        kept.map_err(|why| refused(&why))
    }

    pub(super) fn entry(&self, service: &str) -> Result<Entry, VaultError> {
        let entry = self.0.build(service, USER, None);
        entry.map_err(|why| refused(&why))
    }
}

#[cfg(target_os = "macos")]
fn store() -> keyring_core::Result<Arc<CredentialStore>> {
    Ok(apple_native_keyring_store::keychain::Store::new()?)
}

#[cfg(windows)]
fn store() -> keyring_core::Result<Arc<CredentialStore>> {
    Ok(windows_native_keyring_store::Store::new()?)
}

#[cfg(all(unix, not(any(target_vendor = "apple", target_os = "android"))))]
fn store() -> keyring_core::Result<Arc<CredentialStore>> {
    Ok(zbus_secret_service_keyring_store::Store::new()?)
}

/// Other systems have their keychain in the hands of the app's own language: it gives the key.
#[cfg(not(any(
    target_os = "macos",
    windows,
    all(unix, not(any(target_vendor = "apple", target_os = "android")))
)))]
fn store() -> keyring_core::Result<Arc<CredentialStore>> {
    Err(Error::NoDefaultStore)
}

fn refused(why: &Error) -> VaultError {
    VaultError::Keychain(why.to_string())
}
