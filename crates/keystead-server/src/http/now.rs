//! The moment at which a request is answered, read from the clock once.

use std::convert::Infallible;

use axum::{extract::FromRequestParts, http::request::Parts};
use keystead_protocol::time::Timestamp;

use crate::services::Services;

/// Extracts the moment. Whoever asks first reads the clock; everyone after gets the same answer.
#[derive(Debug, Clone, Copy)]
pub struct Now(pub Timestamp);

impl FromRequestParts<Services> for Now {
    type Rejection = Infallible;

    async fn from_request_parts(
        parts: &mut Parts,
        services: &Services,
    ) -> Result<Self, Infallible> {
        Ok(*parts
            .extensions
            .get_or_insert_with(|| Self(services.clock.now())))
    }
}
