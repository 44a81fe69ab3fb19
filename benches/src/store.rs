//! The store beside the database alone: the same row, the same statement, the same durability.

use std::{
    fs::File,
    os::unix::fs::FileExt as _,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use anyhow::Result;
use keystead_protocol::{secret::Digest, time::Timestamp};
use keystead_store::{
    Database, Fault, Store,
    replays::{self, Once},
};
use tokio::runtime::Runtime;

use crate::{
    Row, Settings, load,
    postgres::{self, CONNECTIONS, Scratch},
};

/// The statement that the verb runs, for the limit.
const INSERT: &str = "INSERT INTO replays (purpose, digest, expires_at) VALUES ($1, $2, $3)";
/// How many callers write at once: more than a group holds, so that groups fill.
const CALLERS: usize = 256;
const GROUP: u64 = 64;

fn runtime() -> Result<Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build()?)
}

/// A digest that grows, as token keys do.
fn digest(n: u64) -> Digest {
    let mut bytes = [7; 32];
    bytes[..8].copy_from_slice(&n.to_be_bytes());
    Digest::from(bytes)
}

/// Durable writes through the store, grouped, beside one loop that inserts the same rows in groups of 64.
pub fn write_sqlite(settings: &Settings) -> Result<Vec<Row>> {
    let folder = crate::house::folder()?;
    let syncs = raw_syncs(&folder.path().join("syncs"), settings)?;
    let limit = raw_sqlite_inserts(&folder.path().join("raw.db"), settings)?;
    let store = Store::open(&Database::sqlite(folder.path().join("ours.db")))?;
    let found = writes(&store, CALLERS, settings)?;
    store.close();
    Ok(vec![
        Row::rate("raw_syncs", syncs),
        Row::rate("raw_grouped_inserts_sqlite", limit),
        Row::rate("store_write_grouped_sqlite", found.rate)
            .of(limit)
            .latency(&found),
    ])
}

/// Writes through the store's pool, beside as many connections that insert the same rows one by one.
pub fn write_postgres(settings: &Settings) -> Result<Vec<Row>> {
    let scratch = Scratch::new(postgres::server(settings)?)?;
    let database = scratch.database();
    keystead_store::migrate(&database)?;
    let limit = raw_postgres_inserts(scratch.url(), settings);
    let store = Store::open(&database)?;
    let found = writes(&store, CONNECTIONS * 2, settings)?;
    store.close();
    Ok(vec![
        Row::rate("raw_inserts_postgres", limit),
        Row::rate("store_write_postgres", found.rate)
            .of(limit)
            .latency(&found),
    ])
}

/// Point reads through the reader threads, beside as many threads that read the same row through prepared statements.
pub fn read_sqlite(settings: &Settings) -> Result<Vec<Row>> {
    let folder = crate::house::folder()?;
    let file = folder.path().join("keystead.db");
    let store = Store::open(&Database::sqlite(&file))?;
    let readers = std::thread::available_parallelism()?.get();
    let limit = load::threads(readers, settings.time, |_| {
        let connection = rusqlite::Connection::open(&file);
        move || {
            let Ok(connection) = &connection else {
                return 0;
            };
            let read = connection
                .prepare_cached("SELECT number FROM change_counter WHERE one = 1")
                .and_then(|mut statement| statement.query_row([], |row| row.get::<_, i64>(0)));
            u64::from(read.is_ok())
        }
    });
    let read = {
        let store = store.clone();
        move || {
            let store = store.clone();
            async move {
                let _: Result<i64, Fault> = store.read(keystead_store::feed::newest).await;
            }
        }
    };
    let runtime = runtime()?;
    let busy = load::closed(&runtime, 64, settings.time, read.clone());
    let alone = load::closed(&runtime, 1, settings.time, read);
    store.close();
    Ok(vec![
        Row::rate("raw_point_reads_sqlite", limit),
        Row::rate("store_read_sqlite", busy.rate)
            .of(limit)
            .latency(&busy),
        Row::rate("store_read_sqlite_alone", alone.rate).latency(&alone),
    ])
}

fn writes(store: &Store, callers: usize, settings: &Settings) -> Result<load::Found> {
    let (number, failed) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let write = {
        let (store, failed) = (store.clone(), Arc::clone(&failed));
        move || {
            let (store, failed) = (store.clone(), Arc::clone(&failed));
            let n = number.fetch_add(1, Ordering::Relaxed);
            async move {
                let now = Timestamp::from_secs(1_800_000_000);
                let used = store
                    .write(move |tx| {
                        replays::first_use(tx, Once::ClientAssertion, &digest(n), now, now)
                    })
                    .await;
                if used.is_err() {
                    failed.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
    };
    let found = load::closed(&runtime()?, callers, settings.time, write);
    anyhow::ensure!(failed.load(Ordering::Relaxed) == 0, "writes failed");
    Ok(found)
}

fn raw_syncs(file: &Path, settings: &Settings) -> Result<f64> {
    let file = File::create(file)?;
    let mut at = 0;
    Ok(load::threads(1, settings.time, |_| {
        let file = &file;
        move || {
            at += 4096;
            u64::from(
                file.write_all_at(&[1; 4096], at)
                    .and_then(|()| file.sync_data())
                    .is_ok(),
            )
        }
    }))
}

fn raw_sqlite_inserts(file: &Path, settings: &Settings) -> Result<f64> {
    keystead_store::migrate(&Database::sqlite(file))?;
    let connection = rusqlite::Connection::open(file)?;
    connection.execute_batch("PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 8000;")?;
    let (connection, mut n) = (std::sync::Mutex::new(connection), 0);
    Ok(load::threads(1, settings.time, |_| {
        let connection = &connection;
        move || {
            let insert = || -> rusqlite::Result<u64> {
                let connection = connection
                    .lock()
                    .map_err(|_| rusqlite::Error::InvalidQuery)?;
                connection.execute_batch("BEGIN IMMEDIATE")?;
                {
                    let mut statement = connection.prepare_cached(INSERT)?;
                    for _ in 0..GROUP {
                        n += 1;
                        statement.execute(rusqlite::params!["bench", digest(n).as_bytes(), 0])?;
                    }
                }
                connection.execute_batch("COMMIT")?;
                Ok(GROUP)
            };
            let mut insert = insert;
            insert().unwrap_or(0)
        }
    }))
}

fn raw_postgres_inserts(url: &str, settings: &Settings) -> f64 {
    load::threads(CONNECTIONS, settings.time, |index| {
        let mut client = ::postgres::Client::connect(url, ::postgres::NoTls).ok();
        let statement = client
            .as_mut()
            .and_then(|client| client.prepare(INSERT).ok());
        let mut n = (index as u64) << 40;
        move || {
            let (Some(client), Some(statement)) = (&mut client, &statement) else {
                return 0;
            };
            n += 1;
            let insert = client.batch_execute("BEGIN").and_then(|()| {
                client.execute(
                    statement,
                    &[&"raw", &digest(n).as_bytes().as_slice(), &0_i64],
                )?;
                client.batch_execute("COMMIT")
            });
            u64::from(insert.is_ok())
        }
    })
}
