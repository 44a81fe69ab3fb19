//! An encrypted file: replaced atomically, synced before anybody is told, closed to other users.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
};

use keystead_protocol::secret::Secret;
use zeroize::Zeroizing;

use super::{Lock, Vault, key::Keys, sealed};
use crate::VaultError;

/// More than any credentials have.
const LONGEST: u64 = 1024 * 1024;

/// Credentials in a file `credentials` of a folder of the app's own, encrypted.
///
/// On Unix the folder is made for this user alone, and a file that others may read is refused. On Windows the folder's
/// own access list decides; the user's profile is a good place.
pub struct FileVault {
    file: PathBuf,
    lock: PathBuf,
    keys: Keys,
}

impl FileVault {
    /// With the key in the operating system's keychain under this name; where there is no keychain, such as on a server,
    /// in a file beside.
    ///
    /// Which of them it was stands in the file: if the keychain is away another day, that is an error and not an empty vault.
    #[cfg(feature = "keychain")]
    pub fn new(folder: impl Into<PathBuf>, service: impl Into<String>) -> Self {
        let folder = folder.into();
        let keys = Keys::keychain(service.into(), folder.join("key"));
        Self::with(&folder, keys)
    }

    /// With the key in a file `key` beside the credentials. It protects a copy of the credentials, such as a backup that
    /// leaves the key out; not from whoever reads the whole folder.
    pub fn with_key_file(folder: impl Into<PathBuf>) -> Self {
        let folder = folder.into();
        let keys = Keys::file(folder.join("key"));
        Self::with(&folder, keys)
    }

    /// With a key of the app's: 32 bytes of full entropy, not a password.
    pub fn with_key(folder: impl Into<PathBuf>, key: [u8; 32]) -> Self {
        Self::with(&folder.into(), Keys::given(key))
    }

    fn with(folder: &Path, keys: Keys) -> Self {
        Self {
            file: folder.join("credentials"),
            lock: folder.join("lock"),
            keys,
        }
    }

    /// Where the credentials are.
    pub fn path(&self) -> &Path {
        &self.file
    }
}

impl Vault for FileVault {
    fn load(&self) -> Result<Option<Secret>, VaultError> {
        let Some(bytes) = read(&self.file)? else {
            return Ok(None);
        };
        let key = self.keys.of(sealed::place(&bytes, &self.file)?)?;
        let key = key.ok_or_else(|| VaultError::Sealed(self.file.clone()))?;
        sealed::open(&bytes, &key, &self.file).map(Some)
    }

    fn store(&self, text: &Secret) -> Result<(), VaultError> {
        make_folder(&self.file)?;
        let (place, key) = self.keys.to_seal_with()?;
        let bytes = sealed::seal(text, &key, place, &self.file)?;
        replace(&self.file, &bytes)
    }

    /// The key stays: it opens nothing more, and other vaults may share it.
    fn clear(&self) -> Result<(), VaultError> {
        match fs::remove_file(&self.file) {
            Ok(()) => sync_folder(&self.file),
            Err(why) if why.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(why) => Err(VaultError::io(&self.file)(why)),
        }
    }

    /// A file beside is locked, since the credentials themselves are replaced.
    fn try_lock(&self) -> Result<Option<Lock>, VaultError> {
        make_folder(&self.lock)?;
        let mut options = private();
        let file = options.create(true).truncate(false).open(&self.lock);
        let file = file.map_err(VaultError::io(&self.lock))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Lock::new(file))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(why)) => Err(VaultError::io(&self.lock)(why)),
        }
    }
}

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
    match fs::remove_file(&new) {
        Err(why) if why.kind() != io::ErrorKind::NotFound => return Err(VaultError::io(&new)(why)),
        _ => {}
    }
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

fn private() -> OpenOptions {
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
