//! What the edge refuses before any endpoint has seen it: private reasons and their public faces.

use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};

use crate::error::problem;

/// Why the edge turned a request away. The name is the private reason and goes to the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// No route has this path.
    NoSuchPath,
    /// The path exists, for other methods.
    NoSuchMethod,
    /// HTTP/1.1 without a host (RFC 9112 §3.2), or with two.
    HostNotOne,
    /// The host is no authority of the form `host[:port]`.
    HostMalformed,
    /// A trusted proxy sent a forwarding header that cannot be read, or lists that do not fit together.
    ForwardingMalformed,
    /// `Forwarded` and `X-Forwarded-*` came together and tell different stories: one of them is not the proxy's.
    ForwardingConflict,
    /// More header fields than anyone needs.
    TooManyHeaders,
    /// The body is larger than any endpoint accepts.
    BodyTooLarge,
    /// The body was not sent in time.
    BodyTooSlow,
}

impl Refusal {
    /// Status, code and text that the caller may see.
    pub fn public(self) -> (StatusCode, &'static str, &'static str) {
        use StatusCode as S;
        match self {
            Self::NoSuchPath => (S::NOT_FOUND, "not_found", "Nothing lives at this path."),
            Self::NoSuchMethod => (
                S::METHOD_NOT_ALLOWED,
                "method_not_allowed",
                "This path does not answer to this method.",
            ),
            Self::HostNotOne => (S::BAD_REQUEST, "invalid_request", "Send exactly one Host."),
            Self::HostMalformed => (
                S::BAD_REQUEST,
                "invalid_request",
                "The Host is not a host name with an optional port.",
            ),
            Self::ForwardingMalformed | Self::ForwardingConflict => (
                S::BAD_REQUEST,
                "invalid_request",
                "The forwarding headers of this request cannot be relied on.",
            ),
            Self::TooManyHeaders => (
                S::REQUEST_HEADER_FIELDS_TOO_LARGE,
                "invalid_request",
                "Too many header fields.",
            ),
            Self::BodyTooLarge => (
                S::PAYLOAD_TOO_LARGE,
                "invalid_request",
                "The request body is too large.",
            ),
            Self::BodyTooSlow => (
                S::REQUEST_TIMEOUT,
                "invalid_request",
                "The request body did not arrive in time.",
            ),
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, code, text) = self.public();
        let mut response = problem(status, code, text);
        response.extensions_mut().insert(self);
        response
    }
}
