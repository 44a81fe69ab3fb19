//! The only place that names a database driver: a handle to threads that own connections and run closures on them.

mod job;
mod migrations;
mod postgres;
mod snapshot;
mod sqlite;
mod tx;
mod value;
mod writer;

#[cfg(test)]
mod tests;

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, atomic::AtomicU64},
    thread::JoinHandle,
    time::Duration,
};

use crossbeam_channel::{Sender, TrySendError, bounded};
use keystead_protocol::secret::Secret;
use tokio::sync::oneshot;

use crate::fault::Fault;

use self::{
    job::{Job, Work},
    postgres::{Address, Mode, Order},
    sqlite::Use,
};
pub use self::{
    migrations::Applied,
    snapshot::copy_sqlite,
    tx::{Dialect, Tx},
    value::{Column, FromColumn, Json, Param, Row, Value},
};

/// How many closures may wait for a database before callers hear [`Fault::Busy`].
const QUEUE: usize = 4096;

/// Where the data is.
#[derive(Debug, Clone)]
pub enum Database {
    /// A file, with its `-wal` and `-shm` beside it. Its folder must exist.
    Sqlite {
        /// The database file; made if absent.
        file: PathBuf,
    },
    /// A server, or a pooler in front of one.
    Postgres {
        /// A `postgres://` URL; it may hold a password.
        url: Secret,
        /// Who signed the server's certificate; public roots if `None`. Used when the URL says `sslmode=require`.
        ca_file: Option<PathBuf>,
        /// How many connections, and threads, to keep.
        pool_size: usize,
    },
}

impl Database {
    /// A SQLite file.
    pub fn sqlite(file: impl Into<PathBuf>) -> Self {
        Self::Sqlite { file: file.into() }
    }

    /// A PostgreSQL server with public trust roots and eight connections.
    pub fn postgres(url: Secret) -> Self {
        Self::Postgres {
            url,
            ca_file: None,
            pool_size: 8,
        }
    }
}

/// Whether a write is waited for or may give way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Priority {
    /// Somebody waits for it.
    Prompt,
    /// Imports, clean-up: at most one such member joins a group of writes.
    Bulk,
}

/// A handle to the database. Cheap to clone; every clone speaks to the same threads.
#[derive(Clone)]
pub struct Store {
    dialect: Dialect,
    lanes: Arc<Mutex<Option<Lanes>>>,
    threads: Arc<Mutex<Vec<JoinHandle<()>>>>,
}

/// The sending ends. Dropping them is how the threads learn to finish what is queued and stop.
#[derive(Clone)]
enum Lanes {
    Sqlite {
        read: Sender<Box<dyn Job>>,
        prompt: Sender<Box<dyn Job>>,
        bulk: Sender<Box<dyn Job>>,
        _idle: Sender<()>,
    },
    Postgres {
        orders: Sender<Order>,
    },
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Store({:?})", self.dialect)
    }
}

impl Store {
    /// Opens the database and starts its threads. SQLite is migrated; PostgreSQL must have been (see [`migrate`]).
    ///
    /// Blocks: call it before the runtime starts, or on a blocking thread.
    ///
    /// # Errors
    /// [`Fault::Unavailable`] if the database cannot be reached, [`Fault::Schema`] if its schema is too old.
    pub fn open(database: &Database) -> Result<Self, Fault> {
        match database {
            Database::Sqlite { file } => Self::open_sqlite(file),
            Database::Postgres {
                url,
                ca_file,
                pool_size,
            } => Self::open_postgres(
                Address::new(url.expose(), ca_file.as_deref())?,
                (*pool_size).max(1),
            ),
        }
    }

