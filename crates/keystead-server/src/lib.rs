//! Keystead's identity server as one axum router: [`app`] composes it, [`http::listen`] puts it on a socket.
//!
//! A request meets the edge first ([`http`]: who is asking, limits, panics, the log line), then its endpoint. What
//! endpoints share comes with [`services::Services`]; what is configured was checked once, in [`config`].

use axum::Router;
use keystead_protocol::jwk::Algorithm;

use crate::{catalogue::POLL, error::Fault, services::Services};

pub mod bootstrap;
pub mod cache;
pub mod catalogue;
pub mod config;
pub mod error;
pub mod http;
pub mod identity;
pub mod keys;
pub mod logbook;
pub mod metrics;
pub mod mint;
pub mod oauth;
pub mod services;
pub mod tenant;
pub mod tls;

/// The server: every route, behind the edge.
pub fn app(services: &Services) -> Router {
    http::edge(http::health::routes().merge(oauth::routes()), services)
}

/// Makes what a first start needs, reads what must be known before the first request, and starts what runs beside
/// requests: the follower of the change feed and the writer of the logbook. Both end when the store is closed.
///
/// # Errors
/// A [`Fault`] of the store, or of the keys.
pub async fn begin(services: &Services) -> Result<(), Fault> {
    bootstrap::ensure(services).await?;
    let Services {
        catalogue,
        store,
        keyring,
        ..
    } = services;
    let (rng, now) = (&mut services.rng(), services.clock.now());
    catalogue.begin(store, keyring, now).await?;
    catalogue
        .keys
        .signing_or_new(Algorithm::RS256, store, keyring, rng, now)
        .await?;
    services.logbook.start(store);
    tokio::spawn(follow(services.clone()));
    Ok(())
}

/// Writes what the logbook still holds. To be called when no request is under way any more.
pub async fn end(services: &Services) {
    services.logbook.flush().await;
}

/// Keeps the catalogue true until the store is closed.
async fn follow(services: Services) {
    let mut away = false;
    loop {
        tokio::time::sleep(POLL).await;
        let now = services.clock.now();
        match services
            .catalogue
            .catch_up(&services.store, &services.keyring, now)
            .await
        {
            Ok(()) => away = false,
            Err(Fault::Store(keystead_store::Fault::Closed)) => return,
            Err(why) if !away => {
                away = true;
                tracing::warn!(%why, "the change feed cannot be read; what is remembered is believed for a while");
            }
            Err(_) => {}
        }
    }
}
