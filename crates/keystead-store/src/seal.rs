//! Secrets that must be readable again, sealed with a key that is not in the database (AES-256-GCM).

mod file;
mod handout;

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use keystead_protocol::secret::Digest;
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::{
    db::{Column, FromColumn, Param, Value},
    fault::Fault,
};

pub use self::{
    file::KeyFileError,
    handout::{Handout, NotOurs},
};

/// First byte of every sealed value: this layout, so that another can follow.
const VERSION: u8 = 1;
/// Bytes that name the sealing key.
const KEY_ID: usize = 4;
const HEADER: usize = 1 + KEY_ID + NONCE_LEN;

/// A sealed value, as it is stored: version, key id, nonce, ciphertext and tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed(Vec<u8>);

impl Param for Sealed {
    fn value(&self) -> Value<'_> {
        Value::Bytes(&self.0)
    }
}

impl FromColumn for Sealed {
    fn from_column(column: Column) -> Result<Self, String> {
        let bytes = Vec::from_column(column)?;
        if bytes.len() > HEADER && bytes[0] == VERSION {
            Ok(Self(bytes))
        } else {
            Err("a sealed value".to_owned())
        }
    }
}

/// A column that holds sealed values. [`reseal`](crate::reseal) goes through all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slot {
    /// The secret of a client.
    ClientSecret,
    /// The secret with which an API's tokens are signed, if its algorithm is an HMAC.
    ApiSigningSecret,
    /// The private half of a signing key.
    SigningKey,
}

impl Slot {
    pub(crate) const ALL: [Self; 3] =
        [Self::ClientSecret, Self::ApiSigningSecret, Self::SigningKey];

    /// Part of what is authenticated: with another name, nothing that was sealed before can be opened.
    fn name(self) -> &'static str {
        match self {
            Self::ClientSecret => "clients.secret",
            Self::ApiSigningSecret => "apis.signing_secret",
            Self::SigningKey => "signing_keys.private_key",
        }
    }
}

/// Where a sealed value belongs. It is authenticated, so that no value opens in another's place.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// The column.
    pub slot: Slot,
    /// The row's id.
    pub id: &'a str,
}

impl Place<'_> {
    fn bytes(&self) -> Vec<u8> {
        [self.slot.name().as_bytes(), b"\0", self.id.as_bytes()].concat()
    }
}

/// Version and key id: what every value begins with that one key has sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark([u8; 1 + KEY_ID]);

impl Param for Mark {
    fn value(&self) -> Value<'_> {
        Value::Bytes(&self.0)
    }
}

struct SealingKey {
    id: [u8; KEY_ID],
    key: LessSafeKey,
    handouts: handout::Source,
}

impl SealingKey {
    fn new(bytes: &[u8]) -> Option<Self> {
        let id = Digest::of(bytes).as_bytes().first_chunk().copied()?;
        let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, bytes).ok()?);
        Some(Self {
            id,
            key,
            handouts: handout::Source::new(bytes),
        })
    }
}

/// The sealing keys: the first seals, all open. Rotating means putting a new one first, sealing every row again
/// (see [`crate::reseal`]), then dropping the old ones.
pub struct Keyring(Vec<SealingKey>);

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keyring({} keys)", self.0.len())
    }
}

impl Keyring {
    /// Seals a secret for one place. The nonce is drawn, so one key may seal 2^32 values (NIST SP 800-38D §8.3).
    ///
    /// # Errors
    /// [`Fault::Sealed`] if the secret is longer than AES-GCM allows.
    pub fn seal(
        &self,
        place: Place<'_>,
        secret: &[u8],
        rng: &mut impl CryptoRng,
    ) -> Result<Sealed, Fault> {
        let current = &self.0[0];
        let mut nonce = [0; NONCE_LEN];
        rng.fill_bytes(&mut nonce);
        let mut sealed = [&[VERSION], current.id.as_slice(), &nonce].concat();
        let mut body = secret.to_vec();
        current
            .key
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(place.bytes()),
                &mut body,
            )
            .map_err(|_| Fault::Sealed("sealing failed"))?;
        sealed.append(&mut body);
        Ok(Sealed(sealed))
    }

    /// Opens what was sealed for this place.
    ///
    /// # Errors
    /// [`Fault::Sealed`] if its key is not at hand, or if it was changed or moved.
    pub fn open(&self, place: Place<'_>, sealed: &Sealed) -> Result<Zeroizing<Vec<u8>>, Fault> {
        let (header, body) = sealed.0.split_at(HEADER);
        let (id, nonce) = header[1..].split_at(KEY_ID);
        let key = self
            .0
            .iter()
            .find(|key| key.id == id)
            .ok_or(Fault::Sealed("its key is not in the key file"))?;
        let nonce = Nonce::try_assume_unique_for_key(nonce)
            .map_err(|_| Fault::Sealed("its nonce is short"))?;
        let mut body = Zeroizing::new(body.to_vec());
        let length = key
            .key
            .open_in_place(nonce, Aad::from(place.bytes()), &mut body)
            .map_err(|_| Fault::Sealed("it was changed, or belongs to another place"))?
            .len();
        body.truncate(length);
        Ok(body)
    }

    /// What the values of the current key begin with.
    pub fn mark(&self) -> Mark {
        let [a, b, c, d] = self.0[0].id;
        Mark([VERSION, a, b, c, d])
    }
}

