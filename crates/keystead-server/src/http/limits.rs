//! How large a request may be and how long it may take.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::{
    body::{Body, Bytes},
    extract::Request,
    http::header::CONTENT_LENGTH,
    response::{IntoResponse, Response},
};
use http_body::{Frame, SizeHint};
use http_body_util::Limited;

use super::Refusal;
use crate::error::Fault;

/// No endpoint needs a larger body.
pub(super) const MAX_BODY: usize = 1024 * 1024;

/// From the end of the headers to the beginning of the answer, the time to send the body included.
pub(super) const REQUEST_TIME: Duration = Duration::from_secs(30);

/// Answers a request within the limits, or refuses it.
pub(super) async fn bound<A>(request: Request, answer: impl FnOnce(Request) -> A) -> Response
where
    A: Future<Output = Response>,
{
    let announced = request
        .headers()
        .get(CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| length > MAX_BODY as u64) {
        return Refusal::BodyTooLarge.into_response();
    }
    // A body that nobody reads never ends; it is late only if somebody waits for it.
    let expected = !http_body::Body::is_end_stream(request.body());
    let arrived = expected.then(|| Arc::new(AtomicBool::new(false)));
    let request = match &arrived {
        None => request,
        Some(arrived) => request.map(|body| {
            Body::new(Watched {
                body: Limited::new(body, MAX_BODY),
                arrived: arrived.clone(),
            })
        }),
    };
    match tokio::time::timeout(REQUEST_TIME, answer(request)).await {
        Ok(response) => response,
        Err(_) if arrived.is_some_and(|it| !it.load(Ordering::Relaxed)) => {
            Refusal::BodyTooSlow.into_response()
        }
        Err(_) => Fault::TimedOut.into_response(),
    }
}

/// A request body that remembers whether it has arrived in full: who is late, the caller or we?
struct Watched {
    body: Limited<Body>,
    arrived: Arc<AtomicBool>,
}

impl http_body::Body for Watched {
    type Data = Bytes;
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        if frame.is_none() || self.body.is_end_stream() {
            self.arrived.store(true, Ordering::Relaxed);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
