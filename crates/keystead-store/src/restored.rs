//! What a restored backup needs before it serves: nothing that was revoked since it was made may come back to life.

use keystead_protocol::time::Timestamp;

use crate::{
    codes,
    db::Tx,
    fault::Fault,
    grants::{self, Ended},
    keys,
    revocations::{self, Reach},
    sessions,
    tickets::{self, GoodFor},
};

/// What was ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quieted {
    /// Sessions: everybody logs in again.
    pub sessions: u64,
    /// Token families: every refresh token is dead.
    pub families: u64,
    /// Journeys, codes and one-time links that were under way.
    pub under_way: u64,
    /// Signing keys of the key set.
    pub keys: u64,
}

/// Ends every session, token family, journey, unused code and one-time link, revokes every signing key, and cuts off every
/// access token issued so far. A backup does not know what was revoked after it, so all of it counts as revoked. A resource
/// server that verifies offline refuses the tokens of before when it has read the key set again, and at the latest at
/// `tokens_dead_at`, when the last of them has expired.
///
/// # Errors
/// A [`Fault`] of the database; then nothing was changed.
pub fn quiet(tx: &mut Tx<'_>, now: Timestamp, tokens_dead_at: Timestamp) -> Result<Quieted, Fault> {
    let sessions = sessions::end_all(tx, now)?;
    let journeys = tx.run(
        "UPDATE journeys SET ended_at = $1 WHERE ended_at IS NULL",
        &[&now],
    )?;
    // `iat` is in whole seconds and `now` is not: the cut-off lies behind every token that was ever issued.
    revocations::cut_off(tx, Reach::Installation, now, tokens_dead_at)?;
    Ok(Quieted {
        sessions,
        under_way: journeys
            + codes::void_all(tx, now)?
            + tickets::void(tx, GoodFor::FirstOwner, now)?,
        families: grants::revoke_all(tx, Ended::Restored, now)?,
        keys: keys::revoke_all(tx, now)?,
    })
}
