//! The callback paths of mobile apps: a harmless page, for when the system did not hand the address to the app.

use axum::{Router, response::Response, routing::get};

use super::visit::Visit;
use crate::{
    pages::{self, FormAction, Landing},
    services::Services,
};

pub(super) fn routes() -> Router<Services> {
    Router::new()
        .route("/ios/{bundle}/callback", get(landing))
        .route("/macos/{bundle}/callback", get(landing))
        .route("/visionos/{bundle}/callback", get(landing))
        .route("/android/{package}/callback", get(landing))
}

/// Reads nothing of its address: a code in it stays where it is, bound to its client and proof key.
async fn landing(visit: Visit) -> Response {
    pages::render(&Landing, &visit.look(None), FormAction::Own)
}
