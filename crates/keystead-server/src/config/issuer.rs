//! The issuer: this server's one public address.

use std::fmt;

use keystead_protocol::endpoint;
use url::Url;

/// `scheme://host[:port]/`: https, or http on a loopback host; lower case, with its slash, nothing behind it.
///
/// One text has one meaning here. Tokens are compared with it byte by byte, so a spelling that would have to be
/// corrected is refused with the correct one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issuer(Url);

/// Behind the issuer.
const USERINFO: &str = "userinfo";

impl Issuer {
    /// Reads an issuer. The case of scheme and host, and the slash at the end, are forgiven.
    ///
    /// # Errors
    /// What is wrong and what to do, as two sentences.
    pub fn parse(text: &str) -> Result<Self, (String, String)> {
        const SHAPE: &str = "Write it like https://id.example.com/";
        let wrong = |what: &str, fix: &str| Err((what.to_owned(), fix.to_owned()));
        let Ok(url) = Url::parse(text) else {
            return wrong("is not a URL", SHAPE);
        };
        if !matches!(url.scheme(), "https" | "http") {
            return wrong("is neither https nor http", SHAPE);
        }
        if url.query().is_some() || url.fragment().is_some() {
            return wrong(
                "has a query or a fragment",
                "Leave out what follows the host.",
            );
        }
        if url.path() != "/" {
            return wrong(
                "has a path",
                "Apps resolve every endpoint from the root of the host: give Keystead a host of its own.",
            );
        }
        let canonical = url.as_str();
        let given = text.to_ascii_lowercase();
        if given != canonical && format!("{given}/") != canonical {
            let mut plain = url.clone();
            let fix = match (plain.set_username(""), plain.set_password(None)) {
                (Ok(()), Ok(())) => format!("Write it as {plain}"),
                _ => SHAPE.into(),
            };
            return wrong("is not in its plain form", &fix);
        }
        if url.username() != ""
            || url.password().is_some()
            || url.host_str().is_none_or(|host| host.ends_with('.'))
        {
            return wrong("names a user, or a host that ends in a dot", SHAPE);
        }
        let issuer = Self(url);
        if !issuer.is_https() && !issuer.is_loopback() {
            return wrong(
                "is http, and not on this machine",
                "Use https: apps and browsers refuse to sign in over clear text. For a trial on this machine, use localhost.",
            );
        }
        Ok(issuer)
    }

    /// This machine, seen from itself.
    pub(super) fn on_localhost(encrypted: bool, port: u16) -> Option<Self> {
        let scheme = if encrypted { "https" } else { "http" };
        Url::parse(&format!("{scheme}://localhost:{port}/"))
            .ok()
            .map(Self)
    }

    /// The issuer as it stands in tokens and metadata.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The issuer as a URL, for resolving endpoints.
    pub fn url(&self) -> &Url {
        &self.0
    }

    /// Our userinfo endpoint, which is asked for and named in tokens like an API and is none.
    pub fn userinfo(&self) -> String {
        format!("{}{USERINFO}", self.as_str())
    }

    /// Whether an audience is that.
    pub fn is_userinfo(&self, audience: &str) -> bool {
        audience.strip_prefix(self.as_str()) == Some(USERINFO)
    }

    /// The host, IPv6 addresses in brackets.
    pub fn host(&self) -> &str {
        self.0.host_str().unwrap_or_default()
    }

    /// The port that clients connect to.
    pub fn port(&self) -> u16 {
        self.0.port_or_known_default().unwrap_or_default()
    }

    /// Whether the public address is encrypted.
    pub fn is_https(&self) -> bool {
        self.0.scheme() == "https"
    }

    /// Whether only this machine can mean itself by this host (RFC 6761 §6.3).
    pub fn is_loopback(&self) -> bool {
        endpoint::is_loopback(&self.0)
    }
}

impl fmt::Display for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_an_issuer() {
        for (given, want) in [
            ("https://id.example.com/", "https://id.example.com/"),
            ("https://id.example.com", "https://id.example.com/"),
            ("HTTPS://ID.Example.COM", "https://id.example.com/"),
            (
                "https://id.example.com:8443",
                "https://id.example.com:8443/",
            ),
            (
                "https://xn--bcher-kva.example/",
                "https://xn--bcher-kva.example/",
            ),
            ("http://localhost:3000/", "http://localhost:3000/"),
            ("http://keystead.localhost/", "http://keystead.localhost/"),
            ("http://127.0.0.1:3000", "http://127.0.0.1:3000/"),
            ("http://[::1]:3000/", "http://[::1]:3000/"),
        ] {
            assert_eq!(Issuer::parse(given).unwrap().as_str(), want, "{given}");
        }
    }

    #[test]
    fn what_is_userinfo() {
        let issuer = Issuer::parse("https://id.example.com").unwrap();
        for (audience, want) in [
            ("https://id.example.com/userinfo", true),
            ("https://id.example.com/userinfo/", false),
            ("https://id.example.com/Userinfo", false),
            ("https://id.example.com//userinfo", false),
            ("https://id.example.com/", false),
            ("http://id.example.com/userinfo", false),
            ("https://api.example/userinfo", false),
            ("userinfo", false),
            ("", false),
        ] {
            assert_eq!(issuer.is_userinfo(audience), want, "{audience}");
        }
    }

    #[test]
    fn what_is_not() {
        for (given, why) in [
            ("", "is not a URL"),
            ("id.example.com", "is not a URL"),
            ("ftp://id.example.com/", "is neither"),
            ("https://id.example.com/auth", "has a path"),
            ("https://id.example.com//", "has a path"),
            ("https://id.example.com/?", "has a query"),
            ("https://id.example.com/#", "has a query or a fragment"),
            ("https://id.example.com/?a=b", "has a query"),
            ("https://ada@id.example.com/", "names a user"),
            ("https://ada:pw@id.example.com/", "names a user"),
            ("https://@id.example.com/", "plain form"),
            ("https://id.example.com:443/", "plain form"),
            ("https://bücher.example/", "plain form"),
            ("https:\\\\id.example.com\\", "plain form"),
            ("https://id.exa\tmple.com/", "plain form"),
            (" https://id.example.com/", "plain form"),
            ("https://id.example.com/x/..", "plain form"),
            ("https://0x7f.1/", "plain form"),
            ("https://id.example.com./", "ends in a dot"),
            ("http://id.example.com/", "not on this machine"),
            ("http://10.0.0.1/", "not on this machine"),
            ("http://localhost.example.com/", "not on this machine"),
        ] {
            let (what, fix) = Issuer::parse(given).unwrap_err();
            assert!(what.contains(why), "{given}: {what}");
            assert!(!fix.is_empty() && !fix.contains("pw"), "{given}: {fix}");
        }
    }
}
