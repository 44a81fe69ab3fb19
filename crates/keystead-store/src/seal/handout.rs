//! Values that are handed to a browser and come back: sealed, each for one purpose and for a time.

use std::fmt;

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    hkdf::{HKDF_SHA256, Prk, Salt},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use keystead_protocol::time::Timestamp;
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use super::{KEY_ID, Keyring};
use crate::fault::Fault;

/// First byte of every handed out value: this layout, so that another can follow.
const VERSION: u8 = 1;
/// Bytes of chance from which the key of one value is derived.
const SALT: usize = 16;
const HEADER: usize = 1 + KEY_ID + SALT;
/// Bytes of the moment after which a value is void.
const EXPIRY: usize = 8;

/// What a value is good for. It decides the key, so that none opens in another's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handout {
    /// An authorization request whose user is not yet known.
    Request,
    /// A request to log out that must be confirmed.
    Logout,
    /// What an error page says.
    ErrorPage,
}

impl Handout {
    /// Part of what the key is derived from: with another name, nothing that was handed out before can be opened.
    fn name(self) -> &'static [u8] {
        match self {
            Self::Request => b"keystead handout authorization request\0",
            Self::Logout => b"keystead handout logout\0",
            Self::ErrorPage => b"keystead handout error page\0",
        }
    }
}

/// Why a value that came back is not good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotOurs {
    /// It was not sealed here for this purpose, or its key is gone, or it was changed.
    #[error("not sealed by this installation for this purpose")]
    Unreadable,
    /// It was good until a moment ago.
    #[error("expired")]
    Expired,
}

/// The secret from which the keys of handed out values are derived. One for each sealing key.
pub(super) struct Source(Prk);

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Source(..)")
    }
}

impl Source {
    pub(super) fn new(sealing_key: &[u8]) -> Self {
        Self(Salt::new(HKDF_SHA256, b"keystead handouts").extract(sealing_key))
    }

    /// The key of one value (RFC 5869). It seals once, so its nonce can stand still and anonymous visitors cannot wear
    /// out the key that seals the records.
    fn key(&self, purpose: Handout, salt: &[u8]) -> Option<LessSafeKey> {
        let info = [purpose.name(), salt];
        let derived = self.0.expand(&info, &AES_256_GCM).ok()?;
        Some(LessSafeKey::new(UnboundKey::from(derived)))
    }
}

impl Keyring {
    /// Seals a value that a browser carries for us: base64url, good for `purpose` until `expires_at`.
    ///
    /// # Errors
    /// [`Fault::Sealed`] if the value is longer than AES-GCM allows.
    pub fn hand_out(
        &self,
        purpose: Handout,
        value: &[u8],
        expires_at: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<String, Fault> {
        let current = &self.0[0];
        let mut salt = [0; SALT];
        rng.fill_bytes(&mut salt);
        let mut out = [&[VERSION], current.id.as_slice(), &salt].concat();
        let mut body = [&expires_at.as_millis().to_be_bytes(), value].concat();
        current
            .handouts
            .key(purpose, &salt)
            .and_then(|key| {
                let nonce = Nonce::assume_unique_for_key([0; NONCE_LEN]);
                key.seal_in_place_append_tag(nonce, Aad::from(&out), &mut body)
                    .ok()
            })
            .ok_or(Fault::Sealed("sealing failed"))?;
        out.append(&mut body);
        Ok(URL_SAFE_NO_PAD.encode(out))
    }

    /// Opens a value that came back. That it was handed out does not say that it was handed to whoever brings it.
    ///
    /// # Errors
    /// [`NotOurs`].
    pub fn take_back(
        &self,
        purpose: Handout,
        text: &str,
        now: Timestamp,
    ) -> Result<Zeroizing<Vec<u8>>, NotOurs> {
        let bytes = URL_SAFE_NO_PAD
            .decode(text)
            .map_err(|_| NotOurs::Unreadable)?;
        let (header, body) = bytes
            .split_at_checked(HEADER)
            .filter(|(header, _)| header[0] == VERSION)
            .ok_or(NotOurs::Unreadable)?;
        let (id, salt) = header[1..].split_at(KEY_ID);
        let mut body = Zeroizing::new(body.to_vec());
        let length = self
            .0
            .iter()
            .find(|key| key.id == id)
            .and_then(|key| key.handouts.key(purpose, salt))
            .and_then(|key| {
                let nonce = Nonce::assume_unique_for_key([0; NONCE_LEN]);
                let opened = key
                    .open_in_place(nonce, Aad::from(header), &mut body)
                    .ok()?;
                Some(opened.len())
            })
            .ok_or(NotOurs::Unreadable)?;
        body.truncate(length);
        let (expiry, value) = body
            .split_first_chunk::<EXPIRY>()
            .ok_or(NotOurs::Unreadable)?;
        if Timestamp::from_millis(i64::from_be_bytes(*expiry)) <= now {
            return Err(NotOurs::Expired);
        }
        Ok(Zeroizing::new(value.to_vec()))
    }
}

#[cfg(test)]
mod tests {
    use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng as _};

