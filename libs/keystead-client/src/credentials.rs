//! What a sign-in brings: the access token, how long it lives, what it may do, and who signed in.

use std::{fmt, sync::Arc, time::Duration};

use keystead_protocol::{scope::Scope, secret::Secret, time::Timestamp};

use crate::transition::{IdToken, Tokens};

/// Credentials of a user who signed in. Cloning is cheap enough for each request.
#[derive(Clone)]
pub struct Credentials {
    pub(crate) access_token: Secret,
    pub(crate) refresh_token: Option<Secret>,
    pub(crate) id_token: Option<Arc<IdToken>>,
    pub(crate) scope: Scope,
    /// By this machine's clock, before the request left: so no token is believed to live longer than it does.
    pub(crate) obtained_at: Timestamp,
    pub(crate) expires_at: Option<Timestamp>,
}

impl Credentials {
    /// Credentials from tokens that were asked for at `sent_at` with `asked`.
    pub(crate) fn new(
        tokens: Tokens,
        id_token: Option<IdToken>,
        asked: &Scope,
        sent_at: Timestamp,
    ) -> Self {
        Self {
            access_token: tokens.access_token,
            refresh_token: tokens.refresh_token,
            id_token: id_token.map(Arc::new),
            // RFC 6749 §5.1: left out if it is what was asked for.
            scope: tokens.scope.unwrap_or_else(|| asked.clone()),
            obtained_at: sent_at,
            expires_at: tokens.expires_in.map(|life| sent_at + life),
        }
    }

    /// The access token, for the `Authorization` header of requests to its API and to nobody else.
    pub fn access_token(&self) -> &Secret {
        &self.access_token
    }

    /// When the access token was asked for, by this machine's clock.
    pub fn obtained_at(&self) -> Timestamp {
        self.obtained_at
    }

    /// When the access token ends, by this machine's clock; unknown if the provider does not say.
    pub fn expires_at(&self) -> Option<Timestamp> {
        self.expires_at
    }

    /// What was granted. It may be less than was asked for.
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// Who signed in.
    pub fn id_token(&self) -> Option<&IdToken> {
        self.id_token.as_deref()
    }

    /// Whether both say the same about who signed in. Between two sign-ins of one session that is the subject alone.
    #[cfg(feature = "http")]
    pub(crate) fn is_same_user(&self, other: &Self) -> bool {
        let [own, others] = [self, other].map(|one| one.id_token().map(IdToken::subject));
        own == others
    }

    /// Whether these can be renewed without the user.
    pub fn is_renewable(&self) -> bool {
        self.refresh_token.is_some()
    }

    /// Whether the access token will live for `ttl` from now. One whose end is unknown lives until it is refused.
    pub fn lives(&self, ttl: Duration, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|end| now + ttl < end)
    }
}

/// Shows neither tokens nor the user.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("scope", &self.scope)
            .field("expires_at", &self.expires_at)
            .field("is_renewable", &self.is_renewable())
            .finish_non_exhaustive()
    }
}
