//! Requests to the provider: no redirects, within limits of time and size, and whether a request may have arrived.

use std::{error::Error as StdError, time::Duration};

use keystead_protocol::{endpoint::is_loopback, secret::Secret};
use reqwest::{Client, RequestBuilder, header, redirect::Policy};
use url::Url;

use crate::{
    Error,
    transition::{Tokens, failure},
};

/// More than any document or token response has.
const LONGEST: usize = 512 * 1024;

/// A client for one provider.
pub(crate) struct Fetch(Client);

/// An answer, whatever its status.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
    pub(crate) retry_after: Option<Duration>,
}

impl Answer {
    /// What the token endpoint gave.
    pub(crate) fn tokens(&self) -> Result<Tokens, Error> {
        Tokens::read(self.status, &self.body).map_err(|why| self.with_pause(why))
    }

    /// Why it did not do what was asked.
    pub(crate) fn refusal(&self) -> Error {
        self.with_pause(failure(self.status, &self.body))
    }

    fn with_pause(&self, why: Error) -> Error {
        match why {
            Error::Unavailable { status, .. } => Error::Unavailable {
                status,
                retry_after: self.retry_after,
            },
            why => why,
        }
    }
}

/// No answer.
pub(crate) struct NoAnswer {
    /// The provider may have acted all the same.
    pub(crate) may_have_arrived: bool,
    pub(crate) why: Error,
}

impl Fetch {
    /// A client whose requests end after `timeout`, body included.
    pub(crate) fn new(timeout: Duration, provider: &Url) -> Result<Self, Error> {
        client(provider)
            .redirect(Policy::none())
            .timeout(timeout)
            .build()
            .map(Self)
            .map_err(|why| no_client(&why))
    }

    /// Reads a document. Asked twice if a connection that was kept turns out to be closed.
    pub(crate) async fn get(&self, url: &Url) -> Result<Vec<u8>, Error> {
        let ask = || answer(url, self.0.get(url.clone()));
        let answer = match ask().await {
            Err(lost) if lost.may_have_arrived => ask().await,
            result => result,
        };
        let answer = answer.map_err(|lost| lost.why)?;
        if answer.status == 200 {
            return Ok(answer.body);
        }
        Err(match answer.refusal() {
            why @ Error::Unavailable { .. } => why,
            _ => Error::Answer("a document of its discovery is not there"),
        })
    }

    /// Sends a form.
    pub(crate) async fn post(&self, url: &Url, form: &Secret) -> Result<Answer, NoAnswer> {
        let request = self.0.post(url.clone());
        let request = request
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(form.expose().to_owned());
        answer(url, request).await
    }
}

/// The beginning of every client, also of those for APIs.
pub(crate) fn client(place: &Url) -> reqwest::ClientBuilder {
    #[expect(
        clippy::disallowed_methods,
        reason = "an app has no `egress`: whom it asks is in its settings, and the limits are set here"
    )]
    let builder = Client::builder();
    let builder = builder.user_agent(concat!("keystead-client/", env!("CARGO_PKG_VERSION")));
    if is_loopback(place) {
        // A proxy has a loopback of its own.
        builder.no_proxy()
    } else {
        builder
    }
}

async fn answer(url: &Url, request: RequestBuilder) -> Result<Answer, NoAnswer> {
    let lost = |why: &reqwest::Error| NoAnswer {
        may_have_arrived: !why.is_connect() && !why.is_builder(),
        why: network(url, why),
    };
    let request = request.header(header::ACCEPT, "application/json");
    let mut response = request.send().await.map_err(|why| lost(&why))?;
    let retry_after = response
        .headers()
        .get(header::RETRY_AFTER)
        .and_then(|value| value.to_str().ok()?.trim().parse().ok())
        .map(Duration::from_secs);
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|why| lost(&why))? {
        if body.len() + chunk.len() > LONGEST {
            return Err(NoAnswer {
                may_have_arrived: true,
                why: Error::Answer("it is longer than 512 KiB"),
            });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Answer {
        status: response.status().as_u16(),
        body,
        retry_after,
    })
}

pub(crate) fn network(url: &Url, why: &reqwest::Error) -> Error {
    Error::Network {
        host: url.host_str().unwrap_or_default().to_owned(),
        why: chain(why),
    }
}

pub(crate) fn no_client(why: &reqwest::Error) -> Error {
    Error::Network {
        host: "the network".to_owned(),
        why: chain(why),
    }
}

/// An error with its causes, which is where TLS and DNS say what is wrong. Without addresses: they may hold tokens.
fn chain(why: &reqwest::Error) -> String {
    let mut text = match why {
        why if why.is_timeout() => "it took too long".to_owned(),
        why if why.is_connect() => "no connection".to_owned(),
        _ => "the connection failed".to_owned(),
    };
    let mut cause = why.source();
    while let Some(why) = cause {
        text += ": ";
        text += &why.to_string();
        cause = why.source();
    }
    text
}
