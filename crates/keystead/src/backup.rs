//! `keystead backup` and `keystead restore`: a folder that holds everything, and the way back from it.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail, ensure};
use keystead_protocol::time::Timestamp;
use keystead_server::{config::Config, services::Clock};
use keystead_store::Database;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    output::{self, Shape},
    postgres_tools, serve,
};

mod settled;

use self::settled::settle;

const MANIFEST: &str = "backup.json";
const SQLITE: &str = "keystead.db";
const POSTGRES: &str = "keystead.dump";
const SEALING_KEY: &str = "sealing.key";

/// What a backup says about itself.
#[derive(Debug, Serialize, Deserialize)]
struct Manifest {
    format: u32,
    keystead: String,
    schema: i64,
    issuer: String,
    made_at: i64,
    sealing_key: SealingKey,
}

/// Where the key is that opens the secrets of a backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum SealingKey {
    Included,
    /// The operator keeps it: a backup without it is worth nothing to a thief, nor to its owner.
    Elsewhere,
}

/// Whether a backup takes the sealing key along.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Key {
    Include,
    LeaveOut,
}

/// Makes a backup in a new folder, while the server runs or not.
pub(crate) fn backup(config: &Config, folder: &Path, key: Key, shape: Shape) -> anyhow::Result<()> {
    ensure!(
        !folder.exists(),
        "{} is in the way; name a folder that does not exist yet",
        folder.display()
    );
    let schema = keystead_store::schema_number(&config.database)?;
    ensure!(
        schema > 0,
        "there is nothing to back up yet; `keystead serve` makes the database"
    );
    serve::prepare_folder(folder)?;
    let made = (|| {
        match &config.database {
            Database::Sqlite { file } => {
                let copy = folder.join(SQLITE);
                keystead_store::copy_sqlite(file, &copy)?;
            }
            Database::Postgres { url, ca_file, .. } => {
                postgres_tools::dump(url.expose(), ca_file.as_deref(), &folder.join(POSTGRES))?;
            }
        }
        if key == Key::Include {
            copy_private(&config.sealing_key_file, &folder.join(SEALING_KEY))?;
        }
        let manifest = Manifest {
            format: 1,
            keystead: env!("CARGO_PKG_VERSION").to_owned(),
            schema,
            issuer: config.issuer.to_string(),
            made_at: Clock::system().now().as_secs(),
            sealing_key: if key == Key::Include {
                SealingKey::Included
            } else {
                SealingKey::Elsewhere
            },
        };
        // Written last: a folder without it is no backup.
        let text = serde_json::to_string_pretty(&manifest)? + "\n";
        fs::write(folder.join(MANIFEST), text).context("cannot write the manifest")?;
        Ok::<_, anyhow::Error>(manifest)
    })();
    let manifest = made.inspect_err(|_| drop(fs::remove_dir_all(folder)))?;
    match shape {
        Shape::Json => output::print_json(&manifest),
        Shape::Text => output::print(&format!(
            "Backed up to {}.\n{}To bring it back: keystead restore {}\n",
            folder.display(),
            match key {
                Key::Include => "It holds the sealing key: whoever has this folder can open every secret in it.\n".to_owned(),
                Key::LeaveOut => format!(
                    "It does not hold the sealing key: keep a copy of {} elsewhere.\n",
                    config.sealing_key_file.display()
                ),
            },
            folder.display()
        )),
    }
}

/// What `restore` may do to what is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Existing {
    /// Refuse if there is a database.
    Keep,
    /// Move a SQLite database aside, drop the tables of a PostgreSQL one.
    Replace,
}

/// What becomes of the sessions, token families and signing keys in a backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sessions {
    /// They end: something revoked since the backup would otherwise live again.
    End,
    /// The operator vouches that nothing was revoked since.
    Keep,
}

