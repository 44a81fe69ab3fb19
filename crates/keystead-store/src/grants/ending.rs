//! How token families end before their time, and what is kept of the reason.

use keystead_protocol::{
    ids::{Audience, ClientId, GrantId, SessionId, UserId},
    time::Timestamp,
};

use crate::{
    db::{Column, FromColumn, Tx},
    fault::Fault,
};

/// Why a family ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Its authorization code was used twice.
    CodeReplayed,
    /// A rotated refresh token was used again.
    RefreshTokenReused,
    /// The client revoked it (RFC 7009).
    ByClient,
    /// The user logged out, changed the password, or took consent back.
    ByUser,
    /// An administrator ended it.
    ByAdministrator,
    /// A backup was restored, and what had been revoked since must not come back.
    Restored,
}

impl Ended {
    const ALL: [Self; 6] = [
        Self::CodeReplayed,
        Self::RefreshTokenReused,
        Self::ByClient,
        Self::ByUser,
        Self::ByAdministrator,
        Self::Restored,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::CodeReplayed => "code_replayed",
            Self::RefreshTokenReused => "refresh_token_reused",
            Self::ByClient => "by_client",
            Self::ByUser => "by_user",
            Self::ByAdministrator => "by_administrator",
            Self::Restored => "restored",
        }
    }
}

impl FromColumn for Ended {
    fn from_column(column: Column) -> Result<Self, String> {
        let name = String::from_column(column)?;
        Self::ALL
            .into_iter()
            .find(|e| e.name() == name)
            .ok_or_else(|| "why a family ended".to_owned())
    }
}

/// Ends a family. Ending it again changes nothing, and keeps the first reason.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn revoke(tx: &mut Tx<'_>, id: &GrantId, why: Ended, now: Timestamp) -> Result<(), Fault> {
    tx.run(
        "UPDATE grants SET revoked_at = $2, revoked_why = $3 WHERE id = $1 AND revoked_at IS NULL",
        &[id, &now, &why.name()],
    )
    .map(drop)
}

/// Ends every family made in a session.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn revoke_session(
    tx: &mut Tx<'_>,
    session: &SessionId,
    why: Ended,
    now: Timestamp,
) -> Result<u64, Fault> {
    tx.run(
        "UPDATE grants SET revoked_at = $2, revoked_why = $3 WHERE session_id = $1 AND revoked_at IS NULL",
        &[session, &now, &why.name()],
    )
}

/// Ends every family of a user.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn revoke_user(
    tx: &mut Tx<'_>,
    user: &UserId,
    why: Ended,
    now: Timestamp,
) -> Result<u64, Fault> {
    tx.run(
        "UPDATE grants SET revoked_at = $2, revoked_why = $3 WHERE user_id = $1 AND revoked_at IS NULL",
        &[user, &now, &why.name()],
    )
}

/// Ends every family that a client has for a user and an API; `None` is those for userinfo only.
///
/// # Errors
/// A [`Fault`] of the database.
pub(crate) fn revoke_between(
    tx: &mut Tx<'_>,
    user: &UserId,
    client: &ClientId,
    audience: Option<&Audience>,
    why: Ended,
    now: Timestamp,
) -> Result<u64, Fault> {
    tx.run(
        "UPDATE grants SET revoked_at = $4, revoked_why = $5
         WHERE user_id = $1 AND client_id = $2 AND COALESCE(audience, '') = $3 AND revoked_at IS NULL",
        &[
            user,
            client,
            &audience.map_or("", Audience::as_str),
            &now,
            &why.name(),
        ],
    )
}

/// Ends every family there is: what a restored backup needs.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn revoke_all(tx: &mut Tx<'_>, why: Ended, now: Timestamp) -> Result<u64, Fault> {
    tx.run(
        "UPDATE grants SET revoked_at = $1, revoked_why = $2 WHERE revoked_at IS NULL",
        &[&now, &why.name()],
    )
}
