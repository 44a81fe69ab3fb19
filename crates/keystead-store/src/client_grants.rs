//! Client grants: what one client may ask of one API, for itself or for a user.

use keystead_protocol::{
    ids::{ApiId, ClientGrantId, ClientId},
    scope::Scope,
    time::Timestamp,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    answer::{Effect, Insert, Update},
    db::{Column, FromColumn, Json, Param, Row, Tx, Value as Bound},
    fault::Fault,
    feed::{self, Entity},
};

/// A client grant. There is at most one for a client, an API and a subject type.
#[derive(Debug, Clone, PartialEq)]
pub struct ClientGrant {
    /// Its id.
    pub id: ClientGrantId,
    /// Who may ask.
    pub client: ClientId,
    /// Of which API.
    pub api: ApiId,
    /// For whom the token would speak.
    pub subject_type: SubjectType,
    /// The scopes that may be asked for; those that the API no longer defines are not worth anything.
    pub scope: Scope,
    /// Whether every scope of the API may be asked for, whatever `scope` says.
    pub all_scopes: bool,
    /// What else an administrator sets.
    pub settings: Settings,
    /// Counts the changes; [`update`] wants the one that was read.
    pub version: i64,
    /// When it was inserted.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// For whom a token speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SubjectType {
    /// The client itself.
    Client,
    /// A user.
    User,
}

impl SubjectType {
    const ALL: [Self; 2] = [Self::Client, Self::User];

    /// Its name in Auth0's Management API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::User => "user",
        }
    }
}

impl Param for SubjectType {
    fn value(&self) -> Bound<'_> {
        self.as_str().value()
    }
}

impl FromColumn for SubjectType {
    fn from_column(column: Column) -> Result<Self, String> {
        let name = String::from_column(column)?;
        Self::ALL
            .into_iter()
            .find(|t| t.as_str() == name)
            .ok_or_else(|| "a subject type".to_owned())
    }
}

/// Members of a client grant that Keystead keeps and gives back without a rule for them.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Settings(pub Map<String, Value>);

impl ClientGrant {
    /// A client grant to [`insert`]: of these scopes, to the client itself, and created now.
    pub fn new(
        id: ClientGrantId,
        client: ClientId,
        api: ApiId,
        scope: Scope,
        now: Timestamp,
    ) -> Self {
        Self {
            id,
            client,
            api,
            subject_type: SubjectType::Client,
            scope,
            all_scopes: false,
            settings: Settings::default(),
            version: 1,
            created_at: now,
            updated_at: now,
        }
    }
}

/// Inserts a client grant as it is given, unless client, API and subject type have one.
///
/// # Errors
/// [`Fault::Constraint`] if there is no such client or API: look both up in the same transaction. Any other [`Fault`]
/// of the database.
pub fn insert(tx: &mut Tx<'_>, grant: &ClientGrant) -> Result<Insert, Fault> {
    let inserted = tx.run(
        "INSERT INTO client_grants
           (id, client_id, api_id, subject_type, scopes, all_scopes, settings, version, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
         ON CONFLICT (client_id, api_id, subject_type) DO NOTHING",
        &[
            &grant.id,
            &grant.client,
            &grant.api,
            &grant.subject_type,
            &grant.scope,
            &grant.all_scopes,
            &Json(&grant.settings),
            &grant.version,
            &grant.created_at,
            &grant.updated_at,
        ],
    )?;
    announce(tx, inserted, &grant.client, grant.updated_at)?;
    Ok(Insert::of(inserted))
}

/// Finds a client grant by its id.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn find(tx: &mut Tx<'_>, id: &ClientGrantId) -> Result<Option<ClientGrant>, Fault> {
    tx.row(
        "SELECT id, client_id, api_id, subject_type, scopes, all_scopes, settings, version, created_at, updated_at
         FROM client_grants WHERE id = $1",
        &[id],
    )?
    .map(record)
    .transpose()
}

/// Finds what a client may ask of an API.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn find_for(
    tx: &mut Tx<'_>,
    client: &ClientId,
    api: &ApiId,
    subject_type: SubjectType,
) -> Result<Option<ClientGrant>, Fault> {
    tx.row(
        "SELECT id, client_id, api_id, subject_type, scopes, all_scopes, settings, version, created_at, updated_at
         FROM client_grants WHERE client_id = $1 AND api_id = $2 AND subject_type = $3",
        &[client, api, &subject_type],
    )?
    .map(record)
    .transpose()
}