/// Brings a backup back. The server must not be running.
pub(crate) fn restore(
    config: &Config,
    folder: &Path,
    existing: Existing,
    sessions: Sessions,
    shape: Shape,
) -> anyhow::Result<()> {
    let manifest = read_manifest(folder)?;
    let source = folder.join(match &config.database {
        Database::Sqlite { .. } => SQLITE,
        Database::Postgres { .. } => POSTGRES,
    });
    ensure!(
        source.exists(),
        "this backup was made of the other kind of database; point database.url at that kind"
    );
    let now = Clock::system().now();
    serve::prepare_folder(&config.data_dir)?;
    let occupied = keystead_store::schema_number(&config.database)? > 0;
    ensure!(
        !occupied || existing == Existing::Replace,
        "there is a database already; stop the server and run: keystead restore --replace {}",
        folder.display()
    );
    let key = choose_key(config, folder, manifest.sealing_key, existing)?;
    let aside = match &config.database {
        Database::Sqlite { file } => {
            let aside = if occupied {
                move_aside(file, now)?
            } else {
                None
            };
            copy_private(&source, file)?;
            aside
        }
        Database::Postgres { url, ca_file, .. } => {
            postgres_tools::restore(url.expose(), ca_file.as_deref(), &source)?;
            None
        }
    };
    // Not before the database: were that in use or not readable, it would be left behind without its key.
    put_key(config, &key, now)?;
    keystead_store::migrate(&config.database)?;
    let settled = settle(config, sessions, now)?;
    match shape {
        Shape::Json => output::print_json(&json!({
            "backup": manifest,
            "ended": settled.ended(),
            "kept": settled.kept(),
            "moved_aside": aside,
        })),
        Shape::Text => {
            let mut text = format!("Restored what was backed up from {}.\n", manifest.issuer);
            if manifest.issuer != config.issuer.as_str() {
                text += &format!(
                    "The issuer is now {}: tokens and links of the old one are not valid here.\n",
                    config.issuer
                );
            }
            if let Some(aside) = aside {
                text += &format!("The database that was here is now {}.\n", aside.display());
            }
            text += &settled.to_string();
            output::print(&(text + "Start the server: keystead serve\n"))
        }
    }
}

fn read_manifest(folder: &Path) -> anyhow::Result<Manifest> {
    let file = folder.join(MANIFEST);
    let text = fs::read_to_string(&file).with_context(|| {
        format!(
            "{} holds no complete backup: {MANIFEST} cannot be read",
            folder.display()
        )
    })?;
    let manifest: Manifest =
        serde_json::from_str(&text).with_context(|| format!("{} is damaged", file.display()))?;
    ensure!(
        manifest.format == 1,
        "this backup has format {}; a newer keystead reads it",
        manifest.format
    );
    Ok(manifest)
}

/// What a restore does about the sealing key.
enum Choice {
    /// The one that is there is right, or is the operator's own care.
    Stay,
    /// The one at this place in the backup takes the place of any that is there.
    Take(PathBuf),
}

/// Looks at both keys, and changes nothing yet.
fn choose_key(
    config: &Config,
    folder: &Path,
    key: SealingKey,
    existing: Existing,
) -> anyhow::Result<Choice> {
    let target = &config.sealing_key_file;
    match (key, target.exists()) {
        (SealingKey::Elsewhere, true) => Ok(Choice::Stay),
        (SealingKey::Elsewhere, false) => bail!(
            "this backup was made without its sealing key; put your copy of it at {} first",
            target.display()
        ),
        (SealingKey::Included, there) => {
            let saved = folder.join(SEALING_KEY);
            let bytes = fs::read(&saved)
                .with_context(|| format!("cannot read the backup's key, {}", saved.display()))?;
            if there && bytes == fs::read(target)? {
                return Ok(Choice::Stay);
            }
            ensure!(
                !there || existing == Existing::Replace,
                "{} is another sealing key than the backup's; move it away, or use --replace",
                target.display()
            );
            Ok(Choice::Take(saved))
        }
    }
}

fn put_key(config: &Config, key: &Choice, now: Timestamp) -> anyhow::Result<()> {
    let target = &config.sealing_key_file;
    match key {
        Choice::Stay => Ok(()),
        Choice::Take(saved) => {
            if target.exists() {
                move_aside(target, now)?;
            }
            copy_private(saved, target)
        }
    }
}

/// Renames a file, and what SQLite keeps beside it, so that nothing is lost by a mistaken restore.
fn move_aside(file: &Path, now: Timestamp) -> anyhow::Result<Option<PathBuf>> {
    let beside = |suffix: &str| {
        let mut name = file.as_os_str().to_owned();
        name.push(suffix);
        PathBuf::from(name)
    };
    let wal = beside("-wal");
    ensure!(
        !wal.metadata().is_ok_and(|wal| wal.len() > 0),
        "{} is in use, or its server was killed; stop the server, and start and stop it once if it was",
        file.display()
    );
    for left in [wal, beside("-shm")] {
        if left.exists() {
            fs::remove_file(&left)?;
        }
    }
    let aside = beside(&format!(".replaced-{}", now.as_secs()));
    fs::rename(file, &aside)
        .and_then(|()| owner_only(&aside))
        .with_context(|| format!("cannot move {} aside", file.display()))?;
    Ok(Some(aside))
}

/// Copies a file so that only its owner can read the copy, and syncs it.
fn copy_private(from: &Path, to: &Path) -> anyhow::Result<()> {
    let copy = || {
        let mut options = fs::OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut copy = options.open(to)?;
        // It may have been there, empty and open to others.
        owner_only(to)?;
        io::copy(&mut fs::File::open(from)?, &mut copy)?;
        copy.sync_all()
    };
    copy().with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))
}

#[cfg(unix)]
fn owner_only(file: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(file, fs::Permissions::from_mode(0o600))
}

#[cfg(not(unix))]
fn owner_only(_: &Path) -> io::Result<()> {
    Ok(())
}
