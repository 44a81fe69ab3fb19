//! The client as an app uses it: a provider on loopback, a network that can be cut, a clock that can be set, an API.

#![expect(
    clippy::unwrap_used,
    reason = "a panic in a test is a failure with a line number"
)]
#![expect(
    clippy::disallowed_methods,
    reason = "some cases are about how long somebody waits"
)]

mod api;
mod browser;
mod crash;
mod house;
mod network;
mod provider;
mod renewal;
mod sign_out;
