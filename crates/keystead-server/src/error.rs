//! What is broken on our side, and the little of it that the world may see.

use std::sync::Arc;

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header::RETRY_AFTER},
    response::{IntoResponse, Response},
};
use serde_json::json;

/// A failure of this server, never of a request. Its text is for the log: the edge writes it there once, next to the
/// request's id, and the caller hears only that something went wrong and whether to come back.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Fault {
    /// The store cannot do what was asked.
    #[error("store: {0}")]
    Store(#[from] keystead_store::Fault),
    /// There is no key of this algorithm, and none can be made or used.
    #[error("no usable {0} key")]
    NoKey(keystead_protocol::jwk::Algorithm),
    /// A document that we made ourselves cannot be written.
    #[error("an answer cannot be written: {0}")]
    Unwritable(String),
    /// An ID token is to speak of a user whose record was not read.
    #[error("an ID token is wanted, and its user was not read")]
    Unread,
    /// The database has not been heard from for longer than its copies are believed.
    #[error("out of touch with the database for too long to trust what is remembered of it")]
    OutOfTouch,
    /// A handler panicked; what it had begun was dropped.
    #[error("a handler panicked: {0}")]
    Panicked(String),
    /// The router was asked without a connection to speak of: it does not stand behind [`crate::http::listen`].
    #[error("a request came without its connection")]
    Unconnected,
    /// More passwords are waiting to be hashed than there is room for.
    #[error("too many passwords are waiting to be hashed")]
    Crowded,
    /// A setting says something that cannot be acted on.
    #[error("a setting cannot be read: {0}")]
    Setting(String),
    /// A handler took longer than a request may take.
    #[error("a handler did not answer in time")]
    TimedOut,
}

impl Fault {
    /// Whether the same request may succeed in a moment (503) rather than after a repair (500).
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Store(fault) => fault.is_temporary(),
            Self::NoKey(_)
            | Self::Unwritable(_)
            | Self::Panicked(_)
            | Self::Setting(_)
            | Self::Unread
            | Self::Unconnected => false,
            Self::Crowded | Self::OutOfTouch | Self::TimedOut => true,
        }
    }
}

/// Left on a response so that the edge can log the fault with the request's id.
#[derive(Debug, Clone)]
pub(crate) struct Broken(pub(crate) Arc<Fault>);

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let mut response = if self.is_temporary() {
            let mut response = problem(
                StatusCode::SERVICE_UNAVAILABLE,
                "temporarily_unavailable",
                "The server cannot answer right now. Try again in a moment.",
            );
            let wait = HeaderValue::from_static("1");
            response.headers_mut().insert(RETRY_AFTER, wait);
            response
        } else {
            problem(
                StatusCode::INTERNAL_SERVER_ERROR,
                "server_error",
                "Something went wrong on the server. The request id tells its operator what.",
            )
        };
        response.extensions_mut().insert(Broken(Arc::new(self)));
        response
    }
}

/// An error in the shape that OAuth endpoints and most SDKs read (RFC 6749 §5.2).
pub(crate) fn problem(status: StatusCode, code: &'static str, text: &'static str) -> Response {
    (
        status,
        Json(json!({ "error": code, "error_description": text })),
    )
        .into_response()
}
