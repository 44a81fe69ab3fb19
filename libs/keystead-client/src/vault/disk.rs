//! Files for this user alone: read with a look at who else may, replaced atomically, synced.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Write as _},
    path::Path,
};

use zeroize::Zeroizing;

use crate::VaultError;

/// More than any credentials have.
const LONGEST: u64 = 1024 * 1024;

/// The content of a file that nobody else can read; nothing if there is no file.
pub(super) fn read(path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>, VaultError> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(why) => return Err(VaultError::io(path)(why)),
    };
    // Of the open file, so that nobody can put another in its place in between.
    let about = file.metadata().map_err(VaultError::io(path))?;
    if is_open_to_others(&about) {
        return Err(VaultError::Open(path.to_owned()));
    }
    if !about.is_file() || about.len() > LONGEST {
        return Err(VaultError::Sealed(path.to_owned()));
    }
    let mut bytes = Zeroizing::new(Vec::new());
    file.read_to_end(&mut bytes).map_err(VaultError::io(path))?;
    Ok(Some(bytes))
}

/// Puts a new file in the place of an old one. After a power cut there is one or the other, whole.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> Result<(), VaultError> {
    let new = path.with_extension("new");
    // Left by a crash, perhaps by another hand: what is written is a file of our own making.
    remove(&new)?;
    let written = private().create_new(true).open(&new).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    written
        .and_then(|()| fs::rename(&new, path))
        .map_err(VaultError::io(path))?;
    sync_folder(path)
}

pub(super) fn make_folder(file: &Path) -> Result<(), VaultError> {
    let folder = file.parent().unwrap_or(file);
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).map_err(VaultError::io(folder))
}

/// Takes a file away, if there is one.
pub(super) fn remove(path: &Path) -> Result<(), VaultError> {
    match fs::remove_file(path) {
        Ok(()) => sync_folder(path),
        Err(why) if why.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(why) => Err(VaultError::io(path)(why)),
    }
}

/// A rename is durable when its folder is (POSIX); Windows has no such thing to sync.
fn sync_folder(file: &Path) -> Result<(), VaultError> {
    #[cfg(unix)]
    if let Some(folder) = file.parent() {
        let synced = File::open(folder).and_then(|folder| folder.sync_all());
        return synced.map_err(VaultError::io(folder));
    }
    let _ = file;
    Ok(())
}

/// To write a file that nobody else may read.
pub(super) fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

#[cfg(unix)]
fn is_open_to_others(about: &fs::Metadata) -> bool {
    std::os::unix::fs::MetadataExt::mode(about) & 0o077 != 0
}

#[cfg(not(unix))]
fn is_open_to_others(_about: &fs::Metadata) -> bool {
    false
}
