//! Authorization codes (RFC 6749 §4.1): issued once, redeemed once, and the evidence stays.

use keystead_protocol::{
    ids::{ClientId, GrantId, SessionId, UserId},
    time::Timestamp,
};

use crate::{
    db::{Json, Row, Tx},
    fault::Fault,
    grants::{self, Ended, Terms},
    token_key::TokenKey,
};

/// What a code stands for: who agreed to what, and how the token request must prove itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Code {
    /// The token family that its redemption begins; everything issued from it carries this id.
    pub grant: GrantId,
    /// The client that asked, and the only one that may redeem it.
    pub client: ClientId,
    /// Who logged in.
    pub user: UserId,
    /// The session that was used or made.
    pub session: Option<SessionId>,
    /// Where the code was sent; the token request must repeat it (RFC 6749 §4.1.3).
    pub redirect_uri: String,
    /// The PKCE challenge (RFC 7636 §4.3), if one was sent.
    pub challenge: Option<String>,
    /// The rest of the agreement.
    pub terms: Terms,
}

/// Stores a code.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn issue(
    tx: &mut Tx<'_>,
    key: &TokenKey,
    code: &Code,
    now: Timestamp,
    expires_at: Timestamp,
) -> Result<(), Fault> {
    tx.run(
        "INSERT INTO codes
           (key, grant_id, client_id, user_id, session_id, redirect_uri, challenge, terms, expires_at, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        &[
            key,
            &code.grant,
            &code.client,
            &code.user,
            &code.session,
            &code.redirect_uri,
            &code.challenge,
            &Json(&code.terms),
            &expires_at,
            &now,
        ],
    )
    .map(drop)
}

/// Finds a code, used or not: what it stands for never changes. Whether it may be used is for [`redeem`] to say.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn find(tx: &mut Tx<'_>, key: &TokenKey) -> Result<Option<Code>, Fault> {
    tx.row(
        "SELECT grant_id, client_id, user_id, session_id, redirect_uri, challenge, terms FROM codes WHERE key = $1",
        &[key],
    )?
    .map(record)
    .transpose()
}

/// How a redemption ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Redemption {
    /// This was the first use in time. The caller checks client, redirect and PKCE in the same transaction: if it
    /// answers `Err`, the code is as unused as before.
    Fresh(Box<Code>),
    /// The code had been used. Its family is now revoked (RFC 6749 §4.1.2): commit before answering.
    Replayed {
        /// The family that was revoked.
        grant: GrantId,
    },
    /// It was not used in time.
    Expired,
    /// There is no such code.
    Unknown,
}

/// Redeems a code: one guarded statement decides who was first.
///
/// Does not check the client, the redirect URI or the verifier.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn redeem(tx: &mut Tx<'_>, key: &TokenKey, now: Timestamp) -> Result<Redemption, Fault> {
    let won = tx.row(
        "UPDATE codes SET redeemed_at = $2
         WHERE key = $1 AND redeemed_at IS NULL AND expires_at > $2
         RETURNING grant_id, client_id, user_id, session_id, redirect_uri, challenge, terms",
        &[key, &now],
    )?;
    if let Some(row) = won {
        return record(row).map(|code| Redemption::Fresh(Box::new(code)));
    }
    let Some(mut row) = tx.row(
        "SELECT grant_id, redeemed_at FROM codes WHERE key = $1",
        &[key],
    )?
    else {
        return Ok(Redemption::Unknown);
    };
    let (grant, redeemed_at): (GrantId, Option<Timestamp>) = (row.take()?, row.take()?);
    if redeemed_at.is_none() {
        return Ok(Redemption::Expired);
    }
    grants::revoke(tx, &grant, Ended::CodeReplayed, now)?;
    Ok(Redemption::Replayed { grant })
}

fn record(mut row: Row) -> Result<Code, Fault> {
    Ok(Code {
        grant: row.take()?,
        client: row.take()?,
        user: row.take()?,
        session: row.take()?,
        redirect_uri: row.take()?,
        challenge: row.take()?,
        terms: row.take().map(|Json(terms)| terms)?,
    })
}

/// Makes the unused codes of a user worthless.
///
/// # Errors
/// A [`Fault`] of the database.
pub(crate) fn void_user(tx: &mut Tx<'_>, user: &UserId, now: Timestamp) -> Result<u64, Fault> {
    tx.run(
        "UPDATE codes SET expires_at = $2 WHERE user_id = $1 AND redeemed_at IS NULL AND expires_at > $2",
        &[user, &now],
    )
}

/// Makes the unused codes of a session worthless.
///
/// # Errors
/// A [`Fault`] of the database.
pub(crate) fn void_session(
    tx: &mut Tx<'_>,
    session: &SessionId,
    now: Timestamp,
) -> Result<u64, Fault> {
    // By way of the user, whose codes are few and indexed: an index for this alone would cost every log-in.
    tx.run(
        "UPDATE codes SET expires_at = $2
         WHERE user_id = (SELECT user_id FROM sessions WHERE id = $1) AND session_id = $1
           AND redeemed_at IS NULL AND expires_at > $2",
        &[session, &now],
    )
}

/// Makes the unused codes worthless that a client has for a user.
///
/// # Errors
/// A [`Fault`] of the database.
pub(crate) fn void_between(
    tx: &mut Tx<'_>,
    user: &UserId,
    client: &ClientId,
    now: Timestamp,
) -> Result<u64, Fault> {
    tx.run(
        "UPDATE codes SET expires_at = $3
         WHERE user_id = $1 AND client_id = $2 AND redeemed_at IS NULL AND expires_at > $3",
        &[user, client, &now],
    )
}

/// Makes every unused code worthless: what a restored backup needs.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn void_all(tx: &mut Tx<'_>, now: Timestamp) -> Result<u64, Fault> {
    tx.run(
        "UPDATE codes SET expires_at = $1 WHERE redeemed_at IS NULL AND expires_at > $1",
        &[&now],
    )
}
