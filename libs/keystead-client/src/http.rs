//! Requests to an API, with the user's access token and never to anybody else.

use std::time::Duration;

use keystead_protocol::secret::Secret;
use reqwest::{
    Client, Method, Request, RequestBuilder, Response, StatusCode,
    header::{AUTHORIZATION, HeaderValue, WWW_AUTHENTICATE},
    redirect::{Attempt, Policy},
};
use url::Url;

use crate::{
    Credentials, Error, Session, Want,
    fetch::{client, network, no_client},
    provider::permitted,
};

/// More redirects than a sound API has.
const MOST_REDIRECTS: usize = 5;

/// A client for one API, on behalf of the user of a [`Session`].
///
/// - Each request carries an access token that lives for another minute; it is renewed before it ends.
/// - When the API answers 401 with `invalid_token` all the same (its clock may differ, the token may be revoked), the
///   credentials are renewed and the request is sent once more, if its body can be, and never as another user.
/// - The token goes to the API's own origin only. A redirect to anywhere else is not followed but handed back.
#[derive(Debug, Clone)]
pub struct Api {
    session: Session,
    client: Client,
    base: Url,
    want: Want,
}

impl Session {
    /// A client for the API at this address, `https` or on loopback. Paths are resolved against it, so a base with a path ends
    /// in a slash.
    ///
    /// # Errors
    /// [`Error::BadUrl`].
    pub fn api(&self, base: &str) -> Result<Api, Error> {
        let base = permitted(base)?;
        let home = base.origin();
        let stay = move |attempt: Attempt<'_>| {
            if attempt.previous().len() > MOST_REDIRECTS {
                attempt.error("too many redirects")
            } else if attempt.url().origin() == home {
                attempt.follow()
            } else {
                attempt.stop()
            }
        };
        let client = client(&base).redirect(Policy::custom(stay)).build();
        Ok(Api {
            session: self.clone(),
            client: client.map_err(|why| no_client(&why))?,
            base,
            want: Want::new(),
        })
    }
}

impl Api {
    /// What the access token must have: another life than a minute, or a scope.
    #[must_use]
    pub fn want(mut self, want: Want) -> Self {
        self.want = want;
        self
    }

    /// Begins a request, to be sent with [`Api::send`]. Sent by itself it has no token.
    ///
    /// # Errors
    /// [`Error::OtherOrigin`] for a path that leads away from the API.
    pub fn request(&self, method: Method, path: &str) -> Result<RequestBuilder, Error> {
        let url = self.base.join(path).ok().filter(|url| self.is_ours(url));
        let url = url.ok_or_else(|| Error::OtherOrigin(path.to_owned()))?;
        Ok(self.client.request(method, url))
    }

    /// Reads something.
    ///
    /// # Errors
    /// As [`Api::request`] and [`Api::send`].
    pub async fn get(&self, path: &str) -> Result<Response, Error> {
        self.send(self.request(Method::GET, path)?).await
    }

    /// Sends a request with the access token. The answer may have any status.
    ///
    /// # Errors
    /// Those of [`Session::credentials`], [`Error::OtherOrigin`], [`Error::OtherUser`], [`Error::Network`].
    pub async fn send(&self, request: RequestBuilder) -> Result<Response, Error> {
        let request = request.build().map_err(|why| no_client(&why))?;
        if !self.is_ours(request.url()) {
            return Err(Error::OtherOrigin(
                request.url().origin().ascii_serialization(),
            ));
        }
        // A body that is a stream is gone after the first time.
        let again = request.try_clone();
        let first = self.credentials().await?;
        let token = &first.access_token;
        let response = self.execute(request, token).await?;
        let Some(again) = again.filter(|_| is_invalid_token(&response)) else {
            return Ok(response);
        };
        match self.session.credentials_instead_of(token).await {
            // Somebody may have signed out and somebody else in, here or in another process.
            Ok(renewed) if !renewed.is_same_user(&first) => Err(Error::OtherUser),
            Ok(renewed) if renewed.access_token != *token => {
                self.execute(again, &renewed.access_token).await
            }
            Err(why) if why.needs_login() => Err(why),
            // The API's answer says more than that a renewal did not work either.
            _ => Ok(response),
        }
    }

    /// Without a network towards the provider, a token that lives is better than none.
    async fn credentials(&self) -> Result<Credentials, Error> {
        match self.session.credentials_for(self.want.clone()).await {
            Err(why) if why.is_temporary() => match self.session.current().await? {
                Some(old) if old.lives(Duration::ZERO, self.session.now()) => Ok(old),
                _ => Err(why),
            },
            result => result,
        }
    }

    async fn execute(&self, mut request: Request, token: &Secret) -> Result<Response, Error> {
        let value = HeaderValue::try_from(format!("Bearer {}", token.expose()));
        let mut value = value.map_err(|_| Error::Answer("its access token fits in no header"))?;
        value.set_sensitive(true);
        request.headers_mut().insert(AUTHORIZATION, value);
        let url = request.url().clone();
        let sent = self.client.execute(request).await;
        sent.map_err(|why| network(&url, &why))
    }

    fn is_ours(&self, url: &Url) -> bool {
        url.origin() == self.base.origin()
    }
}

/// A challenge of RFC 6750 §3.1 that another token may meet.
fn is_invalid_token(response: &Response) -> bool {
    let challenges = response.headers().get_all(WWW_AUTHENTICATE);
    let mut challenges = challenges.iter().filter_map(|value| value.to_str().ok());
    response.status() == StatusCode::UNAUTHORIZED
        && challenges.any(|challenge| {
            let challenge = challenge.to_ascii_lowercase();
            challenge.contains("bearer") && challenge.contains("invalid_token")
        })
}
