//! The sample API: it knows Keystead by its address alone, as anybody's API would.

use axum::{Json, Router, routing::get};
use keystead_verifier::{Bearer, Refusal, Verifier};
use serde_json::{Value, json};

use super::records::{READ, WRITE};

/// Where the messages are.
pub(super) const MESSAGES: &str = "/api/messages";

pub(super) fn routes(verifier: Verifier) -> Router {
    Router::new()
        .route("/api/public", get(public))
        .route(MESSAGES, get(read).post(write))
        .with_state(verifier)
}

/// For everybody.
async fn public() -> Json<Value> {
    Json(json!({ "message": "no token is needed here" }))
}

/// For tokens that may read.
async fn read(Bearer(claims): Bearer) -> Result<Json<Value>, Refusal> {
    claims.require_scope(READ)?;
    Ok(Json(
        json!({ "messages": ["Welcome.", "The token was good."] }),
    ))
}

/// For tokens that may write.
async fn write(Bearer(claims): Bearer) -> Result<Json<Value>, Refusal> {
    claims.require_scope(WRITE)?;
    Ok(Json(json!({ "written": true })))
}