/// Lists client grants in the order of their ids, at most `limit`, from behind `after`.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn list(
    tx: &mut Tx<'_>,
    after: Option<&ClientGrantId>,
    limit: u32,
) -> Result<Vec<ClientGrant>, Fault> {
    tx.rows(
        "SELECT id, client_id, api_id, subject_type, scopes, all_scopes, settings, version, created_at, updated_at
         FROM client_grants WHERE id > $1 ORDER BY id LIMIT $2",
        &[&after.map_or("", ClientGrantId::as_str), &limit],
    )?
    .into_iter()
    .map(record)
    .collect()
}

/// Lists the grants of a client, as [`list`] does.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn of_client(
    tx: &mut Tx<'_>,
    client: &ClientId,
    after: Option<&ClientGrantId>,
    limit: u32,
) -> Result<Vec<ClientGrant>, Fault> {
    tx.rows(
        "SELECT id, client_id, api_id, subject_type, scopes, all_scopes, settings, version, created_at, updated_at
         FROM client_grants WHERE client_id = $1 AND id > $2 ORDER BY id LIMIT $3",
        &[client, &after.map_or("", ClientGrantId::as_str), &limit],
    )?
    .into_iter()
    .map(record)
    .collect()
}

/// Lists the grants for an API, as [`list`] does.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn of_api(
    tx: &mut Tx<'_>,
    api: &ApiId,
    after: Option<&ClientGrantId>,
    limit: u32,
) -> Result<Vec<ClientGrant>, Fault> {
    tx.rows(
        "SELECT id, client_id, api_id, subject_type, scopes, all_scopes, settings, version, created_at, updated_at
         FROM client_grants WHERE api_id = $1 AND id > $2 ORDER BY id LIMIT $3",
        &[api, &after.map_or("", ClientGrantId::as_str), &limit],
    )?
    .into_iter()
    .map(record)
    .collect()
}

/// Writes back the scopes and settings of a client grant that was read, unless somebody changed it since. Client, API
/// and subject type never change.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn update(tx: &mut Tx<'_>, grant: &ClientGrant, now: Timestamp) -> Result<Update, Fault> {
    let changed = tx.row(
        "UPDATE client_grants
         SET scopes = $3, all_scopes = $4, settings = $5, version = version + 1, updated_at = $6
         WHERE id = $1 AND version = $2
         RETURNING client_id",
        &[
            &grant.id,
            &grant.version,
            &grant.scope,
            &grant.all_scopes,
            &Json(&grant.settings),
            &now,
        ],
    )?;
    let changed = announce_returned(tx, changed, now)?;
    Update::of(
        changed,
        tx,
        "SELECT 1 FROM client_grants WHERE id = $1",
        &grant.id,
    )
}

/// Deletes a client grant.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn delete(tx: &mut Tx<'_>, id: &ClientGrantId, now: Timestamp) -> Result<Effect, Fault> {
    let deleted = tx.row(
        "DELETE FROM client_grants WHERE id = $1 RETURNING client_id",
        &[id],
    )?;
    announce_returned(tx, deleted, now).map(Effect::of)
}

/// Announces the client of the row that a statement changed, if it changed one, and says how many it did.
fn announce_returned(tx: &mut Tx<'_>, row: Option<Row>, now: Timestamp) -> Result<u64, Fault> {
    let Some(mut row) = row else {
        return Ok(0);
    };
    announce(tx, 1, &row.take()?, now)?;
    Ok(1)
}

fn announce(tx: &mut Tx<'_>, changed: u64, client: &ClientId, now: Timestamp) -> Result<(), Fault> {
    feed::announce_if(changed, tx, Entity::ClientGrant, client.as_str(), now)
}

fn record(mut row: Row) -> Result<ClientGrant, Fault> {
    Ok(ClientGrant {
        id: row.take()?,
        client: row.take()?,
        api: row.take()?,
        subject_type: row.take()?,
        scope: row.take()?,
        all_scopes: row.take()?,
        settings: row.take().map(|Json(settings)| settings)?,
        version: row.take()?,
        created_at: row.take()?,
        updated_at: row.take()?,
    })
}
