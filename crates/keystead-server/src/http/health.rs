//! Is it alive, may it have work, and what is it: the three endpoints for machines that look after machines.

use std::time::Duration;

use axum::{
    Json, Router,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::get,
};
use serde_json::json;
use tracing::warn;

use crate::services::Services;

/// A probe waits no longer than this for the database.
const PATIENCE: Duration = Duration::from_secs(2);

/// The routes of this file.
pub fn routes() -> Router<Services> {
    Router::new()
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/version", get(version))
}

/// `GET /healthz`: 200 `{"status":"ok"}` as long as the process answers at all. It touches nothing, so a database that
/// is down does not get the process restarted.
async fn healthz() -> Response {
    Json(json!({ "status": "ok" })).into_response()
}

/// `GET /readyz`: 200 `{"status":"ready"}` if the database answers; otherwise, and from the moment the process was
/// told to stop, 503 `{"status":"unavailable"}` or `{"status":"leaving"}`. What is wrong is in the log, not in the answer.
async fn readyz(State(services): State<Services>) -> Response {
    if services.readiness.is_leaving() {
        return unready("leaving");
    }
    match tokio::time::timeout(PATIENCE, services.store.ping()).await {
        Ok(Ok(())) => Json(json!({ "status": "ready" })).into_response(),
        Ok(Err(fault)) => {
            warn!(%fault, "not ready");
            unready("unavailable")
        }
        Err(_) => {
            warn!("not ready: the store did not answer a ping in time");
            unready("unavailable")
        }
    }
}

fn unready(status: &'static str) -> Response {
    (
        StatusCode::SERVICE_UNAVAILABLE,
        Json(json!({ "status": status })),
    )
        .into_response()
}

/// `GET /version`: 200 `{"name":"keystead","version":"…"}`.
async fn version() -> Response {
    Json(json!({ "name": "keystead", "version": env!("CARGO_PKG_VERSION") })).into_response()
}
