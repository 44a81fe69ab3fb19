//! How fast one address may ask, and how often it may be wrong: token buckets in the memory of this process.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    num::NonZeroU32,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    time::Duration,
};

use governor::{
    Quota, RateLimiter, clock::Clock, middleware::StateInformationMiddleware,
    state::keyed::HashMapStateStore,
};

use crate::config;

/// How many seconds' worth may come at once.
const BURST: u32 = 5;
/// After how many requests the addresses are forgotten that have not asked for a while. What is remembered is bounded by
/// this and by what comes in within [`BURST`] seconds.
const SWEEP: u32 = 1024;

/// The buckets. A limit is one node's: several nodes allow several times as much.
pub struct Limits {
    requests: Option<Bucket>,
    failures: Option<Bucket>,
    /// Addresses that may not try again before their moment.
    shut_out: Mutex<HashMap<IpAddr, Duration>>,
    asked: AtomicU32,
}

/// How an address stands to a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// How many requests it may send at once.
    pub limit: u32,
    /// How many of them it has left.
    pub remaining: u32,
    /// When it has all of them again, or, if it was refused, one.
    pub reset: Duration,
}

impl Limits {
    /// Empty buckets' worth of limits.
    pub fn new(config: &config::Limits) -> Self {
        Self {
            requests: Bucket::new(config.requests_per_second),
            failures: Bucket::new(config.failures_per_second),
            shut_out: Mutex::default(),
            asked: AtomicU32::new(0),
        }
    }

    /// Counts a request. `elapsed` is the reading of a clock that never goes back.
    ///
    /// # Errors
    /// The [`Standing`] of an address that has to wait.
    pub fn admit(&self, address: IpAddr, elapsed: Duration) -> Result<Option<Standing>, Standing> {
        let who = household(address);
        if self.asked.fetch_add(1, Ordering::Relaxed) % SWEEP == SWEEP - 1 {
            self.sweep(elapsed);
        }
        if let Some(failures) = &self.failures {
            let shut_out = self.shut_out.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(until) = shut_out.get(&who).filter(|until| **until > elapsed) {
                return Err(Standing {
                    limit: failures.burst.get(),
                    remaining: 0,
                    reset: *until - elapsed,
                });
            }
        }
        self.requests
            .as_ref()
            .map(|requests| requests.take(who, elapsed))
            .transpose()
    }

    /// Counts a request whose sender showed something wrong. With the last of its chances an address is shut out until it
    /// has another, so that what it tries next is not looked at: a right guess would be answered like a wrong one.
    pub fn count_failure(&self, address: IpAddr, elapsed: Duration) {
        let Some(failures) = &self.failures else {
            return;
        };
        let who = household(address);
        let wait = match failures.take(who, elapsed) {
            Ok(standing) if standing.remaining > 0 => return,
            Ok(_) => failures.interval,
            Err(standing) => standing.reset,
        };
        let mut shut_out = self.shut_out.lock().unwrap_or_else(PoisonError::into_inner);
        shut_out.insert(who, elapsed + wait);
    }

    fn sweep(&self, elapsed: Duration) {
        for bucket in [&self.requests, &self.failures].into_iter().flatten() {
            bucket.told.hear(elapsed);
            bucket.limiter.retain_recent();
        }
        let mut shut_out = self.shut_out.lock().unwrap_or_else(PoisonError::into_inner);
        shut_out.retain(|_, until| *until > elapsed);
    }
}

/// Who is counted as one: an IPv4 address, or the /64 in which a subscriber chooses IPv6 addresses at will.
pub(crate) fn household(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        v4 @ IpAddr::V4(_) => v4,
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << 64)).into(),
    }
}

struct Bucket {
    limiter: RateLimiter<IpAddr, HashMapStateStore<IpAddr>, Told, StateInformationMiddleware>,
    told: Told,
    burst: NonZeroU32,
    /// How long one more takes to come.
    interval: Duration,
}

impl Bucket {
    fn new(per_second: u32) -> Option<Self> {
        let rate = NonZeroU32::new(per_second)?;
        let burst = rate.saturating_mul(NonZeroU32::new(BURST)?);
        let quota = Quota::per_second(rate).allow_burst(burst);
        let told = Told::default();
        Some(Self {
            limiter: RateLimiter::new(quota, HashMapStateStore::default(), told.clone()),
            told,
            burst,
            interval: quota.replenish_interval(),
        })
    }

