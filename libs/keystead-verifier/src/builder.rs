//! How a verifier is set up: two names that must be given, and defaults for all else.

use std::{fmt, sync::Arc, time::Duration};

use keystead_protocol::{
    jwk::{Algorithm, KeyRefusal, VerifyingKey, VerifyingKeys},
    jwt::Limits,
    time::Timestamp,
};
use thiserror::Error;

#[cfg(feature = "introspection")]
use crate::introspect::{Introspection, Introspector};
use crate::{
    Verifier,
    clock::{self, Clock},
    keys::{KeySource, Keys},
    verify::Shared,
};
#[cfg(feature = "http")]
use crate::{
    jwks::{Jwks, Patience},
    place::Place,
};

/// Which `typ` an access token may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TokenType {
    /// `at+jwt`, `JWT` or none: what providers send. ID tokens are told apart by claims that only they have, and by
    /// their audience, which is a client; so an API should not have the name of a client.
    #[default]
    Any,
    /// `at+jwt` alone (RFC 9068 §2.1), where the provider is known to set it.
    AtJwt,
}

/// What is wrong with the settings.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum BuildError {
    /// [`Builder::issuer`] was not called, or with nothing.
    #[error("the issuer is missing")]
    MissingIssuer,
    /// [`Builder::audience`] was not called, or with nothing.
    #[error("the audience is missing")]
    MissingAudience,
    /// A URL that keys or decisions would come from and that is not `https` (or `http` on loopback), or has a query, a
    /// fragment or a user name.
    #[error("`{0}` is not a plain https URL")]
    BadUrl(String),
    /// No algorithm is allowed, or a symmetric one with keys that the issuer publishes.
    #[error("the algorithms do not fit the keys")]
    Algorithms,
    /// The secret cannot be used.
    #[error(transparent)]
    Secret(#[from] KeyRefusal),
    /// No keys were given, and the feature `http` is off.
    #[error("there are no keys, and fetching them is not compiled in")]
    NoKeys,
    /// TLS could not be set up.
    #[error("no HTTP client: {0}")]
    Client(String),
}

/// The settings of a [`Verifier`]. Without keys of your own, they come from the issuer's discovery document.
#[must_use]
pub struct Builder {
    issuer: String,
    audience: String,
    origin: Origin,
    algorithms: Option<Vec<Algorithm>>,
    leeway: Duration,
    limits: Limits,
    token_type: TokenType,
    clock: Clock,
    #[cfg(feature = "http")]
    patience: Patience,
    #[cfg(feature = "introspection")]
    introspection: Option<Introspection>,
}

enum Origin {
    Discovery,
    #[cfg(feature = "http")]
    JwksUri(String),
    Fixed(VerifyingKeys),
    Secret(Algorithm, Result<VerifyingKey, KeyRefusal>),
    Source(KeySource),
}

impl Builder {
    pub(crate) fn new() -> Self {
        Self {
            issuer: String::new(),
            audience: String::new(),
            origin: Origin::Discovery,
            algorithms: None,
            leeway: Duration::from_secs(10),
            limits: Limits::default(),
            token_type: TokenType::default(),
            clock: Arc::new(clock::system),
            #[cfg(feature = "http")]
            patience: Patience::default(),
            #[cfg(feature = "introspection")]
            introspection: None,
        }
    }

    /// The only issuer, byte for byte as it stands in `iss`: a last slash counts.
    pub fn issuer(mut self, issuer: impl Into<String>) -> Self {
        self.issuer = issuer.into();
        self
    }

