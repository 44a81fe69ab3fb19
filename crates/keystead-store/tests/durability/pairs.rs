//! What the cases write: numbered pairs of rows, each pair in one closure, so that half a write can be seen.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use keystead_protocol::{ids::TokenId, time::Timestamp};
use keystead_store::{Fault, Store, Tx, revocations};
use rusqlite::config::DbConfig;

/// Long after any test.
const EXPIRY: Timestamp = Timestamp::from_secs(4_000_000_000);

/// The name of one row. Names grow, are as long as each other, and none is part of another.
pub fn name(number: u64, half: char) -> String {
    format!("pair{number:010}{half}")
}

/// Writes both rows of a pair.
pub fn put(tx: &mut Tx<'_>, number: u64) -> Result<(), Fault> {
    for half in ['a', 'b'] {
        let id = TokenId::try_from(name(number, half)).map_err(|e| Fault::Sql(e.to_string()))?;
        revocations::deny(tx, &id, EXPIRY)?;
    }
    Ok(())
}

/// Writes a pair in a transaction of its own.
pub async fn write(store: &Store, number: u64) -> Result<(), Fault> {
    store.write(move |tx| put(tx, number)).await
}

/// What the store promised about a pair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is there, for good.
    Kept,
    /// Nothing of it was kept; the fault's text says why.
    Undone(String),
    /// The store said that it does not know.
    Unknown(String),
}

impl From<&Result<(), Fault>> for Outcome {
    fn from(answer: &Result<(), Fault>) -> Self {
        match answer {
            Ok(()) => Self::Kept,
            Err(fault @ Fault::CommitUnknown(_)) => Self::Unknown(fault.to_string()),
            Err(fault) => Self::Undone(fault.to_string()),
        }
    }
}

/// Every promise so far, to hold against what is found.
#[derive(Debug, Default)]
pub struct Ledger {
    pub kept: BTreeSet<u64>,
    pub undone: BTreeMap<u64, String>,
    pub unknown: BTreeMap<u64, String>,
}

impl Ledger {
    pub fn note(&mut self, number: u64, outcome: Outcome) {
        match outcome {
            Outcome::Kept => drop(self.kept.insert(number)),
            Outcome::Undone(why) => drop(self.undone.insert(number, why)),
            Outcome::Unknown(why) => drop(self.unknown.insert(number, why)),
        }
    }

    /// What was acknowledged is there, what was undone is not, and nothing is there by half.
    pub fn check(&self, found: &Found) {
        for (number, halves) in &found.0 {
            assert_eq!(halves, "ab", "pair {number} was kept by half");
        }
        let lost: Vec<_> = self
            .kept
            .iter()
            .filter(|n| !found.0.contains_key(n))
            .collect();
        assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
        let risen: Vec<_> = self
            .undone
            .iter()
            .filter(|(n, _)| found.0.contains_key(n))
            .collect();
        assert!(
            risen.is_empty(),
            "kept although said to be undone: {risen:?}"
        );
    }
}

/// The pairs in a database and which halves each has, read without the store.
#[derive(Debug, Default)]
pub struct Found(BTreeMap<u64, String>);

const NAMES: &str = "SELECT id FROM denied_tokens ORDER BY id";

impl Found {
    /// Reads a SQLite file, which must be sound.
    pub fn in_sqlite(file: &Path) -> Self {
        let connection = rusqlite::Connection::open(file).unwrap();
        // A look leaves the log as it was, so that the store still has to recover what a crash left in it.
        connection
            .set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)
            .unwrap();
        let verdict: String = connection
            .query_row("PRAGMA integrity_check", [], |row| row.get(0))
            .unwrap();
        assert_eq!(verdict, "ok");
        let mut statement = connection.prepare(NAMES).unwrap();
        let names = statement.query_map([], |row| row.get(0)).unwrap();
        Self::of(names.map(Result::unwrap))
    }

    pub fn in_postgres(url: &str) -> Self {
        let mut client = postgres::Client::connect(url, postgres::NoTls).unwrap();
        Self::of(
            client
                .query(NAMES, &[])
                .unwrap()
                .iter()
                .map(|row| row.get(0)),
        )
    }

    pub fn count(&self) -> usize {
        self.0.len()
    }

    pub fn has(&self, number: u64) -> bool {
        self.0.contains_key(&number)
    }

    fn of(names: impl Iterator<Item = String>) -> Self {
        let mut pairs: BTreeMap<u64, String> = BTreeMap::new();
        for name in names {
            let (number, half) = name.strip_prefix("pair").unwrap().split_at(10);
            pairs
                .entry(number.parse().unwrap())
                .or_default()
                .push_str(half);
        }
        Self(pairs)
    }
}
