//! The walk of one token: read, key, signature, claims.

use std::{fmt, sync::Arc, time::Duration};

use keystead_protocol::{
    claims::{Expected, TokenUse, check},
    jwk::{Algorithm, VerifyingKeys},
    jwt::{Limits, Token},
    time::Timestamp,
};

use crate::{
    Builder, Claims, Refusal, TokenType,
    clock::Clock,
    keys::{Keys, choose},
};

/// Checks access tokens of one issuer for one API. Cheap to clone; clones share their keys.
#[derive(Clone)]
pub struct Verifier {
    pub(crate) shared: Arc<Shared>,
    pub(crate) audience: Arc<str>,
}

/// What does not differ between the audiences of one process.
pub(crate) struct Shared {
    pub(crate) issuer: String,
    pub(crate) keys: Keys,
    pub(crate) algorithms: Vec<Algorithm>,
    pub(crate) leeway: Duration,
    pub(crate) limits: Limits,
    pub(crate) token_type: TokenType,
    pub(crate) clock: Clock,
    #[cfg(feature = "introspection")]
    pub(crate) introspector: Option<crate::introspect::Introspector>,
}

impl Verifier {
    /// Begins with issuer and audience; see [`Builder`].
    pub fn builder() -> Builder {
        Builder::new()
    }

    /// The same verifier for another API of this process: keys and introspection are shared, decisions are not.
    #[must_use]
    pub fn for_audience(&self, audience: &str) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            audience: audience.into(),
        }
    }

    /// Checks an access token. When the keys are at hand this never waits; otherwise it waits for the issuer, for which
    /// there is a [timeout](Builder::fetch_timeout).
    ///
    /// Not checked: `scope` and `permissions` (see [`Claims::require_scope`]), and whether the token was revoked, unless
    /// introspection is on.
    ///
    /// # Errors
    /// The first reason found; see [`Refusal`].
    pub async fn verify(&self, token: &str) -> Result<Claims, Refusal> {
        let now = (self.shared.clock)();
        #[cfg(feature = "introspection")]
        if let Some(introspector) = &self.shared.introspector {
            return introspector.verify(self, token, now).await;
        }
        self.verify_signed(token, now).await
    }

    /// As [`Verifier::verify`], with the keys that are at hand: never waits and never asks the issuer.
    ///
    /// # Errors
    /// As [`Verifier::verify`]; [`Refusal::KeysUnavailable`] if there are no keys yet. A token of a key that was
    /// published a moment ago is an [`Refusal::UnknownKey`] here. Where introspection is demanded of every token,
    /// [`Refusal::IntrospectionUnavailable`].
    pub fn verify_now(&self, token: &str) -> Result<Claims, Refusal> {
        let now = (self.shared.clock)();
        #[cfg(feature = "introspection")]
        if let Some(introspector) = &self.shared.introspector {
            introspector.permits_offline(token)?;
        }
        let token = self.read(token)?;
        match &self.shared.keys {
            Keys::Held(source) => self.accept(token, &source(), now),
            #[cfg(feature = "http")]
            Keys::Published(jwks) => self.accept(token, &jwks.at_hand(now)?.keys, now),
        }
    }

    /// Fetches the keys, so that the first request does not have to wait and a wrong configuration shows at start.
    /// Optional; without effect where the keys are in this process, or at hand.
    ///
    /// # Errors
    /// [`Refusal::KeysUnavailable`] with the precise reason.
    #[cfg(feature = "http")]
    pub async fn warm(&self) -> Result<(), Refusal> {
        if let Keys::Published(jwks) = &self.shared.keys {
            let now = (self.shared.clock)();
            if jwks.warm(now).is_none() {
                jwks.wait(now).await?;
            }
        }
        Ok(())
    }

    pub(crate) async fn verify_signed(
        &self,
        token: &str,
        now: Timestamp,
    ) -> Result<Claims, Refusal> {
        let token = self.read(token)?;
        match &self.shared.keys {
            Keys::Held(source) => self.accept(token, &source(), now),
            #[cfg(feature = "http")]
            Keys::Published(jwks) => {
                let Some(mut published) = jwks.warm(now) else {
                    let fetched = jwks.wait(now).await?;
                    return self.accept(token, &fetched.keys, now);
                };
                if matches!(
                    choose(&published.keys, token.header()),
                    Err(Refusal::UnknownKey)
                ) && let Some(newer) = jwks.look_again(&published, now).await
                {
                    published = newer;
                }
                self.accept(token, &published.keys, now)
            }
        }
    }

    fn read<'t>(&self, token: &'t str) -> Result<Token<'t>, Refusal> {
        let token = Token::parse_within(token, self.shared.limits)?;
        if self.shared.algorithms.contains(&token.header().alg()) {
            Ok(token)
        } else {
            Err(Refusal::AlgorithmNotAllowed)
        }
    }

    fn accept(
        &self,
        token: Token<'_>,
        keys: &VerifyingKeys,
        now: Timestamp,
    ) -> Result<Claims, Refusal> {
        let key = choose(keys, token.header())?;
        let verified = token.verify(key)?;
        let expected = Expected {
            issuer: &self.shared.issuer,
            audience: &self.audience,
            leeway: self.shared.leeway,
            token_use: match self.shared.token_type {
                TokenType::Any => TokenUse::AccessToken,
                TokenType::AtJwt => TokenUse::TypedAccessToken,
            },
        };
        Ok(Claims::signed(check(verified, &expected, now)?))
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier")
            .field("issuer", &self.shared.issuer)
            .field("audience", &self.audience)
            .finish_non_exhaustive()
    }
}
