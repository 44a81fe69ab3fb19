//! Passwords: hashed and verified on threads of their own, a bounded number at once, in a fair order; and counted.
//!
//! Every check of a password costs one Argon2id of our parameters, whether the account exists, has a password, or has one
//! of ours. A hash that was imported costs its own work beside that: who can measure it learns that the account has not
//! been logged in to since it was imported. `docs/passwords.md` says more.

use std::{
    net::IpAddr,
    num::NonZeroUsize,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread::available_parallelism,
};

use keystead_protocol::secret::Secret;
use rand_core::CryptoRng;

use crate::{error::Fault, metrics::PASSWORD_HASHES};

mod argon;
mod digests;
pub mod import;
mod phc;
mod pool;
mod queue;
mod stored;

use argon::{Memory, Salt};
use phc::Unreadable;
use pool::Pool;
use stored::Stored;

/// The longest password that is looked at when somebody logs in, in bytes; a longer one is wrong. It is more than a new
/// password may have, because accounts that were imported chose theirs elsewhere.
pub const LONGEST_SHOWN: usize = 4096;

/// The one place where passwords are hashed. Clones share it.
#[derive(Debug, Clone)]
pub struct Passwords(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    pool: Pool,
    counts: Arc<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    argon2id: AtomicU64,
    imported: AtomicU64,
}

/// How often something was computed since the process began.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Operations {
    /// Argon2id with our parameters.
    pub argon2id: u64,
    /// Hashes of other kinds.
    pub imported: u64,
}

/// What came of a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is another password, or there is none.
    Wrong,
    /// It is the password.
    Right {
        /// A hash of ours, to take the place of the one that was verified if that was of another kind.
        better: Option<Secret>,
    },
}

impl Passwords {
    /// A pool of so many threads. None begins before there is work.
    pub fn new(threads: NonZeroUsize) -> Self {
        Self(Arc::new(Inner {
            pool: Pool::new(threads),
            counts: Arc::default(),
        }))
    }

    /// A pool that uses the machine as far as it may: on Linux as many threads as cores, since they give way to every
    /// other; elsewhere one fewer, if there is more than one.
    pub fn for_this_machine() -> Self {
        let cores = available_parallelism().unwrap_or(NonZeroUsize::MIN);
        if cfg!(target_os = "linux") {
            return Self::new(cores);
        }
        Self::new(NonZeroUsize::new(cores.get() - 1).unwrap_or(NonZeroUsize::MIN))
    }

    /// Hashes a new password for `address`, whose turn it must be. Whether it is strong enough is not looked at.
    ///
    /// # Errors
    /// [`Fault::Crowded`] if too many are waiting.
    pub async fn hash(
        &self,
        address: IpAddr,
        password: &Secret,
        rng: &mut impl CryptoRng,
    ) -> Result<Secret, Fault> {
        let (password, salt) = (password.clone(), salt(rng));
        let counts = Arc::clone(&self.0.counts);
        let hash = move |memory: &mut Memory| counts.hash(password.expose(), salt, memory);
        self.0.pool.run(address, hash).await?
    }

    /// Checks a password against a stored hash, of any kind; without one, at the same cost, the answer is that it is wrong.
    ///
    /// # Errors
    /// [`Fault::Crowded`] if too many are waiting.
    pub async fn verify(
        &self,
        address: IpAddr,
        password: &Secret,
        stored: Option<&Secret>,
        rng: &mut impl CryptoRng,
    ) -> Result<Verdict, Fault> {
        let (password, stored, salt) = (password.clone(), stored.cloned(), salt(rng));
        let counts = Arc::clone(&self.0.counts);
        let verify = move |memory: &mut Memory| {
            let stored = stored.as_ref().map(Secret::expose);
            counts.verify(password.expose(), stored, salt, memory)
        };
        self.0.pool.run(address, verify).await?
    }

    /// Whether a password belongs to one of several hashes. Looks at all of them, whichever fits.
    ///
    /// # Errors
    /// [`Fault::Crowded`] if too many are waiting.
    pub async fn is_one_of(
        &self,
        address: IpAddr,
        password: &Secret,
        hashes: &[Secret],
    ) -> Result<bool, Fault> {
        let mut found = false;
        // One by one, so that others have their turn in between.
        for hash in hashes {
            let (password, hash) = (password.clone(), hash.clone());
            let counts = Arc::clone(&self.0.counts);
            let matches = move |memory: &mut Memory| match readable(Some(hash.expose())) {
                Some(hash) => counts.matches(&hash, password.expose(), memory),
                None => false,
            };
            found |= self.0.pool.run(address, matches).await?;
        }
        Ok(found)
    }

    /// Runs other work on a password that is too long for a thread that serves requests.
    ///
    /// # Errors
    /// [`Fault::Crowded`] if too many are waiting.
    pub async fn ponder<T: Send + 'static>(
        &self,
        address: IpAddr,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Fault> {
        self.0.pool.run(address, move |_| work()).await
    }

    /// What was computed so far.
    pub fn operations(&self) -> Operations {
        let Counts { argon2id, imported } = &*self.0.counts;
        Operations {
            argon2id: argon2id.load(Ordering::Relaxed),
            imported: imported.load(Ordering::Relaxed),
        }
    }
}

impl Counts {
    fn hash(&self, password: &str, salt: Salt, memory: &mut Memory) -> Result<Secret, Fault> {
        self.count(&self.argon2id, "argon2id");
        let hash = memory.hash(password.as_bytes(), salt);
        hash.map_err(|why| Fault::Unwritable(format!("a password's hash: {why}")))
    }

    fn matches(&self, stored: &Stored, password: &str, memory: &mut Memory) -> bool {
        if stored.is_ours() {
            self.count(&self.argon2id, "argon2id");
        } else {
            self.count(&self.imported, "imported");
        }
        stored.verify(password, memory)
    }

    fn verify(
        &self,
        password: &str,
        stored: Option<&str>,
        salt: Salt,
        memory: &mut Memory,
    ) -> Result<Verdict, Fault> {
        let stored = readable(stored).filter(|_| password.len() <= LONGEST_SHOWN);
        let right = stored
            .as_ref()
            .is_some_and(|stored| self.matches(stored, password, memory));
        if stored.as_ref().is_some_and(Stored::is_ours) {
            return Ok(if right {
                Verdict::Right { better: None }
            } else {
                Verdict::Wrong
            });
        }
        // Right or wrong, or nothing to compare with: a hash of ours is made, so that each costs as much.
        let better = self.hash(password, salt, memory)?;
        Ok(match stored {
            Some(stored) if right => Verdict::Right {
                better: stored.is_all_of(password).then_some(better),
            },
            Some(_) | None => Verdict::Wrong,
        })
    }

    fn count(&self, counter: &AtomicU64, kind: &'static str) {
        counter.fetch_add(1, Ordering::Relaxed);
        metrics::counter!(PASSWORD_HASHES, "kind" => kind).increment(1);
    }
}

/// Reads a stored hash. One that cannot be read lets nobody in, and the operator hears of it.
fn readable(stored: Option<&str>) -> Option<Stored> {
    Stored::parse(stored?)
        .inspect_err(|Unreadable(why)| {
            tracing::warn!(
                why,
                "a stored password cannot be verified: its owner must choose a new one"
            );
        })
        .ok()
}

fn salt(rng: &mut impl CryptoRng) -> Salt {
    let mut salt = Salt::default();
    rng.fill_bytes(&mut salt);
    salt
}

#[cfg(test)]
mod tests;
