//! What the core gives to loops that do nothing but the unavoidable part: signatures, and durable writes.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, anyhow, ensure};
use aws_lc_rs::{
    rand::SystemRandom,
    rsa::{KeyPair, KeySize},
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, RSA_PKCS1_SHA256},
};
use keystead_protocol::{ids::ClientId, time::Timestamp};
use keystead_store::{
    grants::{self, Presented, Renewal, Successor},
    log::{self, Entry, LogId},
    token_key::{Purpose, TokenKey},
};
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng as _};

use crate::{
    house::{APP, Records},
    load, pin,
};

/// About as long as what is signed of a token.
pub const SIGNED: [u8; 400] = [b'x'; 400];

/// Things a second, by the clock and by the processor time that they took: on a machine that does other things besides,
/// only the latter says what they cost.
#[derive(Debug, Clone, Copy)]
pub struct Rate {
    /// A second of the clock.
    pub wall: f64,
    /// A second of processor time.
    pub cpu: f64,
}

/// Signs something, again and again.
pub type Signer = Box<dyn FnMut() -> Result<()> + Send>;

/// RS256 signatures with a 2048 bit key that is parsed once.
///
/// # Errors
/// If no key can be made.
pub fn rs256() -> Result<Signer> {
    let (key, random) = (KeyPair::generate(KeySize::Rsa2048)?, SystemRandom::new());
    let mut signature = vec![0; key.public_modulus_len()];
    Ok(Box::new(move || {
        Ok(key.sign(&RSA_PKCS1_SHA256, &random, &SIGNED, &mut signature)?)
    }))
}

/// ES256 signatures.
///
/// # Errors
/// If no key can be made.
pub fn es256() -> Result<Signer> {
    let (key, random) = (
        EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)?,
        SystemRandom::new(),
    );
    Ok(Box::new(move || {
        Ok(key.sign(&random, &SIGNED).map(drop)?)
    }))
}

/// Point reads of SQLite: what one statement of the store costs at least.
///
/// # Errors
/// If there is no database to read.
pub fn reads(core: usize, time: Duration) -> Result<Rate> {
    let folder = crate::house::folder()?;
    let connection = rusqlite::Connection::open(folder.path().join("reads.db"))?;
    connection.execute_batch(
        "PRAGMA journal_mode = WAL;
         CREATE TABLE things (id TEXT PRIMARY KEY, said TEXT NOT NULL);
         INSERT INTO things VALUES ('one', 'something');",
    )?;
    looped(core, time, move || {
        let mut find = connection.prepare_cached("SELECT said FROM things WHERE id = $1")?;
        let said: String = find.query_row(["one"], |row| row.get(0))?;
        ensure!(said == "something", "another thing was read");
        Ok(())
    })
}

/// Calls `work` on `core` until `time` is over.
///
/// # Errors
/// What `work` answers.
pub fn looped(
    core: usize,
    time: Duration,
    mut work: impl FnMut() -> Result<()> + Send,
) -> Result<Rate> {
    pin::on(core, || {
        let (began, used, mut done) = (Instant::now(), pin::thread_seconds(), 0_u32);
        while began.elapsed() < time {
            for _ in 0..8 {
                work()?;
            }
            done += 8;
        }
        let done = f64::from(done);
        Ok(Rate {
            wall: done / began.elapsed().as_secs_f64(),
            cpu: done / (pin::thread_seconds() - used),
        })
    })
}

/// How many callers rotate at once: so many that groups fill.
pub const ROTATING: usize = 256;

/// Rotations of refresh tokens a second, log line included: the very transaction of the token endpoint through the store
/// alone, from [`ROTATING`] callers, on `core`.
///
/// # Errors
/// A fault of the store, or a token that is refused.
pub fn rotations(core: usize, records: &mut Records, time: Duration) -> Result<f64> {
    let tokens = records.families(ROTATING, crate::house::RS256, crate::house::SCOPE)?;
    pin::on(core, || {
        let store = records.open()?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .build()?;
        let rng = Arc::new(Mutex::new(ChaCha20Rng::seed_from_u64(2)));
        let keys = tokens
            .iter()
            .filter_map(|token| TokenKey::of(Purpose::RefreshToken, token));
        let keys: Arc<Mutex<Vec<TokenKey>>> = Arc::new(Mutex::new(keys.collect()));
        let refused = Arc::new(AtomicU64::new(0));
        let client = ClientId::try_from(APP)?;
        let now = crate::house::now()?;
        let rotate = {
            let (store, refused) = (store.clone(), Arc::clone(&refused));
            move || {
                let (store, refused, keys) =
                    (store.clone(), Arc::clone(&refused), Arc::clone(&keys));
                let (client, rng) = (client.clone(), Arc::clone(&rng));
                async move {
                    let rotated = rotation(&store, &keys, &rng, client, now).await;
                    refused.fetch_add(u64::from(rotated.is_err()), Ordering::Relaxed);
                }
            }
        };
        let found = load::closed(&runtime, ROTATING, time, rotate);
        store.close();
        ensure!(
            refused.load(Ordering::Relaxed) == 0,
            "rotations were refused"
        );
        Ok(found.rate)
    })
}

async fn rotation(
    store: &keystead_store::Store,
    keys: &Mutex<Vec<TokenKey>>,
    rng: &Mutex<ChaCha20Rng>,
    client: ClientId,
    now: Timestamp,
) -> Result<()> {
    let poisoned = |_| anyhow!("a caller panicked");
    let key = keys
        .lock()
        .map_err(|_| anyhow!("a caller panicked"))?
        .pop()
        .context("no token left")?;
    let (next, id) = {
        let mut rng = rng.lock().map_err(poisoned)?;
        (
            TokenKey::draw(Purpose::RefreshToken, now, &mut *rng).1,
            LogId::generate(now, &mut *rng),
        )
    };
    let line = Entry {
        id,
        at: now,
        kind: "sertft".to_owned(),
        client: Some(client.clone()),
        user: None,
        connection: None,
        address: Some("127.0.0.1".to_owned()),
        description: None,
        details: serde_json::Map::new(),
        occurrences: 1,
    };
    let renewal = store.write(move |tx| {
        let presented = Presented {
            key: &key,
            client: &client,
            now,
        };
        let successor = Successor {
            key: &next,
            idle_until: now + Duration::from_secs(3_600),
            leeway: Duration::ZERO,
        };
        let renewal = grants::rotate(tx, presented, successor)?;
        log::append(tx, &line)?;
        Ok::<_, keystead_store::Fault>(renewal)
    });
    ensure!(
        matches!(renewal.await?, Renewal::Granted(_)),
        "a rotation was refused"
    );
    keys.lock()
        .map_err(|_| anyhow!("a caller panicked"))?
        .push(next);
    Ok(())
}
