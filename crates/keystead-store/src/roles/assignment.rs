//! Who has which role.

use keystead_protocol::ids::{RoleId, UserId};

use crate::{db::Tx, fault::Fault};

use super::Role;

/// How an assignment ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Assignment {
    /// The user has the role, whether newly or not.
    Done,
    /// There is no such user. Nothing changed.
    UnknownUser,
    /// There is no such role. Nothing changed.
    UnknownRole,
}

/// Gives a user a role.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn assign(tx: &mut Tx<'_>, user: &UserId, role: &RoleId) -> Result<Assignment, Fault> {
    let row = tx.row("SELECT 1 FROM users WHERE id = $1", &[user])?;
    if row.is_none() {
        return Ok(Assignment::UnknownUser);
    }
    let row = tx.row("SELECT 1 FROM roles WHERE id = $1", &[role])?;
    if row.is_none() {
        return Ok(Assignment::UnknownRole);
    }
    tx.run(
        "INSERT INTO user_roles (user_id, role_id) VALUES ($1, $2) ON CONFLICT (user_id, role_id) DO NOTHING",
        &[user, role],
    )?;
    Ok(Assignment::Done)
}

/// Takes a role from a user, who may not have had it.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn unassign(tx: &mut Tx<'_>, user: &UserId, role: &RoleId) -> Result<(), Fault> {
    tx.run(
        "DELETE FROM user_roles WHERE user_id = $1 AND role_id = $2",
        &[user, role],
    )
    .map(drop)
}

/// The roles of a user, in the order of their ids.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn of_user(tx: &mut Tx<'_>, user: &UserId) -> Result<Vec<Role>, Fault> {
    let rows = tx.rows(
        "SELECT r.id, r.name, r.description, r.created_at, r.updated_at
         FROM user_roles u JOIN roles r ON r.id = u.role_id WHERE u.user_id = $1 ORDER BY r.id",
        &[user],
    )?;
    rows.into_iter().map(super::record).collect()
}

/// The users who have a role, in the order of their ids, at most `limit`, from behind `after`.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn users_of(
    tx: &mut Tx<'_>,
    role: &RoleId,
    after: Option<&UserId>,
    limit: u32,
) -> Result<Vec<UserId>, Fault> {
    let rows = tx.rows(
        "SELECT user_id FROM user_roles WHERE role_id = $1 AND user_id > $2 ORDER BY user_id LIMIT $3",
        &[role, &after.map_or("", UserId::as_str), &limit],
    )?;
    rows.into_iter().map(|mut row| row.take()).collect()
}
