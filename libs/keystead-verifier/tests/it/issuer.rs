//! An OpenID provider on loopback that counts who asks, and that can be slow, huge, wrong or away.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Request, State},
    response::Response,
};
use keystead_protocol::jwk::SigningKey;
use serde_json::json;
use tokio::net::TcpListener;

use crate::tokens::key_set;

/// What one path answers.
#[derive(Clone)]
pub struct Script {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
    /// Before the answer, and between its pieces.
    pub delay: Duration,
    pub pieces: usize,
}

impl Script {
    pub fn json(body: impl Into<Vec<u8>>) -> Self {
        Self {
            status: 200,
            headers: Vec::new(),
            body: body.into(),
            delay: Duration::ZERO,
            pieces: 1,
        }
    }

    pub fn status(status: u16) -> Self {
        Self {
            status,
            ..Self::json("")
        }
    }
}

pub struct Issuer {
    /// As in `iss`.
    pub name: String,
    pub state: Arc<Scripts>,
}

pub struct Scripts {
    path: String,
    pub discovery: Mutex<Script>,
    pub jwks: Mutex<Script>,
    pub discoveries: AtomicUsize,
    pub fetches: AtomicUsize,
    /// Requests to anywhere else.
    pub strays: AtomicUsize,
}

impl Issuer {
    /// An issuer whose name ends in a slash, as Auth0's does.
    pub async fn with(keys: &[&SigningKey]) -> Self {
        Self::named(keys, "/").await
    }

    /// An issuer whose name ends like this after its port.
    pub async fn named(keys: &[&SigningKey], end: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = format!("http://{}", listener.local_addr().unwrap());
        let name = format!("{host}{end}");
        let discovery = json!({ "issuer": name, "jwks_uri": format!("{host}/jwks") });
        let state = Arc::new(Scripts {
            path: format!(
                "{}/.well-known/openid-configuration",
                end.trim_end_matches('/')
            ),
            discovery: Mutex::new(Script::json(discovery.to_string())),
            jwks: Mutex::new(Script::json(key_set(keys))),
            discoveries: AtomicUsize::new(0),
            fetches: AtomicUsize::new(0),
            strays: AtomicUsize::new(0),
        });
        let router = Router::new()
            .fallback(answer)
            .with_state(Arc::clone(&state));
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { name, state }
    }

    /// From now on these are the keys.
    pub fn publishes(&self, keys: &[&SigningKey]) {
        self.scripts(Script::json(key_set(keys)));
    }

    /// From now on the key set is this.
    pub fn scripts(&self, jwks: Script) {
        *self.state.jwks.lock().unwrap() = jwks;
    }

    pub fn describes_itself_as(&self, discovery: Script) {
        *self.state.discovery.lock().unwrap() = discovery;
    }

    pub fn goes_away(&self) {
        self.describes_itself_as(Script::status(503));
    }

    pub fn comes_back(&self) {
        let host = self.name.split('/').take(3).collect::<Vec<_>>().join("/");
        let discovery = json!({ "issuer": self.name, "jwks_uri": format!("{host}/jwks") });
        self.describes_itself_as(Script::json(discovery.to_string()));
    }

    /// How often the key set was fetched.
    pub fn fetches(&self) -> usize {
        self.state.fetches.load(Ordering::SeqCst)
    }

    pub fn discoveries(&self) -> usize {
        self.state.discoveries.load(Ordering::SeqCst)
    }

    pub fn strays(&self) -> usize {
        self.state.strays.load(Ordering::SeqCst)
    }

    /// Waits until a fetch in the background has come and been answered.
    pub async fn until_fetched(&self, times: usize) {
        for _ in 0..500 {
            if self.fetches() >= times {
                // The answer is on its way; give it time to land.
                tokio::time::sleep(Duration::from_millis(50)).await;
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!(
            "the keys were fetched {} times, not {times}",
            self.fetches()
        );
    }
}

async fn answer(State(state): State<Arc<Scripts>>, request: Request) -> Response {
    let path = request.uri().path();
    let script = if path == state.path {
        state.discoveries.fetch_add(1, Ordering::SeqCst);
        state.discovery.lock().unwrap().clone()
    } else if path == "/jwks" {
        state.fetches.fetch_add(1, Ordering::SeqCst);
        state.jwks.lock().unwrap().clone()
    } else {
        state.strays.fetch_add(1, Ordering::SeqCst);
        Script::status(404)
    };
    let mut response = Response::builder().status(script.status);
    for (name, value) in script.headers {
        response = response.header(name, value);
    }
    response
        .body(Pieces::of(script.body, script.pieces, script.delay))
        .unwrap()
}

/// A body in equal pieces, each after a delay.
struct Pieces;

impl Pieces {
    fn of(body: Vec<u8>, pieces: usize, delay: Duration) -> Body {
        let size = body.len().div_ceil(pieces).max(1);
        let pieces: Vec<Bytes> = body.chunks(size).map(Bytes::copy_from_slice).collect();
        let (sender, body) = http_body_util::channel::Channel::<Bytes, std::io::Error>::new(1);
        tokio::spawn(async move {
            let mut sender = sender;
            for piece in pieces {
                tokio::time::sleep(delay).await;
                if sender.send_data(piece).await.is_err() {
                    return;
                }
            }
        });
        Body::new(body)
    }
}
