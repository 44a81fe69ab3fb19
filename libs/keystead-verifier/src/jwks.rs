//! The issuer's published keys: fetched once for many, refreshed before they are old, kept while the issuer is away.
//!
//! A snapshot is replaced as a whole, so that reading it takes no lock. There is at most one fetch at a time, on a task
//! of its own: a caller that goes away stops nothing.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError},
    time::Duration,
};

use arc_swap::ArcSwapOption;
use keystead_protocol::{
    endpoint,
    jwk::{Algorithm, Jwk, VerifyingKey, VerifyingKeys},
    time::Timestamp,
};
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::sync::watch;
use url::Url;

use crate::{BuildError, FetchError, Refusal, clock::Clock, fetch::Fetch, place::Place};

/// Keys without `Cache-Control` hold so long.
const USUAL_LIFE: Duration = Duration::from_secs(600);
/// No issuer is asked more often because of its `Cache-Control`.
const SHORTEST_LIFE: Duration = Duration::from_secs(60);
/// No withdrawn key is believed longer because of `Cache-Control`.
const LONGEST_LIFE: Duration = Duration::from_secs(3600);
/// How long nothing is tried after a failure.
const PAUSE: Duration = Duration::from_secs(5);
/// More keys than any issuer has. Parsing one costs as much as a signature.
const MOST_KEYS: usize = 100;

/// What the operator may set.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    pub(crate) stale: Duration,
    pub(crate) unknown: Duration,
    pub(crate) fetch: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            stale: Duration::from_secs(24 * 3600),
            unknown: Duration::from_secs(60),
            fetch: Duration::from_secs(5),
        }
    }
}

/// The keys of one moment.
pub(crate) struct Published {
    pub(crate) keys: VerifyingKeys,
    fetched_at: Timestamp,
    /// From here on a request lets them be fetched anew, without waiting.
    refresh_at: Timestamp,
    /// From here on a request waits for that, unless it failed.
    fresh_until: Timestamp,
}

/// The keys of one issuer.
pub(crate) struct Jwks {
    place: Place,
    fetch: Fetch,
    algorithms: Vec<Algorithm>,
    patience: Patience,
    clock: Clock,
    current: ArcSwapOption<Published>,
    flight: Mutex<Flight>,
}

/// The fetch that is under way, and what became of the last ones. Locked for a few instructions.
#[derive(Default)]
struct Flight {
    /// Closed when it has landed.
    landing: Option<watch::Receiver<()>>,
    /// The last fetch, if it failed.
    failed: Option<(Timestamp, FetchError)>,
    /// The last fetch that was made for an unknown `kid`.
    for_unknown: Option<Timestamp>,
}

/// What a fetch is made for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cause {
    Age,
    UnknownKey,
}

impl Jwks {
    pub(crate) fn new(
        place: Place,
        algorithms: Vec<Algorithm>,
        patience: Patience,
        clock: Clock,
    ) -> Result<Self, BuildError> {
        Ok(Self {
            fetch: Fetch::new(patience.fetch, place.url())?,
            place,
            algorithms,
            patience,
            clock,
            current: ArcSwapOption::empty(),
            flight: Mutex::default(),
        })
    }

    /// The keys, if there are any that need not be waited for. Starts a fetch when it is time.
    pub(crate) fn warm(self: &Arc<Self>, now: Timestamp) -> Option<Arc<Published>> {
        let published = self.usable(now)?;
        if published.fetched_at <= now && now < published.refresh_at {
            return Some(published);
        }
        let is_fresh = published.fetched_at <= now && now < published.fresh_until;
        let flight = match self.flight.try_lock() {
            Ok(flight) => flight,
            Err(TryLockError::WouldBlock) if is_fresh => return Some(published),
            Err(_) => self.lock(),
        };
        let is_away = flight.failed.is_some();
        self.start(flight, Cause::Age, now);
        (is_fresh || is_away).then_some(published)
    }

    /// The keys after a fetch that is under way or begins now. If it fails, those from before, as long as they may serve.
    pub(crate) async fn wait(self: &Arc<Self>, now: Timestamp) -> Result<Arc<Published>, Refusal> {
        let landing = self.start(self.lock(), Cause::Age, now);
        land(landing).await;
        self.at_hand(now)
    }

    /// Newer keys than those that were seen to lack one, if there are any or the issuer may be asked for them.
    pub(crate) async fn look_again(
        self: &Arc<Self>,
        seen: &Arc<Published>,
        now: Timestamp,
    ) -> Option<Arc<Published>> {
        let newer = || {
            let current = self.current.load_full();
            current.filter(|current| !Arc::ptr_eq(current, seen))
        };
        let landing = {
            let flight = self.lock();
            if let Some(newer) = newer() {
                return Some(newer);
            }
            self.start(flight, Cause::UnknownKey, now)
        };
        land(landing).await;
        newer()
    }

