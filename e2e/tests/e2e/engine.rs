//! The databases that cases run on, and one of each for a house.

use std::{
    path::Path,
    sync::atomic::{AtomicU32, Ordering},
};

use keystead_protocol::secret::Secret;
use keystead_store::Database;
use url::Url;

/// Which database a house keeps its records in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    Sqlite,
    Postgres,
}

/// Where what is stored matters.
pub const BOTH: &[Engine] = &[Engine::Sqlite, Engine::Postgres];
/// Where only the pages do.
pub const ONE: &[Engine] = &[Engine::Sqlite];

impl Engine {
    /// Why it cannot be used here.
    pub fn missing(self) -> Option<&'static str> {
        let here = self == Self::Sqlite || server().is_some();
        (!here).then_some("KEYSTEAD_TEST_POSTGRES is not set; run: cargo xtask test")
    }

    /// Makes an empty database, in `folder` or on the server of the tests.
    pub fn make(self, folder: &Path) -> Kept {
        match self {
            Self::Sqlite => Kept {
                database: Database::sqlite(folder.join("keystead.db")),
                url: None,
                own: None,
            },
            Self::Postgres => on_server(server().unwrap()),
        }
    }
}

fn server() -> Option<String> {
    std::env::var("KEYSTEAD_TEST_POSTGRES").ok()
}

/// A database that goes when this does.
pub struct Kept {
    /// As the store opens it.
    pub database: Database,
    /// `database.url` of the configuration, where it is not what it is by default.
    pub url: Option<String>,
    own: Option<(String, String)>,
}

fn on_server(server: String) -> Kept {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let count = NEXT.fetch_add(1, Ordering::Relaxed);
    let name = format!("keystead_e2e_{}_{count}", std::process::id());
    sql(&server, &format!("CREATE DATABASE {name}"));
    let mut url = Url::parse(&server).unwrap();
    url.set_path(&name);
    Kept {
        database: Database::Postgres {
            url: Secret::from(url.as_str()),
            ca_file: None,
            pool_size: 2,
        },
        url: Some(url.into()),
        own: Some((server, name)),
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        if let Some((server, name)) = &self.own {
            sql(
                server,
                &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"),
            );
        }
    }
}

/// The driver blocks on a runtime of its own, which no thread of another runtime may.
fn sql(server: &str, statement: &str) {
    let run = || {
        let mut client = postgres::Client::connect(server, postgres::NoTls).unwrap();
        client.batch_execute(statement).unwrap();
    };
    std::thread::scope(|scope| scope.spawn(run).join().unwrap());
}
