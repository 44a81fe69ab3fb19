//! Where credentials are kept between two starts of the app: in an encrypted file, whose key lies in the operating
//! system's keychain where there is one; or in memory only.
//!
//! The keychain holds the key and not the credentials, because keychains have limits of size (2,560 bytes on Windows, less
//! than an access and an ID token) and cannot replace an entry atomically.

mod disk;
mod file;
mod key;
#[cfg(feature = "keychain")]
mod keychain;
mod memory;
mod sealed;

pub use file::FileVault;
pub use memory::MemoryVault;

use std::any::Any;

use keystead_protocol::secret::Secret;

use crate::VaultError;

/// A place for one text. [`Session`](crate::Session) calls it from threads that may wait.
pub trait Vault: Send + Sync + 'static {
    /// What is kept, if anything is.
    ///
    /// # Errors
    /// [`VaultError`] if there is something that cannot be read. That is not the same as nothing.
    fn load(&self) -> Result<Option<Secret>, VaultError>;

    /// Keeps this instead of what was kept, all of it or nothing, and comes back when a power cut would not undo it.
    ///
    /// # Errors
    /// [`VaultError`]; what was kept before is kept still.
    fn store(&self, text: &Secret) -> Result<(), VaultError>;

    /// Keeps nothing more. Works also on what cannot be read.
    ///
    /// # Errors
    /// [`VaultError`].
    fn clear(&self) -> Result<(), VaultError>;

    /// Takes the vault for oneself among all processes that share it, or says at once that somebody else has it.
    ///
    /// # Errors
    /// [`VaultError`] if that cannot be found out.
    fn try_lock(&self) -> Result<Option<Lock>, VaultError>;
}

/// A vault taken for oneself, until it is dropped.
pub struct Lock(#[expect(dead_code, reason = "dropping it is what it is for")] Box<dyn Any + Send>);

impl Lock {
    /// A lock that ends when `held` is dropped.
    pub fn new(held: impl Any + Send) -> Self {
        Self(Box::new(held))
    }
}

#[cfg(test)]
mod tests;
