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

/// What is registered about a client, each by itself: one that this version cannot read is a fault of its own.
pub type InForce = (ClientId, Result<ClientMetadata, Fault>);

/// What is registered about a client that is enabled, and nothing else of it.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn in_force(tx: &mut Tx<'_>, id: &ClientId) -> Result<Option<InForce>, Fault> {
    let row = tx.row(
        "SELECT id, metadata FROM clients WHERE id = $1 AND enabled = $2",
        &[id, &true],
    )?;
    row.map(metadata).transpose()
}

/// The same for all that are enabled, in the order of their ids, at most `limit`, from behind `after`.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn list_in_force(
    tx: &mut Tx<'_>,
    after: Option<&ClientId>,
    limit: u32,
) -> Result<Vec<InForce>, Fault> {
    let rows = tx.rows(
        "SELECT id, metadata FROM clients WHERE id > $1 AND enabled = $2 ORDER BY id LIMIT $3",
        &[&after.map_or("", ClientId::as_str), &true, &limit],
    )?;
    rows.into_iter().map(metadata).collect()
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

fn metadata(mut row: Row) -> Result<InForce, Fault> {
    let id = row.take()?;
    Ok((id, row.take().map(|Json(metadata)| metadata)))
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

#[cfg(test)]
mod tests {
    use crate::{Database, Store, migrate};

    use super::*;

    /// As when a newer node wrote it.
    #[test]
    fn a_record_that_cannot_be_read_is_a_fault_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::sqlite(folder.path().join("keystead.db"));
        migrate(&database).unwrap();
        let store = Store::open(&database).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        let found = runtime.unwrap().block_on(store.write(|tx| {
            let now = Timestamp::from_secs(1_790_000_000);
            for name in ["a", "b", "c", "d"] {
                let id = ClientId::try_from(name).unwrap();
                let client = Client::new(id, name.to_owned(), now);
                assert_eq!(insert(tx, &client)?, Insert::Done);
            }
            tx.run(
                "UPDATE clients SET metadata = $2 WHERE id = $1",
                &[&"b", &r#"{"grant_types":["telepathy"]}"#],
            )?;
            let off = ClientId::try_from("c").unwrap();
            assert_eq!(set_enabled(tx, &off, false, now)?, Effect::Done);
            assert!(in_force(tx, &off)?.is_none());
            let (mut all, mut after) = (Vec::new(), None);
            loop {
                let some = list_in_force(tx, after.as_ref(), 2)?;
                let Some((last, _)) = some.last() else {
                    return Ok::<_, Fault>(all);
                };
                after = Some(last.clone());
                all.extend(some);
            }
        }));
        let readable: Vec<_> = found
            .unwrap()
            .into_iter()
            .map(|(id, read)| (id.to_string(), read.is_ok()))
            .collect();
        let want = [("a", true), ("b", false), ("d", true)];
        assert_eq!(readable, want.map(|(id, good)| (id.to_owned(), good)));
        store.close();
    }
}
