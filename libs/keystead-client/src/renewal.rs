//! When to renew, and what is kept so that no renewal is ever lost: decided here, done by [`Session`](crate::Session).
//!
//! With rotation a refresh token is spent by its first use. If the answer never arrives, or the app dies before it is
//! kept, the new one is lost, and the old one is good for a few seconds more at best. So the intent is written down
//! before the request leaves, and taken away with the answer: whoever finds it knows that those seconds are running.

use std::{borrow::Cow, sync::Arc, time::Duration};

use keystead_protocol::{scope::Scope, secret::Secret, time::Timestamp};
use serde::{Deserialize, Serialize};

use crate::{
    Credentials, Error, LoginReason,
    transition::{IdToken, Tokens},
};

/// How long a provider takes a spent refresh token again, if it does: ten seconds at Keystead.
const GRACE: Duration = Duration::from_secs(10);

/// How far back a clock may be set before the age of a token is no longer believed.
const JITTER: Duration = Duration::from_secs(60);

/// What a caller needs of the credentials.
#[derive(Debug, Clone)]
#[must_use]
pub struct Want {
    min_ttl: Duration,
    scope: Scope,
    renew: bool,
}

impl Default for Want {
    fn default() -> Self {
        Self {
            min_ttl: Duration::from_secs(60),
            scope: Scope::default(),
            renew: false,
        }
    }
}

impl Want {
    /// An access token that lives for another minute, with whatever scope it has.
    pub fn new() -> Self {
        Self::default()
    }

    /// How long the access token must live at least.
    pub fn min_ttl(mut self, min_ttl: Duration) -> Self {
        self.min_ttl = min_ttl;
        self
    }

    /// What the access token must be allowed to do. What it lacks is asked for once: a provider grants by renewal only
    /// what the user granted at sign-in.
    pub fn scope(mut self, scope: Scope) -> Self {
        self.scope = scope;
        self
    }

    /// A new access token in any case: what it says has changed at the provider, or an API did not take it.
    pub fn renewed(mut self) -> Self {
        self.renew = true;
        self
    }

    /// The same, satisfied by a renewal that has just been made.
    pub(crate) fn once_renewed(&self) -> Self {
        Self {
            renew: false,
            ..self.clone()
        }
    }

    /// What the credentials lack. `offline_access` is never in a token: it is the refresh token.
    fn missing(&self, credentials: &Credentials) -> Scope {
        let missing = self.scope.minus(&credentials.scope);
        missing
            .iter()
            .filter(|token| token.as_str() != "offline_access" || !credentials.is_renewable())
            .cloned()
            .collect()
    }
}

/// What is to be done before a caller gets credentials.
#[derive(Debug)]
pub(crate) enum Step {
    /// They are good.
    Use,
    /// They must be renewed, with this scope if it is not the usual one.
    Renew(Option<Scope>),
    /// Nothing helps.
    Refuse(Error),
}

/// Credentials as they are kept.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    pub(crate) credentials: Credentials,
    /// What was asked for when the access token was made, so that what was refused is not asked for again and again.
    asked: Scope,
    /// Since when an answer has been waited for.
    renewing_since: Option<Timestamp>,
}

impl Record {
    /// What a sign-in brought that asked for this scope.
    pub(crate) fn new(credentials: Credentials, asked: &Scope) -> Self {
        Self {
            credentials,
            asked: asked.clone(),
            renewing_since: None,
        }
    }

    /// What to do for a caller.
    pub(crate) fn step(&self, want: &Want, now: Timestamp) -> Step {
        let own = &self.credentials;
        let missing = want.missing(own);
        // Asking again would bring the same: the provider has said no, or the user was never asked.
        let was_refused = !missing.is_empty() && missing.is_subset(&self.asked);
        let lives = own.lives(want.min_ttl, now) && !want.renew;
        if !own.is_renewable() {
            return match (lives, missing.is_empty()) {
                (true, true) => Step::Use,
                (true, false) => Step::Refuse(Error::ScopeNotGranted { missing }),
                (false, _) => Step::Refuse(LoginReason::NoRefreshToken.into()),
            };
        }
        let widened = own.scope.union(&missing);
        let is_due = !lives || is_from_the_future(own, now) || self.is_in_grace(now);
        match (missing.is_empty(), was_refused) {
            (false, false) => Step::Renew(Some(widened)),
            _ if is_due => Step::Renew(None),
            (false, true) => Step::Refuse(Error::ScopeNotGranted { missing }),
            (true, _) => Step::Use,
        }
    }

    /// Whether a caller has what he asked for, whatever else there is to be done.
    pub(crate) fn satisfies(&self, want: &Want, now: Timestamp) -> bool {
        let own = &self.credentials;
        !want.renew && own.lives(want.min_ttl, now) && want.missing(own).is_empty()
    }

    /// What to say after a renewal, which is not repeated however little it brought.
    pub(crate) fn outcome(&self, want: &Want, now: Timestamp) -> Result<Credentials, Error> {
        let missing = want.missing(&self.credentials);
        if !missing.is_empty() {
            return Err(Error::ScopeNotGranted { missing });
        }
        if !self.credentials.lives(want.min_ttl, now) {
            let own = &self.credentials;
            let lifetime = own.expires_at.map(|end| end.since(own.obtained_at));
            return Err(Error::ShortLived {
                lifetime: lifetime.unwrap_or(Duration::MAX),
            });
        }
        Ok(self.credentials.clone())
    }

