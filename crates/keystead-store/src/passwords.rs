//! Password hashes. Hashing and verifying happen elsewhere, outside any transaction.

use keystead_protocol::{ids::UserId, secret::Secret, time::Timestamp};

use crate::{db::Tx, fault::Fault};

/// What is stored of a password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Password {
    /// Algorithm, parameters, salt and digest, as a PHC string or in the form it was imported in. Not parsed here.
    pub hash: Secret,
    /// When the user last chose it.
    pub changed_at: Timestamp,
}

/// Sets a user's password, or replaces it. The user must exist. Ends no session and no token family.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn set(tx: &mut Tx<'_>, user: &UserId, hash: &Secret, now: Timestamp) -> Result<(), Fault> {
    tx.run(
        "INSERT INTO passwords (user_id, hash, changed_at) VALUES ($1, $2, $3)
         ON CONFLICT (user_id) DO UPDATE SET hash = excluded.hash, changed_at = excluded.changed_at",
        &[user, &hash.expose(), &now],
    )
    .map(drop)
}

/// Finds a user's password.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn find(tx: &mut Tx<'_>, user: &UserId) -> Result<Option<Password>, Fault> {
    let row = tx.row(
        "SELECT hash, changed_at FROM passwords WHERE user_id = $1",
        &[user],
    )?;
    row.map(|mut row| {
        Ok(Password {
            hash: row.take::<String>()?.into(),
            changed_at: row.take()?,
        })
    })
    .transpose()
}

/// Replaces a user's password and keeps the hash of the one before, so that of the present password and those before it
/// the newest `remembered` can be told ([`former`]). A user without a password gets one. Ends no session and no token
/// family.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn replace(
    tx: &mut Tx<'_>,
    user: &UserId,
    hash: &Secret,
    remembered: u32,
    now: Timestamp,
) -> Result<(), Fault> {
    tx.run(
        "INSERT INTO former_passwords (user_id, hash, changed_at)
         SELECT user_id, hash, changed_at FROM passwords WHERE user_id = $1 AND hash <> $2
         ON CONFLICT (user_id, hash) DO NOTHING",
        &[user, &hash.expose()],
    )?;
    tx.run(
        "DELETE FROM former_passwords WHERE user_id = $1 AND hash IN (
           SELECT hash FROM former_passwords WHERE user_id = $1
           ORDER BY changed_at DESC, hash LIMIT 1000 OFFSET $2)",
        &[user, &remembered.saturating_sub(1)],
    )?;
    set(tx, user, hash, now)
}

/// The hashes of a user's present password and those before it, the newest first, at most `limit`.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn former(tx: &mut Tx<'_>, user: &UserId, limit: u32) -> Result<Vec<Secret>, Fault> {
    let rows = tx.rows(
        "SELECT hash, changed_at, 0 AS age FROM passwords WHERE user_id = $1
         UNION ALL SELECT hash, changed_at, 1 AS age FROM former_passwords WHERE user_id = $1
         ORDER BY age, changed_at DESC, hash LIMIT $2",
        &[user, &limit],
    )?;
    rows.into_iter()
        .map(|mut row| Ok(row.take::<String>()?.into()))
        .collect()
}

/// Whether an upgrade took place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Upgrade {
    /// The better hash is stored.
    Done,
    /// The password was changed since it was verified, and stays as it is now.
    Overtaken,
}

/// Puts a better hash of the same password in place of the one that was just verified, if that still stands.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn upgrade(
    tx: &mut Tx<'_>,
    user: &UserId,
    verified: &Secret,
    better: &Secret,
) -> Result<Upgrade, Fault> {
    let changed = tx.run(
        "UPDATE passwords SET hash = $3 WHERE user_id = $1 AND hash = $2",
        &[user, &verified.expose(), &better.expose()],
    )?;
    Ok(if changed == 0 {
        Upgrade::Overtaken
    } else {
        Upgrade::Done
    })
}

/// Whether the password that was verified is the one that is stored. If so it stays until the transaction ends: a change
/// under way is waited for, and one that comes later finds what this transaction began. Belongs into the transaction that
/// starts the session of whoever showed it, before it starts.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn stands(tx: &mut Tx<'_>, user: &UserId, verified: &Secret) -> Result<bool, Fault> {
    let held = tx.run(
        "UPDATE passwords SET hash = hash WHERE user_id = $1 AND hash = $2",
        &[user, &verified.expose()],
    )?;
    Ok(held == 1)
}
