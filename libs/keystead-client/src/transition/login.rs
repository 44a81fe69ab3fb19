//! A sign-in that was begun: what may come back from the browser and from the token endpoint, and what it amounts to.

use std::{collections::BTreeMap, fmt, time::Duration};

use keystead_protocol::{jwk::VerifyingKeys, scope::Scope, secret::Secret, time::Timestamp};
use url::Url;

use super::{Expected, IdToken, Tokens, refusal::refused, token::form};
use crate::{CallbackRefusal, Credentials, Error, IdTokenRefusal};

/// A sign-in that waits for the browser. Holds what must not leave the app until the code is redeemed.
pub struct Login {
    pub(super) url: Url,
    pub(super) issuer: String,
    pub(super) sends_iss: bool,
    pub(super) client_id: String,
    pub(super) redirect: Url,
    pub(super) redirect_uri: String,
    pub(super) state: Secret,
    pub(super) nonce: Secret,
    pub(super) verifier: Secret,
    pub(super) scope: Scope,
    pub(super) resource: Option<String>,
    pub(super) max_age: Option<Duration>,
    pub(super) leeway: Duration,
}

impl Login {
    /// Where the browser shall go.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// Reads what the browser came back with, and takes the code out of it.
    ///
    /// `state` is looked at before anything else is believed, also before an error: whoever can make the browser open an
    /// address must not be able to end a sign-in.
    ///
    /// # Errors
    /// [`Error::Callback`] if it is not this sign-in's; else what the provider says: [`Error::Denied`],
    /// [`Error::LoginRequired`] after [`Prompt::None`](super::Prompt::None), [`Error::Refused`],
    /// [`Error::Unavailable`].
    pub fn code(&self, callback: &str) -> Result<Secret, Error> {
        let callback = Url::parse(callback).map_err(|_| CallbackRefusal::OtherUri)?;
        if !self.is_redirect(&callback) {
            return Err(CallbackRefusal::OtherUri.into());
        }
        let pairs = pairs(&callback)?;
        let get = |name: &str| pairs.get(name).map(String::as_str);
        if !get("state").is_some_and(|state| self.state.matches(state)) {
            return Err(CallbackRefusal::State.into());
        }
        match get("iss") {
            Some(issuer) if issuer != self.issuer => return Err(CallbackRefusal::Issuer.into()),
            None if self.sends_iss => return Err(CallbackRefusal::Issuer.into()),
            _ => {}
        }
        if let Some(code) = get("error") {
            return Err(refused(code, get("error_description").unwrap_or_default()));
        }
        get("code")
            .map(Secret::from)
            .ok_or(Error::Callback(CallbackRefusal::NoCode))
    }

    /// Everything before the query is the redirect URI's, and its own query is still there.
    fn is_redirect(&self, callback: &Url) -> bool {
        let own = &self.redirect;
        own.scheme() == callback.scheme()
            && own.host_str() == callback.host_str()
            && own.port_or_known_default() == callback.port_or_known_default()
            && own.path() == callback.path()
            && own
                .query_pairs()
                .all(|pair| callback.query_pairs().any(|other| other == pair))
    }

    /// The form that redeems the code (RFC 6749 §4.1.3, RFC 7636 §4.5).
    pub fn token_request(&self, code: &Secret) -> Secret {
        form(&[
            ("grant_type", "authorization_code"),
            ("client_id", &self.client_id),
            ("code", code.expose()),
            ("redirect_uri", &self.redirect_uri),
            ("code_verifier", self.verifier.expose()),
            ("resource", self.resource.as_deref().unwrap_or_default()),
        ])
    }

    /// Reads the token endpoint's answer, checks its ID token, and has the credentials.
    ///
    /// # Errors
    /// Those of [`Tokens::read`], and [`Error::IdToken`].
    pub fn credentials(
        &self,
        status: u16,
        body: &[u8],
        keys: &VerifyingKeys,
        now: Timestamp,
    ) -> Result<Credentials, Error> {
        let tokens = Tokens::read(status, body)?;
        self.settle(tokens, keys, now, now)
    }

    pub(crate) fn settle(
        &self,
        tokens: Tokens,
        keys: &VerifyingKeys,
        sent_at: Timestamp,
        now: Timestamp,
    ) -> Result<Credentials, Error> {
        let raw = tokens.id_token.as_ref().ok_or(IdTokenRefusal::Missing)?;
        let expected = Expected {
            issuer: &self.issuer,
            client_id: &self.client_id,
            nonce: Some(self.nonce.expose()),
            max_age: self.max_age,
            access_token: Some(tokens.access_token.expose()),
            leeway: self.leeway,
        };
        let id_token = IdToken::verify(raw.expose(), keys, &expected, now)?;
        Ok(Credentials::new(
            tokens,
            Some(id_token),
            &self.scope,
            sent_at,
        ))
    }

    /// What was asked for.
    pub fn scope(&self) -> &Scope {
        &self.scope
    }
}

/// Shows neither `state` nor `nonce`, and so no address either.
impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login")
            .field("issuer", &self.issuer)
            .field("redirect_uri", &self.redirect_uri)
            .finish_non_exhaustive()
    }
}

/// The parameters; the protocol's at most once, so that nobody reads another one than we do.
fn pairs(callback: &Url) -> Result<BTreeMap<String, String>, CallbackRefusal> {
    const ONCE: &[&str] = &["code", "state", "iss", "error", "error_description"];
    let mut pairs = BTreeMap::new();
    for (name, value) in callback.query_pairs() {
        let before = pairs.insert(name.to_string(), value.into_owned());
        if before.is_some() && ONCE.contains(&name.as_ref()) {
            return Err(CallbackRefusal::Duplicate);
        }
    }
    pairs.retain(|_, value| !value.is_empty());
    Ok(pairs)
}
