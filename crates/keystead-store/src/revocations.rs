//! What is no longer believed though its signature is good: single tokens, and all that was issued before a moment.

use keystead_protocol::{
    ids::{ClientId, GrantId, SessionId, TokenId, UserId},
    time::Timestamp,
};

use crate::{db::Tx, fault::Fault};

/// Denies one token until it expires by itself. Denying it again never shortens that.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn deny(tx: &mut Tx<'_>, token: &TokenId, expires_at: Timestamp) -> Result<(), Fault> {
    tx.run(
        "INSERT INTO denied_tokens (id, expires_at) VALUES ($1, $2)
         ON CONFLICT (id) DO UPDATE SET expires_at = excluded.expires_at
         WHERE excluded.expires_at > denied_tokens.expires_at",
        &[token, &expires_at],
    )
    .map(drop)
}

/// Whether a token was denied.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn is_denied(tx: &mut Tx<'_>, token: &TokenId) -> Result<bool, Fault> {
    tx.row("SELECT 1 FROM denied_tokens WHERE id = $1", &[token])
        .map(|row| row.is_some())
}

/// What a cut-off concerns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach<'a> {
    /// The tokens of one family.
    Grant(&'a GrantId),
    /// The tokens that were issued in one session.
    Session(&'a SessionId),
    /// The tokens that speak for one user.
    User(&'a UserId),
    /// The tokens that were issued to one client.
    Client(&'a ClientId),
    /// Every token there is.
    Installation,
}

impl Reach<'_> {
    fn key(&self) -> (&'static str, &str) {
        match self {
            Self::Grant(id) => ("grant", id.as_str()),
            Self::Session(id) => ("session", id.as_str()),
            Self::User(id) => ("user", id.as_str()),
            Self::Client(id) => ("client", id.as_str()),
            Self::Installation => ("installation", ""),
        }
    }
}

/// Declares worthless what was issued before a moment. A cut-off only ever moves forward, in both its moments.
///
/// `expires_at` is when the last token that it concerns will have expired by itself.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn cut_off(
    tx: &mut Tx<'_>,
    reach: Reach<'_>,
    issued_before: Timestamp,
    expires_at: Timestamp,
) -> Result<(), Fault> {
    let (kind, id) = reach.key();
    tx.run(
        "INSERT INTO cutoffs (kind, id, issued_before, expires_at) VALUES ($1, $2, $3, $4)
         ON CONFLICT (kind, id) DO UPDATE SET
           issued_before = CASE WHEN excluded.issued_before > cutoffs.issued_before
                                THEN excluded.issued_before ELSE cutoffs.issued_before END,
           expires_at = CASE WHEN excluded.expires_at > cutoffs.expires_at
                             THEN excluded.expires_at ELSE cutoffs.expires_at END",
        &[&kind, &id, &issued_before, &expires_at],
    )
    .map(drop)
}

/// What a token says of its origin, as far as cut-offs are concerned.
#[derive(Debug, Clone, Copy)]
pub struct Origin<'a> {
    /// Its family; a machine's token has none.
    pub grant: Option<&'a GrantId>,
    /// The session.
    pub session: Option<&'a SessionId>,
    /// The user.
    pub user: Option<&'a UserId>,
    /// The client.
    pub client: &'a ClientId,
    /// `iat`. It is cut to whole seconds, so a token of the second in which a cut-off fell counts as issued before it.
    pub issued_at: Timestamp,
}

/// Whether any cut-off concerns a token, in one statement.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn is_cut_off(tx: &mut Tx<'_>, token: Origin<'_>) -> Result<bool, Fault> {
    tx.row(
        "SELECT 1 FROM cutoffs
         WHERE issued_before > $1
           AND ((kind = 'grant' AND id = $2) OR (kind = 'session' AND id = $3) OR (kind = 'user' AND id = $4)
             OR (kind = 'client' AND id = $5) OR (kind = 'installation' AND id = ''))
         LIMIT 1",
        &[
            &token.issued_at,
            &token.grant,
            &token.session,
            &token.user,
            &token.client,
        ],
    )
    .map(|row| row.is_some())
}
