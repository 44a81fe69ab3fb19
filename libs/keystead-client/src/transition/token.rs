//! The token endpoint: forms to send, and answers to read (RFC 6749 §5).

use std::{fmt, time::Duration};

use keystead_protocol::{
    scope::{Scope, ScopeToken},
    secret::Secret,
};
use serde::Deserialize;
use serde_json::Value;
use url::form_urlencoded::Serializer;

use super::refusal::failure;
use crate::Error;

/// The form that renews (RFC 6749 §6). Without a scope the new token may do what the user once granted.
pub fn refresh_request(
    client_id: &str,
    refresh_token: &Secret,
    scope: Option<&Scope>,
    resource: Option<&str>,
) -> Secret {
    form(&[
        ("grant_type", "refresh_token"),
        ("client_id", client_id),
        ("refresh_token", refresh_token.expose()),
        ("scope", &scope.map(Scope::to_string).unwrap_or_default()),
        ("resource", resource.unwrap_or_default()),
    ])
}

/// Writes a form; what has no value is left out.
pub(super) fn form(pairs: &[(&str, &str)]) -> Secret {
    let mut form = Serializer::new(String::new());
    form.extend_pairs(pairs.iter().filter(|(_, value)| !value.is_empty()));
    form.finish().into()
}

/// What the token endpoint gave. The ID token is not checked yet.
#[derive(Clone)]
#[non_exhaustive]
pub struct Tokens {
    /// The access token.
    pub access_token: Secret,
    /// How long it lives, from when it was asked for.
    pub expires_in: Option<Duration>,
    /// A refresh token; on renewal only if it was rotated.
    pub refresh_token: Option<Secret>,
    /// The ID token as it came.
    pub id_token: Option<Secret>,
    /// What was granted, if it is not just what was asked for.
    pub scope: Option<Scope>,
}

#[derive(Deserialize)]
struct Success {
    access_token: String,
    token_type: String,
    expires_in: Option<Value>,
    refresh_token: Option<String>,
    id_token: Option<String>,
    scope: Option<String>,
}

impl Tokens {
    /// Reads an answer of the token endpoint.
    ///
    /// # Errors
    /// [`Error::Refused`], [`Error::Denied`] or [`Error::LoginRequired`] for an error document, [`Error::Unavailable`] for 408,
    /// 429 and 5xx, [`Error::Answer`] for what is neither, and for tokens that are not `Bearer`.
    pub fn read(status: u16, body: &[u8]) -> Result<Self, Error> {
        match status {
            200..=299 => Self::success(body),
            _ => Err(failure(status, body)),
        }
    }

    fn success(body: &[u8]) -> Result<Self, Error> {
        let given: Success = serde_json::from_slice(body)
            .map_err(|_| Error::Answer("it is not a token response (RFC 6749 §5.1)"))?;
        if !given.token_type.eq_ignore_ascii_case("Bearer") {
            return Err(Error::Answer("its tokens are not of the type Bearer"));
        }
        if given.access_token.is_empty() {
            return Err(Error::Answer("its access token is empty"));
        }
        let secret = |text: Option<String>| text.filter(|text| !text.is_empty()).map(Secret::from);
        Ok(Self {
            access_token: given.access_token.into(),
            expires_in: given.expires_in.as_ref().and_then(seconds),
            refresh_token: secret(given.refresh_token),
            id_token: secret(given.id_token),
            // A value that no scope may have grants nothing; it must not cost us the refresh token beside it.
            scope: given.scope.map(|scope| {
                let values = scope.split(' ').map(ScopeToken::try_from);
                values.filter_map(Result::ok).collect()
            }),
        })
    }
}

/// A lifetime as it is written: a number, or a number in a string. Less than nothing is nothing.
fn seconds(value: &Value) -> Option<Duration> {
    let number = match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    };
    number
        .map(|seconds: f64| Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(Duration::MAX))
}

/// Shows what there is, not what it is.
impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens")
            .field("expires_in", &self.expires_in)
            .field("refresh_token", &self.refresh_token.is_some())
            .field("id_token", &self.id_token.is_some())
            .field("scope", &self.scope)
            .finish_non_exhaustive()
    }
}
