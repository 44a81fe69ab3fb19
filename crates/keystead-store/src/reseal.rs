//! Rotation of the sealing key: every value that an older key sealed is opened and sealed again with the current one.

use keystead_protocol::time::Timestamp;
use rand_core::CryptoRng;

use crate::{
    answer::Effect,
    db::{Priority, Store, Tx},
    fault::Fault,
    feed::{self, Entity},
    seal::{Keyring, Mark, Place, Sealed, Slot},
};

/// How many values one transaction replaces.
const BATCH: u32 = 64;

/// A sealed value that another key than the current one has sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stale {
    /// The column that it stands in.
    pub slot: Slot,
    /// Its row.
    pub id: String,
    /// The value.
    pub sealed: Sealed,
}

impl Stale {
    /// Where it belongs.
    pub fn place(&self) -> Place<'_> {
        Place {
            slot: self.slot,
            id: &self.id,
        }
    }
}

/// Finds sealed values that do not begin with the current key's mark, at most `limit`.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn stale(tx: &mut Tx<'_>, current: &Mark, limit: u32) -> Result<Vec<Stale>, Fault> {
    let mut found = Vec::new();
    for slot in Slot::ALL {
        let sql = match slot {
            Slot::ClientSecret => {
                "SELECT id, secret FROM clients WHERE substr(secret, 1, 5) <> $1 LIMIT $2"
            }
            Slot::ApiSigningSecret => {
                "SELECT id, signing_secret FROM apis WHERE substr(signing_secret, 1, 5) <> $1 LIMIT $2"
            }
            Slot::SigningKey => {
                "SELECT id, private_key FROM signing_keys WHERE substr(private_key, 1, 5) <> $1 LIMIT $2"
            }
        };
        for mut row in tx.rows(sql, &[current, &limit])? {
            found.push(Stale {
                slot,
                id: row.take()?,
                sealed: row.take()?,
            });
        }
    }
    found.truncate(limit as usize);
    Ok(found)
}

/// Puts the newly sealed value in place of the one that was found, unless somebody replaced that one since. The record
/// keeps its version, because what it says is the same.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn replace(
    tx: &mut Tx<'_>,
    found: &Stale,
    sealed: &Sealed,
    now: Timestamp,
) -> Result<Effect, Fault> {
    let (sql, entity) = match found.slot {
        Slot::ClientSecret => (
            "UPDATE clients SET secret = $3 WHERE id = $1 AND secret = $2",
            Entity::Client,
        ),
        Slot::ApiSigningSecret => (
            "UPDATE apis SET signing_secret = $3 WHERE id = $1 AND signing_secret = $2",
            Entity::Api,
        ),
        Slot::SigningKey => (
            "UPDATE signing_keys SET private_key = $3 WHERE id = $1 AND private_key = $2",
            Entity::Key,
        ),
    };
    let changed = tx.run(sql, &[&found.id, &found.sealed, sealed])?;
    // A process that has cached the old value could not open it any more once the old key is dropped.
    feed::announce_if(changed, tx, entity, &found.id, now)?;
    Ok(Effect::of(changed))
}

/// Seals every value again that the current key has not sealed, and says how many it did. When it succeeds, the older
/// keys open nothing that is stored now; nodes that were started before the rotation may still be writing with them.
///
/// # Errors
/// [`Fault::Sealed`] if a value cannot be opened; what was done before it stays. Any [`Fault`] of the database.
pub async fn reseal_all(
    store: &Store,
    keyring: &Keyring,
    rng: &mut impl CryptoRng,
    now: Timestamp,
) -> Result<u64, Fault> {
    let current = keyring.mark();
    let mut count = 0;
    loop {
        let found = store.read(move |tx| stale(tx, &current, BATCH)).await?;
        if found.is_empty() {
            return Ok(count);
        }
        let batch = found
            .into_iter()
            .map(|old| {
                let secret = keyring.open(old.place(), &old.sealed)?;
                let new = keyring.seal(old.place(), &secret, rng)?;
                Ok((old, new))
            })
            .collect::<Result<Vec<_>, Fault>>()?;
        count += store
            .write_as(Priority::Bulk, move |tx| {
                let mut replaced = 0;
                for (old, new) in &batch {
                    replaced += u64::from(replace(tx, old, new, now)? == Effect::Done);
                }
                Ok::<_, Fault>(replaced)
            })
            .await?;
    }
}