    /// Whether a renewal was cut short so recently that the provider may still take the old refresh token. Then there is
    /// no time to lose, however long the access token lives.
    fn is_in_grace(&self, now: Timestamp) -> bool {
        self.renewing_since
            .is_some_and(|since| is_graceful(since, now))
    }

    /// Whether a renewal was cut short, ever.
    pub(crate) fn was_interrupted(&self) -> bool {
        self.renewing_since.is_some()
    }

    /// With the intent to renew. An older one stays as long as it matters: the first request may be the one that was
    /// answered.
    #[must_use]
    pub(crate) fn renewing(&self, now: Timestamp) -> Self {
        let older = self.renewing_since.filter(|since| is_graceful(*since, now));
        Self {
            renewing_since: older.or(Some(now)),
            ..self.clone()
        }
    }

    /// After tokens came. The refresh token stays if none came, and so does the ID token, until the new one is checked.
    #[must_use]
    pub(crate) fn renewed(
        &self,
        mut tokens: Tokens,
        scope: Option<&Scope>,
        sent_at: Timestamp,
    ) -> Self {
        let own = &self.credentials;
        tokens.refresh_token = tokens.refresh_token.or_else(|| own.refresh_token.clone());
        let asked = scope.unwrap_or(&self.asked).clone();
        // Without a scope the answer is for everything that was granted at first, of which we know at least this.
        let granted = scope.unwrap_or(&own.scope);
        let mut credentials = Credentials::new(tokens, None, granted, sent_at);
        credentials.id_token.clone_from(&own.id_token);
        Self {
            credentials,
            asked,
            renewing_since: None,
        }
    }

    /// After the provider refused a scope and left everything else as it was.
    #[must_use]
    pub(crate) fn refused(&self, scope: &Scope) -> Self {
        Self {
            credentials: self.credentials.clone(),
            asked: self.asked.union(scope),
            renewing_since: None,
        }
    }

    /// With an ID token that was checked.
    #[must_use]
    pub(crate) fn identified(mut self, id_token: IdToken) -> Self {
        self.credentials.id_token = Some(Arc::new(id_token));
        self
    }

    /// Writes everything down for a vault, with whose credentials they are.
    pub(crate) fn to_text(&self, whose: Whose<'_>) -> Result<Secret, Error> {
        let own = &self.credentials;
        let kept = Kept {
            version: VERSION,
            issuer: whose.issuer.into(),
            client_id: whose.client_id.into(),
            access_token: own.access_token.expose().into(),
            refresh_token: own
                .refresh_token
                .as_ref()
                .map(|token| token.expose().into()),
            id_token: own
                .id_token
                .as_ref()
                .map(|token| token.token().expose().into()),
            scope: own.scope.to_string(),
            asked: self.asked.to_string(),
            obtained_at: own.obtained_at.as_millis(),
            expires_at: own.expires_at.map(Timestamp::as_millis),
            renewing_since: self.renewing_since.map(Timestamp::as_millis),
        };
        serde_json::to_string(&kept)
            .map(Secret::from)
            .map_err(|_| Error::Answer("it cannot be written as JSON"))
    }

    /// Reads what a vault kept; nothing if it is another app's, or a version's to come.
    pub(crate) fn from_text(text: &Secret, whose: Whose<'_>) -> Option<Self> {
        let kept: Kept<'_> = serde_json::from_str(text.expose()).ok()?;
        if kept.version != VERSION
            || kept.issuer != whose.issuer
            || kept.client_id != whose.client_id
        {
            return None;
        }
        let moment = Timestamp::from_millis;
        let secret = |text: Cow<'_, str>| Secret::from(text.into_owned());
        Some(Self {
            credentials: Credentials {
                access_token: secret(kept.access_token),
                refresh_token: kept.refresh_token.map(secret),
                id_token: kept
                    .id_token
                    .and_then(|token| IdToken::kept(secret(token)))
                    .map(Arc::new),
                scope: kept.scope.parse().ok()?,
                obtained_at: moment(kept.obtained_at),
                expires_at: kept.expires_at.map(moment),
            },
            asked: kept.asked.parse().ok()?,
            renewing_since: kept.renewing_since.map(moment),
        })
    }
}

/// Whether a refresh token that was spent at `since` may still be taken. Clocks jitter both ways.
fn is_graceful(since: Timestamp, now: Timestamp) -> bool {
    since <= now + GRACE && now <= since + GRACE
}

/// Whether the clock was set back behind the token's issue, so that its age is unknown.
fn is_from_the_future(credentials: &Credentials, now: Timestamp) -> bool {
    now + JITTER < credentials.obtained_at
}

/// Whose credentials are kept. Others' are never sent to this provider.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Whose<'a> {
    pub(crate) issuer: &'a str,
    pub(crate) client_id: &'a str,
}

const VERSION: u32 = 1;

/// The text of a vault. What is not borrowed is moved into a [`Secret`], so that no copy of a token stays in memory.
#[derive(Serialize, Deserialize)]
struct Kept<'a> {
    version: u32,
    #[serde(borrow)]
    issuer: Cow<'a, str>,
    #[serde(borrow)]
    client_id: Cow<'a, str>,
    #[serde(borrow)]
    access_token: Cow<'a, str>,
    refresh_token: Option<Cow<'a, str>>,
    id_token: Option<Cow<'a, str>>,
    scope: String,
    asked: String,
    obtained_at: i64,
    expires_at: Option<i64>,
    renewing_since: Option<i64>,
}

#[cfg(test)]
mod tests;
