//! Whether a user may log in, and what ends when one may not.

use keystead_protocol::{
    ids::{SessionId, UserId},
    time::Timestamp,
};

use crate::{
    answer::Effect,
    codes,
    db::Tx,
    fault::Fault,
    grants::{self, Ended},
    journeys, sessions,
};

/// Locks a user out: no more log-ins, and every session, journey, unused code and token family ends with this transaction.
/// Unblocking brings none of them back.
///
/// Answers the sessions that this ended, so that their clients can be told; `None` if there is no such user.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn block(
    tx: &mut Tx<'_>,
    id: &UserId,
    now: Timestamp,
) -> Result<Option<Vec<SessionId>>, Fault> {
    let changed = tx.run(
        "UPDATE users SET blocked = TRUE, version = version + 1, updated_at = $2 WHERE id = $1",
        &[id, &now],
    )?;
    if changed == 0 {
        return Ok(None);
    }
    let ended = sessions::end_all_of_user(tx, id, now)?;
    journeys::end_all_of_user(tx, id, now)?;
    // Codes before grants: a redemption in progress is waited for, and the grant that it began is then seen.
    codes::void_user(tx, id, now)?;
    grants::revoke_user(tx, id, Ended::ByAdministrator, now)?;
    Ok(Some(ended))
}

/// Lets a user in again.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn unblock(tx: &mut Tx<'_>, id: &UserId, now: Timestamp) -> Result<Effect, Fault> {
    tx.run(
        "UPDATE users SET blocked = FALSE, version = version + 1, updated_at = $2 WHERE id = $1",
        &[id, &now],
    )
    .map(Effect::of)
}

/// Deletes a user with everything that stands on the record: password, roles, consents, sessions, journeys, codes, and
/// token families, which are [`Gone`](grants::Standing::Gone) from then on.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn delete(tx: &mut Tx<'_>, id: &UserId) -> Result<Effect, Fault> {
    tx.run("DELETE FROM users WHERE id = $1", &[id])
        .map(Effect::of)
}

/// Counts a log-in, unless the user is blocked. Belongs first into the transaction that starts the session: it orders
/// log-in and blocking, so that whichever comes second sees the other.
///
/// Answers how many log-ins there were; `None` if the user is blocked or gone, and then nobody is logged in.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn record_login(
    tx: &mut Tx<'_>,
    id: &UserId,
    address: Option<&str>,
    now: Timestamp,
) -> Result<Option<u32>, Fault> {
    let row = tx.row(
        "UPDATE users SET logins = logins + 1, last_login_at = $2, last_login_address = $3
         WHERE id = $1 AND NOT blocked RETURNING logins",
        &[id, &now, &address],
    )?;
    row.map(|mut row| row.take()).transpose()
}
