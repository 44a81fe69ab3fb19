//! Clients (RFC 6749 §2): who may ask for tokens, and what is known about each.

use keystead_protocol::{client::ClientMetadata, ids::ClientId, time::Timestamp};

use crate::{
    answer::{Effect, Insert, Update},
    db::{Json, Row, Tx},
    fault::Fault,
    feed::{self, Entity},
    seal::Sealed,
};

/// A registered client.
#[derive(Debug, Clone, PartialEq)]
pub struct Client {
    /// Its `client_id`.
    pub id: ClientId,
    /// What people call it. Need not be unique.
    pub name: String,
    /// Whether it may do anything at all.
    pub enabled: bool,
    /// Everything else that is registered about it.
    pub metadata: ClientMetadata,
    /// Its secret, sealed for [`Slot::ClientSecret`](crate::seal::Slot::ClientSecret); a public client has none.
    pub secret: Option<Sealed>,
    /// Counts the changes; [`update`] wants the one that was read.
    pub version: i64,
    /// When it was inserted.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

impl Client {
    /// A client to [`insert`]: enabled, allowed nothing, and created now.
    pub fn new(id: ClientId, name: String, now: Timestamp) -> Self {
        Self {
            id,
            name,
            enabled: true,
            metadata: ClientMetadata::default(),
            secret: None,
            version: 1,
            created_at: now,
            updated_at: now,
        }
    }
}

/// Inserts a client as it is given.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn insert(tx: &mut Tx<'_>, client: &Client) -> Result<Insert, Fault> {
    let inserted = tx.run(
        "INSERT INTO clients (id, name, enabled, metadata, secret, version, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
         ON CONFLICT (id) DO NOTHING",
        &[
            &client.id,
            &client.name,
            &client.enabled,
            &Json(&client.metadata),
            &client.secret,
            &client.version,
            &client.created_at,
            &client.updated_at,
        ],
    )?;
    announce(tx, inserted, &client.id, client.updated_at)?;
    Ok(Insert::of(inserted))
}

/// Finds a client, enabled or not.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn find(tx: &mut Tx<'_>, id: &ClientId) -> Result<Option<Client>, Fault> {
    tx.row(
        "SELECT id, name, enabled, metadata, secret, version, created_at, updated_at FROM clients WHERE id = $1",
        &[id],
    )?
    .map(record)
    .transpose()
}

/// Lists clients in the order of their ids, at most `limit`, from behind `after`.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn list(tx: &mut Tx<'_>, after: Option<&ClientId>, limit: u32) -> Result<Vec<Client>, Fault> {
    tx.rows(
        "SELECT id, name, enabled, metadata, secret, version, created_at, updated_at FROM clients
         WHERE id > $1 ORDER BY id LIMIT $2",
        &[&after.map_or("", ClientId::as_str), &limit],
    )?
    .into_iter()
    .map(record)
    .collect()
}

/// Writes back the name and the metadata of a client that was read, unless somebody changed it since.
///
/// Does not write `enabled` and `secret`: they have verbs of their own, so that no older copy can bring them back.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn update(tx: &mut Tx<'_>, client: &Client, now: Timestamp) -> Result<Update, Fault> {
    let changed = tx.run(
        "UPDATE clients SET name = $3, metadata = $4, version = version + 1, updated_at = $5
         WHERE id = $1 AND version = $2",
        &[
            &client.id,
            &client.version,
            &client.name,
            &Json(&client.metadata),
            &now,
        ],
    )?;
    announce(tx, changed, &client.id, now)?;
    Update::of(
        changed,
        tx,
        "SELECT 1 FROM clients WHERE id = $1",
        &client.id,
    )
}

/// Puts another secret in place of a client's, or takes it away. The old one is worth nothing from then on.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn replace_secret(
    tx: &mut Tx<'_>,
    id: &ClientId,
    secret: Option<&Sealed>,
    now: Timestamp,
) -> Result<Effect, Fault> {
    let changed = tx.run(
        "UPDATE clients SET secret = $2, version = version + 1, updated_at = $3 WHERE id = $1",
        &[id, &secret, &now],
    )?;
    announce(tx, changed, id, now)?;
    Ok(Effect::of(changed))
}

/// Enables or disables a client. Does not end what it was given before: see [`grants`](crate::grants).
///
/// # Errors
/// A [`Fault`] of the database.
pub fn set_enabled(
    tx: &mut Tx<'_>,
    id: &ClientId,
    enabled: bool,
    now: Timestamp,
) -> Result<Effect, Fault> {
    let changed = tx.run(
        "UPDATE clients SET enabled = $2, version = version + 1, updated_at = $3 WHERE id = $1",
        &[id, &enabled, &now],
    )?;
    announce(tx, changed, id, now)?;
    Ok(Effect::of(changed))
}

/// Deletes a client with its grants, its consents and every token that stands on the database.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn delete(tx: &mut Tx<'_>, id: &ClientId, now: Timestamp) -> Result<Effect, Fault> {
    let deleted = tx.run("DELETE FROM clients WHERE id = $1", &[id])?;
    announce(tx, deleted, id, now)?;
    Ok(Effect::of(deleted))
}

fn announce(tx: &mut Tx<'_>, changed: u64, id: &ClientId, now: Timestamp) -> Result<(), Fault> {
    feed::announce_if(changed, tx, Entity::Client, id.as_str(), now)
}

fn record(mut row: Row) -> Result<Client, Fault> {
    Ok(Client {
        id: row.take()?,
        name: row.take()?,
        enabled: row.take()?,
        metadata: row.take().map(|Json(metadata)| metadata)?,
        secret: row.take()?,
        version: row.take()?,
        created_at: row.take()?,
        updated_at: row.take()?,
    })
}
