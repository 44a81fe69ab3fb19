//! An empty, migrated database of either kind, with a few people in it, and a clock that stands still.

use std::{
    cell::{Cell, RefCell},
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use keystead_protocol::{secret::Secret, time::Timestamp};
use keystead_store::{Database, Fault, Store, Tx};
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng as _};
use tempfile::TempDir;
use tokio::{runtime::Runtime, task::JoinHandle};

/// Which database a case runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    Sqlite,
    Postgres,
}

impl Engine {
    pub const BOTH: [Self; 2] = [Self::Sqlite, Self::Postgres];

    /// Whether its cases should run, here or, where it is required, to fail.
    pub fn wanted(self) -> bool {
        self == Self::Sqlite
            || postgres_url().is_some()
            || variable("KEYSTEAD_TEST_REQUIRE").is_some()
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "tests are configured by the environment"
)]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn postgres_url() -> Option<String> {
    variable("KEYSTEAD_TEST_POSTGRES")
}

/// A database of its own for one case.
pub struct House {
    pub store: Store,
    pub database: Database,
    pub rng: RefCell<ChaCha20Rng>,
    runtime: Runtime,
    now: Cell<Timestamp>,
    _place: Place,
}

/// What goes when the case ends.
enum Place {
    Folder(#[expect(dead_code, reason = "held so that the folder lives")] TempDir),
    Database { server: String, name: String },
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Self::Database { server, name } = self {
            sql(
                server,
                &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"),
            );
        }
    }
}

impl House {
    pub fn open(engine: Engine) -> Result<Self, Fault> {
        let (database, place) = match engine {
            Engine::Sqlite => {
                let folder = TempDir::new().unwrap();
                (
                    Database::sqlite(folder.path().join("keystead.db")),
                    Place::Folder(folder),
                )
            }
            Engine::Postgres => fresh_postgres(),
        };
        Ok(Self {
            store: Store::open(&database)?,
            database,
            rng: RefCell::new(ChaCha20Rng::seed_from_u64(7)),
            runtime: tokio::runtime::Builder::new_multi_thread()
                .worker_threads(2)
                .enable_time()
                .build()
                .unwrap(),
            now: Cell::new(Timestamp::from_secs(1_800_000_000)),
            _place: place,
        })
    }

    pub fn now(&self) -> Timestamp {
        self.now.get()
    }

    pub fn advance(&self, by: Duration) {
        self.now.set(self.now.get() + by);
    }

    /// Waits for a future on the runtime of this case.
    pub fn wait<F: Future>(&self, future: F) -> F::Output {
        self.runtime.block_on(future)
    }

    /// Runs a future on the runtime of this case, beside what the case does.
    pub fn spawn<T: Send + 'static>(
        &self,
        future: impl Future<Output = T> + Send + 'static,
    ) -> JoinHandle<T> {
        self.runtime.spawn(future)
    }

    /// Runs one write and waits for it.
    pub fn write<T: Send + 'static>(
        &self,
        work: impl FnMut(&mut Tx<'_>) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        self.runtime.block_on(self.store.write(work))
    }

    /// Runs one read and waits for it.
    pub fn read<T: Send + 'static>(
        &self,
        work: impl FnMut(&mut Tx<'_>) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        self.runtime.block_on(self.store.read(work))
    }

    /// Runs many writes at once and gives their answers in order.
    pub fn race<T, W>(&self, works: impl IntoIterator<Item = W>) -> Vec<Result<T, Fault>>
    where
        T: Send + 'static,
        W: FnMut(&mut Tx<'_>) -> Result<T, Fault> + Send + 'static,
    {
        let start = |work| {
            let store = self.store.clone();
            self.spawn(async move { store.write(work).await })
        };
        let running: Vec<_> = works.into_iter().map(start).collect();
        running
            .into_iter()
            .map(|task| self.runtime.block_on(task).unwrap())
            .collect()
    }
}

static TEMPLATE: OnceLock<String> = OnceLock::new();
static NEXT: AtomicU32 = AtomicU32::new(0);

/// A copy of a database that was migrated once.
fn fresh_postgres() -> (Database, Place) {
    let server = postgres_url().expect("KEYSTEAD_TEST_POSTGRES is not set; run: cargo xtask test");
    let template = TEMPLATE.get_or_init(|| {
        let name = format!("keystead_template_{}", std::process::id());
        sql(&server, &format!("DROP DATABASE IF EXISTS {name}"));
        sql(&server, &format!("CREATE DATABASE {name}"));
        keystead_store::migrate(&Database::postgres(on(&server, &name))).unwrap();
        name
    });
    let name = format!(
        "keystead_case_{}_{}",
        std::process::id(),
        NEXT.fetch_add(1, Ordering::Relaxed)
    );
    sql(
        &server,
        &format!("CREATE DATABASE {name} TEMPLATE {template}"),
    );
    (
        Database::postgres(on(&server, &name)),
        Place::Database { server, name },
    )
}

fn on(server: &str, database: &str) -> Secret {
    let mut url = url::Url::parse(server).unwrap();
    url.set_path(database);
    Secret::from(url.as_str())
}

fn sql(server: &str, statement: &str) {
    postgres::Client::connect(server, postgres::NoTls)
        .unwrap()
        .batch_execute(statement)
        .unwrap();
}
