//! Keystead's identity server as one axum router: [`app`] composes it, [`http::listen`] puts it on a socket.
//!
//! A request meets the edge first ([`http`]: who is asking, limits, panics, the log line), then its endpoint. What
//! endpoints share comes with [`services::Services`]; what is configured was checked once, in [`config`].

use axum::Router;
use keystead_protocol::jwk::Algorithm;

use crate::{
    error::Fault,
    services::{Parts, Services},
};

pub mod bootstrap;
pub mod cache;
pub mod catalogue;
pub mod config;
pub mod error;
pub mod http;
pub mod identity;
pub mod journey;
pub mod keys;
pub mod limits;
pub mod logbook;
pub mod metrics;
pub mod mint;
pub mod oauth;
pub mod pages;
pub mod password;
pub mod services;
pub mod tenant;
pub mod tls;
pub mod upkeep;

/// The server: every route, behind the edge.
pub fn app(services: &Services) -> Router {
    http::edge(routes(services), services)
}

/// Every route, with nothing before it.
pub fn routes(services: &Services) -> Router<Services> {
    http::health::routes()
        .merge(oauth::routes(services))
        .merge(journey::routes(services))
        .merge(pages::routes())
}

/// Makes what a first start needs, reads what must be known before the first request, and starts what runs beside
/// requests: [`upkeep`] and the writer of the logbook. They end when the store is closed.
///
/// # Errors
/// A [`Fault`] of the store, or of the keys.
pub async fn begin(services: &Services) -> Result<(), Fault> {
    bootstrap::ensure(services).await?;
    let Parts {
        catalogue,
        store,
        keyring,
        ..
    } = &**services;
    let (rng, now) = (&mut services.rng(), services.clock.now());
    catalogue.begin(store, keyring, now).await?;
    catalogue
        .keys
        .signing_or_new(Algorithm::RS256, store, keyring, rng, now)
        .await?;
    services.logbook.start(store);
    tokio::spawn(upkeep::follow(services.clone()));
    tokio::spawn(upkeep::sweep(services.clone()));
    Ok(())
}

/// Writes what the logbook still holds. To be called when no request is under way any more.
pub async fn end(services: &Services) {
    services.logbook.flush().await;
}
