//! Secrets that must be readable again, sealed with a key that is not in the database (AES-256-GCM).

use std::{
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use keystead_protocol::secret::Digest;
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::{
    db::{Column, FromColumn, Param, Value},
    fault::Fault,
};

/// First byte of every sealed value: this layout, so that another can follow.
const VERSION: u8 = 1;
/// Bytes that name the sealing key.
const KEY_ID: usize = 4;
const HEADER: usize = 1 + KEY_ID + NONCE_LEN;
/// What a line of the key file begins with.
const LINE: &str = "keystead-sealing-key-1.";

/// A sealed value, as it is stored: version, key id, nonce, ciphertext and tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed(Vec<u8>);

impl Sealed {
    /// Version and key id: what rows sealed with the same key begin with.
    pub(crate) fn prefix(&self) -> &[u8] {
        &self.0[..1 + KEY_ID]
    }
}

impl Param for Sealed {
    fn value(&self) -> Value<'_> {
        Value::Bytes(&self.0)
    }
}

impl FromColumn for Sealed {
    fn from_column(column: Column) -> Result<Self, String> {
        let bytes = Vec::from_column(column)?;
        if bytes.len() > HEADER && bytes[0] == VERSION {
            Ok(Self(bytes))
        } else {
            Err("a sealed value".to_owned())
        }
    }
}

/// Where a sealed value belongs. It is authenticated, so that no value opens in another's place.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// Table and column, such as `clients.secret`.
    pub column: &'static str,
    /// The row's id.
    pub id: &'a str,
}

impl Place<'_> {
    fn bytes(&self) -> Vec<u8> {
        [self.column.as_bytes(), b"\0", self.id.as_bytes()].concat()
    }
}

struct SealingKey {
    id: [u8; KEY_ID],
    key: LessSafeKey,
}

impl SealingKey {
    fn new(bytes: &[u8]) -> Option<Self> {
        let id = Digest::of(bytes).as_bytes().first_chunk().copied()?;
        let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, bytes).ok()?);
        Some(Self { id, key })
    }
}

/// The sealing keys: the first seals, all open. Rotating means putting a new one first, sealing every row again
/// (see [`crate::reseal`]), then dropping the old ones.
pub struct Keyring(Vec<SealingKey>);

impl std::fmt::Debug for Keyring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Keyring({} keys)", self.0.len())
    }
}

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
        let text = Zeroizing::new(fs::read_to_string(path).map_err(|why| io_error(path, why))?);
        refuse_exposed(path)?;
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

    /// Seals a secret for one place.
    pub fn seal(
        &self,
        place: Place<'_>,
        secret: &[u8],
        rng: &mut impl CryptoRng,
    ) -> Result<Sealed, Fault> {
        let current = &self.0[0];
        let mut nonce = [0; NONCE_LEN];
        rng.fill_bytes(&mut nonce);
        let mut sealed = [&[VERSION], current.id.as_slice(), &nonce].concat();
        let mut body = secret.to_vec();
        current
            .key
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(place.bytes()),
                &mut body,
            )
            .map_err(|_| Fault::Sealed("sealing failed"))?;
        sealed.append(&mut body);
        Ok(Sealed(sealed))
    }

    /// Opens what was sealed for this place.
    ///
    /// # Errors
    /// [`Fault::Sealed`] if its key is not at hand, or if it was changed or moved.
    pub fn open(&self, place: Place<'_>, sealed: &Sealed) -> Result<Zeroizing<Vec<u8>>, Fault> {
        let (header, body) = sealed.0.split_at(HEADER);
        let (id, nonce) = header[1..].split_at(KEY_ID);
        let key = self
            .0
            .iter()
            .find(|key| key.id == id)
            .ok_or(Fault::Sealed("its key is not in the key file"))?;
        let nonce = Nonce::try_assume_unique_for_key(nonce)
            .map_err(|_| Fault::Sealed("its nonce is short"))?;
        let mut body = Zeroizing::new(body.to_vec());
        let length = key
            .key
            .open_in_place(nonce, Aad::from(place.bytes()), &mut body)
            .map_err(|_| Fault::Sealed("it was changed, or belongs to another place"))?
            .len();
        body.truncate(length);
        Ok(body)
    }

    /// What rows sealed with the current key begin with.
    pub(crate) fn current_prefix(&self) -> [u8; 1 + KEY_ID] {
        let [a, b, c, d] = self.0[0].id;
        [VERSION, a, b, c, d]
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
