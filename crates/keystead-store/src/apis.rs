//! APIs, which RFC 6749 calls resource servers: what tokens are for, and the scopes that each defines.

mod settings;

use std::collections::{BTreeMap, HashMap};

use keystead_protocol::{
    ids::{ApiId, Audience},
    scope::ScopeToken,
    time::Timestamp,
};

use crate::{
    answer::{Deletion, Effect, Insert, Update},
    db::{Json, Row, Tx},
    fault::Fault,
    feed::{self, Entity},
    seal::Sealed,
};

pub use self::settings::{
    ClientPolicy, Policy, Settings, SubjectTypeAuthorization, TokenDialect, UserPolicy,
};

/// An API.
#[derive(Debug, Clone, PartialEq)]
pub struct Api {
    /// Its row, as the Management API addresses it.
    pub id: ApiId,
    /// What tokens for it carry as `aud`. Unique, and never changes.
    pub identifier: Audience,
    /// What people call it.
    pub name: Option<String>,
    /// Whether it is one of our own, which nobody may delete.
    pub is_system: bool,
    /// What else an administrator sets.
    pub settings: Settings,
    /// The secret of HMAC algorithms, sealed for [`Slot::ApiSigningSecret`](crate::seal::Slot::ApiSigningSecret).
    pub signing_secret: Option<Sealed>,
    /// The scopes that it defines, in the administrator's order. Of two with the same value the later one is kept.
    pub scopes: Vec<DefinedScope>,
    /// Counts the changes; [`update`] wants the one that was read.
    pub version: i64,
    /// When it was inserted.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// A scope that an API defines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DefinedScope {
    /// The scope value.
    pub value: ScopeToken,
    /// What a consent page says it allows.
    pub description: Option<String>,
}

impl Api {
    /// An API to [`insert`]: with Auth0's defaults, without scopes, and created now.
    pub fn new(id: ApiId, identifier: Audience, now: Timestamp) -> Self {
        Self {
            id,
            identifier,
            name: None,
            is_system: false,
            settings: Settings::default(),
            signing_secret: None,
            scopes: Vec::new(),
            version: 1,
            created_at: now,
            updated_at: now,
        }
    }
}

/// Inserts an API as it is given, unless its identifier is taken.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn insert(tx: &mut Tx<'_>, api: &Api) -> Result<Insert, Fault> {
    let inserted = tx.run(
        "INSERT INTO apis
           (id, identifier, name, is_system, settings, signing_secret, version, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
         ON CONFLICT (identifier) DO NOTHING",
        &[
            &api.id,
            &api.identifier,
            &api.name,
            &api.is_system,
            &Json(&api.settings),
            &api.signing_secret,
            &api.version,
            &api.created_at,
            &api.updated_at,
        ],
    )?;
    if inserted == 1 {
        replace_scopes(tx, &api.id, &api.scopes)?;
    }
    announce(tx, inserted, &api.id, api.updated_at)?;
    Ok(Insert::of(inserted))
}

/// Finds an API by its row id.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn find(tx: &mut Tx<'_>, id: &ApiId) -> Result<Option<Api>, Fault> {
    let row = tx.row(
        "SELECT id, identifier, name, is_system, settings, signing_secret, version, created_at, updated_at
         FROM apis WHERE id = $1",
        &[id],
    )?;
    with_scopes(tx, row)
}

/// Finds an API by its identifier, compared byte for byte.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn by_identifier(tx: &mut Tx<'_>, identifier: &Audience) -> Result<Option<Api>, Fault> {
    let row = tx.row(
        "SELECT id, identifier, name, is_system, settings, signing_secret, version, created_at, updated_at
         FROM apis WHERE identifier = $1",
        &[identifier],
    )?;
    with_scopes(tx, row)
}

/// Lists APIs in the order of their ids, at most `limit`, from behind `after`.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn list(tx: &mut Tx<'_>, after: Option<&ApiId>, limit: u32) -> Result<Vec<Api>, Fault> {
    let after = after.map_or("", ApiId::as_str);
    let rows = tx.rows(
        "SELECT id, identifier, name, is_system, settings, signing_secret, version, created_at, updated_at
         FROM apis WHERE id > $1 ORDER BY id LIMIT $2",
        &[&after, &limit],
    )?;
    let mut apis = rows
        .into_iter()
        .map(record)
        .collect::<Result<Vec<_>, Fault>>()?;
    let Some(last) = apis.last().map(|api| api.id.clone()) else {
        return Ok(apis);
    };
    let mut scopes: HashMap<ApiId, Vec<DefinedScope>> = HashMap::new();
    for mut row in tx.rows(
        "SELECT api_id, value, description FROM api_scopes
         WHERE api_id > $1 AND api_id <= $2 ORDER BY api_id, position",
        &[&after, &last],
    )? {
        scopes
            .entry(row.take()?)
            .or_default()
            .push(defined_scope(row)?);
    }
    for api in &mut apis {
        api.scopes = scopes.remove(&api.id).unwrap_or_default();
    }
    Ok(apis)
}

