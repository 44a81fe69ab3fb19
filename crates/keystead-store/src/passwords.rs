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
