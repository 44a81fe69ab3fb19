//! What a session needs to know before it begins.

use std::{
    sync::{Arc, RwLock, atomic::AtomicU64},
    time::Duration,
};

use keystead_protocol::time::Timestamp;
use tokio::sync::{Mutex, OnceCell};

use super::{Inner, Session, Turn};
use crate::{
    Error, Provider,
    clock::{self, Clock},
    fetch::Fetch,
    transition::SignIn,
    vault::{MemoryVault, Vault},
};

/// Settings of a [`Session`].
#[must_use]
pub struct Builder {
    issuer: String,
    client_id: String,
    ask: SignIn,
    vault: Arc<dyn Vault>,
    clock: Clock,
    timeout: Duration,
    provider: Option<Provider>,
}

impl Builder {
    pub(super) fn new(issuer: String, client_id: String) -> Self {
        Self {
            issuer,
            client_id,
            ask: SignIn::new(),
            vault: Arc::new(MemoryVault::new()),
            clock: Arc::new(clock::system),
            timeout: Duration::from_secs(10),
            provider: None,
        }
    }

    /// What a sign-in asks for: scope, audience, prompt …
    pub fn sign_in(mut self, ask: SignIn) -> Self {
        self.ask = ask;
        self
    }

    /// Where credentials are kept. Without one they end with the process.
    pub fn vault(mut self, vault: impl Vault) -> Self {
        self.vault = Arc::new(vault);
        self
    }

    /// How long the provider may take for one answer: 10 s unless set.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// A provider that is known already; without one it is discovered when it is first needed.
    pub fn provider(mut self, provider: Provider) -> Self {
        self.provider = Some(provider);
        self
    }

    /// Another clock than the system's.
    pub fn clock(mut self, clock: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Asks nobody and reads nothing yet.
    ///
    /// # Errors
    /// [`Error::BadUrl`] for the issuer, [`Error::Setting`] for a scope that is none or a provider that is another's.
    pub fn build(self) -> Result<Session, Error> {
        let place = Provider::discovery_url(&self.issuer)?;
        self.ask.wanted()?;
        if self.client_id.is_empty() {
            return Err(Error::setting("client_id", "it is empty"));
        }
        if matches!(&self.provider, Some(provider) if provider.issuer() != self.issuer) {
            return Err(Error::setting("provider", "it is another issuer's"));
        }
        Ok(Session(Arc::new(Inner {
            fetch: Fetch::new(self.timeout, &place)?,
            issuer: self.issuer,
            client_id: self.client_id,
            ask: self.ask,
            vault: self.vault,
            clock: self.clock,
            provider: OnceCell::new_with(self.provider),
            keys: RwLock::default(),
            known: RwLock::default(),
            turn: Mutex::new(Turn::default()),
            attempts: AtomicU64::new(0),
        })))
    }
}
