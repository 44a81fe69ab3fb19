//! An authorization request, written parameter by parameter as an app writes it.

use url::Url;

/// RFC 7636 appendix B.
pub const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// A request, and where its answer goes.
#[derive(Debug, Clone)]
pub struct Ask {
    endpoint: Url,
    pairs: Vec<(String, String)>,
}

impl Ask {
    /// The request that every app makes: a code with PKCE, `openid`, a state and a nonce.
    pub fn new(issuer: &Url, client: &str, redirect_uri: &str) -> Self {
        let ask = Self {
            endpoint: issuer.join("authorize").unwrap(),
            pairs: Vec::new(),
        };
        ask.with("response_type", "code")
            .with("client_id", client)
            .with("redirect_uri", redirect_uri)
            .with("scope", "openid profile email")
            .with("state", "the-state-of-the-app")
            .with("nonce", "the-nonce-of-the-app")
            .with("code_challenge", CHALLENGE)
            .with("code_challenge_method", "S256")
    }

    /// The same with a parameter of this value, in the place of the one that it had.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.pairs.retain(|(own, _)| own != name);
        self.pairs.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same without a parameter.
    pub fn without(mut self, name: &str) -> Self {
        self.pairs.retain(|(own, _)| own != name);
        self
    }

    /// A parameter as it was given.
    pub fn get(&self, name: &str) -> &str {
        let pair = self.pairs.iter().find(|(own, _)| own == name);
        pair.map_or("", |(_, value)| value)
    }

    /// The whole request, for an address bar.
    pub fn url(&self) -> Url {
        let mut url = self.endpoint.clone();
        url.query_pairs_mut().extend_pairs(&self.pairs);
        url
    }
}

/// What arrived at a redirect URI.
#[derive(Debug, Clone)]
pub struct Answer(Vec<(String, String)>);

impl Answer {
    /// Of the query of a URL.
    pub fn of_query(url: &Url) -> Self {
        Self(url.query_pairs().into_owned().collect())
    }

    /// Of the fragment of a URL.
    pub fn of_fragment(url: &Url) -> Self {
        let fragment = url.fragment().unwrap_or_default();
        Self(
            url::form_urlencoded::parse(fragment.as_bytes())
                .into_owned()
                .collect(),
        )
    }

    /// Of a form that was posted.
    pub fn of_form(pairs: Vec<(String, String)>) -> Self {
        Self(pairs)
    }

    /// A parameter, which must not come twice; empty if it did not come.
    pub fn get(&self, name: &str) -> &str {
        let mut values = self.0.iter().filter(|(own, _)| own == name);
        let value = values.next().map_or("", |(_, value)| value.as_str());
        assert!(values.next().is_none(), "{name} came twice: {:?}", self.0);
        value
    }

    /// The code, in an answer to this request that holds one and no error.
    pub fn code(&self, ask: &Ask) -> &str {
        assert!(
            !self.get("code").is_empty() && self.get("error").is_empty(),
            "{self:?}"
        );
        assert_eq!(self.get("state"), ask.get("state"));
        self.get("code")
    }

    /// The error, in an answer to this request that holds one and no code.
    pub fn error(&self, ask: &Ask) -> &str {
        assert!(
            self.get("code").is_empty() && !self.get("error").is_empty(),
            "{self:?}"
        );
        assert_eq!(self.get("state"), ask.get("state"));
        self.get("error")
    }
}
