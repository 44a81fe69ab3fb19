//! Keystead's storage: every byte of SQL, records out and never rows, on SQLite or PostgreSQL.

pub mod access_tokens;
mod answer;
pub mod apis;
pub mod attempts;
pub mod cleanup;
pub mod client_grants;
pub mod clients;
pub mod codes;
mod columns;
pub mod connections;
pub mod consents;
mod db;
mod fault;
pub mod feed;
pub mod grants;
pub mod jobs;
pub mod journeys;
pub mod keys;
pub mod known_addresses;
pub mod log;
pub mod passwords;
pub mod replays;
pub mod reseal;
pub mod restored;
pub mod revocations;
pub mod roles;
pub mod seal;
pub mod sessions;
pub mod settings;
pub mod tickets;
pub mod token_key;
pub mod users;

pub use answer::{Deletion, Effect, Insert, Update};
pub use db::{
    Applied, Database, Dialect, Priority, Store, Tx, copy_sqlite, migrate, schema_number,
};
pub use fault::Fault;
