//! How a browser is sent on, after a link or a form.

use axum::{
    http::{HeaderValue, StatusCode, header::LOCATION},
    response::{IntoResponse, Response},
};

/// What a redirect answers, which decides its status: a browser must not post its form a second time to where it is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum After {
    /// A link or a redirect.
    Get,
    /// A form.
    Post,
}

impl After {
    fn status(self) -> StatusCode {
        match self {
            Self::Get => StatusCode::FOUND,
            Self::Post => StatusCode::SEE_OTHER,
        }
    }
}

/// Sends the browser on. What does not fit in a header is not sent anywhere.
pub(super) fn go(after: After, to: &str) -> Response {
    match HeaderValue::try_from(to) {
        Ok(location) => (after.status(), [(LOCATION, location)]).into_response(),
        Err(_) => StatusCode::BAD_REQUEST.into_response(),
    }
}