    fn open_sqlite(file: &Path) -> Result<Self, Fault> {
        let (writer, _) = prepare_sqlite(file)?;
        let groups = Arc::new(AtomicU64::new(0));
        let (prompt, prompt_jobs) = bounded(QUEUE);
        let (bulk, bulk_jobs) = bounded(QUEUE);
        let (read, read_jobs) = bounded::<Box<dyn Job>>(QUEUE);
        let (idle, stop) = bounded(0);
        let mut threads = Threads::default();
        let counted = Arc::clone(&groups);
        threads.start("store-writer", move || {
            writer::run(
                &writer,
                &writer::Lanes {
                    prompt: prompt_jobs,
                    bulk: bulk_jobs,
                },
                &counted,
            );
        })?;
        let readers =
            std::thread::available_parallelism().map_or(2, |cores| cores.get().clamp(2, 8));
        for _ in 0..readers {
            let (connection, jobs) = (sqlite::open(file, Use::Read)?, read_jobs.clone());
            threads.start("store-reader", move || sqlite::read(&connection, &jobs))?;
        }
        let file = file.to_owned();
        threads.start("store-checkpoint", move || {
            writer::checkpoint_when_idle(file, groups, stop);
        })?;
        Ok(Self::new(
            Dialect::Sqlite,
            Lanes::Sqlite {
                read,
                prompt,
                bulk,
                _idle: idle,
            },
            threads,
        ))
    }

    fn open_postgres(address: Address, pool_size: usize) -> Result<Self, Fault> {
        let mut first = address.connect()?;
        let (has, needs) = (migrations::postgres_has(&mut first)?, migrations::newest());
        if has < needs {
            return Err(Fault::Schema(format!(
                "the database's schema is number {has}, this program needs {needs}; run: keystead migrate"
            )));
        }
        let (orders, queue) = bounded::<Order>(QUEUE);
        let mut threads = Threads::default();
        let mut first = Some(first);
        for _ in 0..pool_size {
            let (address, queue, client) = (address.clone(), queue.clone(), first.take());
            threads.start("store-postgres", move || {
                postgres::serve(&address, client, &queue);
            })?;
        }
        Ok(Self::new(
            Dialect::Postgres,
            Lanes::Postgres { orders },
            threads,
        ))
    }

    fn new(dialect: Dialect, lanes: Lanes, threads: Threads) -> Self {
        Self {
            dialect,
            lanes: Arc::new(Mutex::new(Some(lanes))),
            threads: Arc::new(Mutex::new(threads.0)),
        }
    }

