//! Rotation of the sealing key: everything is sealed again, and nothing that changes meanwhile is undone.

use std::path::{Path, PathBuf};

use keystead_protocol::{ids::KeyId, jwk::Algorithm};
use keystead_store::{
    Effect, Fault, Insert, apis,
    clients::{self, Client},
    feed::Entity,
    keys::{self, SigningKeyRecord},
    reseal::{self, Stale},
    seal::{Keyring, Place, Sealed, Slot},
};
use tempfile::TempDir;

use crate::{Case, house::House, people::client_id};

pub const CASES: &[Case] = &[
    (
        "after a rotation the new key alone opens everything",
        |house| {
            let file = KeyFile::new();
            fill(house, &file.keyring(house));
            let keyring = file.add_key(house);
            let said = house.read(keystead_store::feed::newest).unwrap();
            assert_eq!(reseal_all(house, &keyring), Ok(132));
            assert_eq!(reseal_all(house, &keyring), Ok(0));
            let keyring = Keyring::drop_old_keys(file.path()).unwrap();
            let secret = client(house, "app129").secret.unwrap();
            assert_eq!(
                open(&keyring, Slot::ClientSecret, "app129", &secret),
                b"129"
            );
            let all = house
                .read(|tx| Ok((apis::list(tx, None, 9)?, keys::list(tx)?)))
                .unwrap();
            let (id, secret) = (all.0[0].id.as_str(), all.0[0].signing_secret.as_ref());
            let opened = open(&keyring, Slot::ApiSigningSecret, id, secret.unwrap());
            assert_eq!(opened, b"for HS256");
            let opened = open(&keyring, Slot::SigningKey, "key", &all.1[0].private_key);
            assert_eq!(opened, b"PKCS #8");
            // A process that has cached the old value has to forget it, before the old key goes.
            let news = house.read(keystead_store::feed::newest).unwrap();
            assert_eq!(news - said, 132);
        },
    ),
    (
        "what says the same keeps its version, and public clients stay public",
        |house| {
            let file = KeyFile::new();
            house.client("public");
            give_secret(house, &file.keyring(house), "app", "old");
            let before = client(house, "app");
            assert_eq!(reseal_all(house, &file.add_key(house)), Ok(1));
            let after = client(house, "app");
            assert_ne!(after.secret, before.secret);
            assert_eq!(
                Client {
                    secret: None,
                    ..after
                },
                Client {
                    secret: None,
                    ..before
                }
            );
            assert_eq!(client(house, "public").secret, None);
        },
    ),
    (
        "a secret that was replaced meanwhile is not brought back",
        |house| {
            let file = KeyFile::new();
            give_secret(house, &file.keyring(house), "app", "old");
            let keyring = file.add_key(house);
            let mark = keyring.mark();
            let found = house.read(move |tx| reseal::stale(tx, &mark, 9)).unwrap();
            let [stale]: [Stale; 1] = found.try_into().unwrap();
            give_secret(house, &keyring, "app", "newer");
            let rng = &mut *house.rng.borrow_mut();
            let resealed = keyring.seal(stale.place(), b"old", rng).unwrap();
            let now = house.now();
            let (effect, said) =
                house.announced(move |tx| reseal::replace(tx, &stale, &resealed, now));
            assert_eq!((effect, said), (Effect::Unknown, vec![]));
            let secret = client(house, "app").secret.unwrap();
            assert_eq!(open(&keyring, Slot::ClientSecret, "app", &secret), b"newer");
        },
    ),
    ("a replaced value is announced", |house| {
        let file = KeyFile::new();
        give_secret(house, &file.keyring(house), "app", "old");
        let keyring = file.add_key(house);
        let (mark, now) = (keyring.mark(), house.now());
        let found = house.read(move |tx| reseal::stale(tx, &mark, 9)).unwrap();
        let new = house.sealed(Slot::ClientSecret, "app");
        let (effect, said) = house.announced(move |tx| reseal::replace(tx, &found[0], &new, now));
        let want = vec![(Entity::Client, "app".to_owned())];
        assert_eq!((effect, said), (Effect::Done, want));
    }),
    ("no more is found than was asked for", |house| {
        let file = KeyFile::new();
        fill(house, &file.keyring(house));
        let mark = file.add_key(house).mark();
        for limit in [0, 1, 131] {
            let found = house
                .read(move |tx| reseal::stale(tx, &mark, limit))
                .unwrap();
            assert_eq!(found.len(), limit as usize);
        }
    }),
    ("a value that no key opens stops the rotation", |house| {
        let file = KeyFile::new();
        let foreign = house.sealed(Slot::ClientSecret, "app");
        let now = house.now();
        house.client("app");
        let given = house
            .write(move |tx| clients::replace_secret(tx, &client_id("app"), Some(&foreign), now));
        assert_eq!(given, Ok(Effect::Done));
        let before = house.contents();
        let stopped = reseal_all(house, &file.keyring(house));
        assert!(matches!(stopped, Err(Fault::Sealed(_))), "{stopped:?}");
        assert_eq!(house.contents(), before);
    }),
];

