//! How long a connection may keep us waiting: for the rest of a head, for the next request, for room to write.

use std::{
    future::Future,
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use axum::body::{Body, Bytes};
use http_body::{Frame, SizeHint};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    sync::watch,
    time::{Sleep, sleep},
};

/// The requests of one connection.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Requests {
    under_way: usize,
    begun: u64,
}

/// Counts a connection's requests; clones count the same ones.
#[derive(Clone)]
pub(super) struct Activity(watch::Sender<Requests>);

impl Activity {
    pub(super) fn new() -> Self {
        Self(watch::Sender::new(Requests::default()))
    }

    /// To be called when a head has been read; the request lasts until the guard is dropped.
    pub(super) fn begin(&self) -> UnderWay {
        self.0.send_modify(|requests| {
            requests.under_way += 1;
            requests.begun += 1;
        });
        UnderWay(self.0.clone())
    }

    /// Returns once no request has been under way for `limit`.
    pub(super) async fn idle_for(&self, limit: Duration) {
        let mut requests = self.0.subscribe();
        loop {
            if requests
                .wait_for(|requests| requests.under_way == 0)
                .await
                .is_err()
                || tokio::time::timeout(limit, requests.changed())
                    .await
                    .is_err()
            {
                return;
            }
        }
    }
}

/// One request that is being answered.
pub(super) struct UnderWay(watch::Sender<Requests>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.send_modify(|requests| requests.under_way -= 1);
    }
}

/// An answer's body, which keeps its request under way until it has been handed over.
pub(super) struct Answering {
    pub(super) body: Body,
    pub(super) _request: UnderWay,
}

impl http_body::Body for Answering {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A stream that fails when the other end dawdles.
///
/// The HTTP library has one timer for waiting between requests and for reading a head; load balancers want the first
/// long and slow-header attacks want the second short. Here the clock for a head starts with its first byte (on a
/// fresh connection at once) and stops when the request begins.
pub(super) struct Patient<S> {
    stream: S,
    activity: Activity,
    head_limit: Option<Duration>,
    head: Option<Head>,
    write_limit: Duration,
    write: Option<Pin<Box<Sleep>>>,
}

struct Head {
    /// How many requests had begun before this head.
    after: u64,
    deadline: Pin<Box<Sleep>>,
}

impl<S> Patient<S> {
    /// Without a `head_limit` (HTTP/2 has no heads of this kind) only writing is timed.
    pub(super) fn new(
        stream: S,
        activity: Activity,
        head_limit: Option<Duration>,
        write_limit: Duration,
    ) -> Self {
        let head = head_limit.map(|limit| Head {
            after: 0,
            deadline: Box::pin(sleep(limit)),
        });
        Self {
            stream,
            activity,
            head_limit,
            head,
            write_limit,
            write: None,
        }
    }

    fn started_head(&mut self) {
        let requests = *self.activity.0.borrow();
        if let Some(limit) = self.head_limit
            && requests.under_way == 0
            && self
                .head
                .as_ref()
                .is_none_or(|head| head.after != requests.begun)
        {
            self.head = Some(Head {
                after: requests.begun,
                deadline: Box::pin(sleep(limit)),
            });
        }
    }

    fn head_is_late(&mut self, cx: &mut Context<'_>) -> bool {
        let begun = self.activity.0.borrow().begun;
        match &mut self.head {
            Some(head) if head.after == begun => head.deadline.as_mut().poll(cx).is_ready(),
            _ => {
                self.head = None;
                false
            }
        }
    }

    /// Times a write that found no room, from its first refusal to its success.
    fn timed<T>(
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
            if buf.filled().len() > before {
                this.started_head();
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
        this.timed(cx, written)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write_vectored(cx, bufs);
        this.timed(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let flushed = Pin::new(&mut this.stream).poll_flush(cx);
        this.timed(cx, flushed)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let closed = Pin::new(&mut this.stream).poll_shutdown(cx);
        this.timed(cx, closed)
    }
}
