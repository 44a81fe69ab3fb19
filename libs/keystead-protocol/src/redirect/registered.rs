//! What may be registered as a redirect URI: nothing that two parsers could read in two ways.

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;
use url::{Position, Url};

use super::parts::{Parts, is_port};

#[cfg(test)]
mod tests;

/// One registered redirect URI, or a pattern with `*` as (part of) the left-most label of its host.
///
/// Does not check who owns the domain: `https://*.co.uk/` is the administrator's to avoid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct RegisteredRedirect(String);

/// Why a redirect URI cannot be registered (RFC 7591 §3.2.2 answers `invalid_redirect_uri`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum BadRedirect {
    /// Longer than 2,048 bytes.
    #[error("is longer than 2048 characters")]
    TooLong,
    /// A control character, a space, a character outside ASCII or one that RFC 3986 leaves out; braces stand here
    /// too, since placeholders are not supported.
    #[error("has a character that a URI cannot have")]
    Character,
    /// Not `scheme:something`.
    #[error("is not an absolute URI")]
    Relative,
    /// A scheme that runs, shows or reads something on the user's machine.
    #[error("has a scheme that cannot be redirected to")]
    Scheme,
    /// RFC 6749 §3.1.2.
    #[error("has a fragment")]
    Fragment,
    /// `user@host`, which exists to deceive.
    #[error("has user information")]
    Userinfo,
    /// A host that is empty, has an empty label, or is not spelled as browsers would spell it.
    #[error("has a host or port that is empty or unusually spelled")]
    Host,
    /// A path or query that browsers would rewrite: dot segments, whatever their spelling.
    #[error("has a path or query that browsers rewrite")]
    Path,
    /// A `*` that is not in the left-most label of an https host with two more labels.
    #[error("has a wildcard where none is possible")]
    Wildcard,
}

impl RegisteredRedirect {
    /// The URI or pattern as it was registered.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn is_pattern(&self) -> bool {
        self.0.contains('*')
    }

    /// Scheme and authority alone; nothing where there is no authority.
    pub(crate) fn without_path(&self) -> Option<Self> {
        let parts = Parts::of(&self.0)?;
        let authority = parts.authority?;
        Some(Self(format!("{}://{authority}", parts.scheme)))
    }
}

impl TryFrom<String> for RegisteredRedirect {
    type Error = BadRedirect;

    fn try_from(text: String) -> Result<Self, BadRedirect> {
        if text.len() > 2048 {
            return Err(BadRedirect::TooLong);
        }
        // The one place where a backslash is welcome: `a0…://\*.`, which the old documentation told people to type.
        if Parts::of(&text).is_some_and(|parts| parts.is_a0()) {
            check(&text.replacen("://\\*.", "://*.", 1))?;
        } else {
            check(&text)?;
        }
        Ok(Self(text))
    }
}

impl TryFrom<&str> for RegisteredRedirect {
    type Error = BadRedirect;

    fn try_from(text: &str) -> Result<Self, BadRedirect> {
        text.to_owned().try_into()
    }
}

impl fmt::Display for RegisteredRedirect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What browsers run, show or read instead of asking an application.
const UNSAFE_SCHEMES: [&str; 8] = [
    "javascript",
    "data",
    "vbscript",
    "file",
    "filesystem",
    "blob",
    "about",
    "view-source",
];

fn check(text: &str) -> Result<(), BadRedirect> {
    if text.contains('#') {
        return Err(BadRedirect::Fragment);
    }
    if !text
        .bytes()
        .all(|b| b.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&b))
    {
        return Err(BadRedirect::Character);
    }
    let parts = Parts::of(text).ok_or(BadRedirect::Relative)?;
    if UNSAFE_SCHEMES
        .iter()
        .any(|bad| parts.scheme.eq_ignore_ascii_case(bad))
    {
        return Err(BadRedirect::Scheme);
    }
    if parts
        .authority
        .is_some_and(|authority| authority.contains('@'))
    {
        return Err(BadRedirect::Userinfo);
    }
    check_wildcard(text, &parts)?;
    if parts.is_https() || parts.is_http() {
        check_web(text, &parts)
    } else {
        Ok(())
    }
}

fn check_wildcard(text: &str, parts: &Parts<'_>) -> Result<(), BadRedirect> {
    let (host, _) = parts.host_and_port();
    let (label, others) = host.split_once('.').unwrap_or((host, ""));
    match (text.matches('*').count(), label.matches('*').count()) {
        (0, _) => Ok(()),
        (1, 1) if (parts.is_https() || parts.is_a0()) && others.contains('.') => Ok(()),
        _ => Err(BadRedirect::Wildcard),
    }
}

/// Holds a web address against what a browser's parser makes of it: both must see the same host and the same path.
fn check_web(text: &str, parts: &Parts<'_>) -> Result<(), BadRedirect> {
    // `w` is a letter that is legal wherever a wildcard is.
    let seen = Url::parse(&text.replace('*', "w")).map_err(|_| BadRedirect::Host)?;
    let (host, port) = parts.host_and_port();
    let spelled = host.to_ascii_lowercase().replace('*', "w");
    if seen.host_str() != Some(&spelled)
        || spelled.split('.').any(str::is_empty)
        || !port.is_none_or(is_port)
    {
        return Err(BadRedirect::Host);
    }
    let path = &seen[Position::BeforePath..];
    let same = path == parts.rest || path.strip_prefix('/') == Some(parts.rest);
    if same { Ok(()) } else { Err(BadRedirect::Path) }
}
