//! A house whose server has begun, on either database, and its neighbours on the same records.

use std::{
    process::{Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use keystead_server::begin;
use keystead_store::{Fault, Store, Tx, seal::Keyring};
use rand::{SeedableRng as _, rngs::StdRng};

use super::{Entropy, House, Parts, Services};

/// Where a house keeps its records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    Sqlite,
    Postgres,
}

/// Declares cases that hold on both databases. Without a PostgreSQL server the second says that it was not run, or
/// fails where all must run.
macro_rules! on_both {
    ($($(#[$about:meta])* async fn $name:ident($house:ident) $body:block)+) => {$(
        mod $name {
            use super::*;

            async fn case($house: $crate::house::House) $body

            $(#[$about])*
            #[tokio::test]
            async fn sqlite() {
                case($crate::house::House::begun($crate::house::Engine::Sqlite).await).await;
            }

            $(#[$about])*
            #[tokio::test]
            async fn postgres() {
                if $crate::house::Engine::Postgres.is_here() {
                    case($crate::house::House::begun($crate::house::Engine::Postgres).await).await;
                }
            }
        }
    )+};
}
pub(crate) use on_both;

impl Engine {
    /// Whether cases can run on it here.
    #[expect(
        clippy::print_stderr,
        reason = "a case that is not run is said to be so"
    )]
    pub fn is_here(self) -> bool {
        if self == Self::Sqlite || server().is_some() {
            return true;
        }
        assert!(
            std::env::var("KEYSTEAD_TEST_REQUIRE").is_err(),
            "KEYSTEAD_TEST_POSTGRES is not set"
        );
        eprintln!("not run: KEYSTEAD_TEST_POSTGRES is not set; cargo xtask test sets it");
        false
    }
}

fn server() -> Option<String> {
    std::env::var("KEYSTEAD_TEST_POSTGRES").ok()
}

impl House {
    /// A house that serves tokens.
    pub async fn begun(engine: Engine) -> Self {
        Self::begun_with(engine, &[]).await
    }

    /// The same, its configuration changed by variables without their prefix.
    pub async fn begun_with(engine: Engine, variables: &[(&str, &str)]) -> Self {
        let own = |(name, value): &(&str, &str)| (name.to_string(), value.to_string());
        let mut variables: Vec<(String, String)> = variables.iter().map(own).collect();
        // Opening a database blocks, and may not happen on a thread of the runtime.
        let built = tokio::task::spawn_blocking(move || {
            let name = (engine == Engine::Postgres).then(OwnDatabase::create);
            if let Some((_, url)) = &name {
                variables.push(("DATABASE__URL".to_owned(), url.clone()));
                variables.push(("DATABASE__POOL_SIZE".to_owned(), "3".to_owned()));
            }
            let pairs: Vec<_> = variables
                .iter()
                .map(|(n, v)| (n.as_str(), v.as_str()))
                .collect();
            let mut house = Self::configured(&pairs);
            house.database = name.map(|(name, _)| OwnDatabase {
                store: house.services.store.clone(),
                name,
            });
            house
        });
        let mut house = built.await.unwrap();
        begin(&house.services).await.unwrap();
        house.routes = keystead_server::routes(&house.services);
        house
    }

    /// Another server on the same records, with caches of its own and the same clock.
    pub async fn neighbour(&self) -> Self {
        let config = (*self.services.config).clone();
        let opened = tokio::task::spawn_blocking(move || {
            let rng = &mut Entropy::from_rng(StdRng::seed_from_u64(3));
            let keyring = Keyring::load_or_create(&config.sealing_key_file, rng).unwrap();
            let store = Store::open(&config.database).unwrap();
            Parts::new(config, store, keyring)
        });
        let services = Services::from(Parts {
            clock: self.clock.clone(),
            entropy: Entropy::from_rng(StdRng::seed_from_u64(2)),
            ..opened.await.unwrap()
        });
        begin(&services).await.unwrap();
        Self {
            clock: self.clock.clone(),
            routes: keystead_server::routes(&services),
            services,
            database: None,
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// Changes records behind the server's back, and lets it hear of it.
    pub async fn writes<T: Send + 'static>(
        &self,
        work: impl FnMut(&mut Tx<'_>) -> Result<T, Fault> + Send + 'static,
    ) -> T {
        let done = self.services.store.write(work).await.unwrap();
        self.hears().await;
        done
    }

    /// Lets the server read what has changed, as it does by itself several times a second.
    pub async fn hears(&self) {
        let Parts {
            catalogue,
            store,
            keyring,
            ..
        } = &*self.services;
        catalogue
            .catch_up(store, keyring, self.clock.now())
            .await
            .unwrap();
    }

    /// Lets time pass, and the server notice.
    pub async fn waits(&self, span: Duration) {
        self.clock.advance(span);
        self.hears().await;
    }
}

static NEXT: AtomicU32 = AtomicU32::new(0);

/// A PostgreSQL database that goes with its house.
pub(super) struct OwnDatabase {
    store: Store,
    name: String,
}

impl OwnDatabase {
    /// Makes one: its name and URL.
    fn create() -> (String, String) {
        let server = server().expect("KEYSTEAD_TEST_POSTGRES is not set");
        let count = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("keystead_server_{}_{count}", std::process::id());
        psql(&server, &format!("CREATE DATABASE {name}"));
        let (start, end) = server.split_once('?').unwrap_or((&server, ""));
        let url = format!("{}/{name}?{end}", start.rsplit_once('/').unwrap().0);
        (name, url)
    }
}

impl Drop for OwnDatabase {
    fn drop(&mut self) {
        self.store.close();
        let statement = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        psql(&server().unwrap(), &statement);
    }
}

fn psql(server: &str, statement: &str) {
    let done = Command::new("psql")
        .args([server, "-qc", statement])
        .stdin(Stdio::null())
        .status();
    assert!(done.unwrap().success(), "{statement}");
}
