//! From a listening socket to the router: connections, their limits, and how they end.

use std::{convert::Infallible, io, net::SocketAddr, sync::Arc, time::Duration};

use axum::{Router, body::Body, extract::Request};
use hyper::{body::Incoming, server::conn, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use tower::Service as _;
use tracing::{debug, warn};

use super::{
    Arrival, Scheme, admit,
    patience::{Activity, Answering, Patient, Timed},
};
use crate::tls::Acceptor;

/// What one connection may cost, and how many there may be.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Connections at one time; further ones wait in the system's queue.
    pub connections: usize,
    /// From accepting a connection to the end of the TLS handshake; and how long an HTTP/2 client may take to answer a ping or
    /// a goodbye.
    pub handshake: Duration,
    /// From the first byte of an HTTP/1.1 head to its last, from connecting to the first byte, and to the last one of HTTP/2's
    /// preface.
    pub head: Duration,
    /// Between requests. Longer than load balancers keep idle connections (60 s is usual): who closes first must be they.
    pub idle: Duration,
    /// Without the other end taking a byte of the answer.
    pub write: Duration,
    /// Without anything moving while requests are under way on HTTP/2: longer than any answer may take to begin.
    pub stall: Duration,
    /// Bytes of all header fields of a request, its request line included.
    pub head_size: u32,
    /// For requests under way when the server is told to stop.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 8_192,
            handshake: Duration::from_secs(10),
            head: Duration::from_secs(10),
            idle: Duration::from_secs(90),
            write: Duration::from_secs(30),
            stall: Duration::from_secs(60),
            head_size: 32 * 1024,
            drain: Duration::from_secs(25),
        }
    }
}

/// Serves `app` until `stop`, then lets requests that are under way finish. Returns how many connections had to be cut off.
///
/// HTTP/2 is spoken over TLS, by ALPN; clear text is HTTP/1.1, which is what proxies speak to the machines behind them.
pub async fn serve(
    listener: TcpListener,
    app: Router,
    tls: Option<Acceptor>,
    limits: Limits,
    stop: CancellationToken,
) -> usize {
    let room = Arc::new(Semaphore::new(limits.connections));
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let accepted = tokio::select! {
            accepted = accept(&listener, &room) => accepted,
            () = stop.cancelled() => break,
        };
        let Some((stream, peer, place)) = accepted else {
            continue;
        };
        let (app, tls, stop) = (app.clone(), tls.clone(), stop.clone());
        connections.spawn(async move {
            let gauge = metrics::gauge!(crate::metrics::CONNECTIONS);
            gauge.increment(1.0);
            if let Err(why) = connection(stream, peer, app, tls, limits, stop).await {
                debug!(%peer, %why, "connection ended");
            }
            gauge.decrement(1.0);
            drop(place);
        });
    }
    drop(listener);
    let finished = async { while connections.join_next().await.is_some() {} };
    if timeout(limits.drain, finished).await.is_ok() {
        return 0;
    }
    let cut_off = connections.len();
    connections.shutdown().await;
    cut_off
}

async fn accept(
    listener: &TcpListener,
    room: &Arc<Semaphore>,
) -> Option<(TcpStream, SocketAddr, tokio::sync::OwnedSemaphorePermit)> {
    let place = Arc::clone(room).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, peer)) => Some((stream, peer, place)),
        Err(why) => {
            // Out of file descriptors, mostly: it passes when connections end, so neither spin nor give up.
            warn!(%why, "cannot accept a connection");
            sleep(Duration::from_millis(100)).await;
            None
        }
    }
}

type Ended = Result<(), Box<dyn std::error::Error + Send + Sync>>;

async fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    app: Router,
    tls: Option<Acceptor>,
    limits: Limits,
    stop: CancellationToken,
) -> Ended {
    stream.set_nodelay(true)?;
    match tls {
        None => {
            let arrival = Arrival {
                peer,
                scheme: Scheme::Http,
            };
            Conversation::new(arrival, app, limits, stop)
                .http1(stream)
                .await
        }
        Some(tls) => {
            let shaken = tokio::select! {
                shaken = timeout(limits.handshake, tls.accept(stream)) => shaken,
                () = stop.cancelled() => return Ok(()),
            };
            let stream = shaken.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
            let arrival = Arrival {
                peer,
                scheme: Scheme::Https,
            };
            let two = stream.get_ref().1.alpn_protocol() == Some(b"h2");
            let conversation = Conversation::new(arrival, app, limits, stop);
            if two {
                conversation.http2(stream).await
            } else {
                conversation.http1(stream).await
            }
        }
    }
}

struct Conversation {
    arrival: Arrival,
    app: Router,
    limits: Limits,
    stop: CancellationToken,
    activity: Activity,
}

impl Conversation {
    fn new(arrival: Arrival, app: Router, limits: Limits, stop: CancellationToken) -> Self {
        Self {
            arrival,
            app,
            limits,
            stop,
            activity: Activity::new(),
        }
    }

    async fn http1(self, stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) -> Ended {
        let limits = self.limits;
        let stream = Patient::new(
            stream,
            self.activity.clone(),
            (Timed::Heads, limits.head),
            limits.write,
        );
        let connection = conn::http1::Builder::new()
            .timer(TokioTimer::new())
            // More than `admit::MAX_HEADERS` are refused by default; saying so would fill as many places for each request.
            .header_read_timeout(None)
            .max_header_size(limits.head_size as usize)
            .serve_connection(TokioIo::new(stream), self.service());
        let mut connection = std::pin::pin!(connection);
        tokio::select! {
            ended = connection.as_mut() => return Ok(ended?),
            () = self.over() => connection.as_mut().graceful_shutdown(),
        }
        Ok(connection.await?)
    }

    async fn http2(self, stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) -> Ended {
        let limits = self.limits;
        let stream = Patient::new(
            stream,
            self.activity.clone(),
            (Timed::PREFACE, limits.head),
            limits.write,
        );
        let connection = conn::http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .max_header_list_size(limits.head_size)
            .max_concurrent_streams(100)
            .max_send_buf_size(64 * 1024)
            .keep_alive_interval(limits.idle / 3)
            .keep_alive_timeout(limits.handshake)
            .serve_connection(TokioIo::new(stream), self.service());
        let mut connection = std::pin::pin!(connection);
        let stalled = self.activity.stalled_for(limits.stall);
        let mut stalled = std::pin::pin!(stalled);
        tokio::select! {
            ended = connection.as_mut() => return Ok(ended?),
            () = stalled.as_mut() => return Err(io::Error::from(io::ErrorKind::TimedOut).into()),
            () = self.over() => connection.as_mut().graceful_shutdown(),
        }
        tokio::select! {
            ended = connection => Ok(ended?),
            () = stalled => Err(io::Error::from(io::ErrorKind::TimedOut).into()),
            // A goodbye waits for its answer, or for the preface. Not everybody sends them.
            () = self.activity.unused_for(limits.handshake) => {
                Err(io::Error::from(io::ErrorKind::TimedOut).into())
            }
        }
    }

    /// Returns when this connection should take no further requests.
    async fn over(&self) {
        tokio::select! {
            () = self.stop.cancelled() => {}
            () = self.activity.idle_for(self.limits.idle) => {}
        }
    }

    fn service(
        &self,
    ) -> impl hyper::service::Service<
        Request<Incoming>,
        Response = axum::http::Response<Answering>,
        Error = Infallible,
        Future: Send + 'static,
    > + use<> {
        let (app, arrival, activity) = (self.app.clone(), self.arrival, self.activity.clone());
        service_fn(move |request: Request<Incoming>| {
            let under_way = activity.begin();
            let mut app = app.clone();
            async move {
                let mut request = request.map(Body::new);
                admit::receive(&mut request, arrival);
                let response = app.call(request).await?;
                Ok(response.map(|body| Answering {
                    body,
                    request: under_way,
                }))
            }
        })
    }
}
