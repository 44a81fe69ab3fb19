//! The answer to an authorization request, in success and error, by whichever way it goes to the client.

use std::fmt;

use super::{pairs::encode, request::Request, response::ResponseMode};
use crate::{error::OAuthError, redirect::TrustedRedirect};

/// How a client is answered: where, in which part, and with what it wants to have back. Only
/// [`check`](super::check()) makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    to: TrustedRedirect,
    mode: ResponseMode,
    state: Option<String>,
}

/// An answer that is ready to be sent. `Debug` tells where it goes and which parameters it has, never their values.
#[derive(Clone, PartialEq, Eq)]
pub enum Answer {
    /// By redirect: the `Location`, which holds nothing that a header could not.
    Redirect(String),
    /// By a form that posts itself to the redirect URI.
    FormPost {
        /// Where it goes.
        to: TrustedRedirect,
        /// Its fields.
        pairs: Vec<(&'static str, String)>,
    },
    /// By a message to the page that opened or framed ours, which the browser delivers only if it has the origin of the
    /// redirect URI: one of the client's web origins.
    WebMessage {
        /// Whose origin.
        to: TrustedRedirect,
        /// The members of the message.
        pairs: Vec<(&'static str, String)>,
    },
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, to, pairs) = match self {
            // What was registered may have a query of its own, but where that ends nobody can see.
            Self::Redirect(to) => {
                let end = to.find(['?', '#']).unwrap_or(to.len());
                return f.debug_tuple("Redirect").field(&&to[..end]).finish();
            }
            Self::FormPost { to, pairs } => ("FormPost", to, pairs),
            Self::WebMessage { to, pairs } => ("WebMessage", to, pairs),
        };
        let names: Vec<_> = pairs.iter().map(|(name, _)| name).collect();
        f.debug_struct(name)
            .field("to", to)
            .field("pairs", &names)
            .finish()
    }
}

impl Reply {
    pub(super) fn new(to: TrustedRedirect, mode: ResponseMode, request: &Request) -> Self {
        Self {
            to,
            mode,
            state: request.state.clone(),
        }
    }

    /// Where the answer goes.
    pub fn to(&self) -> &TrustedRedirect {
        &self.to
    }

    /// In which part or by what page.
    pub fn mode(&self) -> ResponseMode {
        self.mode
    }

    /// The answer that the client wants. `state` and `iss` (RFC 9207) are added to what it holds.
    pub fn success(&self, holds: Vec<(&'static str, String)>, issuer: &str) -> Answer {
        self.send(holds, issuer)
    }

    /// The answer that says what went wrong (RFC 6749 §4.1.2.1), in the same place as a success would stand.
    pub fn error(&self, why: &OAuthError, issuer: &str) -> Answer {
        let says = vec![
            ("error", why.code().as_str().to_owned()),
            ("error_description", why.description().to_owned()),
        ];
        self.send(says, issuer)
    }

    fn send(&self, mut pairs: Vec<(&'static str, String)>, issuer: &str) -> Answer {
        pairs.extend(self.state.clone().map(|state| ("state", state)));
        pairs.push(("iss", issuer.to_owned()));
        let to = &self.to;
        match self.mode {
            ResponseMode::Query => {
                let before = to.as_str();
                let mark = match before.split_once('?') {
                    None => "?",
                    Some((_, query)) if query.is_empty() || query.ends_with('&') => "",
                    Some(_) => "&",
                };
                Answer::Redirect(format!("{before}{mark}{}", encode(pairs)))
            }
            ResponseMode::Fragment => {
                Answer::Redirect(format!("{}#{}", to.as_str(), encode(pairs)))
            }
            ResponseMode::FormPost => Answer::FormPost {
                to: to.clone(),
                pairs,
            },
            ResponseMode::WebMessage => Answer::WebMessage {
                to: to.clone(),
                pairs,
            },
        }
    }
}
