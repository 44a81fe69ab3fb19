//! Journeys: interactive log-ins under way, from the moment the user is known until a code is issued.

use keystead_protocol::{
    ids::{ClientId, SessionId, UserId},
    time::Timestamp,
};
use serde_json::Value;

use crate::{
    db::{Json, Row, Tx},
    fault::Fault,
    token_key::TokenKey,
};

/// A journey.
#[derive(Debug, Clone, PartialEq)]
pub struct Journey {
    /// The client that asked for it.
    pub client: ClientId,
    /// Who is on it. Another user is another journey.
    pub user: UserId,
    /// The session it uses or made.
    pub session: Option<SessionId>,
    /// The authorization request that it answers, checked.
    pub request: Value,
    /// Which steps are behind it.
    pub done: Value,
    /// Counts the steps: [`advance`] and [`end`] want the one that was read. 1 at the beginning.
    pub version: i64,
    /// It is void after this.
    pub expires_at: Timestamp,
}

/// Begins a journey under the key of a fresh handle, at version 1.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn begin(
    tx: &mut Tx<'_>,
    key: &TokenKey,
    journey: &Journey,
    now: Timestamp,
) -> Result<(), Fault> {
    tx.run(
        "INSERT INTO journeys (key, client_id, user_id, session_id, request, done, version, expires_at, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, 1, $7, $8)",
        &[
            key,
            &journey.client,
            &journey.user,
            &journey.session,
            &Json(&journey.request),
            &Json(&journey.done),
            &journey.expires_at,
            &now,
        ],
    )
    .map(drop)
}

/// Finds a journey that has neither ended nor expired.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn find(tx: &mut Tx<'_>, key: &TokenKey, now: Timestamp) -> Result<Option<Journey>, Fault> {
    let row = tx.row(
        "SELECT client_id, user_id, session_id, request, done, version, expires_at FROM journeys
         WHERE key = $1 AND ended_at IS NULL AND expires_at > $2",
        &[key, &now],
    )?;
    row.map(record).transpose()
}

/// Whether a step on a journey was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "only one of the answers means that something changed"]
pub enum Progress {
    /// It was.
    Made,
    /// Another step was taken since the journey was read: another tab, or the same form sent twice. Nothing changed.
    Stale,
    /// The journey has ended or expired, or there never was one.
    Over,
}

/// Takes a step: writes back session and steps of a journey that was read, unless another step was taken since.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn advance(
    tx: &mut Tx<'_>,
    key: &TokenKey,
    journey: &Journey,
    now: Timestamp,
) -> Result<Progress, Fault> {
    let taken = tx.run(
        "UPDATE journeys SET session_id = $4, done = $5, version = version + 1
         WHERE key = $1 AND version = $2 AND ended_at IS NULL AND expires_at > $3",
        &[
            key,
            &journey.version,
            &now,
            &journey.session,
            &Json(&journey.done),
        ],
    )?;
    step(tx, key, taken, now)
}

/// Takes the last step. Of all who try, one hears [`Progress::Made`]; the others must not answer the request.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn end(
    tx: &mut Tx<'_>,
    key: &TokenKey,
    version: i64,
    now: Timestamp,
) -> Result<Progress, Fault> {
    let taken = tx.run(
        "UPDATE journeys SET ended_at = $3
         WHERE key = $1 AND version = $2 AND ended_at IS NULL AND expires_at > $3",
        &[key, &version, &now],
    )?;
    step(tx, key, taken, now)
}

fn step(tx: &mut Tx<'_>, key: &TokenKey, taken: u64, now: Timestamp) -> Result<Progress, Fault> {
    Ok(match taken {
        0 if find(tx, key, now)?.is_some() => Progress::Stale,
        0 => Progress::Over,
        _ => Progress::Made,
    })
}

/// Ends every journey of a user.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn end_all_of_user(tx: &mut Tx<'_>, user: &UserId, now: Timestamp) -> Result<u64, Fault> {
    tx.run(
        "UPDATE journeys SET ended_at = $2 WHERE user_id = $1 AND ended_at IS NULL",
        &[user, &now],
    )
}

fn record(mut row: Row) -> Result<Journey, Fault> {
    Ok(Journey {
        client: row.take()?,
        user: row.take()?,
        session: row.take()?,
        request: row.take().map(|Json(request)| request)?,
        done: row.take().map(|Json(done)| done)?,
        version: row.take()?,
        expires_at: row.take()?,
    })
}
