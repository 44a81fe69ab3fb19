//! The keys that sign tokens: opened and parsed once, chosen by algorithm and time, published as one prepared document.

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use bytes::Bytes;
use keystead_protocol::{
    ids::KeyId,
    jwk::{Algorithm, JwkSet, SigningKey, VerifyingKey},
    jwt::Signer,
    time::Timestamp,
};
use keystead_store::{
    Store,
    keys::{self, End, Retirement, SigningKeyRecord},
    seal::{Keyring, Place, Slot},
};
use rand_core::CryptoRng;

use crate::error::Fault;

#[cfg(test)]
mod tests;

/// For how long a key is published before it signs, so that every verifier has read the key set by then.
pub const LEAD: Duration = Duration::from_hours(1);

/// For how long a retired key stays published: the longest life that an API may give its tokens.
pub const REMAINS: Duration = Duration::from_hours(30 * 24);

/// The keys of this installation, as this process knows them.
pub struct Keys {
    ring: ArcSwap<Ring>,
    /// Held from a read to its being stored, so that no older read takes the place of a newer one.
    reading: tokio::sync::Mutex<()>,
    making: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Ring {
    /// Newest signing first.
    keys: Vec<Arc<Key>>,
    published: Bytes,
    /// When a key next begins to sign or stops being published, by the clock alone.
    turns_at: Option<Timestamp>,
}

struct Key {
    id: KeyId,
    signer: Arc<Signer>,
    public: VerifyingKey,
    signs_from: Timestamp,
    signs_until: Option<Timestamp>,
}

impl Default for Keys {
    fn default() -> Self {
        Self {
            ring: ArcSwap::default(),
            reading: tokio::sync::Mutex::new(()),
            making: tokio::sync::Mutex::new(()),
        }
    }
}

impl Keys {
    /// Reads the published keys. A key that was parsed before is not parsed again. Of several at once, each reads when the
    /// one before it is done.
    ///
    /// # Errors
    /// A [`Fault`] if the store cannot be read, or if a key cannot be opened with the sealing keys at hand.
    pub async fn refresh(
        &self,
        store: &Store,
        keyring: &Keyring,
        now: Timestamp,
    ) -> Result<(), Fault> {
        let _in_order = self.reading.lock().await;
        let records: Vec<SigningKeyRecord> = store.read(move |tx| keys::published(tx, now)).await?;
        let known = self.ring.load();
        let moments = |record: &SigningKeyRecord| [Some(record.signs_from), record.published_until];
        let turns_at = records
            .iter()
            .flat_map(moments)
            .flatten()
            .filter(|at| *at > now)
            .min();
        let mut kept = Vec::with_capacity(records.len());
        for record in records {
            let parsed = known.keys.iter().find(|key| key.id == record.id);
            let (signer, public) = match parsed {
                Some(key) => (Arc::clone(&key.signer), key.public.clone()),
                None => open(&record, keyring)?,
            };
            kept.push(Arc::new(Key {
                id: record.id,
                signer,
                public,
                signs_from: record.signs_from,
                signs_until: record.signs_until,
            }));
        }
        let published = document(&kept, now)?;
        self.ring.store(Arc::new(Ring {
            keys: kept,
            published,
            turns_at,
        }));
        Ok(())
    }

    /// Whether time alone has changed which keys are published, or which of them comes first.
    pub fn has_turned(&self, now: Timestamp) -> bool {
        self.ring.load().turns_at.is_some_and(|at| at <= now)
    }

    /// The key that signs now.
    pub fn signing(&self, algorithm: Algorithm, now: Timestamp) -> Option<Arc<Signer>> {
        let signs = |key: &&Arc<Key>| {
            key.signer.key().alg() == algorithm
                && key.signs_from <= now
                && key.signs_until.is_none_or(|until| until > now)
        };
        self.ring
            .load()
            .keys
            .iter()
            .find(signs)
            .map(|key| Arc::clone(&key.signer))
    }

    /// The key that signs now; one is made if the installation has none for this algorithm.
    ///
    /// # Errors
    /// A [`Fault`] of the store, or of making the key.
    pub async fn signing_or_new(
        &self,
        algorithm: Algorithm,
        store: &Store,
        keyring: &Keyring,
        rng: &mut impl CryptoRng,
        now: Timestamp,
    ) -> Result<Arc<Signer>, Fault> {
        if let Some(key) = self.signing(algorithm, now) {
            return Ok(key);
        }
        let _one_at_a_time = self.making.lock().await;
        self.refresh(store, keyring, now).await?;
        if self.signing(algorithm, now).is_none() {
            let record = make(algorithm, now, keyring, rng, now).await?;
            let _ = store
                .write(move |tx| keys::insert(tx, &record, now))
                .await?;
            self.refresh(store, keyring, now).await?;
        }
        self.signing(algorithm, now).ok_or(Fault::NoKey(algorithm))
    }

    /// The published key of this id.
    pub fn verifying(&self, kid: &str) -> Option<VerifyingKey> {
        self.ring
            .load()
            .keys
            .iter()
            .find(|key| key.id.as_str() == kid)
            .map(|key| key.public.clone())
    }

