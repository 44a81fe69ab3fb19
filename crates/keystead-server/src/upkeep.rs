//! What runs beside requests until the store is closed: following the change feed, and sweeping out what has expired.

use std::time::Duration;

use keystead_store::cleanup::{self, LogRetention};

use crate::{
    catalogue::POLL,
    error::Fault,
    services::{Parts, Services},
};

/// How often what has expired is swept out.
const SWEEP: Duration = Duration::from_mins(15);

/// How much of the log stays.
const LOG: LogRetention = LogRetention {
    age: Duration::from_hours(30 * 24),
    lines: 500_000,
};

/// Keeps the catalogue true.
pub async fn follow(services: Services) {
    let mut away = false;
    loop {
        tokio::time::sleep(POLL).await;
        let Parts {
            catalogue,
            store,
            keyring,
            clock,
            ..
        } = &*services;
        match catalogue.catch_up(store, keyring, clock.now()).await {
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

/// Deletes what has expired, in small batches that give way to requests, and lets retired keys leave the key set.
pub async fn sweep(services: Services) {
    loop {
        tokio::time::sleep(SWEEP).await;
        let Parts {
            catalogue,
            store,
            keyring,
            clock,
            ..
        } = &*services;
        let swept = cleanup::sweep_all(store, LOG, clock.now()).await;
        let refreshed = catalogue.keys.refresh(store, keyring, clock.now()).await;
        match (swept, refreshed) {
            (Err(keystead_store::Fault::Closed), _) => return,
            (Err(why), _) => {
                tracing::warn!(%why, "sweeping stopped half-way; the next one goes on");
            }
            (Ok(_), Err(why)) => tracing::warn!(%why, "the keys cannot be read"),
            (Ok(swept), Ok(())) => tracing::debug!(?swept, "swept"),
        }
    }
}
