//! How large a request may be and how long it may take.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
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

/// No endpoint needs a larger body: they take forms and small JSON.
pub(super) const MAX_BODY: usize = 64 * 1024;

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
    let has_body = !http_body::Body::is_end_stream(request.body());
    let awaited = has_body.then(|| Arc::new(AtomicBool::new(false)));
    let request = match &awaited {
        None => request,
        Some(awaited) => request.map(|body| {
            Body::new(Watched {
                body: Limited::new(body, MAX_BODY),
                awaited: awaited.clone(),
            })
        }),
    };
    match tokio::time::timeout(REQUEST_TIME, answer(request)).await {
        Ok(response) => response,
        Err(_) if awaited.is_some_and(|it| it.load(Ordering::Relaxed)) => {
            Refusal::BodyTooSlow.into_response()
        }
        Err(_) => Fault::TimedOut.into_response(),
    }
}

/// A request body that remembers whether somebody waits for more of it: who is late, the caller or we?
struct Watched {
    body: Limited<Body>,
    awaited: Arc<AtomicBool>,
}

impl http_body::Body for Watched {
    type Data = Bytes;
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        self.awaited.store(frame.is_pending(), Ordering::Relaxed);
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
