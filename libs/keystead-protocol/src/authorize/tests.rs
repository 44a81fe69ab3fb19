//! Tables of requests and answers, and what holds for every one of them.

use serde_json::json;

use super::*;
use crate::{client::ClientMetadata, error::OAuthError};

mod answers;
mod asks;
mod checks;
mod parsing;

pub(super) const ISSUER: &str = "https://id.example/";
pub(super) const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// A confidential client that may do everything, its metadata changed.
pub(super) fn client(change: serde_json::Value) -> ClientMetadata {
    let mut metadata = json!({
        "callbacks": ["https://app.example/cb", "demo://app/cb", "https://app.example/cb?shop=1"],
        "grant_types": ["authorization_code", "implicit"],
        "oidc_conformant": true,
        "web_origins": ["https://app.example/"],
    });
    let members = metadata.as_object_mut().unwrap();
    members.extend(change.as_object().unwrap().clone());
    serde_json::from_value(metadata).unwrap()
}

pub(super) fn public(change: serde_json::Value) -> ClientMetadata {
    let mut all = json!({ "token_endpoint_auth_method": "none" });
    let members = all.as_object_mut().unwrap();
    members.extend(change.as_object().unwrap().clone());
    client(all)
}

/// A request for a code at the first callback, and more.
pub(super) fn asked(more: &str) -> Request {
    parsed(&format!(
        "response_type=code&redirect_uri=https%3A%2F%2Fapp.example%2Fcb&{more}"
    ))
}

pub(super) fn parsed(query: &str) -> Request {
    Request::parse(format!("client_id=app&{query}").as_bytes()).unwrap()
}

/// What the client, or the page, is told.
pub(super) fn refusal(request: &Request, client: &ClientMetadata) -> String {
    match check(request, client) {
        Ok(_) => "answered".to_owned(),
        Err(Refused::Page { why, .. }) => format!("page: {why}"),
        Err(Refused::WebOrigin(origin)) => format!("page: {origin}"),
        Err(Refused::Redirect { why, .. }) => text(&why),
    }
}

fn text(why: &OAuthError) -> String {
    format!("{}: {}", why.code(), why.description())
}
