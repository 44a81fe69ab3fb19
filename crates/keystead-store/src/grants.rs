//! Token families: everything that descends from one authorization, and the refresh tokens that keep it alive.

mod ending;

use std::time::Duration;

use keystead_protocol::{
    ids::{Audience, ClientId, GrantId, SessionId, UserId},
    scope::Scope,
    time::Timestamp,
};
use rand_core::CryptoRng;
use serde::{Deserialize, Serialize};

use crate::{
    db::{Dialect, Json, Row, Tx},
    fault::Fault,
    token_key::TokenKey,
};

pub(crate) use self::ending::revoke_between;
pub use self::ending::{Ended, revoke, revoke_all, revoke_session, revoke_user};

/// How long a rotated token is remembered at most, so that its second use is known for what it is. Without this, tokens
/// that may idle for ever would pile up with every use.
const REMEMBERED: Duration = Duration::from_secs(365 * 24 * 3_600);

/// A token family.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// Its id, carried by every token of the family.
    pub id: GrantId,
    /// Who may use its refresh tokens.
    pub client: ClientId,
    /// On whose behalf.
    pub user: UserId,
    /// The session it was made in.
    pub session: Option<SessionId>,
    /// The API; `None` for userinfo only.
    pub audience: Option<Audience>,
    /// The most that any token of it may carry.
    pub scope: Scope,
    /// What else was agreed to.
    pub terms: Terms,
    /// After this, nothing of it lives: the absolute lifetime of its refresh tokens, or the life of its access token.
    pub expires_at: Timestamp,
}

/// What was agreed to. Members that a later version adds have defaults, so that codes survive an upgrade.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// The scopes granted.
    pub scope: Scope,
    /// The API they are for; `None` for userinfo only.
    #[serde(default)]
    pub audience: Option<Audience>,
    /// Copied to the ID token (OpenID Connect Core §3.1.2.1).
    #[serde(default)]
    pub nonce: Option<String>,
    /// When the user last proved who they are, in Unix seconds (`auth_time`).
    pub authenticated_at: i64,
    /// How (`amr`, RFC 8176).
    #[serde(default)]
    pub methods: Vec<String>,
    /// What else the authorization request asked for that the token endpoint must know, such as `claims`.
    #[serde(default)]
    pub extra: serde_json::Map<String, serde_json::Value>,
}

/// Draws an id that grows with time, as its row key should.
pub fn fresh_id(now: Timestamp, rng: &mut impl CryptoRng) -> Result<GrantId, Fault> {
    let seconds = u32::try_from(now.as_secs()).unwrap_or(u32::MAX);
    GrantId::try_from(format!("{seconds:08x}{:016x}", rng.next_u64())).map_err(|e| Fault::Corrupt {
        column: 0,
        why: e.to_string(),
    })
}

/// Begins a family.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn begin(tx: &mut Tx<'_>, grant: &Grant, now: Timestamp) -> Result<(), Fault> {
    tx.run(
        "INSERT INTO grants
           (id, client_id, user_id, session_id, audience, scopes, terms, expires_at, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        &[
            &grant.id,
            &grant.client,
            &grant.user,
            &grant.session,
            &grant.audience,
            &grant.scope,
            &Json(&grant.terms),
            &grant.expires_at,
            &now,
        ],
    )
    .map(drop)
}

/// Stores a refresh token of a family. It dies when it is not used until `idle_until`.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn add_token(
    tx: &mut Tx<'_>,
    grant: &GrantId,
    key: &TokenKey,
    idle_until: Timestamp,
    now: Timestamp,
) -> Result<(), Fault> {
    tx.run(
        "INSERT INTO refresh_tokens (key, grant_id, idle_until, created_at) VALUES ($1, $2, $3, $4)",
        &[key, grant, &idle_until, &now],
    )
    .map(drop)
}

/// A refresh token that is presented.
#[derive(Debug, Clone, Copy)]
pub struct Presented<'a> {
    /// Its key.
    pub key: &'a TokenKey,
    /// Who presents it, authenticated. Another client's token is answered as an unknown one and not harmed.
    pub client: &'a ClientId,
    /// When.
    pub now: Timestamp,
}

/// What a rotation puts in the old token's place.
#[derive(Debug, Clone, Copy)]
pub struct Successor<'a> {
    /// The new token's key.
    pub key: &'a TokenKey,
    /// When the new token dies unless it is used.
    pub idle_until: Timestamp,
    /// For how long after its rotation the old token may still be used, because its owner lost the answer.
    pub leeway: Duration,
}

/// How the use of a refresh token ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Renewal {
    /// It stands; tokens may be minted for this family.
    Granted(Box<Grant>),
    /// It had been rotated, longer ago than the leeway. The family is now revoked: commit before answering.
    Reused {
        /// The family that was revoked.
        grant: GrantId,
    },
    /// It, or its family, was revoked or has expired.
    Dead {
        /// The family.
        grant: GrantId,
    },
    /// There is no such token, or it is another client's.
    Unknown,
}

