//! The way back from the system's browser: one callback on a port of loopback (RFC 8252 §7.3).

mod browser;
mod page;

pub use browser::Browser;

use std::{convert::Infallible, net::Ipv4Addr, sync::Mutex, time::Duration};

use http_body_util::Full;
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Bytes, Incoming},
    header::HOST,
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use keystead_protocol::secret::Secret;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{mpsc, oneshot},
    task::JoinHandle,
};
use url::Url;

use self::page::Page;
use crate::{Error, transition::Login};

/// How long a connection may take, from accepting to the last byte of the page.
const CONNECTION: Duration = Duration::from_secs(10);
/// How long the last page may take to reach the browser.
const LAST_PAGE: Duration = Duration::from_secs(1);
/// More than a callback has.
const LONGEST: usize = 32 * 1024;

/// A port of 127.0.0.1 that waits for the browser. It is closed when this is dropped.
pub(crate) struct Listener {
    listener: TcpListener,
    place: Place,
}

/// Where the callback is awaited.
#[derive(Clone)]
struct Place {
    /// What a browser that means us sends as `Host`. Another name for our address is somebody's trick (DNS rebinding).
    host: String,
    path: String,
}

/// A callback.
struct Visit {
    /// Its whole address.
    callback: String,
    /// Whom to tell which page to show.
    show: oneshot::Sender<Page>,
    /// Ends with the connection.
    gone: oneshot::Receiver<Infallible>,
}

impl Listener {
    pub(crate) async fn bind(port: u16, path: String) -> Result<Self, Error> {
        let unable = |why: std::io::Error| Error::Loopback(why.to_string());
        let address = (Ipv4Addr::LOCALHOST, port);
        let listener = TcpListener::bind(address).await.map_err(unable)?;
        let host = listener.local_addr().map_err(unable)?.to_string();
        Ok(Self {
            listener,
            place: Place { host, path },
        })
    }

    pub(crate) fn redirect_uri(&self) -> String {
        let Place { host, path } = &self.place;
        format!("http://{host}{path}")
    }

    /// Opens the browser and waits for the callback of this sign-in. Whatever else asks gets an answer and changes nothing.
    pub(crate) async fn code(self, login: &Login, browser: Browser) -> Result<Secret, Error> {
        let timeout = browser.timeout;
        let app = browser.app.clone();
        let url = login.url().clone();
        // Some browsers come back only when they are closed, and a page may be shown before that.
        let opening = tokio::task::spawn_blocking(move || browser.open(&url));
        let waiting = self.wait(login, opening, app);
        tokio::time::timeout(timeout, waiting)
            .await
            .unwrap_or(Err(Error::TimedOut))
    }

    async fn wait(
        self,
        login: &Login,
        mut opening: JoinHandle<Result<(), Error>>,
        app: String,
    ) -> Result<Secret, Error> {
        let (visits, mut visitors) = mpsc::channel::<Visit>(8);
        let mut is_open = false;
        loop {
            tokio::select! {
                opened = &mut opening, if !is_open => {
                    opened.map_err(|_| Error::Stopped)??;
                    is_open = true;
                }
                accepted = self.listener.accept() => {
                    // A connection that broke before we had it is not ours to mend.
                    if let Ok((stream, _)) = accepted {
                        let (alive, gone) = oneshot::channel();
                        let host = Host {
                            place: self.place.clone(),
                            visits: visits.clone(),
                            app: app.clone(),
                            gone: Mutex::new(Some(gone)),
                            _alive: alive,
                        };
                        tokio::spawn(tokio::time::timeout(CONNECTION, host.serve(stream)));
                    }
                }
                Some(Visit { callback, show, gone }) = visitors.recv() => {
                    let outcome = login.code(&callback);
                    // The visitor may be gone: then nobody looks at the page.
                    let _ = show.send(Page::of(&outcome));
                    if !matches!(outcome, Err(Error::Callback(_))) {
                        // A program that ends with the sign-in would take the page with it.
                        let _ = tokio::time::timeout(LAST_PAGE, gone).await;
                        return outcome;
                    }
                }
            }
        }
    }
}

/// Who receives one connection.
struct Host {
    place: Place,
    visits: mpsc::Sender<Visit>,
    app: String,
    /// Ends when this host does, so when the connection is closed.
    gone: Mutex<Option<oneshot::Receiver<Infallible>>>,
    _alive: oneshot::Sender<Infallible>,
}

impl Host {
    async fn serve(self, stream: TcpStream) {
        let answer = |request| async { Ok::<_, Infallible>(self.answer(request).await) };
        // A connection that breaks off has nobody left to tell.
        let _ = http1::Builder::new()
            .keep_alive(false)
            .max_buf_size(LONGEST)
            .serve_connection(TokioIo::new(stream), service_fn(answer))
            .await;
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let page = match self.callback(&request) {
            Ok(callback) => self.ask(callback).await,
            Err(status) => Page::Nothing(status),
        };
        page.response(&self.app)
    }

    /// The whole address of a callback, or the status for what is none.
    fn callback(&self, request: &Request<Incoming>) -> Result<String, StatusCode> {
        let host = request.headers().get(HOST).map(|host| host.as_bytes());
        if host != Some(self.place.host.as_bytes()) {
            return Err(StatusCode::MISDIRECTED_REQUEST);
        }
        if request.uri().path() != self.place.path {
            return Err(StatusCode::NOT_FOUND);
        }
        if request.method() != Method::GET {
            return Err(StatusCode::METHOD_NOT_ALLOWED);
        }
        let query = request.uri().query().unwrap_or_default();
        let Place { host, path } = &self.place;
        Ok(format!("http://{host}{path}?{query}"))
    }

    async fn ask(&self, callback: String) -> Page {
        let (show, shown) = oneshot::channel();
        let gone = self.gone.lock().map_or(None, |mut gone| gone.take());
        let Some(gone) = gone else {
            return Page::Over;
        };
        let visit = Visit {
            callback,
            show,
            gone,
        };
        if self.visits.send(visit).await.is_err() {
            return Page::Over;
        }
        shown.await.unwrap_or(Page::Over)
    }
}

/// Why the browser did not open, with the address for whoever can open it.
fn not_opened(url: &Url, why: &std::io::Error) -> Error {
    Error::Browser {
        url: Box::new(url.clone()),
        why: why.to_string(),
    }
}
