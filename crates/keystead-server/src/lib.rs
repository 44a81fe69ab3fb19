//! Keystead's identity server as one axum router: [`app`] composes it, [`http::listen`] puts it on a socket.
//!
//! A request meets the edge first ([`http`]: who is asking, limits, panics, the log line), then its endpoint. What
//! endpoints share comes with [`services::Services`]; what is configured was checked once, in [`config`].

use axum::Router;

use crate::services::Services;

pub mod config;
pub mod error;
pub mod http;
pub mod metrics;
pub mod services;
pub mod tls;

/// The server: every route, behind the edge.
pub fn app(services: &Services) -> Router {
    http::edge(http::health::routes(), services)
}
