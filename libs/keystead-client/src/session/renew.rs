//! One renewal at a time, none of whose outcomes is lost.

use std::sync::{Arc, atomic::Ordering};

use keystead_protocol::{scope::Scope, secret::Secret, time::Timestamp};
use tokio::sync::MutexGuard;

use super::{Inner, Turn};
use crate::{
    Credentials, Error, IdTokenRefusal, LoginReason, Provider,
    fetch::NoAnswer,
    renewal::{Record, Step, Want},
    transition::{Expected, IdToken, Tokens, is_matter_of_time, refresh_request},
};

/// What a caller asked for, and what was known then.
pub(super) struct Asked {
    pub(super) want: Want,
    /// The access token that was not good enough. Another one may be, whoever brought it.
    pub(super) before: Option<Secret>,
    /// How many renewals had begun.
    pub(super) attempts: u64,
}

/// A renewal that failed.
pub(super) struct Failed {
    attempt: u64,
    scope: Option<Scope>,
    why: Error,
}

impl Inner {
    /// Credentials for a caller whom what was known did not satisfy.
    pub(super) async fn obtain(self: Arc<Self>, asked: Asked) -> Result<Credentials, Error> {
        let mut turn = self.turn.lock().await;
        let _lock = self.lock().await?;
        let record = self.latest(&mut turn).await?;
        let record = record.ok_or(LoginReason::NotSignedIn)?;
        let is_another = |before: &Secret| *before != record.credentials.access_token;
        let want = if asked.before.as_ref().is_some_and(is_another) {
            asked.want.once_renewed()
        } else {
            asked.want
        };
        let scope = match record.step(&want, (self.clock)()) {
            Step::Use => return Ok(record.credentials),
            Step::Refuse(why) => return Err(why),
            Step::Renew(scope) => scope,
        };
        let outcome = match &turn.failed {
            Some(failed) if failed.attempt > asked.attempts && failed.scope == scope => {
                Err(failed.why.clone())
            }
            _ => {
                let attempt = self.attempts.fetch_add(1, Ordering::AcqRel) + 1;
                let outcome = self.renew(&mut turn, &record, scope.as_ref()).await;
                turn.failed = outcome.as_ref().err().map(|why| Failed {
                    attempt,
                    scope,
                    why: why.clone(),
                });
                outcome
            }
        };
        let now = (self.clock)();
        match outcome {
            Ok(renewed) => renewed.outcome(&want.once_renewed(), now),
            // It was for the session's sake, not for this caller's.
            Err(why) if why.is_temporary() && record.satisfies(&want, now) => {
                Ok(record.credentials)
            }
            Err(why) => Err(why),
        }
    }

    /// What the vault holds now: another process may have renewed or signed out. What it would not take is offered again.
    pub(super) async fn latest(
        &self,
        turn: &mut MutexGuard<'_, Turn>,
    ) -> Result<Option<Record>, Error> {
        if let Some(record) = &turn.unsaved {
            self.keep(record).await?;
            turn.unsaved = None;
        }
        let record = self.read().await?;
        self.know(record.clone());
        Ok(record)
    }

    async fn renew(
        &self,
        turn: &mut MutexGuard<'_, Turn>,
        record: &Record,
        scope: Option<&Scope>,
    ) -> Result<Record, Error> {
        let refresh_token = record.credentials.refresh_token.as_ref();
        let refresh_token = refresh_token.ok_or(LoginReason::NoRefreshToken)?;
        let provider = self.provider().await?;
        let sent_at = (self.clock)();
        self.keep(&record.renewing(sent_at)).await?;
        let resource = self.ask.resource_wanted();
        let form = refresh_request(&self.client_id, refresh_token, scope, resource);
        let mut in_doubt = record.was_interrupted();
        let answer = match self.fetch.post(provider.token_endpoint(), &form).await {
            // At once: a provider takes the token again for a few seconds, and gives what it gave.
            Err(lost) if lost.may_have_arrived => {
                in_doubt = true;
                self.fetch.post(provider.token_endpoint(), &form).await
            }
            answer => answer,
        };
        let tokens = match answer {
            Ok(answer) => answer.tokens(),
            Err(NoAnswer {
                may_have_arrived,
                why,
            }) => {
                return Err(self
                    .undecided(record, in_doubt || may_have_arrived, why)
                    .await);
            }
        };
        match tokens {
            Ok(tokens) => {
                self.settle(turn, provider, record, tokens, scope, sent_at)
                    .await
            }
            Err(why) => Err(self.refused(record, scope, in_doubt, why).await),
        }
    }

