//! Connections: the sources of users, and which clients may use each.

use std::fmt;

use keystead_protocol::{
    ids::{ClientId, ConnectionId},
    time::Timestamp,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    answer::{Deletion, Effect, Insert, Update},
    db::{Json, Row, Tx},
    fault::Fault,
    feed::{self, Entity},
};

/// A source of users.
#[derive(Debug, Clone, PartialEq)]
pub struct Connection {
    /// Its id.
    pub id: ConnectionId,
    /// Its name, which requests call it by. Unique, and never changes.
    pub name: String,
    /// What kind it is, such as `auth0` for a database. Never changes.
    pub strategy: String,
    /// Whether anybody may log in with it.
    pub enabled: bool,
    /// Whether it is the built-in one where administrators live: [`list`] and [`for_client`] do not show it.
    pub is_system: bool,
    /// How its strategy works.
    pub options: Options,
    /// What else an administrator sets.
    pub settings: Settings,
    /// Counts the changes; [`update`] wants the one that was read.
    pub version: i64,
    /// When it was inserted.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// The options of a connection: a JSON object whose members depend on the strategy.
#[derive(Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Options(pub Map<String, Value>);

/// The members' names only: values may be secrets of another provider.
impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// Members beside the options that Keystead keeps and gives back without a rule for them.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Settings(pub Map<String, Value>);

impl Connection {
    /// A connection to [`insert`]: enabled, for no client yet, and created now.
    pub fn new(id: ConnectionId, name: String, strategy: String, now: Timestamp) -> Self {
        Self {
            id,
            name,
            strategy,
            enabled: true,
            is_system: false,
            options: Options::default(),
            settings: Settings::default(),
            version: 1,
            created_at: now,
            updated_at: now,
        }
    }
}

/// Inserts a connection as it is given, unless its name is taken.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn insert(tx: &mut Tx<'_>, connection: &Connection) -> Result<Insert, Fault> {
    let inserted = tx.run(
        "INSERT INTO connections
           (id, name, strategy, enabled, is_system, options, settings, version, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
         ON CONFLICT (name) DO NOTHING",
        &[
            &connection.id,
            &connection.name,
            &connection.strategy,
            &connection.enabled,
            &connection.is_system,
            &Json(&connection.options),
            &Json(&connection.settings),
            &connection.version,
            &connection.created_at,
            &connection.updated_at,
        ],
    )?;
    announce(tx, inserted, &connection.id, connection.updated_at)?;
    Ok(Insert::of(inserted))
}

/// Finds a connection by its id, enabled or not, built in or not.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn find(tx: &mut Tx<'_>, id: &ConnectionId) -> Result<Option<Connection>, Fault> {
    tx.row(
        "SELECT id, name, strategy, enabled, is_system, options, settings, version, created_at, updated_at
         FROM connections WHERE id = $1",
        &[id],
    )?
    .map(record)
    .transpose()
}

/// Finds a connection by its name, compared byte for byte; enabled or not, built in or not.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn by_name(tx: &mut Tx<'_>, name: &str) -> Result<Option<Connection>, Fault> {
    tx.row(
        "SELECT id, name, strategy, enabled, is_system, options, settings, version, created_at, updated_at
         FROM connections WHERE name = $1",
        &[&name],
    )?
    .map(record)
    .transpose()
}

/// Lists connections that are not built in, in the order of their ids, at most `limit`, from behind `after`.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn list(
    tx: &mut Tx<'_>,
    after: Option<&ConnectionId>,
    limit: u32,
) -> Result<Vec<Connection>, Fault> {
    tx.rows(
        "SELECT id, name, strategy, enabled, is_system, options, settings, version, created_at, updated_at
         FROM connections WHERE id > $1 AND NOT is_system ORDER BY id LIMIT $2",
        &[&after.map_or("", ConnectionId::as_str), &limit],
    )?
    .into_iter()
    .map(record)
    .collect()
}

/// Lists the built-in connections.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn system(tx: &mut Tx<'_>) -> Result<Vec<Connection>, Fault> {
    tx.rows(
        "SELECT id, name, strategy, enabled, is_system, options, settings, version, created_at, updated_at
         FROM connections WHERE is_system ORDER BY id",
        &[],
    )?
    .into_iter()
    .map(record)
    .collect()
}

/// The connections with which a user may log in to a client now: enabled, enabled for this client, and not built in.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn for_client(tx: &mut Tx<'_>, client: &ClientId) -> Result<Vec<Connection>, Fault> {
    usable(tx, client, false)
}

/// The built-in connections with which an administrator may log in to a client now.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn system_for_client(tx: &mut Tx<'_>, client: &ClientId) -> Result<Vec<Connection>, Fault> {
    usable(tx, client, true)
}

