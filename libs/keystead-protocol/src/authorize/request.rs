//! An authorization request as it was sent: each known parameter at most once, none of them judged.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::pairs;
use crate::{
    error::{Code, OAuthError},
    ids::ClientId,
};

/// Declares the parameters that mean something here. Everything else is ignored, how often ever it is sent.
macro_rules! parameters {
    ($($(#[$doc:meta])* $name:ident,)+) => {
        /// An authorization request (RFC 6749 §4.1.1, OpenID Connect Core §3.1.2.1), as text and unjudged but for the
        /// client's name: what is wrong with the rest is said where the client listens, as soon as that is known.
        ///
        /// Can be put away and taken up again. `Debug` shows names only.
        #[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
        pub struct Request {
            /// Who asks.
            pub client_id: ClientId,
            $($(#[$doc])* #[serde(default, skip_serializing_if = "Option::is_none")] pub $name: Option<String>,)+
        }

        impl Request {
            /// The parameters that are known, `client_id` aside.
            pub const PARAMETERS: &[&str] = &[$(stringify!($name),)+];

            /// A request that says nothing but who asks.
            pub fn of(client_id: ClientId) -> Self {
                Self { client_id, $($name: None,)+ }
            }

            fn slot(&mut self, name: &str) -> Option<&mut Option<String>> {
                match name {
                    $(stringify!($name) => Some(&mut self.$name),)+
                    _ => None,
                }
            }

            /// What was sent, by name.
            fn sent(&self) -> Vec<(&'static str, &str)> {
                let mut sent = vec![("client_id", self.client_id.as_str())];
                $(sent.extend(self.$name.as_deref().map(|value| (stringify!($name), value)));)+
                sent
            }
        }
    };
}

parameters! {
    /// What to answer with.
    response_type,
    /// How to answer (OAuth 2.0 Multiple Response Type Encoding Practices §2.1).
    response_mode,
    /// Where to answer.
    redirect_uri,
    /// What the client wants to be allowed.
    scope,
    /// Of which API. Departure: Auth0's name for what RFC 8707 calls `resource`.
    audience,
    /// RFC 8707 §2, where `audience` is not sent.
    resource,
    /// Returned unchanged.
    state,
    /// Copied into the ID token.
    nonce,
    /// RFC 7636 §4.3.
    code_challenge,
    /// RFC 7636 §4.3.
    code_challenge_method,
    /// OpenID Connect Core §3.1.2.1: which pages must or must not be shown.
    prompt,
    /// How long ago, in seconds, the user may have signed in.
    max_age,
    /// An ID token of ours that says who is expected.
    id_token_hint,
    /// Who will probably sign in.
    login_hint,
    /// Auth0: `signup` opens the page where accounts are made.
    screen_hint,
    /// Auth0: where the user's account is.
    connection,
    /// Which languages the user reads.
    ui_locales,
    /// Which strengths of authentication are asked for.
    acr_values,
    /// Which claims are asked for one by one (OpenID Connect Core §5.5).
    claims,
    /// A request object (RFC 9101), which is not taken.
    request,
    /// Where a request object lies, which is not taken.
    request_uri,
    /// OpenID Connect Core §7.2.1, which is not taken.
    registration,
    /// Auth0's legacy pipeline: the device for which a refresh token is wanted.
    device,
}

impl Request {
    /// Reads the query of a GET or the form of a POST. One without a value counts as not sent (RFC 6749 §3.1).
    ///
    /// # Errors
    /// What a page has to say, since nothing here is good enough to answer anybody: it cannot be read, does not name a
    /// client, or has a parameter twice.
    pub fn parse(encoded: &[u8]) -> Result<Self, OAuthError> {
        let pairs = pairs::read(encoded)?;
        let mut named = pairs.iter().filter(|(name, _)| name == "client_id");
        let id = match (named.next(), named.next()) {
            (Some((_, id)), None) if !id.is_empty() => id,
            (Some(_), Some(_)) => return Err(twice("client_id")),
            _ => {
                return Err(pairs::refuse("Missing required parameter: client_id"));
            }
        };
        let id = ClientId::try_from(id.as_str())
            .map_err(|_| OAuthError::new(Code::InvalidRequest, format!("Unknown client: {id}")))?;
        let mut request = Self::of(id);
        let mut seen = vec![];
        for (name, value) in pairs {
            let Some(slot) = request.slot(&name) else {
                continue;
            };
            if seen.contains(&name) {
                return Err(twice(&name));
            }
            *slot = Some(value).filter(|value| !value.is_empty());
            seen.push(name);
        }
        Ok(request)
    }
}

impl Request {
    /// The request as a query, from which [`Request::parse`] reads the same.
    pub fn to_query(&self) -> String {
        pairs::encode(self.sent())
    }
}

fn twice(name: &str) -> OAuthError {
    OAuthError::new(Code::InvalidRequest, format!("Duplicate parameter: {name}"))
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Request of {} with ", self.client_id)?;
        let names = self.sent().into_iter().map(|(name, _)| name);
        f.debug_set().entries(names.skip(1)).finish()
    }
}
