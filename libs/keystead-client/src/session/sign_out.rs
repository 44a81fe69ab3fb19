//! The end: the refresh token is revoked, the credentials are forgotten, and the browser may be sent to end the rest.

use url::Url;

use super::Session;
use crate::{
    Error,
    renewal::Record,
    transition::{end_session_url, revocation_request},
};

/// What became of a sign-out. Nothing is kept any more: had that failed, there would be an error instead.
#[derive(Debug)]
#[must_use = "it says whether the provider has ended the sign-in too"]
pub struct SignedOut {
    /// Whether the provider has revoked the refresh token (RFC 7009); also `Ok` if there was none.
    pub revoked: Result<(), Error>,
    /// Where to send the browser to end the user's session at the provider, which other apps share; nothing if the
    /// provider does not offer it or was not reached.
    pub end_session: Option<Url>,
}

impl Session {
    /// Signs out. The credentials are forgotten first and the provider is told then, so that neither a network that is
    /// away nor an app that is closed meanwhile leaves anybody signed in here.
    ///
    /// `back_to` is where [`SignedOut::end_session`] comes back to; it must be registered at the provider.
    ///
    /// # Errors
    /// [`Error::Vault`] if what is kept cannot be removed; the provider was told all the same, unless another process does
    /// not let go of the vault.
    pub async fn sign_out(&self, back_to: Option<&str>) -> Result<SignedOut, Error> {
        let inner = &self.0;
        let mut turn = inner.turn.lock().await;
        let _lock = inner.lock().await?;
        // What cannot be read can be forgotten.
        let read = inner.read().await;
        let record = match turn.unsaved.take() {
            Some(newest) => Ok(Some(newest)),
            None => read,
        };
        let forgotten = inner.forget().await;
        let (revoked, record) = match record {
            Ok(Some(record)) => (self.revoke(&record).await, Some(record)),
            Ok(None) => (Ok(()), None),
            Err(why) => (Err(why), None),
        };
        forgotten?;
        let hint = record
            .as_ref()
            .and_then(|record| record.credentials.id_token());
        let end_session = match inner.provider().await {
            Ok(provider) => end_session_url(provider, &inner.client_id, hint, back_to).ok(),
            Err(_) => None,
        };
        Ok(SignedOut {
            revoked,
            end_session,
        })
    }

    async fn revoke(&self, record: &Record) -> Result<(), Error> {
        let Some(refresh_token) = &record.credentials.refresh_token else {
            return Ok(());
        };
        let inner = &self.0;
        let provider = inner.provider().await?;
        let endpoint = provider.revocation_endpoint();
        let endpoint = endpoint.ok_or(Error::NotOffered("revocation_endpoint"))?;
        let form = revocation_request(&inner.client_id, refresh_token);
        // Revoking twice is revoking once (RFC 7009 §2.2).
        let answer = match inner.fetch.post(endpoint, &form).await {
            Err(lost) if lost.may_have_arrived => inner.fetch.post(endpoint, &form).await,
            answer => answer,
        };
        match answer {
            Ok(answer) if answer.status == 200 => Ok(()),
            Ok(answer) => Err(answer.refusal()),
            Err(lost) => Err(lost.why),
        }
    }
}
