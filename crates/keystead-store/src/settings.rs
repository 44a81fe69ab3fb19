//! Settings: documents that exist once in an installation, each under its name and of its own type.

use keystead_protocol::time::Timestamp;
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    answer::{Insert, Update},
    db::{Json, Tx},
    fault::Fault,
    feed::{self, Entity},
};

/// A document that exists once. The type carries its name, so that none is read as another.
pub trait Setting: Serialize + DeserializeOwned {
    /// The name it is stored under. Never change it: the document would be gone.
    const NAME: &'static str;
}

/// A setting as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored<T> {
    /// The document.
    pub value: T,
    /// Counts the changes; [`update`] wants the one that was read.
    pub version: i64,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// Gets a setting; `None` if it was never set.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn get<T: Setting>(tx: &mut Tx<'_>) -> Result<Option<Stored<T>>, Fault> {
    let found = tx.row(
        "SELECT value, version, updated_at FROM settings WHERE name = $1",
        &[&T::NAME],
    )?;
    let Some(mut row) = found else {
        return Ok(None);
    };
    Ok(Some(Stored {
        value: row.take().map(|Json(value)| value)?,
        version: row.take()?,
        updated_at: row.take()?,
    }))
}

/// Sets a setting that was never set. Of several nodes that start at once, one succeeds.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn insert<T: Setting>(tx: &mut Tx<'_>, value: &T, now: Timestamp) -> Result<Insert, Fault> {
    let inserted = tx.run(
        "INSERT INTO settings (name, value, version, updated_at) VALUES ($1, $2, 1, $3)
         ON CONFLICT (name) DO NOTHING",
        &[&T::NAME, &Json(value), &now],
    )?;
    feed::announce_if(inserted, tx, Entity::Setting, T::NAME, now)?;
    Ok(Insert::of(inserted))
}

/// Sets a setting, whatever it was before. Who has read it and changes a part uses [`update`].
///
/// # Errors
/// A [`Fault`] of the database.
pub fn put<T: Setting>(tx: &mut Tx<'_>, value: &T, now: Timestamp) -> Result<(), Fault> {
    tx.run(
        "INSERT INTO settings (name, value, version, updated_at) VALUES ($1, $2, 1, $3)
         ON CONFLICT (name) DO UPDATE
         SET value = excluded.value, version = settings.version + 1, updated_at = excluded.updated_at",
        &[&T::NAME, &Json(value), &now],
    )?;
    feed::announce(tx, Entity::Setting, T::NAME, now)
}

/// Writes back a setting that was read, unless somebody changed it since.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn update<T: Setting>(
    tx: &mut Tx<'_>,
    changed: &Stored<T>,
    now: Timestamp,
) -> Result<Update, Fault> {
    let count = tx.run(
        "UPDATE settings SET value = $3, version = version + 1, updated_at = $4
         WHERE name = $1 AND version = $2",
        &[&T::NAME, &changed.version, &Json(&changed.value), &now],
    )?;
    feed::announce_if(count, tx, Entity::Setting, T::NAME, now)?;
    Update::of(
        count,
        tx,
        "SELECT 1 FROM settings WHERE name = $1",
        &T::NAME,
    )
}
