//! What every endpoint is handed: store, configuration, the one clock and the one source of randomness.

use std::{
    cell::RefCell,
    convert::Infallible,
    ops::Deref,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use keystead_protocol::time::Timestamp;
use keystead_store::{Store, seal::Keyring};
use rand_core::{CryptoRng, TryCryptoRng, TryRng, utils::next_word_via_fill};

use crate::{
    catalogue::Catalogue, config::Config, limits::Limits, logbook::Logbook, password::Passwords,
};

/// What endpoints share. Every request holds several clones, so a clone is one pointer.
#[derive(Clone)]
pub struct Services(Arc<Parts>);

/// What [`Services`] is made of.
pub struct Parts {
    /// The records.
    pub store: Store,
    /// The keys that seal secrets in the records.
    pub keyring: Arc<Keyring>,
    /// What this process remembers of the configuration in the store.
    pub catalogue: Arc<Catalogue>,
    /// Where log lines go that nobody waits for.
    pub logbook: Logbook,
    /// Where passwords are hashed.
    pub passwords: Passwords,
    /// How fast one address may ask.
    pub limits: Arc<Limits>,
    /// The checked configuration.
    pub config: Arc<Config>,
    /// The only clock.
    pub clock: Clock,
    /// The only source of randomness.
    pub entropy: Entropy,
    /// Whether this process still wants new work.
    pub readiness: Readiness,
}

impl Deref for Services {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl From<Parts> for Services {
    fn from(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }
}

impl Services {
    /// The services of a running server, on the system's clock and randomness.
    /// `store` is open, `keyring` holds the keys it was written with.
    pub fn new(config: Config, store: Store, keyring: Keyring) -> Self {
        Parts::new(config, store, keyring).into()
    }
}

impl Parts {
    /// See [`Services::new`].
    pub fn new(config: Config, store: Store, keyring: Keyring) -> Self {
        Self {
            store,
            keyring: Arc::new(keyring),
            catalogue: Arc::default(),
            logbook: Logbook::default(),
            passwords: Passwords::for_this_machine(),
            limits: Arc::new(Limits::new(&config.limits)),
            config: Arc::new(config),
            clock: Clock::system(),
            entropy: Entropy::system(),
            readiness: Readiness::default(),
        }
    }

    /// A handle on the source of randomness, to be lent as `&mut impl CryptoRng`.
    pub fn rng(&self) -> Entropy {
        self.entropy.clone()
    }
}

/// The one clock. Handlers read it through the [`Now`](crate::http::Now) extractor, once per request.
#[derive(Debug, Clone)]
pub struct Clock(Hands);

#[derive(Debug, Clone)]
enum Hands {
    System { begun: Instant },
    Stopped(Arc<AtomicI64>),
}

impl Clock {
    /// The system's clock.
    pub fn system() -> Self {
        #[expect(
            clippy::disallowed_methods,
            reason = "rates are measured from here, since the time of day may be set back"
        )]
        let begun = Instant::now();
        Self(Hands::System { begun })
    }

    /// A clock that stands at `at` until [`advance`](Self::advance)d: for tests and for replaying a recorded moment.
    pub fn stopped(at: Timestamp) -> Self {
        Self(Hands::Stopped(Arc::new(AtomicI64::new(at.as_millis()))))
    }

    /// The moment. A system clock before 1970 reads as 1970.
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            Hands::System { .. } => {
                #[expect(
                    clippy::disallowed_methods,
                    reason = "this is the one clock that all others are read from"
                )]
                let since = SystemTime::now().duration_since(UNIX_EPOCH);
                Timestamp::from_millis(0) + since.unwrap_or_default()
            }
            Hands::Stopped(at) => Timestamp::from_millis(at.load(Ordering::SeqCst)),
        }
    }

    /// How long it has been running, for rates: it never goes back, whatever is done to the time of day. Says nothing
    /// about the date.
    pub fn elapsed(&self) -> Duration {
        match &self.0 {
            Hands::System { begun } => begun.elapsed(),
            Hands::Stopped(_) => self.now().since(Timestamp::from_millis(0)),
        }
    }

    /// Moves a stopped clock forward. The system's clock moves by itself and ignores this.
    pub fn advance(&self, by: Duration) {
        match &self.0 {
            Hands::System { .. } => {}
            Hands::Stopped(at) => {
                let later = (Timestamp::from_millis(at.load(Ordering::SeqCst)) + by).as_millis();
                at.store(later, Ordering::SeqCst);
            }
        }
    }
}

/// The one source of randomness. Clones draw from the same stream.
#[derive(Clone)]
pub struct Entropy(Source);

