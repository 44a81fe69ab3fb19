//! The records: the database, and the key without which half of it cannot be read.

use std::{ffi::OsStr, fs, path::Path};

use keystead_server::config::Config;
use keystead_store::{Database, Store, seal::Keyring};

use super::{Finding, machine::is_exposed};
use crate::output;

/// Present and private.
pub(super) fn sealing_key(config: &Config) -> Finding {
    const NAME: &str = "sealing key";
    let path = &config.sealing_key_file;
    let shown = path.display();
    if !path.exists() {
        return match &config.database {
            Database::Sqlite { file } if file.exists() => Finding::fail(
                NAME,
                format!("{shown} is missing, but the database that it was made for is there"),
                "restore it from your backup",
            ),
            Database::Sqlite { .. } => {
                Finding::ok(NAME, format!("{shown} will be made at the first start"))
            }
            Database::Postgres { .. } => Finding::warn(
                NAME,
                format!(
                    "{shown} is missing; a start makes a new one, which opens nothing that is sealed already"
                ),
                "if this database has been served before, copy the file from another node or from your backup",
            ),
        };
    }
    if is_exposed(path) == Some(true) {
        return Finding::fail(
            NAME,
            format!("{shown} can be read by others"),
            format!("chmod 600 {shown}"),
        );
    }
    match Keyring::load(path) {
        Ok(_) => Finding::ok(NAME, format!("{shown} is readable, by its owner alone")),
        Err(why) => Finding::fail(NAME, why.to_string(), "restore it from your backup"),
    }
}

/// Reachable, of a version that can be trusted, with the schema that this program needs, and private if it is a file.
pub(super) fn database(config: &Config) -> Finding {
    const NAME: &str = "database";
    let shown = output::database(config);
    let fix = match &config.database {
        Database::Sqlite { file } if !file.exists() => {
            return Finding::ok(NAME, format!("{shown}, will be made at the first start"));
        }
        Database::Sqlite { file } => format!("ls -l {}", file.display()),
        Database::Postgres { .. } => "keystead migrate".into(),
    };
    match Store::open(&config.database) {
        Ok(store) => store.close(),
        Err(why) => return Finding::fail(NAME, format!("{shown}: {why}"), fix),
    }
    if let Database::Sqlite { file } = &config.database
        && let exposed = exposed(file)
        && !exposed.is_empty()
    {
        return Finding::warn(
            NAME,
            format!("{shown}, can be read by others, and so can its password hashes"),
            format!("chmod 600 {}", exposed.join(" ")),
        );
    }
    Finding::ok(
        NAME,
        format!("{shown}, answers and has the schema that this version needs"),
    )
}

/// What others can read of a database: the file, what SQLite keeps beside it, and what restores moved aside, all of which
/// have names that begin with its own.
fn exposed(file: &Path) -> Vec<String> {
    let (Some(folder), Some(own)) = (file.parent(), file.file_name()) else {
        return vec![];
    };
    let begins = |name: &OsStr| name.as_encoded_bytes().starts_with(own.as_encoded_bytes());
    let mut found: Vec<String> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| begins(&entry.file_name()))
        .map(|entry| entry.path())
        .filter(|path| path.is_file() && is_exposed(path) == Some(true))
        .map(|path| path.display().to_string())
        .collect();
    found.sort();
    found
}
