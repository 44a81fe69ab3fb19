//! The body of a request, form-encoded as the RFCs have it or JSON as Auth0's libraries send it.

use axum::{
    body::Bytes,
    extract::{FromRequest, Request},
    http::{HeaderMap, StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use keystead_protocol::{
    error::{Code, OAuthError},
    form::Form,
    profile::Profile,
};

use super::refusal::Error;
use crate::http::Refusal;

/// The bytes of a body. What cannot be read to its end is refused in JSON like everything else, also when its length was
/// not announced and so not refused before.
pub(super) struct Whole(pub(super) Bytes);

impl<S: Send + Sync> FromRequest<S> for Whole {
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Response> {
        match Bytes::from_request(request, state).await {
            Ok(bytes) => Ok(Self(bytes)),
            Err(why) if why.status() == StatusCode::PAYLOAD_TOO_LARGE => {
                Err(Refusal::BodyTooLarge.into_response())
            }
            Err(_) => {
                let broken = OAuthError::new(Code::InvalidRequest, "Malformed request body");
                Err(Error::from(broken).respond(Profile::Compat))
            }
        }
    }
}

/// Reads the parameters. A body without a type is taken for a form, which some clients forget to say.
///
/// # Errors
/// `invalid_request` if the body is not what its type says, or its type is neither.
pub(super) fn read(headers: &HeaderMap, body: &Bytes) -> Result<Form, OAuthError> {
    let kind = headers
        .get(CONTENT_TYPE)
        .map(|value| value.to_str().unwrap_or("unreadable"));
    let essence = kind.map_or("application/x-www-form-urlencoded", |kind| {
        kind.split(';').next().unwrap_or_default().trim()
    });
    if essence.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        Form::from_urlencoded(body)
    } else if essence.eq_ignore_ascii_case("application/json") {
        Form::from_json(body)
    } else {
        Err(OAuthError::new(
            Code::InvalidRequest,
            "Send application/x-www-form-urlencoded or application/json",
        ))
    }
}
