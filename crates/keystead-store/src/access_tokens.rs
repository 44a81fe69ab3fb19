//! Opaque access tokens: those for nothing but userinfo, which only we can read.

use keystead_protocol::{ids::GrantId, scope::Scope, time::Timestamp};

use crate::{db::Tx, fault::Fault, token_key::TokenKey};

/// An opaque access token. Whom it speaks for stands in its family.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessToken {
    /// Its family.
    pub grant: GrantId,
    /// What it permits.
    pub scope: Scope,
    /// When it ends.
    pub expires_at: Timestamp,
    /// When it was issued.
    pub created_at: Timestamp,
}

/// Stores a token under its key.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn insert(tx: &mut Tx<'_>, key: &TokenKey, token: &AccessToken) -> Result<(), Fault> {
    tx.run(
        "INSERT INTO access_tokens (key, grant_id, scopes, expires_at, created_at) VALUES ($1, $2, $3, $4, $5)",
        &[key, &token.grant, &token.scope, &token.expires_at, &token.created_at],
    )
    .map(drop)
}

/// Finds a token that has not expired. Does not check that its family lives: see [`crate::grants::standing`].
///
/// # Errors
/// A [`Fault`] of the database.
pub fn find(tx: &mut Tx<'_>, key: &TokenKey, now: Timestamp) -> Result<Option<AccessToken>, Fault> {
    tx.row(
        "SELECT grant_id, scopes, expires_at, created_at FROM access_tokens WHERE key = $1 AND expires_at > $2",
        &[key, &now],
    )?
    .map(|mut row| {
        Ok(AccessToken {
            grant: row.take()?,
            scope: row.take()?,
            expires_at: row.take()?,
            created_at: row.take()?,
        })
    })
    .transpose()
}

/// Forgets a token: what revoking it means. Gone already is as good.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn forget(tx: &mut Tx<'_>, key: &TokenKey) -> Result<(), Fault> {
    tx.run("DELETE FROM access_tokens WHERE key = $1", &[key])
        .map(drop)
}
