//! What roles and users may do: pairs of an API and one of its scopes.

use keystead_protocol::{
    ids::{ApiId, RoleId, UserId},
    scope::{Scope, ScopeToken},
};

use crate::{
    db::{Param, Row, Tx},
    fault::Fault,
};

/// One scope of one API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permission {
    /// The API.
    pub api: ApiId,
    /// One of the scopes that it defines. It goes when the API drops the scope.
    pub scope: ScopeToken,
}

/// How an addition of permissions ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum Addition {
    /// They are there, new or not.
    Done,
    /// There is no such role or user. Nothing changed.
    UnknownHolder,
    /// No API defines this one. Nothing changed.
    UnknownPermission(Permission),
}

/// Adds permissions to a role: all or, if one of them is not defined, none.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn add_to_role(
    tx: &mut Tx<'_>,
    role: &RoleId,
    permissions: &[Permission],
) -> Result<Addition, Fault> {
    add(
        tx,
        role,
        permissions,
        "SELECT 1 FROM roles WHERE id = $1",
        "INSERT INTO role_permissions (role_id, api_id, scope) VALUES ($1, $2, $3)
         ON CONFLICT (role_id, api_id, scope) DO NOTHING",
    )
}

/// Adds permissions to a user directly: all or, if one of them is not defined, none.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn add_to_user(
    tx: &mut Tx<'_>,
    user: &UserId,
    permissions: &[Permission],
) -> Result<Addition, Fault> {
    add(
        tx,
        user,
        permissions,
        "SELECT 1 FROM users WHERE id = $1",
        "INSERT INTO user_permissions (user_id, api_id, scope) VALUES ($1, $2, $3)
         ON CONFLICT (user_id, api_id, scope) DO NOTHING",
    )
}

fn add(
    tx: &mut Tx<'_>,
    holder: &dyn Param,
    permissions: &[Permission],
    probe: &'static str,
    insert: &'static str,
) -> Result<Addition, Fault> {
    if tx.row(probe, &[holder])?.is_none() {
        return Ok(Addition::UnknownHolder);
    }
    for wanted in permissions {
        let defined = tx.row(
            "SELECT 1 FROM api_scopes WHERE api_id = $1 AND value = $2",
            &[&wanted.api, &wanted.scope],
        )?;
        if defined.is_none() {
            return Ok(Addition::UnknownPermission(wanted.clone()));
        }
    }
    for wanted in permissions {
        tx.run(insert, &[holder, &wanted.api, &wanted.scope])?;
    }
    Ok(Addition::Done)
}

/// Takes permissions from a role. Those that it has not are passed over.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn remove_from_role(
    tx: &mut Tx<'_>,
    role: &RoleId,
    permissions: &[Permission],
) -> Result<(), Fault> {
    for permission in permissions {
        tx.run(
            "DELETE FROM role_permissions WHERE role_id = $1 AND api_id = $2 AND scope = $3",
            &[role, &permission.api, &permission.scope],
        )?;
    }
    Ok(())
}

/// Takes direct permissions from a user. Those that roles give stay.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn remove_from_user(
    tx: &mut Tx<'_>,
    user: &UserId,
    permissions: &[Permission],
) -> Result<(), Fault> {
    for permission in permissions {
        tx.run(
            "DELETE FROM user_permissions WHERE user_id = $1 AND api_id = $2 AND scope = $3",
            &[user, &permission.api, &permission.scope],
        )?;
    }
    Ok(())
}

/// The permissions of a role, in the order of APIs and scopes.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn of_role(tx: &mut Tx<'_>, role: &RoleId) -> Result<Vec<Permission>, Fault> {
    let rows = tx.rows(
        "SELECT api_id, scope FROM role_permissions WHERE role_id = $1 ORDER BY api_id, scope",
        &[role],
    )?;
    rows.into_iter().map(record).collect()
}

/// The permissions that a user has directly, in the order of APIs and scopes.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn of_user_directly(tx: &mut Tx<'_>, user: &UserId) -> Result<Vec<Permission>, Fault> {
    let rows = tx.rows(
        "SELECT api_id, scope FROM user_permissions WHERE user_id = $1 ORDER BY api_id, scope",
        &[user],
    )?;
    rows.into_iter().map(record).collect()
}

/// What a user may do at an API, by roles and directly, in one statement and in the order of the scopes.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn permissions_of(tx: &mut Tx<'_>, user: &UserId, api: &ApiId) -> Result<Scope, Fault> {
    let rows = tx.rows(
        "SELECT held.scope FROM user_roles assigned JOIN role_permissions held ON held.role_id = assigned.role_id
         WHERE assigned.user_id = $1 AND held.api_id = $2
         UNION SELECT scope FROM user_permissions WHERE user_id = $1 AND api_id = $2
         ORDER BY 1",
        &[user, api],
    )?;
    rows.into_iter()
        .map(|mut row| row.take::<ScopeToken>())
        .collect()
}

fn record(mut row: Row) -> Result<Permission, Fault> {
    Ok(Permission {
        api: row.take()?,
        scope: row.take()?,
    })
}
