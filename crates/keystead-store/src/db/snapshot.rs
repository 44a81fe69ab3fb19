//! A consistent copy of a SQLite database that is in use.

use std::{fs::File, path::Path};

use crate::fault::Fault;

use super::sqlite::{self, Use};

/// Copies the database as of now into `to`, which must not exist, and syncs it. Only its owner can read the copy. Writers
/// are not held up.
///
/// # Errors
/// A [`Fault`] of either file; what was written of `to` is then removed.
pub fn copy_sqlite(file: &Path, to: &Path) -> Result<(), Fault> {
    let target = to
        .to_str()
        .ok_or_else(|| Fault::Unavailable(format!("{} is not UTF-8", to.display())))?;
    if to.exists() {
        return Err(Fault::Unavailable(format!(
            "{} is in the way; choose another place or remove it",
            to.display()
        )));
    }
    let copy = || {
        let connection = sqlite::open(file, Use::Write)?;
        sqlite::make_private(to)?;
        connection
            .execute("VACUUM INTO ?1", [target])
            .map_err(sqlite::fault)?;
        File::open(to)
            .and_then(|f| f.sync_all())
            .map_err(|e| Fault::Unavailable(format!("{}: {e}", to.display())))
    };
    copy().inspect_err(|_| {
        let _ = std::fs::remove_file(to);
    })
}
