//! What is stored in place of a code, a refresh token, a session cookie or a link: never the value itself.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use keystead_protocol::{
    secret::{Digest, Secret},
    time::Timestamp,
};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::db::{Column, FromColumn, Param, Value};

/// What a value is good for. It is part of the digest, so that none is found in another's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// An authorization code (RFC 6749 §4.1.2).
    Code,
    /// A refresh token (RFC 6749 §1.5).
    RefreshToken,
    /// An opaque access token.
    AccessToken,
    /// A session cookie.
    Session,
    /// The handle of a journey whose user is known.
    Journey,
    /// A one-time link.
    Ticket,
}

impl Purpose {
    fn tag(self) -> &'static [u8] {
        match self {
            Self::Code => b"code\0",
            Self::RefreshToken => b"refresh_token\0",
            Self::AccessToken => b"access_token\0",
            Self::Session => b"session\0",
            Self::Journey => b"journey\0",
            Self::Ticket => b"ticket\0",
        }
    }
}

/// Bytes of time in front: milliseconds since 1970 until the year 10889.
const TIME: usize = 6;
/// Bytes of chance: 256 bits.
const CHANCE: usize = 32;
/// Bytes of a key: the time and 208 bits of SHA-256.
const KEY: usize = 32;

/// The key of a stored value: six bytes of its time of issue, then a digest of purpose and value.
///
/// The time makes keys grow, so that inserts touch the end of an index instead of a random page: with durable writes
/// that doubles their rate. It is public in the value too and decides nothing.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TokenKey([u8; KEY]);

impl TokenKey {
    /// Draws a value for `purpose`: what to hand out, and the key to store.
    pub fn draw(purpose: Purpose, now: Timestamp, rng: &mut impl CryptoRng) -> (Secret, Self) {
        let mut bytes = Zeroizing::new([0; TIME + CHANCE]);
        bytes[..TIME].copy_from_slice(&now.as_millis().to_be_bytes()[2..]);
        rng.fill_bytes(&mut bytes[TIME..]);
        (Secret::from_bytes(&*bytes), Self::over(purpose, &*bytes))
    }

    /// The key of a value that somebody presents; `None` if it never was one of ours (wrong length, alphabet or a
    /// non-canonical ending), which saves the look-up.
    pub fn of(purpose: Purpose, value: &str) -> Option<Self> {
        let bytes = Zeroizing::new(URL_SAFE_NO_PAD.decode(value).ok()?);
        (bytes.len() == TIME + CHANCE).then(|| Self::over(purpose, &bytes))
    }

    fn over(purpose: Purpose, bytes: &[u8]) -> Self {
        let mut key = [0; KEY];
        key[..TIME].copy_from_slice(&bytes[..TIME]);
        let tagged = Zeroizing::new([purpose.tag(), bytes].concat());
        key[TIME..].copy_from_slice(&Digest::of(&tagged).as_bytes()[..KEY - TIME]);
        Self(key)
    }
}

impl fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [.., a, b, c, d] = self.0;
        write!(f, "TokenKey(..{a:02x}{b:02x}{c:02x}{d:02x})")
    }
}

impl Param for TokenKey {
    fn value(&self) -> Value<'_> {
        Value::Bytes(&self.0)
    }
}

impl FromColumn for TokenKey {
    fn from_column(column: Column) -> Result<Self, String> {
        Vec::from_column(column)?
            .try_into()
            .map(Self)
            .map_err(|_| "a token key of 32 bytes".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng as _};

    use super::*;

    fn drawn() -> (Secret, TokenKey) {
        TokenKey::draw(
            Purpose::Code,
            Timestamp::from_secs(1_800_000_000),
            &mut ChaCha20Rng::seed_from_u64(1),
        )
    }

    #[test]
    fn a_value_is_found_again_only_for_its_purpose() {
        let (value, key) = drawn();
        assert_eq!(TokenKey::of(Purpose::Code, value.expose()), Some(key));
        for other in [Purpose::RefreshToken, Purpose::Session, Purpose::Journey] {
            assert_ne!(TokenKey::of(other, value.expose()), Some(key), "{other:?}");
        }
    }

    #[test]
    fn no_flipped_bit_no_truncation_and_no_extension_is_the_same_value() {
        let (value, key) = drawn();
        let bytes = URL_SAFE_NO_PAD.decode(value.expose()).unwrap();
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_ne!(
                TokenKey::of(Purpose::Code, &URL_SAFE_NO_PAD.encode(flipped)),
                Some(key),
                "bit {bit}"
            );
        }
        for end in 0..value.expose().len() {
            assert_eq!(
                TokenKey::of(Purpose::Code, &value.expose()[..end]),
                None,
                "cut at {end}"
            );
        }
        for tail in ["A", "=", " ", "\0"] {
            assert_eq!(
                TokenKey::of(Purpose::Code, &format!("{}{tail}", value.expose())),
                None,
                "{tail:?}"
            );
        }
    }

    #[test]
    fn a_later_key_sorts_after_an_earlier_one() {
        let mut rng = ChaCha20Rng::seed_from_u64(2);
        let mut last = None;
        for millis in [1, 2, 255, 256, 65_536, 1_800_000_000_000, 1_800_000_000_001] {
            let (_, key) =
                TokenKey::draw(Purpose::Session, Timestamp::from_millis(millis), &mut rng);
            assert!(last < Some(key), "{millis}");
            last = Some(key);
        }
    }
}
