//! What a provider says of itself: its endpoints, read from the discovery document and checked.

use keystead_protocol::endpoint;
use serde::Deserialize;
use url::Url;

use crate::Error;

/// An OpenID provider: its issuer and where its endpoints are (OpenID Connect Discovery §3).
#[derive(Debug, Clone)]
pub struct Provider {
    pub(crate) issuer: String,
    pub(crate) authorization_endpoint: Url,
    pub(crate) token_endpoint: Url,
    pub(crate) jwks_uri: Url,
    pub(crate) revocation_endpoint: Option<Url>,
    pub(crate) end_session_endpoint: Option<Url>,
    /// Whether every callback has `iss` (RFC 9207 §3).
    pub(crate) sends_iss: bool,
}

#[derive(Deserialize)]
struct Document {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    revocation_endpoint: Option<String>,
    end_session_endpoint: Option<String>,
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
}

impl Provider {
    /// Where an issuer's document is: its last slash is removed before the path is added (Discovery §4.1).
    ///
    /// # Errors
    /// [`Error::BadUrl`], also for an issuer with a query.
    pub fn discovery_url(issuer: &str) -> Result<Url, Error> {
        endpoint::discovery_document(issuer).ok_or_else(|| Error::BadUrl(issuer.to_owned()))
    }

    /// Reads a discovery document that came from [`Provider::discovery_url`]. Does not limit its size.
    ///
    /// # Errors
    /// [`Error::Discovery`] if it is not this issuer's, byte for byte, or lacks an endpoint; [`Error::BadUrl`] for an
    /// endpoint without https, or on loopback although the issuer is not.
    pub fn from_json(issuer: &str, json: &[u8]) -> Result<Self, Error> {
        let unusable = |why: String| Error::Discovery {
            issuer: issuer.to_owned(),
            why,
        };
        let document: Document =
            serde_json::from_slice(json).map_err(|why| unusable(why.to_string()))?;
        if document.issuer != issuer {
            return Err(unusable(format!("it is that of `{}`", document.issuer)));
        }
        let home = permitted(issuer)?;
        let endpoint =
            |text: String| endpoint::permitted_by(&home, &text).ok_or_else(|| Error::BadUrl(text));
        Ok(Self {
            authorization_endpoint: endpoint(document.authorization_endpoint)?,
            token_endpoint: endpoint(document.token_endpoint)?,
            jwks_uri: endpoint(document.jwks_uri)?,
            revocation_endpoint: document.revocation_endpoint.map(endpoint).transpose()?,
            end_session_endpoint: document.end_session_endpoint.map(endpoint).transpose()?,
            sends_iss: document.authorization_response_iss_parameter_supported,
            issuer: document.issuer,
        })
    }

    /// The issuer, as ID tokens name it.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Where the provider publishes its keys.
    pub fn jwks_uri(&self) -> &Url {
        &self.jwks_uri
    }

    /// Where codes and refresh tokens are redeemed.
    pub fn token_endpoint(&self) -> &Url {
        &self.token_endpoint
    }

    /// Where tokens are revoked (RFC 7009), if anywhere.
    pub fn revocation_endpoint(&self) -> Option<&Url> {
        self.revocation_endpoint.as_ref()
    }
}

/// A URL that may be asked: see [`endpoint::permitted`].
pub(crate) fn permitted(text: &str) -> Result<Url, Error> {
    endpoint::permitted(text).ok_or_else(|| Error::BadUrl(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(issuer: &str, token_endpoint: &str) -> String {
        format!(
            r#"{{"issuer":"{issuer}","authorization_endpoint":"https://id.example.com/authorize","token_endpoint":"{token_endpoint}",
            "jwks_uri":"https://id.example.com/jwks"}}"#
        )
    }

    #[test]
    fn only_the_issuers_own_document_counts() {
        let issuer = "https://id.example.com/";
        for (name, says, token_endpoint, good) in [
            ("its own", issuer, "https://id.example.com/token", true),
            (
                "without the slash",
                "https://id.example.com",
                "https://id.example.com/token",
                false,
            ),
            (
                "another's",
                "https://evil.example.com/",
                "https://id.example.com/token",
                false,
            ),
            (
                "an endpoint without TLS",
                issuer,
                "http://id.example.com/token",
                false,
            ),
            (
                "an endpoint on our own machine",
                issuer,
                "https://127.0.0.1/token",
                false,
            ),
            (
                "a script for an endpoint",
                issuer,
                "javascript:alert(1)",
                false,
            ),
        ] {
            let read = Provider::from_json(issuer, document(says, token_endpoint).as_bytes());
            assert_eq!(read.is_ok(), good, "{name}");
        }
        assert!(Provider::from_json(issuer, b"<html>").is_err());
        assert!(Provider::from_json(issuer, br#"{"issuer":"https://id.example.com/"}"#).is_err());
    }
}