fn usable(tx: &mut Tx<'_>, client: &ClientId, is_system: bool) -> Result<Vec<Connection>, Fault> {
    tx.rows(
        "SELECT c.id, c.name, c.strategy, c.enabled, c.is_system, c.options, c.settings, c.version,
           c.created_at, c.updated_at
         FROM connection_clients k JOIN connections c ON c.id = k.connection_id
         WHERE k.client_id = $1 AND c.is_system = $2 AND c.enabled ORDER BY c.id",
        &[client, &is_system],
    )?
    .into_iter()
    .map(record)
    .collect()
}

/// Whether a connection's users may log in to a client now: it is enabled, and enabled for this client. Built-in or not
/// makes no difference.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn is_open_to(tx: &mut Tx<'_>, id: &ConnectionId, client: &ClientId) -> Result<bool, Fault> {
    let open = tx.row(
        "SELECT 1 FROM connection_clients k JOIN connections c ON c.id = k.connection_id
         WHERE k.connection_id = $1 AND k.client_id = $2 AND c.enabled",
        &[id, client],
    )?;
    Ok(open.is_some())
}

/// Writes back the options and settings of a connection that was read, unless somebody changed it since. Does not write
/// `enabled`, which has a verb of its own, nor what never changes: name, strategy and `is_system`.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn update(tx: &mut Tx<'_>, connection: &Connection, now: Timestamp) -> Result<Update, Fault> {
    let changed = tx.run(
        "UPDATE connections SET options = $3, settings = $4, version = version + 1, updated_at = $5
         WHERE id = $1 AND version = $2",
        &[
            &connection.id,
            &connection.version,
            &Json(&connection.options),
            &Json(&connection.settings),
            &now,
        ],
    )?;
    announce(tx, changed, &connection.id, now)?;
    Update::of(
        changed,
        tx,
        "SELECT 1 FROM connections WHERE id = $1",
        &connection.id,
    )
}

/// Enables or disables a connection for everybody. Does not end the sessions of its users.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn set_enabled(
    tx: &mut Tx<'_>,
    id: &ConnectionId,
    enabled: bool,
    now: Timestamp,
) -> Result<Effect, Fault> {
    let changed = tx.run(
        "UPDATE connections SET enabled = $2, version = version + 1, updated_at = $3 WHERE id = $1",
        &[id, &enabled, &now],
    )?;
    announce(tx, changed, id, now)?;
    Ok(Effect::of(changed))
}

/// Lets a client use a connection. Doing it again changes nothing.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn enable_for(
    tx: &mut Tx<'_>,
    id: &ConnectionId,
    client: &ClientId,
    now: Timestamp,
) -> Result<Effect, Fault> {
    let inserted = tx.run(
        "INSERT INTO connection_clients (connection_id, client_id)
         SELECT c.id, k.id FROM connections c CROSS JOIN clients k WHERE c.id = $1 AND k.id = $2
         ON CONFLICT (connection_id, client_id) DO NOTHING",
        &[id, client],
    )?;
    announce(tx, inserted, id, now)?;
    both_exist(tx, id, client)
}

/// Takes a connection away from a client. Doing it again changes nothing.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn disable_for(
    tx: &mut Tx<'_>,
    id: &ConnectionId,
    client: &ClientId,
    now: Timestamp,
) -> Result<Effect, Fault> {
    let deleted = tx.run(
        "DELETE FROM connection_clients WHERE connection_id = $1 AND client_id = $2",
        &[id, client],
    )?;
    announce(tx, deleted, id, now)?;
    both_exist(tx, id, client)
}

fn both_exist(tx: &mut Tx<'_>, id: &ConnectionId, client: &ClientId) -> Result<Effect, Fault> {
    let found = tx.row(
        "SELECT 1 FROM connections c CROSS JOIN clients k WHERE c.id = $1 AND k.id = $2",
        &[id, client],
    )?;
    Ok(found.map_or(Effect::Unknown, |_| Effect::Done))
}

/// Deletes a connection with all its users.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn delete(tx: &mut Tx<'_>, id: &ConnectionId, now: Timestamp) -> Result<Deletion, Fault> {
    let deleted = tx.run(
        "DELETE FROM connections WHERE id = $1 AND NOT is_system",
        &[id],
    )?;
    announce(tx, deleted, id, now)?;
    Deletion::of(deleted, tx, "SELECT 1 FROM connections WHERE id = $1", id)
}

fn announce(tx: &mut Tx<'_>, changed: u64, id: &ConnectionId, now: Timestamp) -> Result<(), Fault> {
    feed::announce_if(changed, tx, Entity::Connection, id.as_str(), now)
}

fn record(mut row: Row) -> Result<Connection, Fault> {
    Ok(Connection {
        id: row.take()?,
        name: row.take()?,
        strategy: row.take()?,
        enabled: row.take()?,
        is_system: row.take()?,
        options: row.take().map(|Json(options)| options)?,
        settings: row.take().map(|Json(settings)| settings)?,
        version: row.take()?,
        created_at: row.take()?,
        updated_at: row.take()?,
    })
}
