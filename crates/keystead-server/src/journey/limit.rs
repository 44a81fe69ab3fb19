//! The layer that keeps one address from asking for pages too fast: each of them may leave a row or a line behind.

use axum::{extract::Request, http::StatusCode, middleware::Next, response::Response};

use super::{entrance::seconds, trouble::Text, visit::Visit};
use crate::pages::ErrorKind;

/// Answers 429, by a calm page, who asks too fast: by the same limit as the token endpoint's, counted together.
pub(super) async fn limit(visit: Visit, request: Request, next: Next) -> Response {
    let elapsed = visit.services.clock.elapsed();
    match visit.services.limits.admit(visit.origin.client, elapsed) {
        Ok(_) => next.run(request).await,
        Err(standing) => {
            let kind = ErrorKind::TooMany {
                retry_after: seconds(standing.reset),
            };
            let text = Text {
                code: "too_many_requests",
                cause: "Too many requests came from this address.",
            };
            visit.trouble_here(StatusCode::TOO_MANY_REQUESTS, kind, text)
        }
    }
}