/// Writes back the name, the settings and the scopes of an API that was read, unless somebody changed it since.
///
/// A scope that is no longer there vanishes from the permissions of roles and users too; the others keep theirs. Does
/// not write the signing secret, nor what never changes: identifier and `is_system`.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn update(tx: &mut Tx<'_>, api: &Api, now: Timestamp) -> Result<Update, Fault> {
    let changed = tx.run(
        "UPDATE apis SET name = $3, settings = $4, version = version + 1, updated_at = $5
         WHERE id = $1 AND version = $2",
        &[&api.id, &api.version, &api.name, &Json(&api.settings), &now],
    )?;
    if changed == 1 {
        replace_scopes(tx, &api.id, &api.scopes)?;
    }
    announce(tx, changed, &api.id, now)?;
    Update::of(changed, tx, EXISTS, &api.id)
}

/// Puts another signing secret in place of an API's, or takes it away.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn replace_signing_secret(
    tx: &mut Tx<'_>,
    id: &ApiId,
    secret: Option<&Sealed>,
    now: Timestamp,
) -> Result<Effect, Fault> {
    let changed = tx.run(
        "UPDATE apis SET signing_secret = $2, version = version + 1, updated_at = $3 WHERE id = $1",
        &[id, &secret, &now],
    )?;
    announce(tx, changed, id, now)?;
    Ok(Effect::of(changed))
}

/// Deletes an API with its scopes, the permissions that name them, the client grants for it and what people agreed to about
/// it. Token families for it are left to their end: nothing is minted for an identifier that no API has.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn delete(tx: &mut Tx<'_>, id: &ApiId, now: Timestamp) -> Result<Deletion, Fault> {
    // Consents name the identifier, and whoever registers it next is somebody about whom nobody was asked.
    tx.run(
        "DELETE FROM consents WHERE audience = (SELECT identifier FROM apis WHERE id = $1 AND NOT is_system)",
        &[id],
    )?;
    let deleted = tx.run("DELETE FROM apis WHERE id = $1 AND NOT is_system", &[id])?;
    announce(tx, deleted, id, now)?;
    Deletion::of(deleted, tx, EXISTS, id)
}

const EXISTS: &str = "SELECT 1 FROM apis WHERE id = $1";

/// Makes the scopes of an API these. Touches only rows that differ: a scope that is deleted and inserted again would
/// lose its permissions, and an API may define a thousand.
fn replace_scopes(tx: &mut Tx<'_>, api: &ApiId, wanted: &[DefinedScope]) -> Result<(), Fault> {
    let mut missing: BTreeMap<&ScopeToken, (i64, Option<&str>)> = (0..)
        .zip(wanted)
        .map(|(position, scope)| (&scope.value, (position, scope.description.as_deref())))
        .collect();
    for (position, scope) in scopes_of(tx, api)? {
        let present = (position, scope.description.as_deref());
        match missing.get(&scope.value) {
            Some(wanted) if *wanted == present => {
                missing.remove(&scope.value);
            }
            Some(_) => {}
            None => {
                tx.run(
                    "DELETE FROM api_scopes WHERE api_id = $1 AND value = $2",
                    &[api, &scope.value],
                )?;
            }
        }
    }
    for (value, (position, description)) in missing {
        tx.run(
            "INSERT INTO api_scopes (api_id, value, description, position) VALUES ($1, $2, $3, $4)
             ON CONFLICT (api_id, value) DO UPDATE SET description = excluded.description, position = excluded.position",
            &[api, value, &description, &position],
        )?;
    }
    Ok(())
}

fn scopes_of(tx: &mut Tx<'_>, api: &ApiId) -> Result<Vec<(i64, DefinedScope)>, Fault> {
    tx.rows(
        "SELECT position, value, description FROM api_scopes WHERE api_id = $1 ORDER BY position",
        &[api],
    )?
    .into_iter()
    .map(|mut row| Ok((row.take()?, defined_scope(row)?)))
    .collect()
}

fn with_scopes(tx: &mut Tx<'_>, row: Option<Row>) -> Result<Option<Api>, Fault> {
    let Some(row) = row else {
        return Ok(None);
    };
    let mut api = record(row)?;
    let scopes = scopes_of(tx, &api.id)?;
    api.scopes = scopes.into_iter().map(|(_, scope)| scope).collect();
    Ok(Some(api))
}

fn announce(tx: &mut Tx<'_>, changed: u64, id: &ApiId, now: Timestamp) -> Result<(), Fault> {
    feed::announce_if(changed, tx, Entity::Api, id.as_str(), now)
}

fn record(mut row: Row) -> Result<Api, Fault> {
    Ok(Api {
        id: row.take()?,
        identifier: row.take()?,
        name: row.take()?,
        is_system: row.take()?,
        settings: row.take().map(|Json(settings)| settings)?,
        signing_secret: row.take()?,
        scopes: Vec::new(),
        version: row.take()?,
        created_at: row.take()?,
        updated_at: row.take()?,
    })
}

fn defined_scope(mut row: Row) -> Result<DefinedScope, Fault> {
    Ok(DefinedScope {
        value: row.take()?,
        description: row.take()?,
    })
}
