//! Which places may be asked for keys and about tokens: https, or our own machine where that is meant.

use std::fmt;

use url::{Host, Url};

use crate::BuildError;

/// Where the key set is, or where it says so.
pub(crate) enum Place {
    KeySet(Url),
    Discovery { issuer: String, document: Url },
}

impl Place {
    pub(crate) fn key_set(uri: &str) -> Result<Self, BuildError> {
        let bad = || BuildError::BadUrl(uri.to_owned());
        permitted(uri).map(Self::KeySet).ok_or_else(bad)
    }

    /// The document of OpenID Connect Discovery §4.1: a last slash of the issuer is removed before the path is added.
    pub(crate) fn discovery(issuer: &str) -> Result<Self, BuildError> {
        let bad = || BuildError::BadUrl(issuer.to_owned());
        let place = permitted(issuer).ok_or_else(bad)?;
        if place.query().is_some() {
            return Err(bad());
        }
        let base = issuer.strip_suffix('/').unwrap_or(issuer);
        let document = format!("{base}/.well-known/openid-configuration");
        Ok(Self::Discovery {
            document: Url::parse(&document).map_err(|_| bad())?,
            issuer: issuer.to_owned(),
        })
    }

    pub(crate) fn url(&self) -> &Url {
        match self {
            Self::KeySet(url) | Self::Discovery { document: url, .. } => url,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.url().fmt(f)
    }
}

/// Where a discovery document may send us. One from afar not to our own machine.
pub(crate) fn place_of_keys(jwks_uri: &str, document: &Url) -> Option<Url> {
    permitted(jwks_uri).filter(|place| is_loopback(document) || !is_loopback(place))
}

/// A URL that may be asked: `https`, or `http` on loopback; without user name, password and fragment.
pub(crate) fn permitted(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let safe = url.scheme() == "https" || url.scheme() == "http" && is_loopback(&url);
    let plain = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
    (safe && plain).then_some(url)
}

pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_from_afar_leads_nowhere_near() {
        for (name, document, jwks_uri, may) in [
            (
                "the same host",
                "https://a.example.com/",
                "https://a.example.com/jwks",
                true,
            ),
            (
                "another host",
                "https://a.example.com/",
                "https://b.example.com/jwks",
                true,
            ),
            (
                "our own machine",
                "https://a.example.com/",
                "http://127.0.0.1/jwks",
                false,
            ),
            (
                "our own machine, by TLS",
                "https://a.example.com/",
                "https://localhost/jwks",
                false,
            ),
            (
                "our own machine, in IPv6",
                "https://a.example.com/",
                "https://[::1]/jwks",
                false,
            ),
            (
                "our own machine, by another number",
                "https://a.example.com/",
                "http://2130706433/",
                false,
            ),
            (
                "plain http",
                "https://a.example.com/",
                "http://b.example.com/jwks",
                false,
            ),
            (
                "a user",
                "https://a.example.com/",
                "https://a@b.example.com/jwks",
                false,
            ),
            (
                "from our own machine to itself",
                "http://localhost:1/",
                "http://127.0.0.1:2/jwks",
                true,
            ),
        ] {
            let document = Url::parse(document).unwrap();
            assert_eq!(place_of_keys(jwks_uri, &document).is_some(), may, "{name}");
        }
    }
}