    /// Which database this is.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Runs a closure over one snapshot. It cannot change anything. PostgreSQL may run it again after a lost connection.
    ///
    /// # Errors
    /// What the closure answers, or a [`Fault`] of the database.
    pub async fn read<T, E>(
        &self,
        work: impl FnMut(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Fault> + Send + 'static,
    {
        let (job, answer) = Work::queue(work);
        self.submit(job, answer, |lanes, job| match lanes {
            Lanes::Sqlite { read, .. } => read.try_send(job).map_err(refusal),
            Lanes::Postgres { orders } => orders.try_send((Mode::Read, job)).map_err(refusal),
        })
        .await
    }

    /// Runs a closure in one transaction and answers after its commit is durable. `Err` rolls back.
    ///
    /// The closure may run several times (conflicts, a connection lost before commit): its only side effects are those
    /// on `tx`. It completes even if the caller goes away.
    ///
    /// # Errors
    /// What the closure answers, or a [`Fault`] of the database.
    pub async fn write<T, E>(
        &self,
        work: impl FnMut(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Fault> + Send + 'static,
    {
        self.write_as(Priority::Prompt, work).await
    }

    /// [`Store::write`] with a say in how urgent it is.
    ///
    /// # Errors
    /// As [`Store::write`].
    pub async fn write_as<T, E>(
        &self,
        priority: Priority,
        work: impl FnMut(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Fault> + Send + 'static,
    {
        let (job, answer) = Work::queue(work);
        self.submit(job, answer, |lanes, job| match (lanes, priority) {
            (Lanes::Sqlite { prompt, .. }, Priority::Prompt) => {
                prompt.try_send(job).map_err(refusal)
            }
            (Lanes::Sqlite { bulk, .. }, Priority::Bulk) => bulk.try_send(job).map_err(refusal),
            (Lanes::Postgres { orders }, _) => orders.try_send((Mode::Write, job)).map_err(refusal),
        })
        .await
    }

    async fn submit<T, E: From<Fault>>(
        &self,
        job: Box<dyn Job>,
        answer: oneshot::Receiver<Result<T, E>>,
        send: impl FnOnce(&Lanes, Box<dyn Job>) -> Result<(), Fault>,
    ) -> Result<T, E> {
        {
            let lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
            send(lanes.as_ref().ok_or(Fault::Closed)?, job)?;
        }
        answer.await.unwrap_or(Err(Fault::Closed.into()))
    }

    /// Answers whether the database answers.
    ///
    /// # Errors
    /// A [`Fault`] that says why not.
    pub async fn ping(&self) -> Result<(), Fault> {
        self.read(|tx| tx.row("SELECT 1", &[]).map(drop)).await
    }

    /// Finishes what is queued and stops the threads. Later calls hear [`Fault::Closed`]. Blocks.
    pub fn close(&self) {
        drop(
            self.lanes
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take(),
        );
        let threads =
            std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in threads {
            if thread.join().is_err() {
                tracing::error!("a store thread had panicked");
            }
        }
    }
}

/// The number of the newest migration that a database has had; 0 if it is empty or not there yet. Blocks.
///
/// # Errors
/// [`Fault::Unavailable`] or [`Fault::Schema`].
pub fn schema_number(database: &Database) -> Result<i64, Fault> {
    match database {
        Database::Sqlite { file } if !file.exists() => Ok(0),
        Database::Sqlite { file } => migrations::sqlite_has(&mut sqlite::open(file, Use::Write)?),
        Database::Postgres { url, ca_file, .. } => migrations::postgres_has(
            &mut Address::new(url.expose(), ca_file.as_deref())?.connect()?,
        ),
    }
}

/// Brings the schema up to date and says what that took; nothing if it was.
///
/// Blocks. Safe to run from several nodes at once: one wins, the others find nothing to do or fail whole.
///
/// # Errors
/// [`Fault::Unavailable`] or [`Fault::Schema`].
pub fn migrate(database: &Database) -> Result<Vec<Applied>, Fault> {
    match database {
        Database::Sqlite { file } => prepare_sqlite(file).map(|(_, applied)| applied),
        Database::Postgres { url, ca_file, .. } => {
            migrations::postgres(&mut Address::new(url.expose(), ca_file.as_deref())?.connect()?)
        }
    }
}

/// Opens a file for writing and migrates it. Tries again for a moment: a server and a command line that make one file
/// together get into each other's way, whatever their patience with a locked row.
fn prepare_sqlite(file: &Path) -> Result<(rusqlite::Connection, Vec<Applied>), Fault> {
    let prepare = || {
        let mut connection = sqlite::open(file, Use::Write)?;
        let applied = migrations::sqlite(&mut connection)?;
        Ok((connection, applied))
    };
    let pauses = [20, 100, 400].map(Duration::from_millis);
    for pause in pauses {
        match prepare() {
            Ok(ready) => return Ok(ready),
            Err(_) => std::thread::sleep(pause),
        }
    }
    prepare()
}

#[derive(Default)]
struct Threads(Vec<JoinHandle<()>>);

impl Threads {
    fn start(&mut self, name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), Fault> {
        let thread = std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(work);
        self.0
            .push(thread.map_err(|e| Fault::Unavailable(format!("no thread for {name}: {e}")))?);
        Ok(())
    }
}

fn refusal<T>(error: TrySendError<T>) -> Fault {
    match error {
        TrySendError::Full(_) => Fault::Busy,
        TrySendError::Disconnected(_) => Fault::Closed,
    }
}
