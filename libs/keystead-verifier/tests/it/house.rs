//! The clock that tests turn, and the API that they call.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use axum::{Router, body::Body};
use http_body_util::BodyExt as _;
use keystead_verifier::{Builder, Refusal, Timestamp, Verifier};
use tower::ServiceExt as _;

use crate::issuer::Issuer;

pub const AUDIENCE: &str = "https://api.example.com";
/// When every test begins, in seconds.
pub const NOON: i64 = 1_700_000_000;

/// A clock that stands still until it is advanced.
#[derive(Clone)]
pub struct Clock(Arc<AtomicI64>);

impl Clock {
    pub fn new() -> Self {
        Self(Arc::new(AtomicI64::new(NOON * 1000)))
    }

    pub fn advance(&self, by: Duration) {
        let by = i64::try_from(by.as_millis()).unwrap();
        self.0.fetch_add(by, Ordering::SeqCst);
    }

    pub fn set_back(&self, by: Duration) {
        let by = i64::try_from(by.as_millis()).unwrap();
        self.0.fetch_sub(by, Ordering::SeqCst);
    }

    pub fn reader(&self) -> impl Fn() -> Timestamp + Send + Sync + 'static {
        let now = Arc::clone(&self.0);
        move || Timestamp::from_millis(now.load(Ordering::SeqCst))
    }
}

/// The settings of an API that trusts an issuer.
pub fn trusting(issuer: &Issuer, clock: &Clock) -> Builder {
    Verifier::builder()
        .issuer(&issuer.name)
        .audience(AUDIENCE)
        .clock(clock.reader())
}

/// Why a token does not pass, if it does not; to be asked from anywhere.
pub fn verifies(
    verifier: &Verifier,
    token: &str,
) -> impl Future<Output = Option<Refusal>> + Send + 'static + use<> {
    let (verifier, token) = (verifier.clone(), token.to_owned());
    async move { verifier.verify(&token).await.err() }
}

pub const fn minutes(n: u64) -> Duration {
    Duration::from_secs(60 * n)
}

/// What came back.
#[derive(Debug, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub challenge: Option<String>,
    pub retry_after: Option<String>,
    pub body: String,
}

/// Asks an API in process.
pub async fn get(app: &Router, uri: &str, authorization: &[&[u8]]) -> Answer {
    let mut request = http::Request::get(uri);
    for line in authorization {
        request = request.header("authorization", *line);
    }
    let request = request.body(Body::empty()).unwrap();
    let response = app.clone().oneshot(request).await.unwrap();
    let header = |name| {
        let value = response.headers().get(name);
        value.map(|value| value.to_str().unwrap().to_owned())
    };
    let (challenge, retry_after) = (header("www-authenticate"), header("retry-after"));
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    Answer {
        status,
        challenge,
        retry_after,
        body: String::from_utf8(body.to_vec()).unwrap(),
    }
}

/// As [`get`], with one bearer token.
pub async fn get_with(app: &Router, uri: &str, token: &str) -> Answer {
    get(app, uri, &[format!("Bearer {token}").as_bytes()]).await
}
