//! The ids of log lines: 56 digits whose order is the order of time.

use std::fmt;

use jiff::tz::Offset;
use keystead_protocol::time::Timestamp;
use rand_core::CryptoRng;
use thiserror::Error;

/// What every id begins with.
const PREFIX: &str = "900";
/// Behind the calendar's digits stand two numbers below this, of 18 digits each, left to chance.
const CHANCE: u64 = 10_u64.pow(18);
const LENGTH: usize = 56;

/// The id of a log line: `900`, the UTC calendar's `yyyyMMddHHmmssSSS`, and 36 digits of chance.
///
/// Texts of it sort as the moments they name. Within one millisecond their order is chance.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogId(String);

/// A string that is not the id of a log line. Does not repeat the string.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not the id of a log line")]
pub struct BadLogId;

impl LogId {
    /// Draws an id for what happens now.
    pub fn generate(now: Timestamp, rng: &mut impl CryptoRng) -> Self {
        Self::at(now, [rng.next_u64(), rng.next_u64()])
    }

    /// The first of all ids that a moment could have.
    pub fn lowest_of(moment: Timestamp) -> Self {
        Self::at(moment, [0, 0])
    }

    /// The id as it is written on the wire and in the database.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Moments outside the years 1970 to 9999 count as the nearest inside.
    fn at(moment: Timestamp, chance: [u64; 2]) -> Self {
        let moment = jiff::Timestamp::from_millisecond(moment.as_millis().max(0))
            .unwrap_or(jiff::Timestamp::MAX);
        let utc = Offset::UTC.to_datetime(moment);
        // One number is written faster than seven.
        let calendar = [
            (i64::from(utc.year()), 1),
            (utc.month().into(), 100),
            (utc.day().into(), 100),
            (utc.hour().into(), 100),
            (utc.minute().into(), 100),
            (utc.second().into(), 100),
            (utc.millisecond().into(), 1_000),
        ];
        let digits = calendar
            .into_iter()
            .fold(0, |digits, (part, room)| digits * room + part);
        let [first, second] = chance.map(|chance| chance % CHANCE);
        Self(format!("{PREFIX}{digits:017}{first:018}{second:018}"))
    }
}

impl TryFrom<String> for LogId {
    type Error = BadLogId;

    fn try_from(text: String) -> Result<Self, BadLogId> {
        let legal = text.len() == LENGTH && text.bytes().all(|b| b.is_ascii_digit());
        if legal { Ok(Self(text)) } else { Err(BadLogId) }
    }
}

impl TryFrom<&str> for LogId {
    type Error = BadLogId;

    fn try_from(text: &str) -> Result<Self, BadLogId> {
        text.to_owned().try_into()
    }
}

impl fmt::Display for LogId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng as _};

    use super::*;

    #[test]
    fn an_id_has_56_digits_and_begins_with_its_moment() {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        for (name, millis, begins) in [
            ("the epoch", 0, "90019700101000000000"),
            (
                "the last moment of a leap day",
                1_709_251_199_999,
                "90020240229235959999",
            ),
            (
                "a moment of 2027",
                1_800_000_000_001,
                "90020270115080000001",
            ),
            ("before the epoch", -1, "90019700101000000000"),
            ("the end of time", i64::MAX, "90099991230220000999"),
        ] {
            let id = LogId::generate(Timestamp::from_millis(millis), &mut rng);
            assert!(id.as_str().starts_with(begins), "{name}: {id}");
            assert_eq!(LogId::try_from(id.as_str()), Ok(id), "{name}");
        }
    }

    #[test]
    fn ids_sort_as_their_moments_and_the_lowest_is_below_all_of_its_moment() {
        let mut rng = ChaCha20Rng::seed_from_u64(2);
        let mut last = LogId::lowest_of(Timestamp::from_millis(0));
        for millis in [1, 999, 1000, 86_400_000, 951_782_400_000, 1_800_000_000_000] {
            let moment = Timestamp::from_millis(millis);
            let (lowest, id) = (LogId::lowest_of(moment), LogId::generate(moment, &mut rng));
            assert!(last < lowest && lowest < id, "{millis}");
            last = id;
        }
    }

    #[test]
    fn what_is_no_id_is_refused() {
        for (name, text) in [
            ("nothing", String::new()),
            ("a digit short", "9".repeat(55)),
            ("a digit long", "9".repeat(57)),
            ("a letter", format!("{}a", "9".repeat(55))),
            ("a digit of another script", format!("{}٣", "9".repeat(54))),
        ] {
            assert_eq!(LogId::try_from(text), Err(BadLogId), "{name}");
        }
    }
}
