//! An encrypted file: replaced atomically, synced before anybody is told, closed to other users.

use std::{
    fs::TryLockError,
    path::{Path, PathBuf},
};

use keystead_protocol::secret::Secret;

#[cfg(feature = "keychain")]
use super::keychain::Keychain;
use super::{
    Lock, Vault,
    disk::{make_folder, private, read, remove, replace},
    key::Keys,
    sealed,
};
use crate::VaultError;

/// Credentials in a file `credentials` of a folder of the app's own, encrypted.
///
/// On Unix the folder is made for this user alone, and a file that others may read is refused. On Windows the folder's
/// own access list decides; the user's profile is a good place.
pub struct FileVault {
    file: PathBuf,
    lock: PathBuf,
    keys: Keys,
}

impl FileVault {
    /// With the key in the operating system's keychain under this name; where there is no keychain, such as on a server,
    /// in a file beside. A keychain that is there and does not give or take the key, because it is locked or its user says
    /// no, is an error and not a reason for a file; [`FileVault::with_key_file`] does without one.
    ///
    /// Which of them it was stands in the file: if the keychain is away another day, that is an error and not an empty vault.
    #[cfg(feature = "keychain")]
    pub fn new(folder: impl Into<PathBuf>, service: impl Into<String>) -> Self {
        let folder = folder.into();
        let keys = Keys::keychain(service.into(), Keychain::open, folder.join("key"));
        Self::with(&folder, keys)
    }

    /// With the key in a file `key` beside the credentials. It protects a copy of the credentials, such as a backup that
    /// leaves the key out; not from whoever reads the whole folder.
    pub fn with_key_file(folder: impl Into<PathBuf>) -> Self {
        let folder = folder.into();
        let keys = Keys::file(folder.join("key"));
        Self::with(&folder, keys)
    }

    /// With a key of the app's: 32 bytes of full entropy, not a password.
    pub fn with_key(folder: impl Into<PathBuf>, key: [u8; 32]) -> Self {
        Self::with(&folder.into(), Keys::given(key))
    }

    pub(super) fn with(folder: &Path, keys: Keys) -> Self {
        Self {
            file: folder.join("credentials"),
            lock: folder.join("lock"),
            keys,
        }
    }

    /// Where the credentials are.
    pub fn path(&self) -> &Path {
        &self.file
    }
}

impl Vault for FileVault {
    fn load(&self) -> Result<Option<Secret>, VaultError> {
        let Some(bytes) = read(&self.file)? else {
            return Ok(None);
        };
        let key = self.keys.of(sealed::place(&bytes, &self.file)?)?;
        let key = key.ok_or_else(|| VaultError::Sealed(self.file.clone()))?;
        sealed::open(&bytes, &key, &self.file).map(Some)
    }

    fn store(&self, text: &Secret) -> Result<(), VaultError> {
        make_folder(&self.file)?;
        let (place, key) = self.keys.to_seal_with()?;
        let bytes = sealed::seal(text, &key, place, &self.file)?;
        replace(&self.file, &bytes)
    }

    /// The key stays: it opens nothing more, and other vaults may share it.
    fn clear(&self) -> Result<(), VaultError> {
        remove(&self.file)
    }

    /// A file beside is locked, since the credentials themselves are replaced.
    fn try_lock(&self) -> Result<Option<Lock>, VaultError> {
        make_folder(&self.lock)?;
        let mut options = private();
        let file = options.create(true).truncate(false).open(&self.lock);
        let file = file.map_err(VaultError::io(&self.lock))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Lock::new(file))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(why)) => Err(VaultError::io(&self.lock)(why)),
        }
    }
}
