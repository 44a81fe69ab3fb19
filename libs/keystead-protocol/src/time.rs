//! Moments as values: milliseconds since 1970, handed in by whoever owns the clock.

use std::{
    ops::{Add, Sub},
    time::Duration,
};

/// A moment in Unix milliseconds. Arithmetic saturates: a hostile lifetime ends at the end of time, not before its start.
///
/// It has no serde form on purpose. A JWT's NumericDate (RFC 7519 §2) is seconds, the database keeps milliseconds and
/// Auth0's profiles ISO text: whoever writes a moment down says which of them is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// A moment from Unix seconds.
    pub const fn from_secs(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1000))
    }

    /// A moment from Unix milliseconds.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Whole Unix seconds, rounded towards the past, so that no token claims to be younger or to live longer than it does.
    pub const fn as_secs(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// Unix milliseconds.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// How long ago `earlier` was; zero if it is later than this moment.
    pub fn since(self, earlier: Self) -> Duration {
        u64::try_from(self.0.saturating_sub(earlier.0))
            .map_or(Duration::ZERO, Duration::from_millis)
    }
}

impl Add<Duration> for Timestamp {
    type Output = Self;

    fn add(self, span: Duration) -> Self {
        Self(self.0.saturating_add(millis(span)))
    }
}

impl Sub<Duration> for Timestamp {
    type Output = Self;

    fn sub(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(millis(span)))
    }
}

fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_round_towards_the_past() {
        for (millis, seconds) in [
            (0, 0),
            (999, 0),
            (1000, 1),
            (1999, 1),
            (-1, -1),
            (-1000, -1),
            (-1001, -2),
        ] {
            assert_eq!(
                Timestamp::from_millis(millis).as_secs(),
                seconds,
                "{millis}"
            );
        }
        assert_eq!(Timestamp::from_secs(7).as_millis(), 7000);
    }

    #[test]
    fn arithmetic_saturates() {
        let (first, last) = (
            Timestamp::from_millis(i64::MIN),
            Timestamp::from_millis(i64::MAX),
        );
        assert_eq!(last + Duration::from_millis(1), last);
        assert_eq!(first - Duration::from_millis(1), first);
        assert_eq!(Timestamp::from_secs(0) + Duration::MAX, last);
        assert_eq!(Timestamp::from_secs(i64::MAX), last);
        assert_eq!(
            last.since(first),
            Duration::from_millis(i64::MAX.unsigned_abs())
        );
        assert_eq!(
            Timestamp::from_secs(10) - Duration::from_millis(1),
            Timestamp::from_millis(9_999)
        );
    }

    #[test]
    fn nothing_is_ever_younger_than_new() {
        let (noon, later) = (Timestamp::from_secs(10), Timestamp::from_millis(12_500));
        assert_eq!(later.since(noon), Duration::from_millis(2_500));
        assert_eq!(noon.since(later), Duration::ZERO);
        assert!(noon < later);
    }
}
