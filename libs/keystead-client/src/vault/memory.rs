//! A vault that forgets: for tests, for apps that shall ask at each start, and for those that keep credentials themselves.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use keystead_protocol::secret::Secret;

use super::{Lock, Vault};
use crate::VaultError;

/// Keeps credentials as long as the process lives. Clones share them.
#[derive(Clone, Default)]
pub struct MemoryVault {
    text: Arc<Mutex<Option<Secret>>>,
    taken: Arc<AtomicBool>,
}

impl MemoryVault {
    /// An empty vault.
    pub fn new() -> Self {
        Self::default()
    }

    fn text(&self) -> MutexGuard<'_, Option<Secret>> {
        self.text.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Vault for MemoryVault {
    fn load(&self) -> Result<Option<Secret>, VaultError> {
        Ok(self.text().clone())
    }

    fn store(&self, text: &Secret) -> Result<(), VaultError> {
        *self.text() = Some(text.clone());
        Ok(())
    }

    fn clear(&self) -> Result<(), VaultError> {
        *self.text() = None;
        Ok(())
    }

    fn try_lock(&self) -> Result<Option<Lock>, VaultError> {
        let was_taken = self.taken.swap(true, Ordering::AcqRel);
        Ok((!was_taken).then(|| Lock::new(Taken(Arc::clone(&self.taken)))))
    }
}

struct Taken(Arc<AtomicBool>);

impl Drop for Taken {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}
