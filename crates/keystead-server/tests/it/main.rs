//! The server from the outside: conversations over the in-process router, and over real sockets where those matter.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a panic here is a failure with a line number, and what the server waits for is measured by the clock"
)]

mod actors;
mod attacks;
mod config;
mod edge;
mod health;
mod house;
mod identity;
mod journey;
mod metrics;
mod oauth;
mod settings;
mod shutdown;
mod tls;
