//! A whole server in a folder of its own, and the people who visit it.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use axum::{
    Router,
    body::Body,
    extract::Request,
    http::{HeaderMap, StatusCode},
    response::Response,
};
use http_body_util::BodyExt as _;
use keystead_protocol::time::Timestamp;
use keystead_server::{
    config::{Inputs, load},
    http::{
        Arrival, Scheme, edge, health,
        listen::{Limits, serve},
        receive,
    },
    services::{Clock, Entropy, Parts, Services},
    tls::Acceptor,
};
use keystead_store::{Database, Store, migrate, seal::Keyring};
use rand::{SeedableRng as _, rngs::StdRng};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

mod begun;

pub use begun::Engine;
pub(crate) use begun::on_both;

/// Noon of a day in 2026.
pub const NOON: Timestamp = Timestamp::from_secs(1_790_000_000);

pub struct House {
    pub services: Services,
    pub clock: Clock,
    pub routes: Router<Services>,
    database: Option<begun::OwnDatabase>,
    folder: TempDir,
}

impl House {
    pub fn new() -> Self {
        Self::with(|_| {})
    }

    /// A house whose configuration is changed by variables, without their prefix.
    pub fn configured(variables: &[(&str, &str)]) -> Self {
        Self::with(|inputs| {
            inputs.variables = variables
                .iter()
                .map(|(name, value)| (format!("KEYSTEAD_{name}").into(), value.into()))
                .collect();
        })
    }

    pub fn with(change: impl FnOnce(&mut Inputs)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut inputs = empty(folder.path().into());
        change(&mut inputs);
        let config = load(&inputs).unwrap().config;
        std::fs::create_dir(&config.data_dir).unwrap();
        let mut entropy = Entropy::from_rng(StdRng::seed_from_u64(1));
        let keyring = Keyring::load_or_create(&config.sealing_key_file, &mut entropy).unwrap();
        if let Database::Postgres { .. } = config.database {
            migrate(&config.database).unwrap();
        }
        let store = Store::open(&config.database).unwrap();
        let clock = Clock::stopped(NOON);
        let services = Services::from(Parts {
            clock: clock.clone(),
            entropy,
            ..Parts::new(config, store, keyring)
        });
        Self {
            services,
            clock,
            routes: health::routes(),
            database: None,
            folder,
        }
    }

    /// Adds routes of the test's own behind the same edge.
    pub fn adding(mut self, routes: Router<Services>) -> Self {
        self.routes = self.routes.merge(routes);
        self
    }

    pub fn folder(&self) -> PathBuf {
        self.folder.path().into()
    }

    pub fn app(&self) -> Router {
        edge(self.routes.clone(), &self.services)
    }

    /// Somebody on the internet.
    pub fn visitor(&self) -> Visitor {
        self.visitor_from("203.0.113.9")
    }

    pub fn visitor_from(&self, address: &str) -> Visitor {
        let peer = SocketAddr::new(address.parse().unwrap(), 50_000);
        Visitor {
            app: self.app(),
            arrival: Arrival {
                peer,
                scheme: Scheme::Http,
            },
        }
    }

    /// Opens the house on a loopback port of its own.
    pub async fn open(&self, limits: Limits, tls: Option<Acceptor>) -> Open {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let served = tokio::spawn(serve(listener, self.app(), tls, limits, stop.clone()));
        Open {
            address,
            stop,
            served,
        }
    }
}

/// Nothing configured, in this folder.
pub fn empty(folder: PathBuf) -> Inputs {
    Inputs {
        folder,
        file: None,
        variables: vec![],
        flags: vec![],
        dev_tls: false,
    }
}

/// A person or program that sends requests into the router.
#[derive(Clone)]
pub struct Visitor {
    app: Router,
    arrival: Arrival,
}

impl Visitor {
    pub async fn gets(&self, path: &str) -> Answer {
        self.sends(Request::get(path)).await
    }

    pub async fn sends(&self, request: axum::http::request::Builder) -> Answer {
        self.sends_body(request, Body::empty()).await
    }

    pub async fn sends_body(
        &self,
        mut request: axum::http::request::Builder,
        body: Body,
    ) -> Answer {
        if request
            .headers_ref()
            .is_some_and(|headers| !headers.contains_key("host"))
        {
            request = request.header("host", "localhost:3000");
        }
        let mut request = request.body(body).unwrap();
        receive(&mut request, self.arrival);
        Answer::of(self.app.clone().oneshot(request).await.unwrap()).await
    }
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: String,
}

impl Answer {
    async fn of(response: Response) -> Self {
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Self {
            status: parts.status,
            headers: parts.headers,
            body: String::from_utf8(body.into()).unwrap(),
        }
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    /// Status and body on one line.
    pub fn short(&self) -> String {
        format!("{} {}", self.status.as_u16(), self.body)
    }
}

/// A house that listens.
pub struct Open {
    pub address: SocketAddr,
    pub stop: CancellationToken,
    pub served: JoinHandle<usize>,
}

impl Open {
    pub async fn connects(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Sends bytes on a connection of their own and reads to its end.
    pub async fn hears(&self, bytes: &[u8]) -> String {
        let mut stream = self.connects().await;
        // The other end may hang up before it has read everything: that is its answer.
        let _ = stream.write_all(bytes).await;
        rest(&mut stream).await
    }
}

/// Everything until the other end hangs up, at most ten seconds.
pub async fn rest(stream: &mut (impl tokio::io::AsyncRead + Unpin)) -> String {
    let mut heard = Vec::new();
    let read = async {
        let mut chunk = [0; 4096];
        while let Ok(count @ 1..) = stream.read(&mut chunk).await {
            heard.extend_from_slice(&chunk[..count]);
        }
    };
    tokio::time::timeout(Duration::from_secs(10), read)
        .await
        .expect("the server should have hung up");
    String::from_utf8_lossy(&heard).into_owned()
}

/// Limits that a test can wait for.
pub fn brisk() -> Limits {
    Limits {
        handshake: Duration::from_millis(300),
        head: Duration::from_millis(300),
        idle: Duration::from_secs(3),
        write: Duration::from_millis(300),
        drain: Duration::from_secs(5),
        ..Limits::default()
    }
}