    fn take(&self, who: IpAddr, elapsed: Duration) -> Result<Standing, Standing> {
        self.told.hear(elapsed);
        let standing = |remaining, reset| Standing {
            limit: self.burst.get(),
            remaining,
            reset,
        };
        match self.limiter.check_key(&who) {
            Ok(taken) => {
                let remaining = taken.remaining_burst_capacity();
                Ok(standing(
                    remaining,
                    self.interval * (self.burst.get() - remaining),
                ))
            }
            Err(not_until) => Err(standing(0, not_until.wait_time_from(self.told.now()))),
        }
    }
}

/// A clock that knows what it was told last, in nanoseconds: time is an argument here too.
#[derive(Debug, Clone, Default)]
struct Told(Arc<AtomicU64>);

impl Told {
    fn hear(&self, elapsed: Duration) {
        let nanos = u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX);
        self.0.fetch_max(nanos, Ordering::Relaxed);
    }
}

impl Clock for Told {
    type Instant = Duration;

    fn now(&self) -> Duration {
        Duration::from_nanos(self.0.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn limits(requests_per_second: u32, failures_per_second: u32) -> Limits {
        Limits::new(&config::Limits {
            requests_per_second,
            failures_per_second,
        })
    }

    fn at(address: &str) -> IpAddr {
        address.parse().unwrap()
    }

    #[test]
    fn an_address_has_a_burst_and_then_its_rate() {
        let limits = limits(2, 0);
        let (ada, now) = (at("192.0.2.1"), 1_790_000_000 * SECOND);
        for left in (0..10).rev() {
            let standing = limits.admit(ada, now).unwrap().unwrap();
            assert_eq!((standing.limit, standing.remaining), (10, left));
            assert_eq!(standing.reset, (10 - left) * SECOND / 2);
        }
        let refused = limits.admit(ada, now).unwrap_err();
        assert_eq!((refused.remaining, refused.reset), (0, SECOND / 2));
        assert!(limits.admit(at("192.0.2.2"), now).is_ok());
        let later = now + SECOND / 2;
        assert!(limits.admit(ada, later).is_ok());
        assert!(limits.admit(ada, later).is_err());
        assert!(limits.admit(ada, now).is_err(), "a clock that goes back");
    }

    #[test]
    fn who_is_wrong_too_often_is_shut_out_and_nobody_else_is() {
        let limits = limits(0, 2);
        let (eve, now) = (at("2001:db8::1"), SECOND);
        for _ in 0..10 {
            assert_eq!(limits.admit(eve, now), Ok(None));
            limits.count_failure(eve, now);
        }
        assert_eq!(limits.admit(eve, now).unwrap_err().reset, SECOND / 2);
        assert!(
            limits.admit(at("2001:db8::ffff:2"), now).is_err(),
            "her /64"
        );
        assert!(limits.admit(at("2001:db8:0:1::1"), now).is_ok());

        let later = now + SECOND / 2;
        assert_eq!(limits.admit(eve, later), Ok(None));
        limits.count_failure(eve, later);
        assert!(limits.admit(eve, later).is_err(), "one chance, not ten");
    }

    #[test]
    fn zero_is_no_limit() {
        let limits = limits(0, 0);
        for _ in 0..10_000 {
            assert_eq!(limits.admit(at("192.0.2.1"), SECOND), Ok(None));
            limits.count_failure(at("192.0.2.1"), SECOND);
        }
    }

    #[test]
    fn who_has_not_asked_for_a_while_is_forgotten() {
        let limits = limits(2, 2);
        let crowd = |from: u32| (0..4096).map(move |n| IpAddr::from((from + n).to_be_bytes()));
        for address in crowd(0x0A00_0000) {
            assert!(limits.admit(address, SECOND).is_ok());
            (0..10).for_each(|_| limits.count_failure(address, SECOND));
        }
        let remembered = |limits: &Limits| {
            let sizes = [&limits.requests, &limits.failures]
                .map(|bucket| bucket.as_ref().unwrap().limiter.len());
            (sizes, limits.shut_out.lock().unwrap().len())
        };
        assert_eq!(remembered(&limits), ([4096, 4096], 4096));
        for address in crowd(0x0B00_0000) {
            assert!(limits.admit(address, 10 * SECOND).is_ok());
        }
        assert_eq!(remembered(&limits), ([4096, 0], 0));
    }
}
