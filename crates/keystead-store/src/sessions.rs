//! Sessions: a browser in which a user has logged in, known by a cookie of which only the key is stored.

use std::time::Duration;

use keystead_protocol::{
    ids::{ClientId, SessionId, UserId},
    time::Timestamp,
};
use serde::{Deserialize, Serialize};

use crate::{
    codes,
    db::{Dialect, Json, Row, Tx},
    fault::Fault,
    grants::{self, Ended},
    token_key::TokenKey,
};

/// How long a use of a session may go unrecorded: a page full of requests costs one write.
const UNRECORDED: Duration = Duration::from_secs(60);

/// A session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Its public name, `sid`. Opens nothing.
    pub id: SessionId,
    /// Who logged in.
    pub user: UserId,
    /// How, in the order in which it was done.
    pub methods: Vec<Method>,
    /// When the user last proved who they are (`auth_time`).
    pub authenticated_at: Timestamp,
    /// When it was last used, give or take a minute.
    pub seen_at: Timestamp,
    /// It ends when it is not used before this.
    pub idle_until: Timestamp,
    /// It ends then in any case.
    pub expires_at: Timestamp,
    /// When it began.
    pub created_at: Timestamp,
}

/// One way in which the user proved who they are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Method {
    /// An authentication method reference (RFC 8176), such as `pwd`.
    pub name: String,
    /// When, in Unix seconds.
    pub at: i64,
}

impl Session {
    /// Whether a use now is worth a [`touch`]: saves opening a write that would change nothing.
    pub fn wants_touch(&self, now: Timestamp) -> bool {
        self.seen_at + UNRECORDED <= now
    }
}

/// Starts a session under the key of a fresh cookie. Does not look whether the user is blocked: see
/// [`users::record_login`](crate::users::record_login).
///
/// # Errors
/// A [`Fault`] of the database.
pub fn start(tx: &mut Tx<'_>, key: &TokenKey, session: &Session) -> Result<(), Fault> {
    tx.run(
        "INSERT INTO sessions
           (key, id, user_id, methods, authenticated_at, seen_at, idle_until, expires_at, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        &[
            key,
            &session.id,
            &session.user,
            &Json(&session.methods),
            &session.authenticated_at,
            &session.seen_at,
            &session.idle_until,
            &session.expires_at,
            &session.created_at,
        ],
    )
    .map(drop)
}

/// Finds the living session of a cookie.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn find(tx: &mut Tx<'_>, key: &TokenKey, now: Timestamp) -> Result<Option<Session>, Fault> {
    let row = tx.row(
        "SELECT id, user_id, methods, authenticated_at, seen_at, idle_until, expires_at, created_at FROM sessions
         WHERE key = $1 AND ended_at IS NULL AND idle_until > $2 AND expires_at > $2",
        &[key, &now],
    )?;
    row.map(record).transpose()
}

macro_rules! select_living {
    ($lock:literal) => {
        concat!(
            "SELECT id, user_id, methods, authenticated_at, seen_at, idle_until, expires_at, created_at FROM sessions
             WHERE id = $1 AND ended_at IS NULL AND idle_until > $2 AND expires_at > $2",
            $lock
        )
    };
}

/// Finds a living session by its public name.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn by_id(tx: &mut Tx<'_>, id: &SessionId, now: Timestamp) -> Result<Option<Session>, Fault> {
    let row = tx.row(select_living!(""), &[id, &now])?;
    row.map(record).transpose()
}

/// [`by_id`], and whoever ends the session waits until this transaction has: so what is issued in it is there to be ended
/// too. Belongs first into the transaction: whoever ends sessions takes them before journeys, codes and families.
///
/// Two texts: PostgreSQL is asked to lock the row, in common with others who hold it; SQLite has one writer.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn hold(tx: &mut Tx<'_>, id: &SessionId, now: Timestamp) -> Result<Option<Session>, Fault> {
    let living = match tx.dialect() {
        Dialect::Sqlite => return by_id(tx, id, now),
        Dialect::Postgres => select_living!(" FOR SHARE"),
    };
    tx.row(living, &[id, &now])?.map(record).transpose()
}

/// Lists the living sessions of a user in the order of their names, at most `limit`, from behind `after`.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn of_user(
    tx: &mut Tx<'_>,
    user: &UserId,
    after: Option<&SessionId>,
    limit: u32,
    now: Timestamp,
) -> Result<Vec<Session>, Fault> {
    let rows = tx.rows(
        "SELECT id, user_id, methods, authenticated_at, seen_at, idle_until, expires_at, created_at FROM sessions
         WHERE user_id = $1 AND id > $2 AND ended_at IS NULL AND idle_until > $4 AND expires_at > $4
         ORDER BY id LIMIT $3",
        &[
            user,
            &after.map_or("", SessionId::as_str),
            &limit,
            &now,
        ],
    )?;
    rows.into_iter().map(record).collect()
}

