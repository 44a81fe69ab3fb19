//! Tickets: one-time links that an installation hands to whoever runs it.

use keystead_protocol::time::Timestamp;

use crate::{db::Tx, fault::Fault, token_key::TokenKey};

/// What a ticket is good for. At most one is good at a time for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GoodFor {
    /// Making the first owner of an installation.
    FirstOwner,
}

impl GoodFor {
    fn name(self) -> &'static str {
        match self {
            Self::FirstOwner => "first_owner",
        }
    }
}

/// Issues a ticket under the key of a fresh value. Those that were issued before for the same are void from now on.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn issue(
    tx: &mut Tx<'_>,
    key: &TokenKey,
    good_for: GoodFor,
    expires_at: Timestamp,
    now: Timestamp,
) -> Result<(), Fault> {
    void(tx, good_for, now)?;
    tx.run(
        "INSERT INTO tickets (key, purpose, expires_at, created_at) VALUES ($1, $2, $3, $4)",
        &[key, &good_for.name(), &expires_at, &now],
    )
    .map(drop)
}

/// Whether a ticket is good now. Looking does not use it.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn is_good(
    tx: &mut Tx<'_>,
    key: &TokenKey,
    good_for: GoodFor,
    now: Timestamp,
) -> Result<bool, Fault> {
    let row = tx.row(
        "SELECT 1 FROM tickets WHERE key = $1 AND purpose = $2 AND used_at IS NULL AND expires_at > $3",
        &[key, &good_for.name(), &now],
    )?;
    Ok(row.is_some())
}

/// How the use of a ticket ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "only one of the answers lets anybody do anything"]
pub enum Use {
    /// It was good and is now used, and every other ticket for the same is void: of all that were ever issued, one is used.
    Taken,
    /// It was used before, replaced, has expired, or never was.
    Dead,
}

/// Uses a ticket: one guarded statement decides who was first.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn redeem(
    tx: &mut Tx<'_>,
    key: &TokenKey,
    good_for: GoodFor,
    now: Timestamp,
) -> Result<Use, Fault> {
    let taken = tx.run(
        "UPDATE tickets SET used_at = $3
         WHERE key = $1 AND purpose = $2 AND used_at IS NULL AND expires_at > $3",
        &[key, &good_for.name(), &now],
    )?;
    if taken == 0 {
        return Ok(Use::Dead);
    }
    // Two nodes that start at once both issue one. Whoever uses the other now waits here for us, or we for him.
    void(tx, good_for, now)?;
    Ok(Use::Taken)
}

/// Makes every unused ticket for something worthless.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn void(tx: &mut Tx<'_>, good_for: GoodFor, now: Timestamp) -> Result<u64, Fault> {
    tx.run(
        "UPDATE tickets SET expires_at = $2 WHERE purpose = $1 AND used_at IS NULL AND expires_at > $2",
        &[&good_for.name(), &now],
    )
}
