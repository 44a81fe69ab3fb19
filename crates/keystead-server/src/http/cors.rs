//! Pages of other origins: which may read the answers of the endpoints that apps in browsers call (Fetch §3.2).
//!
//! An origin is let in if any client that is switched on has registered it: a preflight names no client, and neither does a
//! body that could not be read. That is enough, because no cookie counts at these endpoints and none is ever allowed to
//! come along: who shows a code, a refresh token or an access token could have shown it without a browser.

use axum::{
    extract::Request,
    http::{
        HeaderMap, HeaderValue, Method, StatusCode,
        header::{
            ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
            ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
            ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
        },
    },
    response::{IntoResponse, Response},
};

use crate::catalogue::Catalogue;

/// What pages may call. Documents that are the same for everybody say so themselves.
const OPEN: [&str; 3] = ["/oauth/token", "/oauth/revoke", "/userinfo"];

const METHODS: HeaderValue = HeaderValue::from_static("GET, POST");
/// What a page may read besides what it always may.
const SHOWN: HeaderValue = HeaderValue::from_static(
    "Retry-After, WWW-Authenticate, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, X-Request-Id",
);
/// Seconds for which a browser remembers what it may ask.
const REMEMBERED: HeaderValue = HeaderValue::from_static("600");

/// A page that calls an endpoint open to pages: its origin, as its browser says.
pub(super) struct Page(HeaderValue);

impl Page {
    /// The page behind a request, if there is one.
    pub(super) fn behind(request: &Request) -> Option<Self> {
        let origin = request.headers().get(ORIGIN)?;
        OPEN.contains(&request.uri().path())
            .then(|| Self(origin.clone()))
    }

    /// The answer to a browser that asks whether the page may ask; whether it may stands in what [`admit`](Self::admit) adds.
    /// `None` if this is the request itself.
    pub(super) fn preflight(&self, request: &Request) -> Option<Response> {
        let headers = request.headers();
        if request.method() != Method::OPTIONS
            || !headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
        {
            return None;
        }
        let mut response = StatusCode::NO_CONTENT.into_response();
        let answer = response.headers_mut();
        answer.insert(ACCESS_CONTROL_ALLOW_METHODS, METHODS);
        answer.insert(ACCESS_CONTROL_MAX_AGE, REMEMBERED);
        // Nothing that a page could add to a request means anything by itself.
        if let Some(asked) = headers.get(ACCESS_CONTROL_REQUEST_HEADERS) {
            answer.insert(ACCESS_CONTROL_ALLOW_HEADERS, asked.clone());
        }
        Some(response)
    }

    /// Lets the page read the answer, whatever it is, if its origin is registered.
    pub(super) fn admit(self, catalogue: &Catalogue, answer: &mut HeaderMap) {
        answer.append(VARY, HeaderValue::from(ORIGIN));
        let known = self
            .0
            .to_str()
            .is_ok_and(|own| catalogue.admits_origin(own));
        if known {
            answer.insert(ACCESS_CONTROL_ALLOW_ORIGIN, self.0);
            answer.insert(ACCESS_CONTROL_EXPOSE_HEADERS, SHOWN);
        }
    }
}
