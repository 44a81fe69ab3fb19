//! The verifier as an API sees it: an issuer on loopback, an API in process, and people who send it tokens.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a panic in a test is a failure with a line number"
)]
#![expect(
    clippy::disallowed_methods,
    reason = "some cases are about how long somebody waits"
)]

mod aging;
mod attacks;
mod endpoint;
mod guards;
mod house;
mod introspection;
mod issuer;
mod keys;
mod malleable;
mod requests;
mod settings;
mod tokens;
mod trouble;
