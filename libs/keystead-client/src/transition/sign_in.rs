//! What to ask the user's browser to bring back: the authorization request (OpenID Connect Core §3.1.2.1).

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use keystead_protocol::{endpoint::is_loopback, scope::Scope, secret::Secret};
use rand_core::CryptoRng;
use url::Url;

use super::Login;
use crate::{Error, Provider};

/// A sign-in to be begun. Asks for a code with PKCE (RFC 7636, `S256`), `state` and `nonce`, always.
#[derive(Debug, Clone)]
#[must_use]
pub struct SignIn {
    scope: String,
    audience: Option<String>,
    resource: Option<String>,
    prompt: Option<Prompt>,
    max_age: Option<Duration>,
    leeway: Duration,
    extra: Vec<(String, String)>,
}

/// What the provider shall show, whatever it remembers (OpenID Connect Core §3.1.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prompt {
    /// Nothing: succeed silently or fail with `LoginRequired`.
    None,
    /// Ask for the password again.
    Login,
    /// Ask for consent again.
    Consent,
    /// Let the user choose an account.
    SelectAccount,
}

impl Prompt {
    fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Login => "login",
            Self::Consent => "consent",
            Self::SelectAccount => "select_account",
        }
    }
}

/// Parameters that are the protocol's: an app that could set them could switch off what protects it.
const RESERVED: &[&str] = &[
    "client_id",
    "redirect_uri",
    "response_type",
    "response_mode",
    "scope",
    "state",
    "nonce",
    "code_challenge",
    "code_challenge_method",
    "request",
    "request_uri",
];

impl Default for SignIn {
    fn default() -> Self {
        Self {
            scope: "openid".into(),
            audience: None,
            resource: None,
            prompt: None,
            max_age: None,
            leeway: Duration::from_secs(60),
            extra: Vec::new(),
        }
    }
}

impl SignIn {
    /// Asks for `openid` and nothing else.
    pub fn new() -> Self {
        Self::default()
    }

    /// What is wanted, separated by spaces. `openid` is added; `offline_access` is what brings a refresh token.
    pub fn scope(mut self, scope: impl Into<String>) -> Self {
        self.scope = scope.into();
        self
    }

    /// The API that the access token is for, as Keystead and Auth0 call it.
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audience = Some(audience.into());
        self
    }

    /// The API that the access token is for, as RFC 8707 calls it. Also sent when tokens are redeemed and renewed.
    pub fn resource(mut self, resource: impl Into<String>) -> Self {
        self.resource = Some(resource.into());
        self
    }

    /// What the provider shall show.
    pub fn prompt(mut self, prompt: Prompt) -> Self {
        self.prompt = Some(prompt);
        self
    }

    /// The user must have signed in actively within this time. Checked in the ID token's `auth_time`.
    pub fn max_age(mut self, max_age: Duration) -> Self {
        self.max_age = Some(max_age);
        self
    }

    /// Who will probably sign in: an e-mail address or a user name.
    pub fn login_hint(self, hint: impl Into<String>) -> Self {
        self.parameter("login_hint", hint)
    }

    /// Which page to begin with: `signup` for new users, at Keystead and Auth0.
    pub fn screen_hint(self, hint: impl Into<String>) -> Self {
        self.parameter("screen_hint", hint)
    }

    /// Any other parameter: `connection`, `organization`, `ui_locales`, `acr_values` …
    pub fn parameter(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.extra.push((name.into(), value.into()));
        self
    }

    /// How far this machine's clock and the provider's may differ: 60 s unless set.
    pub fn leeway(mut self, leeway: Duration) -> Self {
        self.leeway = leeway;
        self
    }

    /// Draws `state`, `nonce` and verifier and writes the address for the browser.
    ///
    /// # Errors
    /// [`Error::Setting`] for a malformed scope and for a parameter that is the protocol's, [`Error::BadUrl`] for a redirect
    /// URI that is none, has a fragment, or would carry the code over a network without TLS.
    pub fn begin(
        &self,
        provider: &Provider,
        client_id: &str,
        redirect_uri: &str,
        rng: &mut impl CryptoRng,
    ) -> Result<Login, Error> {
        let scope = self.wanted()?;
        let redirect = Url::parse(redirect_uri).map_err(|_| Error::BadUrl(redirect_uri.into()))?;
        let is_bare = redirect.scheme() == "http" && !is_loopback(&redirect);
        if is_bare || redirect.fragment().is_some() {
            return Err(Error::BadUrl(redirect_uri.into()));
        }
        let [state, nonce, verifier] = std::array::from_fn(|_| Secret::generate(rng));
        let mut url = provider.authorization_endpoint.clone();
        let mut query = url.query_pairs_mut();
        query
            .append_pair("response_type", "code")
            .append_pair("client_id", client_id)
            .append_pair("redirect_uri", redirect_uri)
            .append_pair("scope", &scope.to_string())
            .append_pair("state", state.expose())
            .append_pair("nonce", nonce.expose())
            .append_pair("code_challenge", &challenge(&verifier))
            .append_pair("code_challenge_method", "S256");
        let max_age = self.max_age.map(|age| age.as_secs().to_string());
        let optional = [
            ("audience", self.audience.as_deref()),
            ("resource", self.resource.as_deref()),
            ("prompt", self.prompt.map(Prompt::as_str)),
            ("max_age", max_age.as_deref()),
        ];
        for (name, value) in optional {
            if let Some(value) = value {
                query.append_pair(name, value);
            }
        }
        for (name, value) in &self.extra {
            if RESERVED.contains(&name.as_str()) || optional.iter().any(|(own, _)| own == name) {
                return Err(Error::setting(
                    name,
                    "it has a method of its own or is the protocol's",
                ));
            }
            query.append_pair(name, value);
        }
        drop(query);
        Ok(Login {
            url,
            issuer: provider.issuer.clone(),
            sends_iss: provider.sends_iss,
            client_id: client_id.to_owned(),
            redirect,
            redirect_uri: redirect_uri.to_owned(),
            state,
            nonce,
            verifier,
            scope,
            resource: self.resource.clone(),
            max_age: self.max_age,
            leeway: self.leeway,
        })
    }

    /// The scope with `openid` in it, since what is not asked for brings no ID token.
    pub(crate) fn wanted(&self) -> Result<Scope, Error> {
        let read = |text: &str| -> Result<Scope, Error> {
            text.parse()
                .map_err(|_| Error::setting("scope", "it has a character that no scope may have"))
        };
        Ok(read("openid")?.union(&read(&self.scope)?))
    }

    #[cfg(feature = "http")]
    pub(crate) fn resource_wanted(&self) -> Option<&str> {
        self.resource.as_deref()
    }

    #[cfg(feature = "http")]
    pub(crate) fn leeway_wanted(&self) -> Duration {
        self.leeway
    }
}

/// RFC 7636 §4.2.
fn challenge(verifier: &Secret) -> String {
    URL_SAFE_NO_PAD.encode(verifier.digest().as_bytes())
}