    /// The identifier of this API, which must be among the token's `aud`.
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audience = audience.into();
        self
    }

    /// Fixed keys instead of the issuer's published ones.
    pub fn keys(mut self, keys: VerifyingKeys) -> Self {
        self.origin = Origin::Fixed(keys);
        self
    }

    /// A shared secret instead of published keys, for `HS256`, `HS384` or `HS512`.
    pub fn secret(mut self, algorithm: Algorithm, secret: &[u8]) -> Self {
        self.origin = Origin::Secret(algorithm, VerifyingKey::from_secret(algorithm, secret));
        self
    }

    /// Keys that this process has and may change, asked for each token: for a server that guards its own API.
    pub fn key_source(
        mut self,
        source: impl Fn() -> Arc<VerifyingKeys> + Send + Sync + 'static,
    ) -> Self {
        self.origin = Origin::Source(Arc::new(source));
        self
    }

    /// The key set's place, for issuers without a discovery document.
    #[cfg(feature = "http")]
    pub fn jwks_uri(mut self, uri: impl Into<String>) -> Self {
        self.origin = Origin::JwksUri(uri.into());
        self
    }

    /// The algorithms that are taken. Default: those of the fixed keys or the secret, else every asymmetric one. Of
    /// published keys without `alg`, the first of this list that fits a key is taken for its own.
    pub fn algorithms(mut self, algorithms: impl IntoIterator<Item = Algorithm>) -> Self {
        self.algorithms = Some(algorithms.into_iter().collect());
        self
    }

    /// How far the clocks of issuer and API may differ; 10 seconds by default.
    pub fn leeway(self, leeway: Duration) -> Self {
        Self { leeway, ..self }
    }

    /// The longest token that is looked at, in bytes; 16 KiB by default.
    pub fn longest_token(mut self, bytes: usize) -> Self {
        self.limits.token = bytes;
        self
    }

    /// Which `typ` is taken; [`TokenType::Any`] by default.
    pub fn token_type(self, token_type: TokenType) -> Self {
        Self { token_type, ..self }
    }

    /// Another clock than the system's, for tests and for programs that own theirs.
    pub fn clock(mut self, clock: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// How long keys are used when the issuer cannot be reached; a day by default.
    #[cfg(feature = "http")]
    pub fn max_staleness(mut self, span: Duration) -> Self {
        self.patience.stale = span;
        self
    }

    /// How often, at most, tokens with an unknown `kid` make the keys be fetched again; once a minute by default.
    #[cfg(feature = "http")]
    pub fn unknown_key_interval(mut self, span: Duration) -> Self {
        self.patience.unknown = span;
        self
    }

    /// How long one request to the issuer may take; 5 seconds by default.
    #[cfg(feature = "http")]
    pub fn fetch_timeout(mut self, span: Duration) -> Self {
        self.patience.fetch = span;
        self
    }

    /// Asks the issuer about tokens (RFC 7662).
    #[cfg(feature = "introspection")]
    pub fn introspection(mut self, introspection: Introspection) -> Self {
        self.introspection = Some(introspection);
        self
    }

    /// Checks the settings. Fetches nothing.
    ///
    /// # Errors
    /// The first [`BuildError`] found.
    pub fn build(self) -> Result<Verifier, BuildError> {
        if self.issuer.is_empty() {
            return Err(BuildError::MissingIssuer);
        }
        if self.audience.is_empty() {
            return Err(BuildError::MissingAudience);
        }
        let algorithms = self.algorithms.unwrap_or_else(|| self.origin.algorithms());
        if algorithms.is_empty() {
            return Err(BuildError::Algorithms);
        }
        #[cfg(feature = "introspection")]
        let introspector = self
            .introspection
            .map(|introspection| Introspector::new(introspection, self.patience.fetch))
            .transpose()?;
        let keys = match self.origin {
            Origin::Fixed(keys) => held(keys),
            Origin::Secret(_, key) => held([key?].into_iter().collect()),
            Origin::Source(source) => Keys::Held(source),
            #[cfg(feature = "http")]
            Origin::JwksUri(uri) => {
                let place = Place::key_set(&uri)?;
                published(place, &algorithms, self.patience, &self.clock)?
            }
            #[cfg(feature = "http")]
            Origin::Discovery => {
                let place = Place::discovery(&self.issuer)?;
                published(place, &algorithms, self.patience, &self.clock)?
            }
            #[cfg(not(feature = "http"))]
            Origin::Discovery => return Err(BuildError::NoKeys),
        };
        Ok(Verifier {
            audience: self.audience.into(),
            shared: Arc::new(Shared {
                keys,
                algorithms,
                leeway: self.leeway,
                limits: self.limits,
                token_type: self.token_type,
                #[cfg(feature = "introspection")]
                introspector,
                clock: self.clock,
                issuer: self.issuer,
            }),
        })
    }
}

impl Origin {
    fn algorithms(&self) -> Vec<Algorithm> {
        match self {
            Self::Fixed(keys) => keys.keys().iter().map(VerifyingKey::alg).collect(),
            Self::Secret(algorithm, _) => vec![*algorithm],
            Self::Source(_) | Self::Discovery => asymmetric(),
            #[cfg(feature = "http")]
            Self::JwksUri(_) => asymmetric(),
        }
    }
}

fn asymmetric() -> Vec<Algorithm> {
    let all = Algorithm::ALL.into_iter();
    all.filter(|algorithm| !algorithm.is_symmetric()).collect()
}

fn held(keys: VerifyingKeys) -> Keys {
    let keys = Arc::new(keys);
    Keys::Held(Arc::new(move || Arc::clone(&keys)))
}

#[cfg(feature = "http")]
fn published(
    place: Place,
    algorithms: &[Algorithm],
    patience: Patience,
    clock: &Clock,
) -> Result<Keys, BuildError> {
    // A secret is never published, so such a token could only be checked with a key that is public.
    if algorithms.iter().any(|algorithm| algorithm.is_symmetric()) {
        return Err(BuildError::Algorithms);
    }
    let jwks = Jwks::new(place, algorithms.to_vec(), patience, Arc::clone(clock))?;
    Ok(Keys::Published(Arc::new(jwks)))
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("issuer", &self.issuer)
            .field("audience", &self.audience)
            .finish_non_exhaustive()
    }
}
