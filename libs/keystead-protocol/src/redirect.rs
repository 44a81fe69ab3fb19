//! Redirect URIs: which may be registered, and to which a request may be answered.
//!
//! Comparison works on the text as it was sent. Nothing is decoded, resolved or normalised first, because every step
//! that a browser takes differently from the server is a way past the list. What is registered is plain instead.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::profile::RedirectRule;

mod parts;
mod registered;
#[cfg(test)]
mod tests;

use parts::{Parts, is_label, is_port};
pub use registered::{BadRedirect, RegisteredRedirect};

/// A redirect URI that belongs to the client. Only [`RegisteredRedirects::trust`] makes one, and there is no way to
/// read one back from storage: a journey that resumes asks again, so that a URI removed meanwhile is not answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustedRedirect(String);

impl TrustedRedirect {
    /// The URI, byte for byte as the client sent it: mobile systems compare what comes back by case.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Scheme, host and port as a browser writes an origin (RFC 6454 §6.2), in lower case; `None` if the scheme belongs to
    /// an app.
    pub fn origin(&self) -> Option<String> {
        let url = url::Url::parse(&self.0).ok()?;
        matches!(url.scheme(), "http" | "https").then(|| url.origin().ascii_serialization())
    }

    /// What the URI itself says of who will hear the answer.
    pub fn reach(&self) -> Reach {
        let Some(parts) = Parts::of(&self.0) else {
            return Reach::App;
        };
        let host = parts.host_and_port().0;
        match () {
            () if !parts.is_http() && !parts.is_https() => Reach::App,
            () if parts.is_loopback() || host.eq_ignore_ascii_case("localhost") => Reach::Machine,
            () => Reach::Site,
        }
    }
}

/// Who is behind a redirect URI, as far as the URI can show it (RFC 8252 §8.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Whoever holds the host's name: nobody else can get the answer.
    Site,
    /// Whatever program listens on the user's own machine.
    Machine,
    /// Whatever app has claimed the scheme.
    App,
}

/// Why a requested redirect URI is not trusted. Answered by a page, never by a redirect (RFC 6749 §4.1.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Untrusted {
    /// None was sent, and the client does not have exactly one that could be meant (RFC 6749 §3.1.2.3).
    #[error("no redirect_uri was sent and the client has not exactly one")]
    Missing,
    /// The one that was sent is not registered.
    #[error("the redirect_uri is not registered for the client")]
    Unregistered,
}

/// Whether the port of a loopback redirect may differ from the registered one (RFC 8252 §7.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoopbackPort {
    /// It may not: the client is not a native app.
    Fixed,
    /// It may: a native app listens wherever the system lets it.
    Any,
}

/// What a client has registered, in its order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RegisteredRedirects(Vec<RegisteredRedirect>);

impl RegisteredRedirects {
    /// Finds out whether an answer may go to the requested URI.
    ///
    /// # Errors
    /// [`Untrusted`], and then no answer may be a redirect.
    pub fn trust(
        &self,
        requested: Option<&str>,
        rule: RedirectRule,
        port: LoopbackPort,
    ) -> Result<TrustedRedirect, Untrusted> {
        match (requested, self.0.as_slice()) {
            (Some(requested), registered) => {
                if registered
                    .iter()
                    .any(|entry| admits(entry, requested, rule, port))
                {
                    Ok(TrustedRedirect(requested.to_owned()))
                } else {
                    Err(Untrusted::Unregistered)
                }
            }
            (None, [only]) if !only.is_pattern() => Ok(TrustedRedirect(only.as_str().to_owned())),
            (None, _) => Err(Untrusted::Missing),
        }
    }

    /// The entries, in the order of registration.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &RegisteredRedirect> {
        self.0.iter()
    }
}

impl FromIterator<RegisteredRedirect> for RegisteredRedirects {
    fn from_iter<T: IntoIterator<Item = RegisteredRedirect>>(entries: T) -> Self {
        Self(entries.into_iter().collect())
    }
}

