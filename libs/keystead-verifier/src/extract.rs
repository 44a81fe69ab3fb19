//! Extractors for axum: claims of a token that was verified, or no handler.

use axum_core::{
    body::Body,
    extract::{FromRef, FromRequestParts, OptionalFromRequestParts},
    response::{IntoResponse, Response},
};
use http::request::Parts;

use crate::{Claims, Refusal, Verifier, header::bearer_token};

/// The claims of the request's token, verified by the [`Verifier`] in the router's state. Needs no layer.
///
/// `Option<Bearer>` lets requests without a token pass, but not those whose token is not good.
#[derive(Debug, Clone)]
pub struct Bearer(pub Claims);

impl<S> FromRequestParts<S> for Bearer
where
    Verifier: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        let bearer = <Self as OptionalFromRequestParts<S>>::from_request_parts(parts, state);
        bearer.await?.ok_or(Refusal::NoToken)
    }
}

impl<S> OptionalFromRequestParts<S> for Bearer
where
    Verifier: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Option<Self>, Refusal> {
        // Claims that a layer left are not taken: it may have verified them for another audience.
        let verifier = Verifier::from_ref(state);
        let claims = verifier.verify_request(&parts.headers, parts.uri.query());
        Ok(claims.await?.map(Self))
    }
}

/// What a [`BearerLayer`](crate::BearerLayer) verified.
impl<S: Send + Sync> FromRequestParts<S> for Claims {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        let claims = <Self as OptionalFromRequestParts<S>>::from_request_parts(parts, state);
        claims.await?.ok_or(Refusal::NoToken)
    }
}

impl<S: Send + Sync> OptionalFromRequestParts<S> for Claims {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Refusal> {
        let claims = parts.extensions.get::<Self>().cloned();
        // A layer would have refused this token or left its claims.
        if claims.is_none() && bearer_token(&parts.headers, None)?.is_some() {
            return Err(Refusal::NotVerified);
        }
        Ok(claims)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        self.response::<Body>()
    }
}
