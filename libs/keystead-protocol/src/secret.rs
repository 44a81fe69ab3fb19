//! What must not be seen: secrets that print as a blank, and the digests by which they are stored.

use std::fmt;

use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use rand_core::CryptoRng;
use subtle::ConstantTimeEq as _;
use thiserror::Error;
use zeroize::Zeroizing;

/// A client secret, code, refresh token, verifier, password or anything else whose holder is believed.
///
/// It has no `Display` and is never serialised; its memory is overwritten when dropped. Comparison does not depend on
/// where two secrets differ, nor on whether their lengths do.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Draws 256 bits, written as 43 characters of unpadded base64url: safe in URLs, forms, headers and cookies.
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        let mut chance = Zeroizing::new([0; 32]);
        rng.fill_bytes(chance.as_mut_slice());
        Self::from_bytes(chance.as_slice())
    }

    /// Writes bytes as unpadded base64url (RFC 4648 §5).
    pub fn from_bytes(bytes: &[u8]) -> Self {
        URL_SAFE_NO_PAD.encode(bytes).into()
    }

    /// Whether `given` is this secret. Both are hashed first, so that the comparison is over 32 bytes each time and
    /// tells nothing of the stored length; the time of hashing shows only the length that the caller himself sent.
    pub fn matches(&self, given: &str) -> bool {
        self.digest().matches(&Digest::of(given.as_bytes()))
    }

    /// The secret itself, for the one place that must send or hash it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What the database stores instead of the secret. Enough for secrets of full entropy; passwords need a slow hash.
    pub fn digest(&self) -> Digest {
        Digest::of(self.0.as_bytes())
    }
}

impl From<String> for Secret {
    fn from(secret: String) -> Self {
        Self(Zeroizing::new(secret))
    }
}

impl From<&str> for Secret {
    fn from(secret: &str) -> Self {
        secret.to_owned().into()
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.matches(&other.0)
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// The SHA-256 of a secret: the key under which its row is found.
///
/// Ordinary equality and hashing are provided because an attacker who can choose inputs cannot choose their digests;
/// use [`Digest::matches`] where a secret is checked rather than looked up.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// Hashes bytes.
    pub fn of(bytes: &[u8]) -> Self {
        let mut out = [0; 32];
        out.copy_from_slice(digest(&SHA256, bytes).as_ref());
        Self(out)
    }

    /// The 32 bytes, as they are stored.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Whether both are the same, in a time that does not depend on where they differ.
    pub fn matches(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl From<[u8; 32]> for Digest {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

/// Bytes that are no SHA-256 digest because they are not 32.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a SHA-256 digest has 32 bytes, not {length}")]
pub struct BadDigest {
    length: usize,
}

impl TryFrom<&[u8]> for Digest {
    type Error = BadDigest;

    fn try_from(bytes: &[u8]) -> Result<Self, BadDigest> {
        bytes.try_into().map(Self).map_err(|_| BadDigest {
            length: bytes.len(),
        })
    }
}

/// Four bytes: enough to tell rows of a log apart, useless for a look-up.
impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, ..] = self.0;
        write!(f, "Digest({a:02x}{b:02x}{c:02x}{d:02x}..)")
    }
}

#[cfg(test)]
mod tests {
    use rand::{SeedableRng, rngs::StdRng};

    use super::*;

    #[test]
    fn a_secret_matches_itself_and_nothing_else() {
        let secret = Secret::from("correct horse");
        for (name, given, want) in [
            ("the secret", "correct horse", true),
            ("another", "correct h0rse", false),
            ("a prefix", "correct", false),
            ("an extension", "correct horse ", false),
            ("other case", "Correct horse", false),
            ("nothing", "", false),
        ] {
            assert_eq!(secret.matches(given), want, "{name}");
        }
        assert!(!Secret::from("").matches("x"));
    }

    #[test]
    fn nothing_shows() {
        let secret = Secret::from("hunter2");
        assert_eq!(
            format!("{secret:?} {:?}", Some(&secret)),
            "Secret(..) Some(Secret(..))"
        );
        // FIPS 180-2 appendix B.1.
        assert_eq!(
            format!("{:?}", Secret::from("abc").digest()),
            "Digest(ba7816bf..)"
        );
        assert_eq!(
            Secret::from("abc").digest().as_bytes()[28..],
            [0xf2, 0x00, 0x15, 0xad]
        );
    }

    #[test]
    fn a_drawn_secret_is_long_url_safe_and_new() {
        let rng = &mut StdRng::seed_from_u64(7);
        let (one, two) = (Secret::generate(rng), Secret::generate(rng));
        assert_eq!(one.expose().len(), 43);
        assert!(
            one.expose()
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        );
        assert_ne!(one, two);
    }

    #[test]
    fn a_digest_has_32_bytes() {
        assert_eq!(
            Digest::try_from([7; 32].as_slice()),
            Ok(Digest::from([7; 32]))
        );
        assert_eq!(
            Digest::try_from([7; 31].as_slice()),
            Err(BadDigest { length: 31 })
        );
        assert!(Digest::from([7; 32]).matches(&Digest::from([7; 32])));
        assert!(!Digest::from([7; 32]).matches(&Digest::from([8; 32])));
    }
}
