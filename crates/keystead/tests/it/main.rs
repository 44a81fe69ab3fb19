//! The real binary, run as an operator runs it.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a panic here is a failure with a line number, and patience is measured by the clock"
)]

mod client_sdk;
mod commands;
#[cfg(unix)]
mod demo;
mod guide;
#[cfg(unix)]
mod keeping;
#[cfg(unix)]
mod postgres;
mod program;
#[cfg(unix)]
mod remote;
#[cfg(unix)]
mod restore;
#[cfg(unix)]
mod serve;
mod stage;
#[cfg(unix)]
mod stops;
