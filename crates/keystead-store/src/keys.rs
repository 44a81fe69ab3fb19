//! Signing keys: which are in the key set, since when each signs, and until when.

use keystead_protocol::{ids::KeyId, jwk::Algorithm, time::Timestamp};
use serde_json::{Map, Value};

use crate::{
    answer::{Effect, Insert},
    db::{Column, FromColumn, Json, Param, Row, Tx, Value as Bound},
    fault::Fault,
    feed::{self, Entity},
    seal::Sealed,
};

/// A key pair that signs tokens. Its life: published, signing, still published, gone.
#[derive(Debug, Clone, PartialEq)]
pub struct SigningKeyRecord {
    /// Its `kid`.
    pub id: KeyId,
    /// The one algorithm that it is used with.
    pub algorithm: Algorithm,
    /// Its public half as the key set shows it (RFC 7517 §4).
    pub public_jwk: Map<String, Value>,
    /// Its private half, sealed for [`Slot::SigningKey`](crate::seal::Slot::SigningKey).
    pub private_key: Sealed,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it begins to sign: later than it is published, so that verifiers have read the key set by then.
    pub signs_from: Timestamp,
    /// When it stops signing; `None` until it is retired.
    pub signs_until: Option<Timestamp>,
    /// When it leaves the key set, because every token that it signed is dead; `None` until it is retired.
    pub published_until: Option<Timestamp>,
    /// When it was revoked, which takes it out of the key set at once.
    pub revoked_at: Option<Timestamp>,
}

impl Param for Algorithm {
    fn value(&self) -> Bound<'_> {
        self.as_str().value()
    }
}

impl FromColumn for Algorithm {
    fn from_column(column: Column) -> Result<Self, String> {
        String::from_column(column)?
            .parse()
            .map_err(|e| format!("an algorithm: {e}"))
    }
}

/// Inserts a key as it is given.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn insert(tx: &mut Tx<'_>, key: &SigningKeyRecord, now: Timestamp) -> Result<Insert, Fault> {
    let inserted = tx.run(
        "INSERT INTO signing_keys
           (id, algorithm, public_jwk, private_key, created_at, signs_from, signs_until, published_until, revoked_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
         ON CONFLICT (id) DO NOTHING",
        &[
            &key.id,
            &key.algorithm,
            &Json(&key.public_jwk),
            &key.private_key,
            &key.created_at,
            &key.signs_from,
            &key.signs_until,
            &key.published_until,
            &key.revoked_at,
        ],
    )?;
    announce(tx, inserted, &key.id, now)?;
    Ok(Insert::of(inserted))
}

/// Lists every key that is kept, the dead ones too; newest signing first.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn list(tx: &mut Tx<'_>) -> Result<Vec<SigningKeyRecord>, Fault> {
    tx.rows(
        "SELECT id, algorithm, public_jwk, private_key, created_at, signs_from, signs_until, published_until, revoked_at
         FROM signing_keys ORDER BY signs_from DESC, id",
        &[],
    )?
    .into_iter()
    .map(record)
    .collect()
}

/// The keys of the key set (RFC 7517 §5), newest signing first. Some may not sign yet, others no longer.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn published(tx: &mut Tx<'_>, now: Timestamp) -> Result<Vec<SigningKeyRecord>, Fault> {
    tx.rows(
        "SELECT id, algorithm, public_jwk, private_key, created_at, signs_from, signs_until, published_until, revoked_at
         FROM signing_keys
         WHERE revoked_at IS NULL AND (published_until IS NULL OR published_until > $1)
         ORDER BY signs_from DESC, id",
        &[&now],
    )?
    .into_iter()
    .map(record)
    .collect()
}

/// When a key ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct End {
    /// When it stops signing.
    pub signs_until: Timestamp,
    /// When it leaves the key set: later by the longest life of a token.
    pub published_until: Timestamp,
}

/// How a retirement ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Retirement {
    /// The key ends as asked.
    Done,
    /// Somebody else retired or revoked it first. Nothing changed, and no key needs to be put in its place.
    Already,
    /// There is no such key.
    Unknown,
}

/// Retires a key. One guarded statement decides who was first, so that two rotations at once make one new key.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn retire(tx: &mut Tx<'_>, id: &KeyId, end: End, now: Timestamp) -> Result<Retirement, Fault> {
    let changed = tx.run(
        "UPDATE signing_keys SET signs_until = $2, published_until = $3
         WHERE id = $1 AND signs_until IS NULL AND revoked_at IS NULL",
        &[id, &end.signs_until, &end.published_until],
    )?;
    announce(tx, changed, id, now)?;
    Ok(match changed {
        0 if exists(tx, id)? => Retirement::Already,
        0 => Retirement::Unknown,
        _ => Retirement::Done,
    })
}

/// Revokes a key: it leaves the key set, and no token that it signed is good. Doing it again keeps the first time.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn revoke(tx: &mut Tx<'_>, id: &KeyId, now: Timestamp) -> Result<Effect, Fault> {
    let changed = tx.run(
        "UPDATE signing_keys SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL",
        &[id, &now],
    )?;
    announce(tx, changed, id, now)?;
    Ok(if changed == 1 || exists(tx, id)? {
        Effect::Done
    } else {
        Effect::Unknown
    })
}

/// Revokes every key of the key set, and says how many: what a restored backup needs.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn revoke_all(tx: &mut Tx<'_>, now: Timestamp) -> Result<u64, Fault> {
    let revoked = tx.rows(
        "UPDATE signing_keys SET revoked_at = $1
         WHERE revoked_at IS NULL AND (published_until IS NULL OR published_until > $1)
         RETURNING id",
        &[&now],
    )?;
    announce_each(tx, revoked, now)
}

/// Deletes keys that left the key set before `before`, at most `limit`, and says how many. Their evidence is gone then.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn delete_unpublished(
    tx: &mut Tx<'_>,
    before: Timestamp,
    limit: u32,
    now: Timestamp,
) -> Result<u64, Fault> {
    let deleted = tx.rows(
        "DELETE FROM signing_keys WHERE id IN (
           SELECT id FROM signing_keys WHERE published_until < $1 OR revoked_at < $1 ORDER BY id LIMIT $2)
         RETURNING id",
        &[&before, &limit],
    )?;
    announce_each(tx, deleted, now)
}

fn announce_each(tx: &mut Tx<'_>, changed: Vec<Row>, now: Timestamp) -> Result<u64, Fault> {
    let mut count = 0;
    for mut row in changed {
        announce(tx, 1, &row.take()?, now)?;
        count += 1;
    }
    Ok(count)
}

fn exists(tx: &mut Tx<'_>, id: &KeyId) -> Result<bool, Fault> {
    tx.row("SELECT 1 FROM signing_keys WHERE id = $1", &[id])
        .map(|row| row.is_some())
}

fn announce(tx: &mut Tx<'_>, changed: u64, id: &KeyId, now: Timestamp) -> Result<(), Fault> {
    feed::announce_if(changed, tx, Entity::Key, id.as_str(), now)
}

fn record(mut row: Row) -> Result<SigningKeyRecord, Fault> {
    Ok(SigningKeyRecord {
        id: row.take()?,
        algorithm: row.take()?,
        public_jwk: row.take().map(|Json(jwk)| jwk)?,
        private_key: row.take()?,
        created_at: row.take()?,
        signs_from: row.take()?,
        signs_until: row.take()?,
        published_until: row.take()?,
        revoked_at: row.take()?,
    })
}