    use super::*;
    use crate::seal::SealingKey;

    const NOW: Timestamp = Timestamp::from_secs(1_000);
    const LATER: Timestamp = Timestamp::from_secs(1_060);

    fn keyring(keys: &[[u8; 32]]) -> Keyring {
        Keyring(keys.iter().filter_map(|b| SealingKey::new(b)).collect())
    }

    fn handed_out(keyring: &Keyring) -> String {
        let rng = &mut ChaCha20Rng::seed_from_u64(1);
        keyring
            .hand_out(Handout::Request, b"a request", LATER, rng)
            .unwrap()
    }

    #[test]
    fn a_value_comes_back_for_its_purpose_and_in_time() {
        let keyring = keyring(&[[1; 32]]);
        let text = handed_out(&keyring);
        let back = |purpose, now| keyring.take_back(purpose, &text, now);
        assert_eq!(*back(Handout::Request, NOW).unwrap(), b"a request");
        assert_eq!(back(Handout::Request, LATER), Err(NotOurs::Expired));
        for other in [Handout::Logout, Handout::ErrorPage] {
            assert_eq!(back(other, NOW), Err(NotOurs::Unreadable), "{other:?}");
        }
    }

    #[test]
    fn no_flipped_bit_truncation_or_extension_opens() {
        let keyring = keyring(&[[1; 32]]);
        let bytes = URL_SAFE_NO_PAD.decode(handed_out(&keyring)).unwrap();
        let opens = |bytes: &[u8]| {
            let text = URL_SAFE_NO_PAD.encode(bytes);
            keyring.take_back(Handout::Request, &text, NOW).is_ok()
        };
        assert!(opens(&bytes));
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(!opens(&flipped), "bit {bit}");
        }
        for end in 0..bytes.len() {
            assert!(!opens(&bytes[..end]), "cut at {end}");
        }
        assert!(!opens(&[bytes.as_slice(), &[0]].concat()));
    }

    #[test]
    fn the_first_key_hands_out_and_every_key_takes_back() {
        let (old, new) = (keyring(&[[1; 32]]), keyring(&[[2; 32], [1; 32]]));
        let (by_old, by_new) = (handed_out(&old), handed_out(&new));
        assert!(new.take_back(Handout::Request, &by_old, NOW).is_ok());
        assert!(new.take_back(Handout::Request, &by_new, NOW).is_ok());
        assert!(old.take_back(Handout::Request, &by_new, NOW).is_err());
    }

    #[test]
    fn what_is_handed_out_twice_never_looks_alike() {
        let (keyring, rng) = (keyring(&[[1; 32]]), &mut ChaCha20Rng::seed_from_u64(1));
        let mut text = || keyring.hand_out(Handout::Request, b"", LATER, rng).unwrap();
        assert_ne!(text(), text());
    }
}
