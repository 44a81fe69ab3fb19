//! The end: the refresh token is revoked, the credentials are forgotten, and the browser may be sent to end the rest.

use url::Url;

use super::Session;
use crate::{
    Error,
    renewal::Record,
    transition::{end_session_url, revocation_request},
};

/// What became of a sign-out. Nothing is kept any more, in any case.
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
    /// Signs out. Without a network the credentials are forgotten all the same.
    ///
    /// `back_to` is where [`SignedOut::end_session`] comes back to; it must be registered at the provider.
    ///
    /// # Errors
    /// [`Error::Vault`] if what is kept cannot be removed.
    pub async fn sign_out(&self, back_to: Option<&str>) -> Result<SignedOut, Error> {
        let inner = &self.0;
        let mut turn = inner.turn.lock().await;
        let _lock = inner.lock().await?;
        let unsaved = turn.unsaved.take();
        // What cannot be read can be forgotten.
        let read = inner.read().await;
        let record = match unsaved {
            Some(newest) => Ok(Some(newest)),
            None => read,
        };
        let (revoked, record) = match record {
            Ok(Some(record)) => (self.revoke(&record).await, Some(record)),
            Ok(None) => (Ok(()), None),
            Err(why) => (Err(why), None),
        };
        inner.forget().await?;
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
