//! Roles and permissions: which scopes of which APIs a user may have, by role or directly (RBAC).

mod assignment;
mod permissions;

use keystead_protocol::{ids::RoleId, time::Timestamp};

use crate::{
    answer::{Effect, Insert},
    db::{Row, Tx},
    fault::Fault,
};

pub use self::{
    assignment::{Assignment, assign, of_user, unassign, users_of},
    permissions::{
        Addition, Permission, add_to_role, add_to_user, of_role, of_user_directly, permissions_of,
        remove_from_role, remove_from_user,
    },
};

/// A named set of permissions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// Its id.
    pub id: RoleId,
    /// Its name, unique as it is written.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When name or description last changed.
    pub updated_at: Timestamp,
}

/// Creates a role without permissions. [`Insert::Taken`] says that another has its name.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn create(tx: &mut Tx<'_>, role: &Role) -> Result<Insert, Fault> {
    tx.run(
        "INSERT INTO roles (id, name, description, created_at, updated_at) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (name) DO NOTHING",
        &[
            &role.id,
            &role.name,
            &role.description,
            &role.created_at,
            &role.updated_at,
        ],
    )
    .map(Insert::of)
}

/// Finds a role.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn find(tx: &mut Tx<'_>, id: &RoleId) -> Result<Option<Role>, Fault> {
    let row = tx.row(
        "SELECT id, name, description, created_at, updated_at FROM roles WHERE id = $1",
        &[id],
    )?;
    row.map(record).transpose()
}

/// Finds a role by its name, compared byte for byte.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn by_name(tx: &mut Tx<'_>, name: &str) -> Result<Option<Role>, Fault> {
    let row = tx.row(
        "SELECT id, name, description, created_at, updated_at FROM roles WHERE name = $1",
        &[&name],
    )?;
    row.map(record).transpose()
}

/// Lists roles in the order of their ids, at most `limit`, from behind `after`.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn list(tx: &mut Tx<'_>, after: Option<&RoleId>, limit: u32) -> Result<Vec<Role>, Fault> {
    let rows = tx.rows(
        "SELECT id, name, description, created_at, updated_at FROM roles WHERE id > $1 ORDER BY id LIMIT $2",
        &[&after.map_or("", RoleId::as_str), &limit],
    )?;
    rows.into_iter().map(record).collect()
}

/// How an update ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Update {
    /// The role is as it was asked to be.
    Done,
    /// Another role has that name. Nothing changed.
    NameTaken,
    /// There is no such role.
    Unknown,
}

/// Changes name and description of a role.
///
/// # Errors
/// A [`Fault`] of the database; [`Fault::Constraint`] if two changes race for the same name: the later one changes nothing.
pub fn update(
    tx: &mut Tx<'_>,
    id: &RoleId,
    name: &str,
    description: Option<&str>,
    now: Timestamp,
) -> Result<Update, Fault> {
    let changed = tx.run(
        "UPDATE roles SET name = $2, description = $3, updated_at = $4
         WHERE id = $1 AND NOT EXISTS (SELECT 1 FROM roles other WHERE other.name = $2 AND other.id <> $1)",
        &[id, &name, &description, &now],
    )?;
    Ok(match changed {
        0 if find(tx, id)?.is_some() => Update::NameTaken,
        0 => Update::Unknown,
        _ => Update::Done,
    })
}

/// Deletes a role. Users keep what they have directly or by other roles; tokens that were minted keep what they carry.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn delete(tx: &mut Tx<'_>, id: &RoleId) -> Result<Effect, Fault> {
    tx.run("DELETE FROM roles WHERE id = $1", &[id])
        .map(Effect::of)
}

fn record(mut row: Row) -> Result<Role, Fault> {
    Ok(Role {
        id: row.take()?,
        name: row.take()?,
        description: row.take()?,
        created_at: row.take()?,
        updated_at: row.take()?,
    })
}
