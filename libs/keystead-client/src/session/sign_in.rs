//! The beginning: through the browser and back, by whatever redirect the app has.

use keystead_protocol::secret::Secret;

use super::Session;
use crate::{
    Credentials, Error, IdTokenRefusal, entropy,
    renewal::Record,
    transition::{Login, SignIn},
};

impl Session {
    /// What this session's sign-ins ask for, to be changed for one of them: another prompt, a hint, more scope.
    pub fn ask(&self) -> SignIn {
        self.0.ask.clone()
    }

    /// Begins a sign-in that comes back to a redirect URI of the app's own, such as `com.example.app:/callback`.
    /// [`Session::finish`] takes what comes back.
    ///
    /// # Errors
    /// Those of discovery, and of [`SignIn::begin`].
    pub async fn begin(&self, ask: &SignIn, redirect_uri: &str) -> Result<Login, Error> {
        let provider = self.0.provider().await?;
        entropy::draw(|rng| ask.begin(provider, &self.0.client_id, redirect_uri, rng))?
    }

    /// Finishes a sign-in with the address that the browser was sent back to: redeems the code, checks the ID token, keeps
    /// the credentials.
    ///
    /// # Errors
    /// Everything that [`Login::code`] and [`Login::credentials`] say. [`Error::Callback`] leaves the sign-in as it was: any
    /// app or page can open that address, so go on waiting for the right one. After anything else, success included, let
    /// go of the login; after a network error the sign-in begins anew, because a code is good once.
    pub async fn finish(&self, login: &Login, callback: &str) -> Result<Credentials, Error> {
        let code = login.code(callback)?;
        self.redeem(login, &code).await
    }

    pub(super) async fn redeem(&self, login: &Login, code: &Secret) -> Result<Credentials, Error> {
        let inner = &self.0;
        let provider = inner.provider().await?;
        let sent_at = self.now();
        let form = login.token_request(code);
        let answer = inner.fetch.post(provider.token_endpoint(), &form).await;
        let tokens = answer.map_err(|lost| lost.why)?.tokens()?;
        let id_token = tokens.id_token.as_ref().ok_or(IdTokenRefusal::Missing)?;
        let keys = inner.keys_for(provider, id_token).await?;
        let credentials = login.settle(tokens, &keys, sent_at, self.now())?;
        let record = Record::new(credentials, login.scope());
        let mut turn = inner.turn.lock().await;
        let _lock = inner.lock().await?;
        turn.unsaved = None;
        turn.failed = None;
        inner.keep(&record).await?;
        Ok(record.credentials)
    }
}

#[cfg(feature = "loopback")]
impl Session {
    /// Signs in through the system's browser, which comes back to a port of loopback.
    ///
    /// The provider must know the redirect URI `http://127.0.0.1/callback` and take any port in it (RFC 8252 §7.3). Dropping
    /// the future cancels: the port is closed, and what comes back later reaches nobody.
    ///
    /// # Errors
    /// Those of [`Session::begin`] and [`Session::finish`], [`Error::Browser`], [`Error::Loopback`], [`Error::TimedOut`].
    pub async fn sign_in(&self) -> Result<Credentials, Error> {
        self.sign_in_with(&self.ask(), crate::Browser::system())
            .await
    }

    /// The same with other wishes, and a browser of the caller's choice.
    ///
    /// # Errors
    /// As [`Session::sign_in`].
    pub async fn sign_in_with(
        &self,
        ask: &SignIn,
        browser: crate::Browser,
    ) -> Result<Credentials, Error> {
        let listener = crate::loopback::Listener::bind(browser.port, browser.path.clone()).await?;
        let login = self.begin(ask, &listener.redirect_uri()).await?;
        let code = listener.code(&login, browser).await?;
        self.redeem(&login, &code).await
    }
}
