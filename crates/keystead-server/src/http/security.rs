//! The headers that every answer carries unless its endpoint chose its own.

use axum::http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{
        CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY,
        X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
    },
};

use crate::config::Issuer;

/// Nothing may be loaded, framed or submitted: right for JSON, and a page must say what it needs.
const NOTHING: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

pub(super) fn secure(headers: &mut HeaderMap, issuer: &Issuer) {
    let mut unless_chosen = |name: HeaderName, value: &'static str| {
        headers
            .entry(name)
            .or_insert(HeaderValue::from_static(value));
    };
    unless_chosen(X_CONTENT_TYPE_OPTIONS, "nosniff");
    unless_chosen(REFERRER_POLICY, "no-referrer");
    unless_chosen(CACHE_CONTROL, "no-store");
    // A browser applies this to every port of the host, so it would lock other programs out of localhost.
    if issuer.is_https() && !issuer.is_loopback() {
        unless_chosen(STRICT_TRANSPORT_SECURITY, "max-age=31536000");
    }
    // An endpoint with a policy has decided who may frame it, and the older header must not contradict it.
    if !headers.contains_key(CONTENT_SECURITY_POLICY) {
        headers.insert(CONTENT_SECURITY_POLICY, NOTHING);
        headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    }
}
