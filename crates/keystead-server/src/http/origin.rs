//! Where a request came from: the caller's address, scheme and host, with forwarding headers believed only from trusted proxies.

use std::net::{IpAddr, SocketAddr};

use axum::http::{
    HeaderMap, HeaderName, Version,
    header::{FORWARDED, HOST},
    uri::{Authority, Uri},
};

use crate::{config::TrustedProxies, http::Refusal};

mod forwarded;

use forwarded::Hop;

/// The transport's scheme.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// Clear text.
    Http,
    /// TLS.
    Https,
}

/// The connection on which a request arrived: facts that no header can change.
#[derive(Debug, Clone, Copy)]
pub struct Arrival {
    /// The other end of the connection.
    pub peer: SocketAddr,
    /// Whether the connection itself is encrypted.
    pub scheme: Scheme,
}

/// The caller as far as it can be known.
///
/// `host` is what the caller asked for and is *not* checked: links, issuers and redirects are made from the
/// configured issuer, never from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The address nearest to the user that a trusted machine vouches for.
    pub client: IpAddr,
    /// The scheme that the caller used.
    pub scheme: Scheme,
    /// The host that the caller used; HTTP/1.0 may leave it out.
    pub host: Option<Authority>,
}

impl Origin {
    /// Works out where a request came from (RFC 7239, and the older `X-Forwarded-For`, `-Proto` and `-Host`).
    ///
    /// Read from the right: a hop is believed only if the machine that wrote it is trusted, so that what a caller
    /// invents stays to the left of what the first trusted proxy saw. A proxy that writes one kind of header usually
    /// lets the other through, so when both kinds are there they must agree.
    ///
    /// # Errors
    /// A [`Refusal`] if a header is malformed, or if the two kinds do not agree.
    pub fn establish(
        arrival: Arrival,
        (uri, version): (&Uri, Version),
        headers: &HeaderMap,
        trusted: &TrustedProxies,
    ) -> Result<Self, Refusal> {
        let seen = Self {
            client: arrival.peer.ip().to_canonical(),
            scheme: arrival.scheme,
            host: asked_host(uri, version, headers)?,
        };
        if !trusted.contains(seen.client) {
            return Ok(seen);
        }
        let standard = forwarded::standard(headers)?;
        let customary = forwarded::customary(headers)?;
        match (standard.is_empty(), customary.is_empty()) {
            (true, true) => Ok(seen),
            (false, true) => Ok(seen.through(standard, trusted)),
            (true, false) => Ok(seen.through(customary, trusted)),
            (false, false) => {
                let one = seen.clone().through(standard, trusted);
                let other = seen.through(customary, trusted);
                if one == other {
                    Ok(one)
                } else {
                    Err(Refusal::ForwardingConflict)
                }
            }
        }
    }

    fn through(mut self, hops: Vec<Hop>, trusted: &TrustedProxies) -> Self {
        for hop in hops.into_iter().rev() {
            if !trusted.contains(self.client) {
                break;
            }
            self.scheme = hop.scheme.unwrap_or(self.scheme);
            self.host = hop.host.or(self.host);
            match hop.address {
                Some(address) => self.client = address,
                None => break,
            }
        }
        self
    }
}

/// Whether a header speaks about where a request came from; the edge removes these, so that no handler reads them by mistake.
pub(crate) fn is_forwarding(name: &HeaderName) -> bool {
    name == FORWARDED || name == "x-real-ip" || name.as_str().starts_with("x-forwarded-")
}

fn asked_host(
    uri: &Uri,
    version: Version,
    headers: &HeaderMap,
) -> Result<Option<Authority>, Refusal> {
    if let Some(authority) = uri.authority() {
        return plain(authority.clone()).map(Some);
    }
    let mut hosts = headers.get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (Some(host), None) => {
            plain(Authority::try_from(host.as_bytes()).map_err(|_| Refusal::HostMalformed)?)
                .map(Some)
        }
        (None, _) if version <= Version::HTTP_10 => Ok(None),
        _ => Err(Refusal::HostNotOne),
    }
}

/// An authority without user information: `host[:port]`.
fn plain(authority: Authority) -> Result<Authority, Refusal> {
    if authority.as_str().contains('@') || authority.host().is_empty() {
        return Err(Refusal::HostMalformed);
    }
    Ok(authority)
}

#[cfg(test)]
mod tests;
