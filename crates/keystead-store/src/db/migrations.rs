//! The schema's history: one folder a dialect, the same numbers and names, forward only.

use postgres::Client;
use rusqlite::Connection;

use crate::fault::Fault;

mod sqlite {
    refinery::embed_migrations!("migrations/sqlite");
}
mod postgresql {
    refinery::embed_migrations!("migrations/postgres");
}

/// Where the migrations that a database has had are written down.
const HISTORY: &str = "refinery_schema_history";
const UNREADABLE: &str = "the schema's history cannot be read";

/// A migration that [`migrate`](crate::migrate) has just applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// Its number; they run in order.
    pub number: i64,
    /// Its name, as in its file name.
    pub name: String,
}

pub(super) fn sqlite(connection: &mut Connection) -> Result<Vec<Applied>, Fault> {
    report(sqlite::migrations::runner().run(connection))
}

pub(super) fn postgres(client: &mut Client) -> Result<Vec<Applied>, Fault> {
    report(postgresql::migrations::runner().run(client))
}

/// The newest migration that this program knows.
pub(super) fn newest() -> i64 {
    sqlite::migrations::runner()
        .get_migrations()
        .iter()
        .map(|m| i64::from(m.version()))
        .max()
        .unwrap_or(0)
}

/// The newest migration that the database has had; 0 for an empty one.
pub(super) fn sqlite_has(connection: &mut Connection) -> Result<i64, Fault> {
    let unreadable = |e: rusqlite::Error| Fault::Schema(format!("{UNREADABLE}: {e}"));
    let history = connection.table_exists(None, HISTORY).map_err(unreadable)?;
    if !history {
        return Ok(0);
    }
    number(sqlite::migrations::runner().get_last_applied_migration(connection))
}

/// The newest migration that the database has had; 0 for an empty one.
pub(super) fn postgres_has(client: &mut Client) -> Result<i64, Fault> {
    let unreadable = |e: ::postgres::Error| Fault::Schema(format!("{UNREADABLE}: {e}"));
    let history = client.query_one("SELECT to_regclass($1) IS NOT NULL", &[&HISTORY]);
    if !history.and_then(|row| row.try_get(0)).map_err(unreadable)? {
        return Ok(0);
    }
    number(postgresql::migrations::runner().get_last_applied_migration(client))
}

fn number(last: Result<Option<refinery::Migration>, refinery::Error>) -> Result<i64, Fault> {
    last.map(|last| last.map_or(0, |m| i64::from(m.version())))
        .map_err(|e| Fault::Schema(format!("{UNREADABLE}: {e}")))
}

fn report(ran: Result<refinery::Report, refinery::Error>) -> Result<Vec<Applied>, Fault> {
    let report = ran.map_err(|e| {
        Fault::Schema(format!(
            "migrating the database failed; it was left as it was: {e}"
        ))
    })?;
    let applied = report.applied_migrations();
    Ok(applied
        .iter()
        .map(|m| Applied {
            number: m.version().into(),
            name: m.name().to_owned(),
        })
        .collect())
}
