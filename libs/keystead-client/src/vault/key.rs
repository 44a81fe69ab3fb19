//! The key of an encrypted file: given, in a file beside, or in the keychain; drawn when it is first needed.

use std::{
    path::{Path, PathBuf},
    sync::OnceLock,
};

use rand_core::Rng as _;
use zeroize::Zeroizing;

#[cfg(feature = "keychain")]
use super::keychain::Keychain;
use super::{
    disk::{make_folder, read, replace},
    sealed::{Key, Place},
};
use crate::{Error, VaultError, entropy};

/// Where the key may lie, and the key once it was needed.
pub(super) struct Keys {
    source: Source,
    /// Also keeps a vault on its key: a keychain that goes away between two renewals changes nothing.
    known: OnceLock<(Place, Key)>,
}

enum Source {
    Given,
    File(PathBuf),
    #[cfg(feature = "keychain")]
    Keychain {
        service: String,
        open: Open,
        /// Where there is no keychain.
        file: PathBuf,
    },
}

/// How to come by the keychain, if there is one.
#[cfg(feature = "keychain")]
type Open = fn() -> Result<Keychain, VaultError>;

impl Keys {
    fn new(source: Source) -> Self {
        Self {
            source,
            known: OnceLock::new(),
        }
    }

    pub(super) fn given(key: [u8; 32]) -> Self {
        Self {
            source: Source::Given,
            known: (Place::Given, Zeroizing::new(key)).into(),
        }
    }

    pub(super) fn file(path: PathBuf) -> Self {
        Self::new(Source::File(path))
    }

    #[cfg(feature = "keychain")]
    pub(super) fn keychain(service: String, open: Open, file: PathBuf) -> Self {
        Self::new(Source::Keychain {
            service,
            open,
            file,
        })
    }

    /// The key that a file at hand was sealed with; nothing if that is not one of ours.
    pub(super) fn of(&self, place: Place) -> Result<Option<Key>, VaultError> {
        if let Some((known, key)) = self.known.get()
            && *known == place
        {
            return Ok(Some(key.clone()));
        }
        let key = match (&self.source, place) {
            (Source::File(path), Place::KeyFile) => key_in(path)?,
            #[cfg(feature = "keychain")]
            (Source::Keychain { service, open, .. }, Place::Keychain) => {
                let gone = || VaultError::Keychain("it is not there".into());
                Some(open()?.find(service)?.ok_or_else(gone)?)
            }
            #[cfg(feature = "keychain")]
            (Source::Keychain { file, .. }, Place::KeyFile) => key_in(file)?,
            _ => None,
        };
        Ok(key.map(|key| self.remember(place, key)))
    }

    /// The key to seal a file with.
    pub(super) fn to_seal_with(&self) -> Result<(Place, Key), VaultError> {
        if let Some(known) = self.known.get() {
            return Ok(known.clone());
        }
        let (place, key) = match &self.source {
            // Known from the beginning.
            Source::Given => return Err(VaultError::Keychain("no key was given".into())),
            Source::File(path) => (Place::KeyFile, key_of(path)?),
            #[cfg(feature = "keychain")]
            Source::Keychain {
                service,
                open,
                file,
            } => match open() {
                // One that is there and refuses is the user's to unlock: a key file would be for good.
                Ok(keychain) => (Place::Keychain, keychain_key(&keychain, service)?),
                Err(_) => (Place::KeyFile, key_of(file)?),
            },
        };
        Ok((place, self.remember(place, key)))
    }

    fn remember(&self, place: Place, key: Key) -> Key {
        // Whoever came first has read the same key.
        let _ = self.known.set((place, key.clone()));
        key
    }
}

#[cfg(feature = "keychain")]
fn keychain_key(keychain: &Keychain, service: &str) -> Result<Key, VaultError> {
    if let Some(key) = keychain.find(service)? {
        return Ok(key);
    }
    let key = new_key()?;
    keychain.keep(service, &key)?;
    Ok(key)
}

/// The key in a file; nothing if there is no such file.
fn key_in(path: &Path) -> Result<Option<Key>, VaultError> {
    let Some(bytes) = read(path)? else {
        return Ok(None);
    };
    let key = bytes.as_slice().try_into().map(Zeroizing::new);
    key.map(Some)
        .map_err(|_| VaultError::Sealed(path.to_owned()))
}

/// The key in a file, which is made if there is none.
fn key_of(path: &Path) -> Result<Key, VaultError> {
    if let Some(key) = key_in(path)? {
        return Ok(key);
    }
    let key = new_key()?;
    make_folder(path)?;
    replace(path, key.as_slice())?;
    Ok(key)
}

fn new_key() -> Result<Key, VaultError> {
    let drawn = entropy::draw(|rng| {
        let mut key = Key::default();
        rng.fill_bytes(key.as_mut_slice());
        key
    });
    drawn.map_err(|why: Error| VaultError::Keychain(why.to_string()))
}
