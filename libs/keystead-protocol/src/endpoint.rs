//! Which addresses an app or an API may ask: https ones, or its own machine where that is meant.
//!
//! Whoever sets it up names the issuer, and the issuer's discovery document names the rest. Both are text until they have
//! passed here. Not checked: where a name leads once it is resolved.

use url::{Host, Url};

/// A URL that may be asked: `https`, or `http` on loopback; without user name, password and fragment.
pub fn permitted(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let safe = url.scheme() == "https" || url.scheme() == "http" && is_loopback(&url);
    let plain = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
    (safe && plain).then_some(url)
}

/// The same, named by a document that came from `document`. One from afar may not send us to our own machine.
pub fn permitted_by(document: &Url, text: &str) -> Option<Url> {
    permitted(text).filter(|place| leads_here(document) || !leads_here(place))
}

/// Where an issuer's discovery document is: a last slash is removed before the path is added (OpenID Connect Discovery
/// §4.1). An issuer has no query.
pub fn discovery_document(issuer: &str) -> Option<Url> {
    permitted(issuer).filter(|place| place.query().is_none())?;
    let base = issuer.strip_suffix('/').unwrap_or(issuer);
    permitted(&format!("{base}/.well-known/openid-configuration"))
}

/// Whether a host means the machine that asks: a loopback address, `localhost`, or a name below it (RFC 6761 §6.3).
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => {
            let name = name.strip_suffix('.').unwrap_or(name);
            name == "localhost" || name.ends_with(".localhost")
        }
        Some(Host::Ipv4(address)) => address.is_loopback(),
        // An IPv4 address can be written as one of IPv6.
        Some(Host::Ipv6(address)) => address.to_canonical().is_loopback(),
        None => false,
    }
}

/// Whether a host leads to the machine that asks, the address of no machine included: systems connect it to themselves.
fn leads_here(url: &Url) -> bool {
    let unspecified = match url.host() {
        Some(Host::Ipv4(address)) => address.is_unspecified(),
        Some(Host::Ipv6(address)) => address.to_canonical().is_unspecified(),
        Some(Host::Domain(_)) | None => false,
    };
    unspecified || is_loopback(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_set_up_is_encrypted_or_here() {
        for (name, text, may) in [
            ("https", "https://id.example.com/", true),
            (
                "https with a query",
                "https://id.example.com/jwks?p=1",
                true,
            ),
            ("http", "http://id.example.com/", false),
            ("http on loopback", "http://127.0.0.1:3000/", true),
            (
                "http on another loopback address",
                "http://127.1.2.3/",
                true,
            ),
            ("http on loopback, in IPv6", "http://[::1]:3000/", true),
            ("http on localhost", "http://localhost:3000/", true),
            ("http below localhost", "http://id.localhost:3000/", true),
            (
                "a name that only begins like loopback",
                "http://127.0.0.1.example.com/",
                false,
            ),
            (
                "a name that only begins like localhost",
                "http://localhost.example.com/",
                false,
            ),
            (
                "a name that only ends like localhost",
                "http://mylocalhost/",
                false,
            ),
            ("a user", "https://a@id.example.com/", false),
            ("a password", "https://a:b@id.example.com/", false),
            ("a fragment", "https://id.example.com/#x", false),
            ("a script", "javascript:alert(1)", false),
            ("a file", "file:///etc/passwd", false),
            ("no URL", "id.example.com", false),
        ] {
            assert_eq!(permitted(text).is_some(), may, "{name}");
        }
    }

    /// Class 24, as far as it can be seen before a name is resolved.
    #[test]
    fn a_document_from_afar_leads_nowhere_near() {
        let (afar, here) = ("https://a.example.com/", "http://localhost:1/");
        for (name, document, text, may) in [
            ("the same host", afar, "https://a.example.com/jwks", true),
            ("another host", afar, "https://b.example.com/jwks", true),
            ("plain http", afar, "http://b.example.com/jwks", false),
            ("a user", afar, "https://a@b.example.com/jwks", false),
            ("our own machine", afar, "http://127.0.0.1/jwks", false),
            (
                "our own machine, by TLS",
                afar,
                "https://localhost/jwks",
                false,
            ),
            (
                "by TLS, with a last dot",
                afar,
                "https://localhost./jwks",
                false,
            ),
            (
                "by TLS, below localhost",
                afar,
                "https://a.localhost/jwks",
                false,
            ),
            ("by TLS, in IPv6", afar, "https://[::1]/jwks", false),
            (
                "by TLS, in IPv6 that means IPv4",
                afar,
                "https://[::ffff:127.0.0.1]/jwks",
                false,
            ),
            ("by TLS, by no address", afar, "https://0.0.0.0/jwks", false),
            (
                "by TLS, by no address in IPv6",
                afar,
                "https://[::]/jwks",
                false,
            ),
            (
                "by TLS, by another number",
                afar,
                "https://2130706433/",
                false,
            ),
            (
                "from our own machine to itself",
                here,
                "http://127.0.0.1:2/jwks",
                true,
            ),
            (
                "from our own machine to another",
                here,
                "https://a.example.com/",
                true,
            ),
        ] {
            let document = Url::parse(document).unwrap();
            assert_eq!(permitted_by(&document, text).is_some(), may, "{name}");
        }
    }

    #[test]
    fn the_document_stands_below_the_issuer() {
        let document = "https://id.example.com/.well-known/openid-configuration";
        for (name, issuer, want) in [
            ("with its slash", "https://id.example.com/", Some(document)),
            ("without", "https://id.example.com", Some(document)),
            (
                "with a path",
                "https://example.com/a/",
                Some("https://example.com/a/.well-known/openid-configuration"),
            ),
            (
                "on loopback",
                "http://127.0.0.1:3000/",
                Some("http://127.0.0.1:3000/.well-known/openid-configuration"),
            ),
            ("plain http", "http://id.example.com/", None),
            ("a query", "https://id.example.com/?a=b", None),
            ("a password", "https://a:b@id.example.com/", None),
            ("no URL", "id.example.com", None),
        ] {
            let url = discovery_document(issuer);
            assert_eq!(url.as_ref().map(Url::as_str), want, "{name}");
        }
    }
}
