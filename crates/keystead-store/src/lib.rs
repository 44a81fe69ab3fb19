//! Keystead's storage: every byte of SQL, records out and never rows, on SQLite or PostgreSQL.

mod answer;
pub mod apis;
pub mod client_grants;
pub mod clients;
pub mod codes;
mod columns;
pub mod connections;
mod db;
mod fault;
pub mod feed;
pub mod grants;
pub mod keys;
pub mod reseal;
pub mod seal;
pub mod settings;
pub mod token_key;

pub use answer::{Deletion, Effect, Insert, Update};
pub use db::{Applied, Database, Dialect, Priority, Store, Tx, copy_sqlite, migrate};
pub use fault::Fault;
