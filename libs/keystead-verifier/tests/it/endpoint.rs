//! An introspection endpoint on loopback: one answer for all tokens, to one client.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use axum::{
    Router,
    extract::State,
    http::{HeaderMap, StatusCode},
    routing::post,
};
use keystead_verifier::Introspection;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::tokens::claims_with;

pub const SECRET: &str = "s3cret:with/odd chars+ü";

pub struct Endpoint {
    pub url: String,
    pub state: Arc<Answers>,
}

pub struct Answers {
    answer: Mutex<String>,
    questions: AtomicUsize,
    pub form: Mutex<String>,
}

impl Endpoint {
    pub async fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/introspect", listener.local_addr().unwrap());
        let state = Arc::new(Answers {
            answer: Mutex::new(json!({"active": false}).to_string()),
            questions: AtomicUsize::new(0),
            form: Mutex::default(),
        });
        let router = Router::new()
            .route("/introspect", post(answer))
            .with_state(Arc::clone(&state));
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, state }
    }

    pub fn says(&self, answer: Value) {
        self.says_text(answer.to_string());
    }

    /// As [`says`](Self::says), whether it is JSON or not.
    pub fn says_text(&self, answer: impl Into<String>) {
        *self.state.answer.lock().unwrap() = answer.into();
    }

    pub fn questions(&self) -> usize {
        self.state.questions.load(Ordering::SeqCst)
    }

    pub fn with(&self, secret: &str) -> Introspection {
        Introspection::new(&self.url, "api client", secret)
    }
}

async fn answer(
    State(state): State<Arc<Answers>>,
    headers: HeaderMap,
    form: String,
) -> (StatusCode, String) {
    use base64::{Engine as _, engine::general_purpose::STANDARD};

    state.questions.fetch_add(1, Ordering::SeqCst);
    *state.form.lock().unwrap() = form;
    // RFC 6749 §2.3.1: form-encoded, then Basic.
    let client = "api+client:s3cret%3Awith%2Fodd+chars%2B%C3%BC";
    let wanted = format!("Basic {}", STANDARD.encode(client));
    if headers["authorization"] != wanted.as_str() {
        return (StatusCode::UNAUTHORIZED, String::new());
    }
    (StatusCode::OK, state.answer.lock().unwrap().clone())
}

pub fn active(issuer: &str, changes: Value) -> Value {
    let mut answer = json!({"active": true, "token_type": "Bearer"});
    let Value::Object(claims) = claims_with(issuer, changes) else {
        panic!("claims are an object")
    };
    answer.as_object_mut().unwrap().extend(claims);
    answer
}
