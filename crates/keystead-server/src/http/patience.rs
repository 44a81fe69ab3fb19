//! How long a connection may keep us waiting: for the rest of a head, for the next request, for room to write.

use std::{
    future::Future,
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering::SeqCst},
    },
    task::{Context, Poll},
    time::Duration,
};

use axum::body::{Body, Bytes};
use http_body::{Frame, SizeHint};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, Sleep, sleep, sleep_until},
};

/// Counts a connection's requests; clones count the same ones. Costs a request no wake-up.
#[derive(Clone)]
pub(super) struct Activity(Arc<Requests>);

struct Requests {
    under_way: AtomicUsize,
    begun: AtomicU64,
    /// Counts what moves: requests that begin and end, and pieces of answers that are taken.
    steps: AtomicU64,
    opened: Instant,
    /// When the last request ended, in milliseconds since `opened`.
    quiet_since: AtomicU64,
}

impl Activity {
    pub(super) fn new() -> Self {
        Self(Arc::new(Requests {
            under_way: AtomicUsize::new(0),
            begun: AtomicU64::new(0),
            steps: AtomicU64::new(0),
            opened: moment(),
            quiet_since: AtomicU64::new(0),
        }))
    }

    /// To be called when a head has been read; the request lasts until the guard is dropped.
    pub(super) fn begin(&self) -> UnderWay {
        self.0.under_way.fetch_add(1, SeqCst);
        self.0.begun.fetch_add(1, SeqCst);
        self.step();
        UnderWay(self.clone())
    }

    fn step(&self) {
        self.0.steps.fetch_add(1, SeqCst);
    }

    fn begun(&self) -> u64 {
        self.0.begun.load(SeqCst)
    }

    fn is_quiet(&self) -> bool {
        self.0.under_way.load(SeqCst) == 0
    }

    /// Returns once requests are under way and nothing has moved for `limit`, or up to twice that. An HTTP/2 client that
    /// gives its streams no room takes no answer, and neither a write nor a ping tells us.
    pub(super) async fn stalled_for(&self, limit: Duration) {
        loop {
            self.nothing_moves_for(limit).await;
            if !self.is_quiet() {
                return;
            }
        }
    }

    /// Returns once no request is under way, and from now on none has been for `limit`, or up to twice that.
    pub(super) async fn unused_for(&self, limit: Duration) {
        loop {
            self.nothing_moves_for(limit).await;
            if self.is_quiet() {
                return;
            }
        }
    }

    async fn nothing_moves_for(&self, limit: Duration) {
        loop {
            let before = self.0.steps.load(SeqCst);
            sleep(limit).await;
            if self.0.steps.load(SeqCst) == before {
                return;
            }
        }
    }

    /// Returns once no request has been under way for `limit`.
    pub(super) async fn idle_for(&self, limit: Duration) {
        loop {
            let now = moment();
            let over = if self.is_quiet() {
                self.0.opened + Duration::from_millis(self.0.quiet_since.load(SeqCst)) + limit
            } else {
                now + limit
            };
            if over <= now {
                return;
            }
            sleep_until(over).await;
        }
    }
}

/// One request that is being answered.
pub(super) struct UnderWay(Activity);

impl Drop for UnderWay {
    fn drop(&mut self) {
        let Requests {
            under_way,
            opened,
            quiet_since,
            ..
        } = &*self.0.0;
        let elapsed = u64::try_from(opened.elapsed().as_millis()).unwrap_or(u64::MAX);
        quiet_since.store(elapsed, SeqCst);
        self.0.step();
        under_way.fetch_sub(1, SeqCst);
    }
}

/// An answer's body, which keeps its request under way until it has been handed over.
pub(super) struct Answering {
    pub(super) body: Body,
    pub(super) request: UnderWay,
}

impl http_body::Body for Answering {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.request.0.step();
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "how long a connection waits is measured on a clock that never goes back"
)]
fn moment() -> Instant {
    Instant::now()
}

/// A stream that fails when the other end dawdles.
///
/// The HTTP library has one timer for waiting between requests and for reading a head; load balancers want the first
/// long and slow-header attacks want the second short. Here the clock for a head starts when the rest of it does not come
/// with its first byte (on a fresh connection at once) and stops when the request begins. A head whose beginning came
/// together with the request before it is not told apart from quiet.
///
/// HTTP/2's preface is timed in the same way. What follows it is not: the library's pings find out who has gone.
pub(super) struct Patient<S> {
    stream: S,
    activity: Activity,
    timed: Timed,
    head_limit: Duration,
    head: Option<Head>,
    write_limit: Duration,
    write: Option<Pin<Box<Sleep>>>,
}

