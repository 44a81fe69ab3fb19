//! What an authorization request asked for that only the token endpoint can act upon: how it stands among a code's terms.

use keystead_protocol::authorize::AskedClaims;
use keystead_store::grants::Terms;
use serde_json::{Map, Value, json};

const CLAIMS: &str = "claims";
const UNNAMED_REDIRECT: &str = "unnamed_redirect";

/// Whether the authorization request named its redirect URI.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RedirectWas {
    /// It did, so the token request must (RFC 6749 §4.1.3).
    Named,
    /// It left it to the one that is registered.
    Unnamed,
}

/// Writes it down.
pub fn keep(asked: &AskedClaims, redirect: RedirectWas) -> Map<String, Value> {
    let mut extra = Map::new();
    if !asked.is_empty() {
        extra.insert(CLAIMS.to_owned(), json!(asked));
    }
    if redirect == RedirectWas::Unnamed {
        extra.insert(UNNAMED_REDIRECT.to_owned(), true.into());
    }
    extra
}

/// The claims that were asked for one by one, and that the user agreed to.
pub fn claims(terms: &Terms) -> AskedClaims {
    let kept = terms.extra.get(CLAIMS).cloned();
    kept.and_then(|kept| serde_json::from_value(kept).ok())
        .unwrap_or_default()
}

/// Whether the token request must name the redirect URI.
pub fn redirect(terms: &Terms) -> RedirectWas {
    match terms.extra.get(UNNAMED_REDIRECT) {
        Some(_) => RedirectWas::Unnamed,
        None => RedirectWas::Named,
    }
}
