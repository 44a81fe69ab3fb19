//! A PostgreSQL database that is dropped when it has served.

use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context as _, Result};
use keystead_protocol::secret::Secret;
use keystead_store::Database;

use crate::Settings;

/// How many connections the store keeps: what the server has by default.
pub const CONNECTIONS: usize = 8;

/// The server where databases may be made.
///
/// # Errors
/// If none was named.
pub fn server(settings: &Settings) -> Result<&str> {
    settings
        .postgres
        .as_deref()
        .context("KEYSTEAD_BENCH_POSTGRES is not set; run: cargo xtask bench")
}

/// A database of its own.
pub struct Scratch {
    server: String,
    name: String,
    url: String,
}

impl Scratch {
    /// Makes it, empty.
    ///
    /// # Errors
    /// If the server refuses.
    pub fn new(server: &str) -> Result<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!(
            "keystead_bench_{}_{}",
            std::process::id(),
            NUMBER.fetch_add(1, Ordering::Relaxed)
        );
        ::postgres::Client::connect(server, ::postgres::NoTls)?
            .batch_execute(&format!("CREATE DATABASE {name}"))?;
        let mut url = url::Url::parse(server)?;
        url.set_path(&name);
        Ok(Self {
            server: server.to_owned(),
            name,
            url: url.into(),
        })
    }

    /// Where it is.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The same for the store.
    pub fn database(&self) -> Database {
        Database::Postgres {
            url: Secret::from(self.url.as_str()),
            ca_file: None,
            pool_size: CONNECTIONS,
        }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let dropped =
            ::postgres::Client::connect(&self.server, ::postgres::NoTls).and_then(|mut client| {
                client.batch_execute(&format!("DROP DATABASE {} WITH (FORCE)", self.name))
            });
        if let Err(why) = dropped {
            eprintln!("{} is left behind: {why}", self.name);
        }
    }
}
