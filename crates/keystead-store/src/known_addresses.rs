//! From where users have logged in before, so that failures from elsewhere need not shut them out.

use keystead_protocol::{ids::UserId, time::Timestamp};

use crate::{db::Tx, fault::Fault};

/// Takes note of an address from which a user logged in. The user must exist. It is known until `until`; of more than
/// `keep` addresses, those go that would be forgotten first.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn note(
    tx: &mut Tx<'_>,
    user: &UserId,
    address: &str,
    keep: u32,
    until: Timestamp,
    now: Timestamp,
) -> Result<(), Fault> {
    tx.run(
        "INSERT INTO known_addresses (user_id, address, expires_at, created_at) VALUES ($1, $2, $3, $4)
         ON CONFLICT (user_id, address) DO UPDATE SET expires_at = excluded.expires_at",
        &[user, &address, &until, &now],
    )?;
    tx.run(
        "DELETE FROM known_addresses WHERE user_id = $1 AND address IN (
           SELECT address FROM known_addresses WHERE user_id = $1
           ORDER BY expires_at DESC, address LIMIT 1000 OFFSET $2)",
        &[user, &keep],
    )
    .map(drop)
}

/// Whether a user logged in from an address not too long ago.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn is_known(
    tx: &mut Tx<'_>,
    user: &UserId,
    address: &str,
    now: Timestamp,
) -> Result<bool, Fault> {
    tx.row(
        "SELECT 1 FROM known_addresses WHERE user_id = $1 AND address = $2 AND expires_at > $3",
        &[user, &address, &now],
    )
    .map(|row| row.is_some())
}