/// A key file of its own.
struct KeyFile {
    path: PathBuf,
    _folder: TempDir,
}

impl KeyFile {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        Self {
            path: folder.path().join("sealing.key"),
            _folder: folder,
        }
    }

    fn path(&self) -> &Path {
        &self.path
    }

    fn keyring(&self, house: &House) -> Keyring {
        Keyring::load_or_create(&self.path, &mut *house.rng.borrow_mut()).unwrap()
    }

    fn add_key(&self, house: &House) -> Keyring {
        Keyring::add_key(&self.path, &mut *house.rng.borrow_mut()).unwrap()
    }
}

/// More sealed values than two batches hold: 130 clients, an API and a signing key.
fn fill(house: &House, keyring: &Keyring) {
    let clients: Vec<_> = (0..130)
        .map(|i| {
            let id = format!("app{i}");
            let mut client = Client::new(client_id(&id), String::new(), house.now());
            client.secret = Some(seal(
                house,
                keyring,
                Slot::ClientSecret,
                &id,
                &i.to_string(),
            ));
            client
        })
        .collect();
    let (api, now) = (house.api("https://api"), house.now());
    let secret = seal(
        house,
        keyring,
        Slot::ApiSigningSecret,
        api.id.as_str(),
        "for HS256",
    );
    let key = SigningKeyRecord {
        id: KeyId::try_from("key").unwrap(),
        algorithm: Algorithm::ES256,
        public_jwk: serde_json::Map::new(),
        private_key: seal(house, keyring, Slot::SigningKey, "key", "PKCS #8"),
        created_at: now,
        signs_from: now,
        signs_until: None,
        published_until: None,
        revoked_at: None,
    };
    house
        .write(move |tx| {
            for client in &clients {
                assert_eq!(clients::insert(tx, client)?, Insert::Done);
            }
            let effect = apis::replace_signing_secret(tx, &api.id, Some(&secret), now)?;
            assert_eq!(effect, Effect::Done);
            assert_eq!(keys::insert(tx, &key, now)?, Insert::Done);
            Ok(())
        })
        .unwrap();
}

fn give_secret(house: &House, keyring: &Keyring, id: &str, secret: &str) {
    let sealed = seal(house, keyring, Slot::ClientSecret, id, secret);
    let client = Client::new(client_id(id), id.to_owned(), house.now());
    let now = house.now();
    house
        .write(move |tx| {
            let _: Insert = clients::insert(tx, &client)?;
            let effect = clients::replace_secret(tx, &client.id, Some(&sealed), now)?;
            assert_eq!(effect, Effect::Done);
            Ok(())
        })
        .unwrap();
}

fn seal(house: &House, keyring: &Keyring, slot: Slot, id: &str, secret: &str) -> Sealed {
    let rng = &mut *house.rng.borrow_mut();
    keyring
        .seal(Place { slot, id }, secret.as_bytes(), rng)
        .unwrap()
}

fn open(keyring: &Keyring, slot: Slot, id: &str, sealed: &Sealed) -> Vec<u8> {
    keyring.open(Place { slot, id }, sealed).unwrap().to_vec()
}

fn client(house: &House, id: &str) -> Client {
    let id = client_id(id);
    house
        .read(move |tx| clients::find(tx, &id))
        .unwrap()
        .unwrap()
}

fn reseal_all(house: &House, keyring: &Keyring) -> Result<u64, Fault> {
    let rng = &mut *house.rng.borrow_mut();
    house.wait(reseal::reseal_all(&house.store, keyring, rng, house.now()))
}
