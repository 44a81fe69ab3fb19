//! What a file of credentials withstands: other users, other keys, half-written files, two processes.

use std::{fs, path::Path};

use keystead_protocol::secret::Secret;

use super::{FileVault, MemoryVault, Vault, sealed::Place};
use crate::VaultError;

fn text(text: &str) -> Secret {
    text.into()
}

fn vault(folder: &Path) -> FileVault {
    FileVault::with_key_file(folder.join("app"))
}

#[test]
fn what_is_stored_comes_back_and_cannot_be_read_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    let kept = vault(folder.path());
    assert_eq!(kept.load(), Ok(None));
    kept.store(&text("first")).unwrap();
    kept.store(&text("the second secret")).unwrap();
    assert_eq!(
        vault(folder.path()).load(),
        Ok(Some(text("the second secret")))
    );
    let bytes = fs::read(kept.path()).unwrap();
    assert!(bytes.starts_with(b"keystead-client vault 1, key file\n"));
    assert!(!bytes.windows(6).any(|window| window == b"secret"));
    kept.clear().unwrap();
    kept.clear().unwrap();
    assert_eq!(kept.load(), Ok(None));
}

#[test]
fn equal_texts_are_sealed_differently() {
    let folder = tempfile::tempdir().unwrap();
    let kept = vault(folder.path());
    let sealed = |_| {
        kept.store(&text("same")).unwrap();
        fs::read(kept.path()).unwrap()
    };
    let [one, two] = [0, 1].map(sealed);
    assert_ne!(one, two);
}

#[test]
fn nothing_but_the_whole_file_under_its_own_key_opens() {
    let folder = tempfile::tempdir().unwrap();
    let kept = vault(folder.path());
    kept.store(&text("credentials")).unwrap();
    let good = fs::read(kept.path()).unwrap();
    let swapped = |from: &str, to: &str| {
        let line = good.iter().position(|byte| *byte == b'\n').unwrap();
        let head = str::from_utf8(&good[..line]).unwrap().replace(from, to);
        [head.as_bytes(), &good[line..]].concat()
    };
    let flipped = |index: usize| {
        let mut bytes = good.clone();
        bytes[index] ^= 1;
        bytes
    };
    for (name, bytes) in [
        ("cut short", good[..good.len() - 1].to_vec()),
        ("only its first line", good[..34].to_vec()),
        ("a bit of the text", flipped(good.len() - 20)),
        ("a bit of the tag", flipped(good.len() - 1)),
        ("a bit of the nonce", flipped(35)),
        ("as if its key were given", swapped("key file", "key given")),
        ("a version to come", swapped("vault 1", "vault 2")),
        ("empty", Vec::new()),
    ] {
        fs::write(kept.path(), bytes).unwrap();
        let loaded = vault(folder.path()).load();
        assert_eq!(
            loaded,
            Err(VaultError::Sealed(kept.path().to_owned())),
            "{name}"
        );
    }
    fs::write(kept.path(), &good).unwrap();
    let [right, wrong] =
        [1, 2].map(|key| FileVault::with_key(folder.path().join("given"), [key; 32]));
    right.store(&text("other")).unwrap();
    assert_eq!(right.load(), Ok(Some(text("other"))));
    assert!(matches!(wrong.load(), Err(VaultError::Sealed(_))));
    // A sign-in after that begins anew, on the same place.
    wrong.store(&text("new")).unwrap();
    assert_eq!(wrong.load(), Ok(Some(text("new"))));
    assert_eq!(vault(folder.path()).load(), Ok(Some(text("credentials"))));
    fs::remove_file(folder.path().join("app/key")).unwrap();
    assert!(matches!(
        vault(folder.path()).load(),
        Err(VaultError::Sealed(_))
    ));
}

#[cfg(unix)]
#[test]
fn nobody_else_may_read_along() {
    use std::os::unix::fs::PermissionsExt as _;

    let folder = tempfile::tempdir().unwrap();
    let kept = vault(folder.path());
    kept.store(&text("credentials")).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let home = folder.path().join("app");
    assert_eq!(mode(&home), 0o700);
    assert_eq!((mode(kept.path()), mode(&home.join("key"))), (0o600, 0o600));
    let set =
        |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    for path in [kept.path().to_owned(), home.join("key")] {
        set(&path, 0o640);
        assert_eq!(
            vault(folder.path()).load(),
            Err(VaultError::Open(path.clone()))
        );
        set(&path, 0o600);
    }
    assert!(vault(folder.path()).load().is_ok());
}

#[test]
fn a_crash_while_writing_leaves_what_was_there() {
    let folder = tempfile::tempdir().unwrap();
    let kept = vault(folder.path());
    kept.store(&text("old")).unwrap();
    fs::write(folder.path().join("app/credentials.new"), b"half of").unwrap();
    assert_eq!(vault(folder.path()).load(), Ok(Some(text("old"))));
    kept.store(&text("new")).unwrap();
    assert_eq!(vault(folder.path()).load(), Ok(Some(text("new"))));
}

