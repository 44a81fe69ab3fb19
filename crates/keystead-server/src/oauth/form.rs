//! The body of a request, form-encoded as the RFCs have it or JSON as Auth0's libraries send it.

use axum::{
    body::Bytes,
    http::{HeaderMap, header::CONTENT_TYPE},
};
use keystead_protocol::{
    error::{Code, OAuthError},
    form::Form,
};

/// Reads the parameters. A body without a type is taken for a form, which some clients forget to say.
///
/// # Errors
/// `invalid_request` if the body is not what its type says, or its type is neither.
pub(super) fn read(headers: &HeaderMap, body: &Bytes) -> Result<Form, OAuthError> {
    let kind = headers
        .get(CONTENT_TYPE)
        .map(|value| value.to_str().unwrap_or("unreadable"));
    let essence = kind.map(|kind| {
        kind.split(';')
            .next()
            .unwrap_or_default()
            .trim()
            .to_ascii_lowercase()
    });
    match essence.as_deref() {
        None | Some("application/x-www-form-urlencoded") => Form::from_urlencoded(body),
        Some("application/json") => Form::from_json(body),
        Some(_) => Err(OAuthError::new(
            Code::InvalidRequest,
            "Send application/x-www-form-urlencoded or application/json",
        )),
    }
}