#[derive(Clone)]
enum Source {
    System,
    Given(Arc<Mutex<dyn CryptoRng + Send>>),
}

impl Entropy {
    /// The random number generator of the cryptographic library, seeded by the operating system.
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// Draws from `rng` instead, so that a test can know what will be drawn.
    pub fn from_rng(rng: impl CryptoRng + Send + 'static) -> Self {
        Self(Source::Given(Arc::new(Mutex::new(rng))))
    }
}

impl TryRng for Entropy {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        next_word_via_fill(self)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        next_word_via_fill(self)
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        match &self.0 {
            Source::System if out.len() <= Drawn::SMALL => {
                DRAWN.with_borrow_mut(|drawn| drawn.take(out));
            }
            Source::System => draw(out),
            Source::Given(rng) => rng
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .fill_bytes(out),
        }
        Ok(())
    }
}

impl TryCryptoRng for Entropy {}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the one source that everything random is drawn from"
)]
fn draw(out: &mut [u8]) {
    if aws_lc_rs::rand::fill(out).is_err() {
        // A panic would be caught and the server would go on; without randomness it must not.
        tracing::error!("the operating system gives no randomness; stopping at once");
        std::process::abort();
    }
}

/// What was drawn ahead: a draw costs about the same whether it is of sixteen bytes or of several hundred, and every request
/// needs some ids. What is handed out is wiped here.
struct Drawn {
    bytes: [u8; 1024],
    left: usize,
}

thread_local! {
    static DRAWN: RefCell<Drawn> = const {
        RefCell::new(Drawn {
            bytes: [0; 1024],
            left: 0,
        })
    };
}

impl Drawn {
    /// An id or a secret. More is drawn for itself.
    const SMALL: usize = 64;

    fn take(&mut self, out: &mut [u8]) {
        if self.left < out.len() {
            draw(&mut self.bytes);
            self.left = self.bytes.len();
        }
        let rest = self.left - out.len();
        let taken = &mut self.bytes[rest..self.left];
        out.copy_from_slice(taken);
        taken.fill(0);
        self.left = rest;
    }
}

/// Whether `/readyz` may invite more work. Clones share one answer.
#[derive(Debug, Clone, Default)]
pub struct Readiness(Arc<AtomicBool>);

impl Readiness {
    /// Says from now on that this process is leaving, so that load balancers send work elsewhere.
    pub fn leave(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    /// Whether [`leave`](Self::leave) was called.
    pub fn is_leaving(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

#[cfg(test)]
mod tests {
    use rand::{SeedableRng, rngs::StdRng};
    use rand_core::Rng as _;

    use super::*;

    #[test]
    fn what_is_drawn_ahead_is_handed_out_once() {
        let mut entropy = Entropy::system();
        let mut seen = std::collections::HashSet::new();
        for length in (16..=Drawn::SMALL + 16).cycle().take(4096) {
            let mut bytes = vec![0; length];
            entropy.fill_bytes(&mut bytes);
            for piece in bytes.chunks_exact(16) {
                assert!(seen.insert(piece.to_owned()), "sixteen bytes came twice");
            }
        }
        DRAWN.with_borrow(|drawn| {
            assert!(
                drawn.bytes[drawn.left..].iter().all(|byte| *byte == 0),
                "what was taken stays"
            );
        });
    }

    #[test]
    fn a_stopped_clock_moves_only_when_told() {
        let clock = Clock::stopped(Timestamp::from_secs(100));
        let shared = clock.clone();
        assert_eq!(clock.now(), Timestamp::from_secs(100));
        shared.advance(Duration::from_millis(1_500));
        assert_eq!(clock.now(), Timestamp::from_millis(101_500));
    }

    #[test]
    fn the_system_clock_is_past_the_day_this_was_written() {
        assert!(Clock::system().now() > Timestamp::from_secs(1_763_000_000));
    }

    #[test]
    fn clones_share_one_stream_and_a_seed_repeats_it() {
        let seeded = || Entropy::from_rng(StdRng::seed_from_u64(1));
        let (one, two) = (seeded(), seeded());
        let first = one.clone().next_u64();
        assert_eq!({ two }.next_u64(), first);
        assert_ne!({ one }.next_u64(), first);
    }

    #[test]
    fn the_system_draws_anew_each_time() {
        let mut rng = Entropy::system();
        let (mut one, mut two) = ([0; 32], [0; 32]);
        rng.fill_bytes(&mut one);
        rng.fill_bytes(&mut two);
        assert_ne!(one, two);
        assert_ne!(rng.next_u64(), 0);
    }
}