#[cfg(test)]
mod tests {
    use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng as _};

    use super::*;

    const PLACE: Place<'_> = Place {
        slot: Slot::ClientSecret,
        id: "app",
    };

    fn keyring(keys: &[[u8; 32]]) -> Keyring {
        Keyring(keys.iter().filter_map(|b| SealingKey::new(b)).collect())
    }

    fn sealed(keyring: &Keyring) -> Sealed {
        let rng = &mut ChaCha20Rng::seed_from_u64(1);
        keyring.seal(PLACE, b"hunter2", rng).unwrap()
    }

    #[test]
    fn a_value_opens_only_in_its_place() {
        let keyring = keyring(&[[1; 32]]);
        let sealed = sealed(&keyring);
        assert_eq!(*keyring.open(PLACE, &sealed).unwrap(), b"hunter2");
        let refused = Fault::Sealed("it was changed, or belongs to another place");
        for (slot, id) in [
            (Slot::ClientSecret, "app2"),
            (Slot::ClientSecret, ""),
            (Slot::ApiSigningSecret, "app"),
            (Slot::SigningKey, "app"),
        ] {
            let opened = keyring.open(Place { slot, id }, &sealed);
            assert_eq!(opened.unwrap_err(), refused, "{slot:?} {id}");
        }
    }

    #[test]
    fn no_flipped_bit_truncation_or_extension_opens() {
        let keyring = keyring(&[[1; 32]]);
        let bytes = sealed(&keyring).0;
        let opens = |bytes: Vec<u8>| {
            let read = Sealed::from_column(Column::Bytes(bytes));
            read.is_ok_and(|sealed| keyring.open(PLACE, &sealed).is_ok())
        };
        assert!(opens(bytes.clone()));
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(!opens(flipped), "bit {bit}");
        }
        for end in 0..bytes.len() {
            assert!(!opens(bytes[..end].to_vec()), "cut at {end}");
        }
        assert!(!opens([bytes.as_slice(), &[0]].concat()));
    }

    #[test]
    fn the_first_key_seals_and_every_key_opens() {
        let (old, new) = (keyring(&[[1; 32]]), keyring(&[[2; 32], [1; 32]]));
        let (by_old, by_new) = (sealed(&old), sealed(&new));
        assert_eq!(*new.open(PLACE, &by_old).unwrap(), b"hunter2");
        assert_eq!(*new.open(PLACE, &by_new).unwrap(), b"hunter2");
        assert_eq!(
            old.open(PLACE, &by_new).unwrap_err(),
            Fault::Sealed("its key is not in the key file")
        );
        assert!(by_old.0.starts_with(&old.mark().0));
        assert!(by_new.0.starts_with(&new.mark().0));
        assert_ne!(old.mark(), new.mark());
    }

    #[test]
    fn the_same_secret_is_never_sealed_alike() {
        let (keyring, rng) = (keyring(&[[1; 32]]), &mut ChaCha20Rng::seed_from_u64(1));
        let mut seal = || keyring.seal(PLACE, b"", rng).unwrap();
        let (one, two) = (seal(), seal());
        assert_ne!(one, two);
        assert_eq!(*keyring.open(PLACE, &one).unwrap(), b"");
    }

    #[test]
    fn nothing_shows() {
        let keyring = keyring(&[[1; 32], [2; 32]]);
        assert_eq!(format!("{keyring:?}"), "Keyring(2 keys)");
    }
}
