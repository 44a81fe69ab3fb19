//! Consent: what users have agreed that clients may do, so that they are asked once.

use keystead_protocol::{
    ids::{Audience, ClientId, UserId},
    scope::Scope,
    time::Timestamp,
};

use crate::{
    codes,
    db::{Row, Tx},
    fault::Fault,
    grants::{self, Ended},
};

/// Between whom a consent stands, and about which API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parties {
    /// Who agreed.
    pub user: UserId,
    /// To whom.
    pub client: ClientId,
    /// About which API; `None` for userinfo only.
    pub audience: Option<Audience>,
}

impl Parties {
    /// The column is part of a key and so cannot be NULL; no audience is the empty text.
    fn audience_key(&self) -> &str {
        self.audience.as_ref().map_or("", Audience::as_str)
    }
}

/// What a user agreed to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consent {
    /// Between whom.
    pub parties: Parties,
    /// All scopes ever agreed to.
    pub scope: Scope,
    /// Since when.
    pub created_at: Timestamp,
    /// When they last agreed.
    pub updated_at: Timestamp,
}

/// Adds scopes to what a user has agreed to. Of two who add at once, neither loses anything.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn remember(
    tx: &mut Tx<'_>,
    parties: &Parties,
    scope: &Scope,
    now: Timestamp,
) -> Result<(), Fault> {
    // The update of nothing takes hold of a row that exists, so that others wait with theirs.
    let row = tx.row(
        "INSERT INTO consents (user_id, client_id, audience, scopes, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $5)
         ON CONFLICT (user_id, client_id, audience) DO UPDATE SET updated_at = excluded.updated_at
         RETURNING scopes",
        &[
            &parties.user,
            &parties.client,
            &parties.audience_key(),
            scope,
            &now,
        ],
    )?;
    let known: Scope = row.map_or_else(|| Ok(Scope::default()), |mut row| row.take())?;
    if scope.is_subset(&known) {
        return Ok(());
    }
    tx.run(
        "UPDATE consents SET scopes = $4 WHERE user_id = $1 AND client_id = $2 AND audience = $3",
        &[
            &parties.user,
            &parties.client,
            &parties.audience_key(),
            &known.union(scope),
        ],
    )
    .map(drop)
}

/// What a user has agreed to; `None` if they never agreed. Whoever agreed to no scope has agreed all the same.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn find(tx: &mut Tx<'_>, parties: &Parties) -> Result<Option<Scope>, Fault> {
    let row = tx.row(
        "SELECT scopes FROM consents WHERE user_id = $1 AND client_id = $2 AND audience = $3",
        &[&parties.user, &parties.client, &parties.audience_key()],
    )?;
    row.map(|mut row| row.take()).transpose()
}

/// Everything that a user has agreed to, in the order of clients and APIs.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn of_user(tx: &mut Tx<'_>, user: &UserId) -> Result<Vec<Consent>, Fault> {
    let rows = tx.rows(
        "SELECT user_id, client_id, audience, scopes, created_at, updated_at FROM consents
         WHERE user_id = $1 ORDER BY client_id, audience",
        &[user],
    )?;
    rows.into_iter().map(record).collect()
}

/// Takes a consent back, and with it every code and token family that it led to.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn forget(tx: &mut Tx<'_>, parties: &Parties, now: Timestamp) -> Result<(), Fault> {
    tx.run(
        "DELETE FROM consents WHERE user_id = $1 AND client_id = $2 AND audience = $3",
        &[&parties.user, &parties.client, &parties.audience_key()],
    )?;
    // Codes before grants: a redemption in progress is waited for, and the grant that it began is then seen.
    codes::void_between(tx, &parties.user, &parties.client, now)?;
    grants::revoke_between(
        tx,
        &parties.user,
        &parties.client,
        parties.audience.as_ref(),
        Ended::ByUser,
        now,
    )
    .map(drop)
}

fn record(mut row: Row) -> Result<Consent, Fault> {
    let (user, client) = (row.take()?, row.take()?);
    let audience: String = row.take()?;
    let audience = match audience.as_str() {
        "" => None,
        text => Some(Audience::try_from(text).map_err(|e| Fault::Corrupt {
            column: 2,
            why: e.to_string(),
        })?),
    };
    Ok(Consent {
        parties: Parties {
            user,
            client,
            audience,
        },
        scope: row.take()?,
        created_at: row.take()?,
        updated_at: row.take()?,
    })
}