fn admits(
    entry: &RegisteredRedirect,
    requested: &str,
    rule: RedirectRule,
    port: LoopbackPort,
) -> bool {
    if entry.as_str() == requested {
        return !entry.is_pattern();
    }
    match rule {
        RedirectRule::Exact => false,
        RedirectRule::Compat => admits_variant(entry, requested, port),
        RedirectRule::Legacy => {
            admits_variant(entry, requested, port) || admits_in_any_case(entry, requested)
        }
    }
}

/// Everything after the authority is equal; scheme and authority may differ in case, in the port of a loopback
/// address, or in what stands for the wildcard.
fn admits_variant(entry: &RegisteredRedirect, requested: &str, port: LoopbackPort) -> bool {
    let (Some(own), Some(other)) = (Parts::of(entry.as_str()), Parts::of(requested)) else {
        return false;
    };
    let ((own_host, own_port), (host, other_port)) = (own.host_and_port(), other.host_and_port());
    let same_authority = || match (own.authority, other.authority) {
        (Some(own), Some(other)) => own.eq_ignore_ascii_case(other),
        (own, other) => own == other,
    };
    own.scheme.eq_ignore_ascii_case(other.scheme)
        && own.rest == other.rest
        && if entry.is_pattern() {
            own.is_https() && own_port == other_port && admits_host(own_host, host)
        } else if port == LoopbackPort::Any && own.is_loopback() {
            own_host == host && other_port.is_none_or(is_port)
        } else {
            same_authority()
        }
}

/// Whether a page is a registered one, whatever its query and fragment: Auth0's rule for URLs after logging out. Scheme and
/// authority may differ in case or in what stands for the wildcard, the path in nothing; to a browser, a site without a
/// path is its root.
pub(crate) fn admits_page(entry: &RegisteredRedirect, requested: &str) -> bool {
    let (Some(own), Some(other)) = (Parts::of(entry.as_str()), Parts::of(requested)) else {
        return false;
    };
    let path = |parts: &Parts<'_>| {
        let end = parts.rest.find(['?', '#']).unwrap_or(parts.rest.len());
        match &parts.rest[..end] {
            "" if parts.is_https() || parts.is_http() => "/".to_owned(),
            path => path.to_owned(),
        }
    };
    let ((own_host, own_port), (host, port)) = (own.host_and_port(), other.host_and_port());
    own.scheme.eq_ignore_ascii_case(other.scheme)
        && path(&own) == path(&other)
        && match (own.authority, other.authority) {
            (Some(_), Some(_)) if entry.is_pattern() => {
                own.is_https() && own_port == port && admits_host(own_host, host)
            }
            (Some(own), Some(other)) => own.eq_ignore_ascii_case(other),
            (own, other) => own == other,
        }
}

/// Whether one label fills the wildcard, and the other labels are the same.
fn admits_host(pattern: &str, host: &str) -> bool {
    let (pattern, host) = (pattern.to_ascii_lowercase(), host.to_ascii_lowercase());
    let (Some((own, own_rest)), Some((label, rest))) =
        (pattern.split_once('.'), host.split_once('.'))
    else {
        return false;
    };
    own_rest == rest
        && is_label(label)
        && filling(own, label).is_some_and(|filled| !filled.is_empty())
}

/// Auth0's first library for iOS redirects to `a0{client_id}://{connection}.auth0.com/authorize` with the whole text in
/// lower case, and its users registered `a0…://\*.auth0.com/authorize`. The scheme belongs to an app and the host is
/// nobody's, so neither case nor the name of the connection protects anything here.
fn admits_in_any_case(entry: &RegisteredRedirect, requested: &str) -> bool {
    if !Parts::of(entry.as_str()).is_some_and(|parts| parts.is_a0()) {
        return false;
    }
    let own = entry.as_str().replace('\\', "").to_ascii_lowercase();
    let requested = requested.to_ascii_lowercase();
    if entry.is_pattern() {
        filling(&own, &requested).is_some_and(is_label)
    } else {
        own == requested
    }
}

/// What stands in the text where the pattern has its `*`.
fn filling<'a>(pattern: &str, text: &'a str) -> Option<&'a str> {
    let (before, after) = pattern.split_once('*')?;
    text.strip_prefix(before)?.strip_suffix(after)
}