    /// After a failure. If the provider cannot have spent the refresh token, the intent is taken back.
    async fn undecided(&self, record: &Record, in_doubt: bool, why: Error) -> Error {
        if in_doubt {
            return why;
        }
        match self.keep(record).await {
            Ok(()) => why,
            Err(vault) => vault,
        }
    }

    async fn refused(
        &self,
        record: &Record,
        scope: Option<&Scope>,
        in_doubt: bool,
        why: Error,
    ) -> Error {
        let code = match &why {
            Error::Refused { code, .. } => code.as_str(),
            // A server that broke or babbled may have spent the token before.
            Error::Unavailable { status: 500.., .. } | Error::Answer(_) => return why,
            _ => "",
        };
        let (done, why) = match (code, scope) {
            ("invalid_grant", _) => {
                let reason = if in_doubt {
                    LoginReason::Interrupted
                } else {
                    LoginReason::Revoked
                };
                (self.forget().await, reason.into())
            }
            ("invalid_scope", Some(scope)) => {
                let missing = scope.minus(&record.credentials.scope);
                let kept = self.keep(&record.refused(scope)).await;
                (kept, Error::ScopeNotGranted { missing })
            }
            _ => return self.undecided(record, in_doubt, why).await,
        };
        done.err().unwrap_or(why)
    }

    /// Keeps first and checks then, because the old refresh token is spent.
    async fn settle(
        &self,
        turn: &mut MutexGuard<'_, Turn>,
        provider: &Provider,
        record: &Record,
        tokens: Tokens,
        scope: Option<&Scope>,
        sent_at: Timestamp,
    ) -> Result<Record, Error> {
        let id_token = tokens.id_token.clone();
        let renewed = record.renewed(tokens, scope, sent_at);
        if let Err(why) = self.keep(&renewed).await {
            turn.unsaved = Some(renewed);
            return Err(why);
        }
        let Some(id_token) = id_token else {
            return Ok(renewed);
        };
        match self.identify(provider, record, &renewed, &id_token).await {
            Ok(id_token) => {
                let renewed = renewed.identified(id_token);
                self.keep(&renewed).await?;
                Ok(renewed)
            }
            Err(Error::IdToken(why)) if contradicts(why) => {
                self.forget().await?;
                Err(LoginReason::WrongIdToken.into())
            }
            // It could not be checked, for want of keys or of a right clock. The old one still says who signed in.
            Err(_) => Ok(renewed),
        }
    }

    /// Checks an ID token that came with a renewal (OpenID Connect Core §12.2).
    async fn identify(
        &self,
        provider: &Provider,
        before: &Record,
        renewed: &Record,
        id_token: &Secret,
    ) -> Result<IdToken, Error> {
        let keys = self.keys_for(provider, id_token).await?;
        let expected = Expected {
            issuer: provider.issuer(),
            client_id: &self.client_id,
            nonce: None,
            max_age: None,
            access_token: Some(renewed.credentials.access_token.expose()),
            leeway: self.ask.leeway_wanted(),
        };
        let id_token = IdToken::verify(id_token.expose(), &keys, &expected, (self.clock)())?;
        let old = before.credentials.id_token();
        if old.is_some_and(|old| old.subject() != id_token.subject()) {
            return Err(IdTokenRefusal::OtherSubject.into());
        }
        Ok(id_token)
    }
}

/// Whether a token is wrong, and not only impossible to check today.
fn contradicts(why: IdTokenRefusal) -> bool {
    why != IdTokenRefusal::UnknownKey && !is_matter_of_time(why)
}