    /// The key set (RFC 7517 §5) as it goes over the wire.
    pub fn published(&self) -> Bytes {
        self.ring.load().published.clone()
    }
}

/// Makes a key pair on a blocking thread: an RSA key is a search for primes.
///
/// # Errors
/// A [`Fault`] if the library cannot make or seal it.
pub async fn make(
    algorithm: Algorithm,
    signs_from: Timestamp,
    keyring: &Keyring,
    rng: &mut impl CryptoRng,
    now: Timestamp,
) -> Result<SigningKeyRecord, Fault> {
    let unmade = |_| Fault::NoKey(algorithm);
    let pair = tokio::task::spawn_blocking(move || SigningKey::generate(algorithm))
        .await
        .map_err(|_| Fault::NoKey(algorithm))?
        .map_err(unmade)?;
    let jwk = pair.to_jwk().ok_or(Fault::NoKey(algorithm))?;
    let id = pair.kid().cloned().ok_or(Fault::NoKey(algorithm))?;
    let public_jwk = match serde_json::to_value(&jwk) {
        Ok(serde_json::Value::Object(members)) => members,
        _ => return Err(Fault::NoKey(algorithm)),
    };
    let der = pair.to_pkcs8().map_err(unmade)?;
    let private_key = keyring.seal(
        Place {
            slot: Slot::SigningKey,
            id: id.as_str(),
        },
        &der,
        rng,
    )?;
    Ok(SigningKeyRecord {
        id,
        algorithm,
        public_jwk,
        private_key,
        created_at: now,
        signs_from,
        signs_until: None,
        published_until: None,
        revoked_at: None,
    })
}

/// How a rotation ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rotated {
    /// `next` is published now and signs from `signs_from`; `previous` signs until then.
    Done {
        /// The new key.
        next: KeyId,
        /// The key that it will replace, if there was one.
        previous: Option<KeyId>,
        /// When the new key begins to sign.
        signs_from: Timestamp,
    },
    /// Another rotation was first.
    Already,
}

/// Publishes a new key that signs after `lead`, and retires the one that signs now at that moment.
///
/// # Errors
/// A [`Fault`] of the store, or of making the key.
pub async fn rotate(
    algorithm: Algorithm,
    lead: Duration,
    store: &Store,
    keyring: &Keyring,
    rng: &mut impl CryptoRng,
    now: Timestamp,
) -> Result<Rotated, Fault> {
    let signs_from = now + lead;
    let record = make(algorithm, signs_from, keyring, rng, now).await?;
    let end = End {
        signs_until: signs_from,
        published_until: signs_from + REMAINS,
    };
    let rotated = store.write(move |tx| {
        let current = keys::published(tx, now)?
            .into_iter()
            .find(|key| key.algorithm == algorithm && key.signs_until.is_none());
        let previous = match current {
            None => None,
            Some(current) => match keys::retire(tx, &current.id, end, now)? {
                Retirement::Done => Some(current.id),
                Retirement::Already | Retirement::Unknown => return Ok(Rotated::Already),
            },
        };
        let _ = keys::insert(tx, &record, now)?;
        Ok::<_, keystead_store::Fault>(Rotated::Done {
            next: record.id.clone(),
            previous,
            signs_from,
        })
    });
    Ok(rotated.await?)
}

fn open(
    record: &SigningKeyRecord,
    keyring: &Keyring,
) -> Result<(Arc<Signer>, VerifyingKey), Fault> {
    let unreadable = |_| Fault::NoKey(record.algorithm);
    let place = Place {
        slot: Slot::SigningKey,
        id: record.id.as_str(),
    };
    let der = keyring.open(place, &record.private_key)?;
    let pair = SigningKey::from_pkcs8(record.algorithm, &der)
        .map_err(unreadable)?
        .with_kid(record.id.clone());
    let public = pair.to_verifying_key().map_err(unreadable)?;
    Ok((Arc::new(Signer::new(pair)), public))
}

/// RSA keys first, RS256 before the rest, and of each kind the one that signs: old clients take the first key that they
/// understand.
fn document(keys: &[Arc<Key>], now: Timestamp) -> Result<Bytes, Fault> {
    let rank = |alg: Algorithm| match alg {
        Algorithm::RS256 => 0,
        Algorithm::RS384
        | Algorithm::RS512
        | Algorithm::PS256
        | Algorithm::PS384
        | Algorithm::PS512 => 1,
        Algorithm::ES256 | Algorithm::ES384 => 2,
        Algorithm::EdDSA => 3,
        Algorithm::HS256 | Algorithm::HS384 | Algorithm::HS512 => 4,
    };
    let mut ordered: Vec<&Arc<Key>> = keys.iter().collect();
    ordered.sort_by_key(|key| (rank(key.signer.key().alg()), key.signs_from > now));
    let set: JwkSet = ordered.into_iter().map(|key| key.signer.key()).collect();
    serde_json::to_vec(&set)
        .map(Bytes::from)
        .map_err(|e| Fault::Unwritable(e.to_string()))
}