/// What has to come within the limit for a head.
#[derive(Debug, Clone, Copy)]
pub(super) enum Timed {
    /// Each head of HTTP/1.1.
    Heads,
    /// HTTP/2's preface (RFC 9113 §3.4), of which so many bytes are missing.
    Preface(usize),
}

impl Timed {
    /// The whole preface.
    pub(super) const PREFACE: Self = Self::Preface(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".len());
}

struct Head {
    /// How many requests had begun before this head.
    after: u64,
    /// Only a head that does not come at once needs a timer, and a look at the clock.
    timer: Option<Pin<Box<Sleep>>>,
}

impl<S> Patient<S> {
    pub(super) fn new(
        stream: S,
        activity: Activity,
        (timed, head_limit): (Timed, Duration),
        write_limit: Duration,
    ) -> Self {
        Self {
            stream,
            activity,
            timed,
            head_limit,
            head: Some(Head {
                after: 0,
                timer: None,
            }),
            write_limit,
            write: None,
        }
    }

    fn received(&mut self, bytes: usize) {
        match &mut self.timed {
            Timed::Heads => self.started_head(),
            Timed::Preface(missing) => {
                *missing = missing.saturating_sub(bytes);
                if *missing == 0 {
                    self.head = None;
                }
            }
        }
    }

    fn started_head(&mut self) {
        let begun = self.activity.begun();
        if self.activity.is_quiet() && self.head.as_ref().is_none_or(|head| head.after != begun) {
            self.head = Some(Head {
                after: begun,
                timer: None,
            });
        }
    }

    fn head_is_late(&mut self, cx: &mut Context<'_>) -> bool {
        let begun = self.activity.begun();
        let limit = self.head_limit;
        match &mut self.head {
            Some(head) if head.after == begun => {
                let timer = head.timer.get_or_insert_with(|| Box::pin(sleep(limit)));
                timer.as_mut().poll(cx).is_ready()
            }
            _ => {
                self.head = None;
                false
            }
        }
    }

    /// Times a write that found no room, from its first refusal to its success.
    fn bounded<T>(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.write = None;
            return written;
        }
        let limit = self.write_limit;
        let deadline = self.write.get_or_insert_with(|| Box::pin(sleep(limit)));
        if deadline.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        Poll::Pending
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Patient<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        let read = Pin::new(&mut this.stream).poll_read(cx, buf);
        if read.is_ready() {
            let bytes = buf.filled().len() - before;
            if bytes > 0 {
                this.received(bytes);
            }
            return read;
        }
        if this.head_is_late(cx) {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        Poll::Pending
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Patient<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write(cx, buf);
        this.bounded(cx, written)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write_vectored(cx, bufs);
        this.bounded(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let flushed = Pin::new(&mut this.stream).poll_flush(cx);
        this.bounded(cx, flushed)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let closed = Pin::new(&mut this.stream).poll_shutdown(cx);
        this.bounded(cx, closed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_millis(40);

    async fn ends(waiting: impl Future<Output = ()>) -> bool {
        tokio::time::timeout(LIMIT * 10, waiting).await.is_ok()
    }

    #[tokio::test]
    async fn a_connection_is_idle_when_no_request_is_under_way() {
        let activity = Activity::new();
        let request = activity.begin();
        assert!(!ends(activity.idle_for(LIMIT)).await);
        drop(request);
        let since = moment();
        assert!(ends(activity.idle_for(LIMIT)).await);
        assert!(since.elapsed() >= LIMIT / 2, "from the end of the request");
    }

    #[tokio::test]
    async fn a_connection_is_stalled_when_requests_are_and_nothing_moves() {
        let activity = Activity::new();
        assert!(!ends(activity.stalled_for(LIMIT)).await, "nobody asks");
        let _request = activity.begin();
        let moving = async {
            loop {
                sleep(LIMIT / 8).await;
                activity.step();
            }
        };
        tokio::select! {
            stalled = ends(activity.stalled_for(LIMIT)) => assert!(!stalled, "an answer is being taken"),
            () = moving => {}
        }
        assert!(ends(activity.stalled_for(LIMIT)).await);
    }
}
