//! The file that holds the sealing keys: a key a line, readable by its owner only.

use std::{
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use super::{Keyring, SealingKey};

/// What a line with a key begins with.
const LINE: &str = "keystead-sealing-key-1.";

/// Why a key file cannot be used. Each says which file and what to do.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// It cannot be read or written.
    #[error("sealing key file {path}: {why}", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        why: io::Error,
    },
    /// Others on this machine may read it.
    #[error("sealing key file {path} can be read by others; run: chmod 600 {path}", path = path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
    },
    /// It holds something else.
    #[error("sealing key file {path}, line {line}: not a sealing key; restore the file from your backup", path = path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: usize,
    },
    /// It holds no key.
    #[error("sealing key file {path} holds no key; restore it from your backup", path = path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
}

impl Keyring {
    /// Reads the key file: a key a line, the current one first; `#` begins a comment.
    ///
    /// # Errors
    /// [`KeyFileError`]; also if others than the owner may read the file.
    pub fn load(path: &Path) -> Result<Self, KeyFileError> {
        refuse_exposed(path)?;
        let text = Zeroizing::new(fs::read_to_string(path).map_err(|why| io_error(path, why))?);
        let mut keys = Vec::new();
        for (index, line) in text.lines().map(str::trim).enumerate() {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let bytes = line
                .strip_prefix(LINE)
                .and_then(|text| URL_SAFE_NO_PAD.decode(text).ok())
                .map(Zeroizing::new);
            let key = bytes.and_then(|bytes| SealingKey::new(&bytes));
            keys.push(key.ok_or_else(|| KeyFileError::Malformed {
                path: path.to_owned(),
                line: index + 1,
            })?);
        }
        if keys.is_empty() {
            return Err(KeyFileError::Empty {
                path: path.to_owned(),
            });
        }
        Ok(Self(keys))
    }

    /// Reads the key file, or makes it with a fresh key, readable by its owner only.
    ///
    /// # Errors
    /// [`KeyFileError`].
    pub fn load_or_create(path: &Path, rng: &mut impl CryptoRng) -> Result<Self, KeyFileError> {
        if !path.try_exists().map_err(|why| io_error(path, why))? {
            let text = format!(
                "# Opens the secrets in Keystead's database. Keep a copy apart from it.\n{}\n",
                *fresh_line(rng)
            );
            write_private(path, &Zeroizing::new(text))?;
            sync_folder(path)?;
        }
        Self::load(path)
    }

    /// Puts a fresh key first in the file. What older keys sealed can still be opened.
    ///
    /// # Errors
    /// [`KeyFileError`]; the file is then as it was.
    pub fn add_key(path: &Path, rng: &mut impl CryptoRng) -> Result<Self, KeyFileError> {
        Self::load(path)?;
        let old = Zeroizing::new(fs::read_to_string(path).map_err(|why| io_error(path, why))?);
        replace(
            path,
            &Zeroizing::new(format!("{}\n{}", *fresh_line(rng), *old)),
        )?;
        Self::load(path)
    }

    /// Drops every key but the first from the file. Only when nothing is sealed with them any more.
    ///
    /// # Errors
    /// [`KeyFileError`]; the file is then as it was.
    pub fn drop_old_keys(path: &Path) -> Result<Self, KeyFileError> {
        Self::load(path)?;
        let old = Zeroizing::new(fs::read_to_string(path).map_err(|why| io_error(path, why))?);
        let mut seen = false;
        let keep =
            |line: &&str| !line.trim().starts_with(LINE) || !std::mem::replace(&mut seen, true);
        let kept = Zeroizing::new(
            old.lines()
                .filter(keep)
                .fold(String::new(), |all, line| all + line + "\n"),
        );
        replace(path, &kept)?;
        Self::load(path)
    }
}

fn fresh_line(rng: &mut impl CryptoRng) -> Zeroizing<String> {
    let mut bytes = Zeroizing::new([0; 32]);
    rng.fill_bytes(bytes.as_mut_slice());
    Zeroizing::new(format!(
        "{LINE}{}",
        *Zeroizing::new(URL_SAFE_NO_PAD.encode(*bytes))
    ))
}

fn io_error(path: &Path, why: io::Error) -> KeyFileError {
    KeyFileError::Io {
        path: path.to_owned(),
        why,
    }
}

/// Makes a file that only its owner can read, and syncs it: losing it loses every sealed secret.
fn write_private(path: &Path, text: &str) -> Result<(), KeyFileError> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let write = || {
        let mut file = options.open(path)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()
    };
    write().map_err(|why| io_error(path, why))
}

/// Replaces the file whole or not at all.
fn replace(path: &Path, text: &str) -> Result<(), KeyFileError> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let beside = PathBuf::from(beside);
    write_private(&beside, text)?;
    fs::rename(&beside, path).map_err(|why| io_error(path, why))?;
    sync_folder(path)
}

/// Makes the file's name as durable as its content.
fn sync_folder(path: &Path) -> Result<(), KeyFileError> {
    let folder = path
        .parent()
        .filter(|p| !p.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    fs::File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(|why| io_error(path, why))
}

#[cfg(unix)]
fn refuse_exposed(path: &Path) -> Result<(), KeyFileError> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = fs::metadata(path)
        .map_err(|why| io_error(path, why))?
        .permissions()
        .mode();
    if mode & 0o077 == 0 {
        Ok(())
    } else {
        Err(KeyFileError::Exposed {
            path: path.to_owned(),
        })
    }
}

#[cfg(not(unix))]
fn refuse_exposed(_: &Path) -> Result<(), KeyFileError> {
    Ok(())
}
