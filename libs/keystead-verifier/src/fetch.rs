//! Requests to the issuer: to https or loopback alone, without redirects, within limits of time and size.

use std::{error::Error, time::Duration};

use keystead_protocol::endpoint::is_loopback;
use reqwest::{Client, Response, StatusCode, header, redirect::Policy};
use url::Url;

use crate::{BuildError, FetchError};

/// More than any discovery document or key set has.
const LONGEST: usize = 512 * 1024;

/// A client for one issuer.
pub(crate) struct Fetch(Client);

/// A document, and how long its sender says it holds.
pub(crate) struct Document {
    pub(crate) body: Vec<u8>,
    pub(crate) max_age: Option<Duration>,
}

impl Fetch {
    /// A client whose requests end after `timeout`, body included.
    pub(crate) fn new(timeout: Duration, place: &Url) -> Result<Self, BuildError> {
        #[expect(
            clippy::disallowed_methods,
            reason = "a resource server has no `egress`; the issuer is its operator's choice, and the limits are here"
        )]
        let builder = Client::builder();
        let builder = builder
            .redirect(Policy::none())
            .timeout(timeout)
            .user_agent(concat!("keystead-verifier/", env!("CARGO_PKG_VERSION")));
        let client = if is_loopback(place) {
            // A proxy has a loopback of its own.
            builder.no_proxy().build()
        } else {
            builder.build()
        };
        client
            .map(Self)
            .map_err(|why| BuildError::Client(chain(&why)))
    }

    /// Reads a document.
    pub(crate) async fn get(&self, url: &Url) -> Result<Document, FetchError> {
        let request = self.0.get(url.clone());
        answer(url, request.header(header::ACCEPT, "application/json")).await
    }

    /// Sends a form as a client with a password (RFC 6749 §2.3.1) and reads the answer.
    #[cfg(feature = "introspection")]
    pub(crate) async fn post(
        &self,
        url: &Url,
        (client, secret): (&str, &str),
        form: String,
    ) -> Result<Document, FetchError> {
        let request = self.0.post(url.clone()).basic_auth(client, Some(secret));
        let request = request
            .header(header::ACCEPT, "application/json")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        answer(url, request.body(form)).await
    }
}

async fn answer(url: &Url, request: reqwest::RequestBuilder) -> Result<Document, FetchError> {
    let transport = |why: reqwest::Error| FetchError::Transport(chain(&why));
    let again = request.try_clone();
    let mut response = match (request.send().await, again) {
        // A connection that was kept may be closed at the moment of its use. Whatever is asked here may be asked twice.
        (Err(why), Some(again)) if why.is_request() && !why.is_connect() && !why.is_timeout() => {
            again.send().await
        }
        (result, _) => result,
    }
    .map_err(transport)?;
    if response.status() != StatusCode::OK {
        let url = url.to_string();
        let status = response.status();
        return Err(if status.is_redirection() {
            FetchError::Redirect(url)
        } else {
            FetchError::Status {
                url,
                status: status.as_u16(),
            }
        });
    }
    let max_age = max_age(&response);
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(transport)? {
        if body.len() + chunk.len() > LONGEST {
            return Err(FetchError::TooLong(url.to_string()));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Document { body, max_age })
}

/// `Cache-Control` (RFC 9111 §5.2.2), as far as it says how long.
fn max_age(response: &Response) -> Option<Duration> {
    let lines = response.headers().get_all(header::CACHE_CONTROL);
    let lines = lines.iter().filter_map(|line| line.to_str().ok());
    let mut age = None;
    for directive in lines.flat_map(|line| line.split(',')) {
        let (name, value) = directive.split_once('=').unwrap_or((directive, ""));
        match name.trim().to_ascii_lowercase().as_str() {
            "no-store" | "no-cache" => return Some(Duration::ZERO),
            "max-age" => age = value.trim().parse().ok().map(Duration::from_secs),
            _ => {}
        }
    }
    age
}

/// An error with its causes, which is where TLS and DNS say what is wrong.
fn chain(why: &dyn Error) -> String {
    let mut text = why.to_string();
    let mut cause = why.source();
    while let Some(why) = cause {
        text += ": ";
        text += &why.to_string();
        cause = why.source();
    }
    text
}