/// Uses a refresh token and puts another in its place (RFC 9700 §4.14.2). Guarded statements decide who is first.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn rotate(
    tx: &mut Tx<'_>,
    presented: Presented<'_>,
    successor: Successor<'_>,
) -> Result<Renewal, Fault> {
    let grant = match hold(tx, presented)? {
        Ok(grant) => grant,
        Err(ended) => return Ok(ended),
    };
    let now = presented.now;
    let first = tx.run(
        "UPDATE refresh_tokens SET rotated_at = $2, idle_until = CASE WHEN idle_until > $3 THEN $3 ELSE idle_until END
         WHERE key = $1 AND rotated_at IS NULL AND idle_until > $2",
        &[presented.key, &now, &(now + REMEMBERED)],
    )?;
    if first == 0 {
        match rotated_at(tx, presented.key)? {
            None => return Ok(Renewal::Dead { grant: grant.id }),
            Some(at) if now.since(at) >= successor.leeway => {
                revoke(tx, &grant.id, Ended::RefreshTokenReused, now)?;
                return Ok(Renewal::Reused { grant: grant.id });
            }
            Some(_) => {}
        }
    }
    add_token(tx, &grant.id, successor.key, successor.idle_until, now)?;
    Ok(Renewal::Granted(Box::new(grant)))
}

/// Uses a refresh token that stays the same, and puts its idle end off.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn renew(
    tx: &mut Tx<'_>,
    presented: Presented<'_>,
    idle_until: Timestamp,
) -> Result<Renewal, Fault> {
    let grant = match hold(tx, presented)? {
        Ok(grant) => grant,
        Err(ended) => return Ok(ended),
    };
    let kept = tx.run(
        "UPDATE refresh_tokens SET idle_until = $3 WHERE key = $1 AND rotated_at IS NULL AND idle_until > $2",
        &[presented.key, &presented.now, &idle_until],
    )?;
    if kept == 1 {
        return Ok(Renewal::Granted(Box::new(grant)));
    }
    if rotated_at(tx, presented.key)?.is_none() {
        return Ok(Renewal::Dead { grant: grant.id });
    }
    // It was rotated while the client's setting was another one.
    revoke(tx, &grant.id, Ended::RefreshTokenReused, presented.now)?;
    Ok(Renewal::Reused { grant: grant.id })
}

macro_rules! select_living {
    ($lock:literal) => {
        concat!(
            "SELECT g.id, g.client_id, g.user_id, g.session_id, g.audience, g.scopes, g.terms, g.expires_at
             FROM refresh_tokens t JOIN grants g ON g.id = t.grant_id
             WHERE t.key = $1 AND g.client_id = $2 AND g.revoked_at IS NULL AND g.expires_at > $3",
            $lock
        )
    };
}

/// Takes hold of a living family, so that use and revocation happen one after the other. PostgreSQL is asked to lock its row;
/// SQLite has one writer, who need not be asked, and writing the row to that end would cost a page of the log.
fn hold(tx: &mut Tx<'_>, presented: Presented<'_>) -> Result<Result<Grant, Renewal>, Fault> {
    let living = match tx.dialect() {
        Dialect::Sqlite => select_living!(""),
        Dialect::Postgres => select_living!(" FOR UPDATE OF g"),
    };
    let held = tx.row(living, &[presented.key, presented.client, &presented.now])?;
    if let Some(row) = held {
        return record(row).map(Ok);
    }
    let ended = tx.row(
        "SELECT g.id FROM refresh_tokens t JOIN grants g ON g.id = t.grant_id WHERE t.key = $1 AND g.client_id = $2",
        &[presented.key, presented.client],
    )?;
    Ok(Err(match ended {
        Some(mut row) => Renewal::Dead { grant: row.take()? },
        None => Renewal::Unknown,
    }))
}

fn rotated_at(tx: &mut Tx<'_>, key: &TokenKey) -> Result<Option<Timestamp>, Fault> {
    let row = tx.row(
        "SELECT rotated_at FROM refresh_tokens WHERE key = $1",
        &[key],
    )?;
    row.map_or(Ok(None), |mut row| row.take())
}

fn record(mut row: Row) -> Result<Grant, Fault> {
    Ok(Grant {
        id: row.take()?,
        client: row.take()?,
        user: row.take()?,
        session: row.take()?,
        audience: row.take()?,
        scope: row.take()?,
        terms: row.take().map(|Json(terms)| terms)?,
        expires_at: row.take()?,
    })
}

/// Whether a family lives, and if not, why it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// Tokens of it are good.
    Live(Box<Grant>),
    /// It was revoked, and why.
    Revoked(Ended),
    /// It has expired, or there never was such a family.
    Gone,
}

/// Looks a family up, for introspection and userinfo.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn standing(tx: &mut Tx<'_>, id: &GrantId, now: Timestamp) -> Result<Standing, Fault> {
    let found = tx.row(
        "SELECT revoked_why, id, client_id, user_id, session_id, audience, scopes, terms, expires_at
         FROM grants WHERE id = $1",
        &[id],
    )?;
    let Some(mut row) = found else {
        return Ok(Standing::Gone);
    };
    if let Some(why) = row.take()? {
        return Ok(Standing::Revoked(why));
    }
    let grant = record(row)?;
    Ok(if grant.expires_at > now {
        Standing::Live(Box::new(grant))
    } else {
        Standing::Gone
    })
}

/// Finds the family of a refresh token of this client, whatever its state, so that it can be revoked (RFC 7009).
///
/// # Errors
/// A [`Fault`] of the database.
pub fn of_token(
    tx: &mut Tx<'_>,
    key: &TokenKey,
    client: &ClientId,
) -> Result<Option<GrantId>, Fault> {
    let row = tx.row(
        "SELECT g.id FROM refresh_tokens t JOIN grants g ON g.id = t.grant_id WHERE t.key = $1 AND g.client_id = $2",
        &[key, client],
    )?;
    row.map(|mut row| row.take()).transpose()
}
