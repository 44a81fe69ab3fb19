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

/// Replaces the file whole or not at all; not while somebody else does.
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

#[cfg(test)]
mod tests {
    use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng as _};
    use tempfile::TempDir;

    use super::*;
    use crate::seal::{Place, Slot};

    const PLACE: Place<'_> = Place {
        slot: Slot::SigningKey,
        id: "key",
    };

    /// A key file's path in a folder of its own, and randomness.
    fn fresh() -> (TempDir, PathBuf, ChaCha20Rng) {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("sealing.key");
        (folder, path, ChaCha20Rng::seed_from_u64(1))
    }

    fn holding(text: &str) -> (TempDir, PathBuf, ChaCha20Rng) {
        let (folder, path, rng) = fresh();
        write_private(&path, text).unwrap();
        (folder, path, rng)
    }

    #[test]
    fn it_is_made_once_for_its_owner_only() {
        let (_folder, path, mut rng) = fresh();
        let made = Keyring::load_or_create(&path, &mut rng).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        let loaded = Keyring::load_or_create(&path, &mut rng).unwrap();
        assert_eq!(loaded.mark(), made.mark());
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }

    #[test]
    fn a_missing_file_is_not_made_by_loading() {
        let (_folder, path, mut rng) = fresh();
        for loaded in [Keyring::load(&path), Keyring::add_key(&path, &mut rng)] {
            assert!(matches!(loaded, Err(KeyFileError::Io { .. })), "{loaded:?}");
        }
        assert!(!path.exists());
    }

    #[test]
    #[cfg(unix)]
    fn a_file_that_others_can_read_or_write_is_refused() {
        use std::os::unix::fs::PermissionsExt as _;
        let (_folder, path, mut rng) = fresh();
        Keyring::load_or_create(&path, &mut rng).unwrap();
        for (mode, refused) in [
            (0o640, true),
            (0o604, true),
            (0o620, true),
            (0o601, true),
            (0o400, false),
            (0o600, false),
        ] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let loaded = Keyring::load(&path);
            let exposed = matches!(loaded, Err(KeyFileError::Exposed { .. }));
            assert_eq!(exposed, refused, "{mode:o}");
            assert_eq!(loaded.is_ok(), !refused, "{mode:o}");
        }
    }

    #[test]
    fn an_added_key_seals_and_the_older_one_still_opens() {
        let (_folder, path, mut rng) = fresh();
        let old = Keyring::load_or_create(&path, &mut rng).unwrap();
        let sealed = old.seal(PLACE, b"PKCS #8", &mut rng).unwrap();
        let both = Keyring::add_key(&path, &mut rng).unwrap();
        assert_ne!(both.mark(), old.mark());
        assert_eq!(*both.open(PLACE, &sealed).unwrap(), b"PKCS #8");
        let loaded = Keyring::load(&path).unwrap();
        assert_eq!(loaded.mark(), both.mark());
        assert!(loaded.open(PLACE, &sealed).is_ok());
        assert!(refuse_exposed(&path).is_ok());
    }

    #[test]
    fn dropping_old_keys_leaves_the_first_and_the_comments() {
        let (_folder, path, mut rng) = fresh();
        let old = Keyring::load_or_create(&path, &mut rng).unwrap();
        let sealed = old.seal(PLACE, b"PKCS #8", &mut rng).unwrap();
        Keyring::add_key(&path, &mut rng).unwrap();
        let both = Keyring::add_key(&path, &mut rng).unwrap();
        let left = Keyring::drop_old_keys(&path).unwrap();
        assert_eq!(left.mark(), both.mark());
        assert!(left.open(PLACE, &sealed).is_err());
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(text.matches(LINE).count(), 1);
        assert!(text.contains("# Opens the secrets"), "{text}");
        let again = Keyring::drop_old_keys(&path).unwrap();
        assert_eq!(again.mark(), left.mark());
    }

    #[test]
    fn comments_blank_lines_and_spaces_are_skipped() {
        let key = fresh_line(&mut ChaCha20Rng::seed_from_u64(1));
        let text = format!("\n# a comment\n   # another\r\n\t{}  \r\n\n", *key);
        let (_folder, path, mut rng) = holding(&text);
        let loaded = Keyring::load(&path).unwrap();
        assert_eq!(
            Keyring::load_or_create(&path, &mut rng).unwrap().mark(),
            loaded.mark()
        );
    }

    #[test]
    fn a_line_that_is_no_key_is_named() {
        let key = fresh_line(&mut ChaCha20Rng::seed_from_u64(1));
        for (name, line) in [
            ("another text", "hello".to_owned()),
            ("a key without its beginning", key[LINE.len()..].to_owned()),
            ("a key that was cut", key[..key.len() - 1].to_owned()),
            ("a key that is too long", format!("{}AAAA", *key)),
            ("two keys on a line", format!("{} {}", *key, *key)),
            (
                "a character of another alphabet",
                key.replace(['-', '_'], "+"),
            ),
            ("nothing behind its beginning", LINE.to_owned()),
        ] {
            let (_folder, path, mut rng) = holding(&format!("# one\n{}\n{line}\n", *key));
            for loaded in [
                Keyring::load(&path),
                Keyring::add_key(&path, &mut rng),
                Keyring::drop_old_keys(&path),
            ] {
                let named = matches!(loaded, Err(KeyFileError::Malformed { line: 3, .. }));
                assert!(named, "{name}: {loaded:?}");
            }
            let error = Keyring::load(&path).unwrap_err().to_string();
            assert!(
                error.contains("line 3") && !error.contains(&line),
                "{error}"
            );
        }
    }

    #[test]
    fn a_file_without_a_key_is_refused_and_not_filled() {
        for text in ["", "# only a comment\n"] {
            let (_folder, path, mut rng) = holding(text);
            let loaded = Keyring::load_or_create(&path, &mut rng);
            assert!(
                matches!(loaded, Err(KeyFileError::Empty { .. })),
                "{loaded:?}"
            );
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
    }

    #[test]
    fn of_two_rotations_at_once_the_second_leaves_everything_as_it_was() {
        let (folder, path, mut rng) = fresh();
        Keyring::load_or_create(&path, &mut rng).unwrap();
        let before = fs::read_to_string(&path).unwrap();
        let beside = folder.path().join("sealing.key.new");
        fs::write(&beside, "the first one's").unwrap();
        for refused in [
            Keyring::add_key(&path, &mut rng),
            Keyring::drop_old_keys(&path),
        ] {
            assert!(
                matches!(refused, Err(KeyFileError::Io { .. })),
                "{refused:?}"
            );
        }
        assert_eq!(fs::read_to_string(&path).unwrap(), before);
        assert_eq!(fs::read_to_string(&beside).unwrap(), "the first one's");
    }
}