    /// The keys of the last fetch that succeeded, whatever is under way.
    pub(crate) fn at_hand(&self, now: Timestamp) -> Result<Arc<Published>, Refusal> {
        self.usable(now).ok_or_else(|| {
            let why = self.lock().failed.as_ref().map(|(_, why)| why.clone());
            Refusal::KeysUnavailable(why.unwrap_or(FetchError::NotYet))
        })
    }

    fn usable(&self, now: Timestamp) -> Option<Arc<Published>> {
        let published = self.current.load_full()?;
        let end = (published.fetched_at + self.patience.stale).max(published.fresh_until);
        (now < end).then_some(published)
    }

    /// Joins the fetch that is under way, or begins one, if none was too short a time ago.
    fn start(
        self: &Arc<Self>,
        mut flight: MutexGuard<'_, Flight>,
        cause: Cause,
        now: Timestamp,
    ) -> Option<watch::Receiver<()>> {
        if let Some(landing) = &flight.landing
            && landing.has_changed().is_ok()
        {
            return Some(landing.clone());
        }
        // A clock that was set back must not stop anything for long.
        let recent = |at: Timestamp, span| at <= now && now < at + span;
        if matches!(flight.failed, Some((at, _)) if recent(at, PAUSE)) {
            return None;
        }
        if cause == Cause::UnknownKey {
            if matches!(flight.for_unknown, Some(at) if recent(at, self.patience.unknown)) {
                return None;
            }
            flight.for_unknown = Some(now);
        }
        let (flying, landing) = watch::channel(());
        flight.landing = Some(landing.clone());
        let jwks = Arc::clone(self);
        tokio::spawn(async move {
            jwks.fly().await;
            drop(flying);
        });
        Some(landing)
    }

    async fn fly(&self) {
        let result = self.published().await;
        let mut flight = self.lock();
        match result {
            Ok(published) => {
                tracing::debug!(place = %self.place, keys = published.keys.keys().len(), "keys fetched");
                self.current.store(Some(Arc::new(published)));
                flight.failed = None;
            }
            Err(why) => {
                tracing::warn!(place = %self.place, %why, "keys could not be fetched");
                flight.failed = Some(((self.clock)(), why));
                // What failed does not count against a key that really is new.
                flight.for_unknown = None;
            }
        }
    }

    async fn published(&self) -> Result<Published, FetchError> {
        let fetched_at = (self.clock)();
        let key_set = match &self.place {
            Place::KeySet(url) => url.clone(),
            Place::Discovery { issuer, document } => self.discover(issuer, document).await?,
        };
        let document = self.fetch.get(&key_set).await?;
        let life = document.max_age.unwrap_or(USUAL_LIFE);
        let life = life.clamp(SHORTEST_LIFE, LONGEST_LIFE);
        Ok(Published {
            keys: read_set(&document.body, &self.algorithms)
                .ok_or_else(|| FetchError::Malformed(key_set.to_string()))?,
            fetched_at,
            refresh_at: fetched_at + life * 3 / 4,
            fresh_until: fetched_at + life,
        })
    }

    /// The `jwks_uri` of the discovery document, if it is our issuer's (OpenID Connect Discovery §4.3).
    async fn discover(&self, issuer: &str, url: &Url) -> Result<Url, FetchError> {
        #[derive(Deserialize)]
        struct Metadata {
            issuer: String,
            jwks_uri: String,
        }

        let document = self.fetch.get(url).await?;
        let metadata: Metadata = serde_json::from_slice(&document.body)
            .map_err(|_| FetchError::Malformed(url.to_string()))?;
        if metadata.issuer != issuer {
            return Err(FetchError::WrongIssuer {
                expected: issuer.to_owned(),
                found: metadata.issuer,
            });
        }
        endpoint::permitted_by(url, &metadata.jwks_uri)
            .ok_or(FetchError::Insecure(metadata.jwks_uri))
    }

    fn lock(&self) -> MutexGuard<'_, Flight> {
        self.flight.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn land(landing: Option<watch::Receiver<()>>) {
    if let Some(mut landing) = landing {
        // Nothing is ever sent: the only news is that the sender is gone.
        while landing.changed().await.is_ok() {}
    }
}

/// Reads a key set, keeps what can check an allowed algorithm, and pins keys without `alg` to the first that fits.
fn read_set(json: &[u8], allowed: &[Algorithm]) -> Option<VerifyingKeys> {
    #[derive(Deserialize)]
    struct Set<'a> {
        #[serde(borrow)]
        keys: Vec<&'a RawValue>,
    }

    let set: Set<'_> = serde_json::from_slice(json).ok()?;
    let usable = |json: &RawValue| {
        let jwk = Jwk::from_json(json.get()).ok()?;
        let fits = |&algorithm: &Algorithm| VerifyingKey::from_jwk(&jwk, Some(algorithm)).ok();
        allowed.iter().find_map(fits)
    };
    Some(
        set.keys
            .into_iter()
            .take(MOST_KEYS)
            .filter_map(usable)
            .collect(),
    )
}