#[test]
fn whoever_reads_meanwhile_sees_one_or_the_other() {
    let folder = tempfile::tempdir().unwrap();
    let kept = vault(folder.path());
    let [short, long] = [text("short"), text(&"long".repeat(10_000))];
    kept.store(&short).unwrap();
    std::thread::scope(|scope| {
        let writing = scope.spawn(|| {
            for _ in 0..100 {
                kept.store(&long).unwrap();
                kept.store(&short).unwrap();
            }
        });
        let reader = vault(folder.path());
        while !writing.is_finished() {
            let seen = reader.load().unwrap().unwrap();
            assert!(seen == short || seen == long);
        }
    });
}

#[test]
fn the_first_line_is_sealed_too() {
    let path = Path::new("credentials");
    let key = [7; 32].into();
    let sealed = super::sealed::seal(&text("credentials"), &key, Place::KeyFile, path).unwrap();
    assert!(super::sealed::open(&sealed, &key, path).is_ok());
    let rest = sealed
        .strip_prefix(b"keystead-client vault 1, key file")
        .unwrap();
    let renamed = [b"keystead-client vault 1, key given", rest].concat();
    assert!(super::sealed::open(&renamed, &key, path).is_err());
}

#[test]
fn one_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let in_memory = MemoryVault::new();
    let pairs: [(Box<dyn Vault>, Box<dyn Vault>); 2] = [
        (
            Box::new(vault(folder.path())),
            Box::new(vault(folder.path())),
        ),
        (Box::new(in_memory.clone()), Box::new(in_memory)),
    ];
    for (mine, theirs) in pairs {
        let lock = mine.try_lock().unwrap();
        assert!(lock.is_some());
        assert!(theirs.try_lock().unwrap().is_none());
        drop(lock);
        assert!(theirs.try_lock().unwrap().is_some());
        assert!(mine.try_lock().unwrap().is_some());
    }
}

#[cfg(feature = "keychain")]
mod keychain {
    //! Keychains of the tests' own: one that works, one that is locked, one that is not there.

    use std::sync::{Arc, OnceLock};

    use keyring_core::{Error, mock};

    use super::super::{key::Keys, keychain::Keychain};
    use super::*;

    const SERVICE: &str = "com.example.app";

    fn there() -> Result<Keychain, VaultError> {
        static STORE: OnceLock<Arc<mock::Store>> = OnceLock::new();
        let store = STORE.get_or_init(|| mock::Store::new().unwrap());
        Ok(Keychain(store.clone()))
    }

    fn locked() -> Result<Keychain, VaultError> {
        let keychain = Keychain(mock::Store::new().unwrap());
        let entry = keychain.entry(SERVICE)?;
        let cred: &mock::Cred = entry.as_any().downcast_ref().unwrap();
        cred.set_error(Error::NoStorageAccess("it is locked".into()));
        Ok(keychain)
    }

    fn absent() -> Result<Keychain, VaultError> {
        Err(VaultError::Keychain("no session bus".into()))
    }

    #[test]
    fn only_a_keychain_that_is_not_there_is_replaced_by_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let app = folder.path().join("app");
        let with = |open| {
            let keys = Keys::keychain(SERVICE.into(), open, app.join("key"));
            FileVault::with(&app, keys)
        };
        let is_refused = |result| matches!(result, Err(VaultError::Keychain(_)));
        assert!(is_refused(with(locked).store(&text("first"))));
        assert!(!app.join("key").exists() && !app.join("credentials").exists());
        // Unlocked, it has the key and no file has.
        with(there).store(&text("second")).unwrap();
        assert_eq!(with(there).load(), Ok(Some(text("second"))));
        assert!(!app.join("key").exists());
        for open in [locked, absent] {
            assert!(is_refused(with(open).load().map(drop)));
        }
        with(absent).clear().unwrap();
        with(absent).store(&text("third")).unwrap();
        assert_eq!(with(absent).load(), Ok(Some(text("third"))));
        assert!(app.join("key").exists());
    }
}

/// On a machine without a keychain the key lies in a file, and the file says so.
#[cfg(all(feature = "keychain", target_os = "linux"))]
#[test]
fn without_a_keychain_the_key_is_in_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let new = || {
        FileVault::new(
            folder.path().join("app"),
            "com.example.keystead-client-test",
        )
    };
    new().store(&text("credentials")).unwrap();
    assert_eq!(new().load(), Ok(Some(text("credentials"))));
    let file = folder.path().join("app/credentials");
    let place = super::sealed::place(&fs::read(&file).unwrap(), &file).unwrap();
    assert_eq!(
        place == Place::KeyFile,
        folder.path().join("app/key").exists()
    );
    if place == Place::KeyFile {
        // A file that was sealed with the keychain's key is not an empty one because the keychain is away.
        let bytes = fs::read(&file).unwrap();
        let line = bytes.iter().position(|byte| *byte == b'\n').unwrap();
        fs::write(
            &file,
            [b"keystead-client vault 1, keychain", &bytes[line..]].concat(),
        )
        .unwrap();
        assert!(matches!(new().load(), Err(VaultError::Keychain(_))));
    }
}
