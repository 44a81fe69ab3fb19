//! Keystead's storage: every byte of SQL, records out and never rows, on SQLite or PostgreSQL.

pub mod codes;
mod columns;
mod db;
mod fault;
pub mod feed;
pub mod grants;
pub mod seal;
pub mod token_key;

pub use db::{Applied, Database, Dialect, Priority, Store, Tx, copy_sqlite, migrate};
pub use fault::Fault;
