//! A user's sign-in over its whole life: begun in the browser, kept in a vault, renewed when needed, ended.

mod builder;
mod renew;
mod sign_in;
mod sign_out;

pub use builder::Builder;
pub use sign_out::SignedOut;

use std::{
    fmt,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use keystead_protocol::{jwk::VerifyingKeys, secret::Secret, time::Timestamp};
use tokio::sync::{Mutex, OnceCell};

use self::renew::Asked;
use crate::{
    Credentials, Error, Provider, VaultError,
    clock::Clock,
    fetch::Fetch,
    renewal::{Record, Step, Want, Whose},
    transition::{SignIn, has_key},
    vault::{Lock, Vault},
};

/// How long another process may take for its renewal before we give up waiting.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often we look whether it has finished.
const LOOK: Duration = Duration::from_millis(25);

/// The sign-in of one user at one provider. Clones are the same session; an app needs one.
///
/// [`Session::credentials`] is for every request: it answers from memory as long as the access token lives, and else
/// renews, once for however many ask at the same time, in this process and in others that share the vault.
///
/// What another process does is seen when the next renewal is due, a sign-out there too.
///
/// A renewal runs as a task of its own. A caller that goes away does not stop it, and so does not lose what it brings.
#[derive(Clone)]
pub struct Session(Arc<Inner>);

pub(crate) struct Inner {
    issuer: String,
    client_id: String,
    ask: SignIn,
    vault: Arc<dyn Vault>,
    fetch: Fetch,
    clock: Clock,
    provider: OnceCell<Provider>,
    keys: RwLock<Arc<VerifyingKeys>>,
    /// What the vault is known to hold, so that the usual call touches neither file nor lock.
    known: RwLock<Option<Arc<Record>>>,
    /// Whoever has it may talk to the provider about the refresh token.
    turn: Mutex<Turn>,
    /// How many renewals were begun.
    attempts: AtomicU64,
}

/// What the last one whose turn it was leaves to the next.
#[derive(Default)]
struct Turn {
    /// Brought by a renewal, and the vault would not take it.
    unsaved: Option<Record>,
    /// The last renewal, if it failed: those who asked before it began share its error.
    failed: Option<renew::Failed>,
}

impl Session {
    /// A session at this provider for this client.
    ///
    /// `issuer` is what the provider calls itself, byte for byte, a last slash included.
    pub fn builder(issuer: impl Into<String>, client_id: impl Into<String>) -> Builder {
        Builder::new(issuer.into(), client_id.into())
    }

    /// Credentials whose access token lives for another minute.
    ///
    /// # Errors
    /// [`Error::LoginRequired`] if the user must sign in; [`Error::is_temporary`] says whether to try again instead.
    pub async fn credentials(&self) -> Result<Credentials, Error> {
        self.credentials_for(Want::new()).await
    }

    /// Credentials with a life and a scope of the caller's choice.
    ///
    /// # Errors
    /// As [`Session::credentials`], and [`Error::ScopeNotGranted`], [`Error::ShortLived`].
    pub async fn credentials_for(&self, want: Want) -> Result<Credentials, Error> {
        let known = self.0.known();
        let now = (self.0.clock)();
        if let Some(record) = &known
            && matches!(record.step(&want, now), Step::Use)
        {
            return Ok(record.credentials.clone());
        }
        let before = known.map(|record| record.credentials.access_token.clone());
        self.obtain(want, before).await
    }

    /// Credentials with another access token than `refused`, which an API did not take.
    pub(crate) async fn credentials_instead_of(
        &self,
        refused: &Secret,
    ) -> Result<Credentials, Error> {
        let known = self.0.known();
        if let Some(record) = known
            && record.credentials.access_token != *refused
            && matches!(record.step(&Want::new(), (self.0.clock)()), Step::Use)
        {
            return Ok(record.credentials.clone());
        }
        let want = Want::new().min_ttl(Duration::ZERO).renewed();
        self.obtain(want, Some(refused.clone())).await
    }

    /// What is kept, be it good for something or not, without asking anybody; nothing if nobody is signed in.
    ///
    /// # Errors
    /// [`Error::Vault`].
    pub async fn current(&self) -> Result<Option<Credentials>, Error> {
        if let Some(record) = self.0.known() {
            return Ok(Some(record.credentials.clone()));
        }
        Ok(self.0.read().await?.map(|record| record.credentials))
    }

    async fn obtain(&self, want: Want, before: Option<Secret>) -> Result<Credentials, Error> {
        let asked = Asked {
            want,
            before,
            attempts: self.0.attempts.load(Ordering::Acquire),
        };
        let task = tokio::spawn(Arc::clone(&self.0).obtain(asked));
        task.await.unwrap_or(Err(Error::Stopped))
    }

    pub(crate) fn now(&self) -> Timestamp {
        (self.0.clock)()
    }
}

impl Inner {
    fn known(&self) -> Option<Arc<Record>> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.clone()
    }

    fn know(&self, record: Option<Record>) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        *known = record.map(Arc::new);
    }

    fn whose(&self) -> Whose<'_> {
        Whose {
            issuer: &self.issuer,
            client_id: &self.client_id,
        }
    }

    async fn read(&self) -> Result<Option<Record>, Error> {
        let text = self.with_vault(|vault| vault.load()).await?;
        Ok(text.and_then(|text| Record::from_text(&text, self.whose())))
    }

    /// Writes to the vault, and knows it only then.
    async fn keep(&self, record: &Record) -> Result<(), Error> {
        let text = record.to_text(self.whose())?;
        self.with_vault(move |vault| vault.store(&text)).await?;
        self.know(Some(record.clone()));
        Ok(())
    }

    async fn forget(&self) -> Result<(), Error> {
        self.know(None);
        self.with_vault(|vault| vault.clear()).await
    }

    /// Waits for other processes.
    async fn lock(&self) -> Result<Lock, Error> {
        let tries = PATIENCE.as_millis() / LOOK.as_millis();
        for _ in 0..tries {
            if let Some(lock) = self.with_vault(|vault| vault.try_lock()).await? {
                return Ok(lock);
            }
            tokio::time::sleep(LOOK).await;
        }
        Err(VaultError::Busy.into())
    }

    /// Files are synced and keychains ask their user: not on a thread that others wait for.
    async fn with_vault<T: Send + 'static>(
        &self,
        work: impl FnOnce(&dyn Vault) -> Result<T, VaultError> + Send + 'static,
    ) -> Result<T, Error> {
        let vault = Arc::clone(&self.vault);
        let work = tokio::task::spawn_blocking(move || work(&*vault));
        Ok(work.await.map_err(|_| Error::Stopped)??)
    }

    async fn provider(&self) -> Result<&Provider, Error> {
        let discover = || async {
            let document = self
                .fetch
                .get(&Provider::discovery_url(&self.issuer)?)
                .await
                .map_err(|why| match why {
                    // A page that is not there is no provider's fault: the issuer may be mistyped.
                    Error::Answer(why) => Error::Discovery {
                        issuer: self.issuer.clone(),
                        why: why.to_owned(),
                    },
                    why => why,
                })?;
            Provider::from_json(&self.issuer, &document)
        };
        self.provider.get_or_try_init(discover).await
    }

    /// The keys to check this token with: those at hand, or new ones if they lack the token's.
    async fn keys_for(
        &self,
        provider: &Provider,
        token: &Secret,
    ) -> Result<Arc<VerifyingKeys>, Error> {
        let at_hand = {
            let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(&keys)
        };
        if has_key(token.expose(), &at_hand)? {
            return Ok(at_hand);
        }
        let json = self.fetch.get(provider.jwks_uri()).await?;
        let keys = str::from_utf8(&json).ok().map(VerifyingKeys::from_json);
        let Some(Ok(keys)) = keys else {
            return Err(Error::Answer("its keys are no JSON Web Key Set"));
        };
        let keys = Arc::new(keys);
        let mut kept = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        *kept = Arc::clone(&keys);
        Ok(keys)
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("issuer", &self.0.issuer)
            .field("client_id", &self.0.client_id)
            .finish_non_exhaustive()
    }
}