/// Records a use of a living session and puts its idle end off, at most once a minute. Never brings a dead one back.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn touch(
    tx: &mut Tx<'_>,
    key: &TokenKey,
    idle_until: Timestamp,
    now: Timestamp,
) -> Result<(), Fault> {
    tx.run(
        "UPDATE sessions SET seen_at = $2, idle_until = $3
         WHERE key = $1 AND seen_at <= $4 AND ended_at IS NULL AND idle_until > $2 AND expires_at > $2",
        &[key, &now, &idle_until, &(now - UNRECORDED)],
    )
    .map(drop)
}

/// Gives a living session another key when its user logs in again: the old cookie is dead at once, so one that somebody
/// planted or copied before opens nothing after it.
///
/// Its methods, times and both ends are those of `fresh`; its name and its beginning stay. `None` if the old key opened
/// nothing.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn renew(
    tx: &mut Tx<'_>,
    old: &TokenKey,
    new: &TokenKey,
    fresh: &Session,
    now: Timestamp,
) -> Result<Option<Session>, Fault> {
    let row = tx.row(
        "UPDATE sessions
         SET key = $2, methods = $3, authenticated_at = $4, seen_at = $5, idle_until = $6, expires_at = $7
         WHERE key = $1 AND ended_at IS NULL AND idle_until > $8 AND expires_at > $8
         RETURNING id, user_id, methods, authenticated_at, seen_at, idle_until, expires_at, created_at",
        &[
            old,
            new,
            &Json(&fresh.methods),
            &fresh.authenticated_at,
            &fresh.seen_at,
            &fresh.idle_until,
            &fresh.expires_at,
            &now,
        ],
    )?;
    row.map(record).transpose()
}

/// Ends a session and answers the clients that took part in it. Revokes no token. Ending it again changes nothing and
/// answers `None`, so that they are told once.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn end(
    tx: &mut Tx<'_>,
    id: &SessionId,
    now: Timestamp,
) -> Result<Option<Vec<ClientId>>, Fault> {
    let ended = tx.run(
        "UPDATE sessions SET ended_at = $2 WHERE id = $1 AND ended_at IS NULL",
        &[id, &now],
    )?;
    if ended == 0 {
        return Ok(None);
    }
    clients_of(tx, id).map(Some)
}

/// [`end`], and no code or token family of the session is worth anything from then on, even if it had ended before.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn end_and_revoke(
    tx: &mut Tx<'_>,
    id: &SessionId,
    why: Ended,
    now: Timestamp,
) -> Result<Option<Vec<ClientId>>, Fault> {
    let clients = end(tx, id, now)?;
    // Codes before grants: a redemption in progress is waited for, and the grant that it began is then seen.
    codes::void_session(tx, id, now)?;
    grants::revoke_session(tx, id, why, now)?;
    Ok(clients)
}

/// Ends every session of a user and answers which they were. Revokes no token.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn end_all_of_user(
    tx: &mut Tx<'_>,
    user: &UserId,
    now: Timestamp,
) -> Result<Vec<SessionId>, Fault> {
    let rows = tx.rows(
        "UPDATE sessions SET ended_at = $2 WHERE user_id = $1 AND ended_at IS NULL RETURNING id",
        &[user, &now],
    )?;
    rows.into_iter().map(|mut row| row.take()).collect()
}

/// Ends every session there is, and says how many: what a restored backup needs.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn end_all(tx: &mut Tx<'_>, now: Timestamp) -> Result<u64, Fault> {
    tx.run(
        "UPDATE sessions SET ended_at = $1 WHERE ended_at IS NULL",
        &[&now],
    )
}

/// Notes that a client took part in a session. A session that has ended gets no more of them.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn join_client(tx: &mut Tx<'_>, id: &SessionId, client: &ClientId) -> Result<(), Fault> {
    tx.run(
        "INSERT INTO session_clients (session_id, client_id)
         SELECT s.id, c.id FROM sessions s, clients c WHERE s.id = $1 AND c.id = $2 AND s.ended_at IS NULL
         ON CONFLICT (session_id, client_id) DO NOTHING",
        &[id, client],
    )
    .map(drop)
}

/// The clients that took part in a session, ended or not, in the order of their ids.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn clients_of(tx: &mut Tx<'_>, id: &SessionId) -> Result<Vec<ClientId>, Fault> {
    let rows = tx.rows(
        "SELECT client_id FROM session_clients WHERE session_id = $1 ORDER BY client_id",
        &[id],
    )?;
    rows.into_iter().map(|mut row| row.take()).collect()
}

fn record(mut row: Row) -> Result<Session, Fault> {
    Ok(Session {
        id: row.take()?,
        user: row.take()?,
        methods: row.take().map(|Json(methods)| methods)?,
        authenticated_at: row.take()?,
        seen_at: row.take()?,
        idle_until: row.take()?,
        expires_at: row.take()?,
        created_at: row.take()?,
    })
}
