//! The layer that keeps one address from asking too fast or guessing too often, and says so in headers.

use std::time::Duration;

use axum::{
    Extension,
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, header::RETRY_AFTER},
    middleware::Next,
    response::Response,
};
use keystead_protocol::{profile::Profile, time::Timestamp};

use super::refusal::{Refusal, WrongGuess};
use crate::{http::Origin, limits::Standing, services::Services};

const LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");

/// Refuses with 429 who asks too fast; every other answer says how much is left. `X-RateLimit-Reset` is a Unix time, as
/// with Auth0; `Retry-After` a number of seconds.
pub(super) async fn limit(
    State(services): State<Services>,
    Extension(origin): Extension<Origin>,
    request: Request,
    next: Next,
) -> Response {
    let (limits, clock) = (&services.limits, &services.clock);
    match limits.admit(origin.client, clock.elapsed()) {
        Err(standing) => {
            let mut response = Refusal::TooMany.respond(Profile::Compat);
            let headers = response.headers_mut();
            headers.insert(RETRY_AFTER, seconds(standing.reset).max(1).into());
            say(headers, standing, clock.now());
            response
        }
        Ok(standing) => {
            let mut response = next.run(request).await;
            if response.extensions().get::<WrongGuess>().is_some() {
                limits.count_failure(origin.client, clock.elapsed());
            }
            if let Some(standing) = standing {
                say(response.headers_mut(), standing, clock.now());
            }
            response
        }
    }
}

fn say(headers: &mut HeaderMap, standing: Standing, now: Timestamp) {
    headers.insert(LIMIT, standing.limit.into());
    headers.insert(REMAINING, standing.remaining.into());
    let reset = now + Duration::from_secs(seconds(standing.reset));
    headers.insert(RESET, HeaderValue::from(reset.as_secs()));
}

/// Whole seconds, rounded up.
fn seconds(span: Duration) -> u64 {
    span.as_secs() + u64::from(span.subsec_nanos() > 0)
}
