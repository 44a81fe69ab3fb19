//! Sets of keys: ours as they are published, and foreign ones as they are read, key by key (RFC 7517 §5).

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use thiserror::Error;

use super::{Algorithm, Jwk, KeyRefusal, SigningKey, VerifyingKey};

/// A JSON Web Key Set for publishing. It holds public keys only, because [`Jwk`] does.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct JwkSet {
    keys: Vec<Jwk>,
}

/// Publishes the public halves in the given order; shared secrets are left out, and so is a second key of a `kid`,
/// since clients look keys up by it.
impl<'a> FromIterator<&'a SigningKey> for JwkSet {
    fn from_iter<T: IntoIterator<Item = &'a SigningKey>>(keys: T) -> Self {
        let mut set = Self::default();
        for jwk in keys.into_iter().filter_map(SigningKey::to_jwk) {
            if set.keys.iter().all(|published| published.kid != jwk.kid) {
                set.keys.push(jwk);
            }
        }
        set
    }
}

impl JwkSet {
    /// The published keys, in order.
    pub fn keys(&self) -> &[Jwk] {
        &self.keys
    }
}

/// The keys of another party, parsed once, looked up by what the header of a token says.
#[derive(Debug, Clone, Default)]
pub struct VerifyingKeys {
    keys: Vec<VerifyingKey>,
    skipped: Vec<Skipped>,
}

/// A key of a set that was left out, for the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Skipped {
    /// Where in the set it stood, from zero.
    pub index: usize,
    /// Why it cannot be used.
    pub why: KeyRefusal,
}

/// The document is not a JSON object with an array `keys`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not a JSON Web Key Set")]
pub struct NotAKeySet;

impl VerifyingKeys {
    /// Reads a JSON Web Key Set. A key that cannot be used is skipped with its reason and spoils no other (RFC 7517
    /// §5): providers publish encryption keys and types of tomorrow in the same set.
    ///
    /// The size of the document is not checked: whoever fetched it has limited it.
    ///
    /// # Errors
    /// [`NotAKeySet`] if there is no array of keys. An empty array is a set.
    pub fn from_json(json: &str) -> Result<Self, NotAKeySet> {
        #[derive(Deserialize)]
        struct RawSet<'a> {
            #[serde(borrow)]
            keys: Vec<&'a RawValue>,
        }

        let raw: RawSet<'_> = serde_json::from_str(json).map_err(|_| NotAKeySet)?;
        let mut set = Self::default();
        for (index, json) in raw.keys.into_iter().enumerate() {
            match Jwk::from_json(json.get()).and_then(|jwk| VerifyingKey::from_jwk(&jwk, None)) {
                Ok(key) => set.keys.push(key),
                Err(why) => set.skipped.push(Skipped { index, why }),
            }
        }
        Ok(set)
    }

    /// The key that a token's header asks for: the one with its `kid` and its algorithm.
    ///
    /// A token without `kid` is only served if the set has a single key (OpenID Connect Core §10.1), never by trying
    /// one key after the other.
    pub fn find(&self, kid: Option<&str>, alg: Algorithm) -> Option<&VerifyingKey> {
        match (kid, self.keys.as_slice()) {
            (Some(_), keys) => keys.iter().find(|key| key.kid() == kid && key.alg() == alg),
            (None, [only]) => Some(only),
            (None, _) => None,
        }
    }

    /// The usable keys, in order.
    pub fn keys(&self) -> &[VerifyingKey] {
        &self.keys
    }

    /// The keys that were left out.
    pub fn skipped(&self) -> &[Skipped] {
        &self.skipped
    }
}

impl FromIterator<VerifyingKey> for VerifyingKeys {
    fn from_iter<T: IntoIterator<Item = VerifyingKey>>(keys: T) -> Self {
        Self {
            keys: keys.into_iter().collect(),
            skipped: Vec::new(),
        }
    }
}
