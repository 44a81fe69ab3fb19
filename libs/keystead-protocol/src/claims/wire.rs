//! How JSON writes an audience and a date.

use std::fmt;

use serde::{
    Deserializer,
    de::{Error, SeqAccess, Visitor},
};

use crate::time::Timestamp;

/// The last second of the year 9999, in seconds. What lies beyond is a slip of units or a trick, not a date.
const LAST_DATE: i64 = 253_402_300_799;

/// `aud`: a string or an array of strings (RFC 7519 §4.1.3).
pub(super) fn one_or_many<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    struct OneOrMany;

    impl<'de> Visitor<'de> for OneOrMany {
        type Value = Vec<String>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a string or an array of strings")
        }

        fn visit_str<E>(self, one: &str) -> Result<Vec<String>, E> {
            Ok(vec![one.to_owned()])
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<String>, A::Error> {
            let mut many = Vec::new();
            while let Some(one) = seq.next_element()? {
                many.push(one);
            }
            Ok(many)
        }
    }

    from.deserialize_any(OneOrMany)
}

/// NumericDate (RFC 7519 §2): seconds since 1970, whole or with a fraction, kept to the millisecond. Refuses what is negative
/// or later than the year 9999; JSON has no NaN and `serde_json` refuses numbers that overflow.
pub(super) fn numeric_date<'de, D: Deserializer<'de>>(
    from: D,
) -> Result<Option<Timestamp>, D::Error> {
    struct NumericDate;

    impl Visitor<'_> for NumericDate {
        type Value = Option<Timestamp>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("seconds between the years 1970 and 9999")
        }

        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok(None)
        }

        fn visit_i64<E: Error>(self, seconds: i64) -> Result<Self::Value, E> {
            if !(0..=LAST_DATE).contains(&seconds) {
                return Err(E::custom("a date out of range"));
            }
            Ok(Some(Timestamp::from_secs(seconds)))
        }

        fn visit_u64<E: Error>(self, seconds: u64) -> Result<Self::Value, E> {
            self.visit_i64(i64::try_from(seconds).map_err(E::custom)?)
        }

        fn visit_f64<E: Error>(self, seconds: f64) -> Result<Self::Value, E> {
            // The comparison fails for NaN; it also keeps the product well inside what an f64 holds exactly.
            if !(0.0..LAST_DATE as f64).contains(&seconds) {
                return Err(E::custom("a date out of range"));
            }
            #[expect(
                clippy::cast_possible_truncation,
                reason = "in range, and what is smaller than a millisecond is to go"
            )]
            Ok(Some(Timestamp::from_millis((seconds * 1000.0) as i64)))
        }
    }

    from.deserialize_any(NumericDate)
}
