//! An OpenID provider of the tests' own: rotating refresh tokens with ten seconds of grace, families, and faults on demand.

use std::{
    collections::HashMap,
    sync::{
        Arc, LazyLock, Mutex, MutexGuard,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use axum::{
    Form, Json, Router,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use keystead_protocol::{
    jwk::{Algorithm, JwkSet, SigningKey},
    jwt::{Signer, Typ},
};
use serde_json::{Value, json};
use tokio::net::TcpListener;

pub const NOON: i64 = 1_800_000_000;
const GRACE: i64 = 10;

static SIGNER: LazyLock<Signer> =
    LazyLock::new(|| Signer::new(SigningKey::generate(Algorithm::ES256).unwrap()));
/// A key that the provider does not publish.
static FOREIGN: LazyLock<Signer> =
    LazyLock::new(|| Signer::new(SigningKey::generate(Algorithm::ES256).unwrap()));

/// A clock that is set by hand, in seconds.
#[derive(Clone)]
pub struct Hands(Arc<AtomicI64>);

impl Hands {
    pub fn at(seconds: i64) -> Self {
        Self(Arc::new(AtomicI64::new(seconds)))
    }

    pub fn now(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }

    pub fn advance(&self, seconds: i64) {
        self.0.fetch_add(seconds, Ordering::SeqCst);
    }
}

/// What is wrong with the provider.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    None,
    /// Every token request is answered with this status and no JSON.
    Status(u16),
    /// ID tokens of renewals are about somebody else.
    OtherUser,
    /// ID tokens of renewals are signed with an unpublished key that calls itself by the published one's name.
    Forged,
    /// Revocations are done and never answered.
    Silent,
}

pub struct House {
    pub clock: Hands,
    pub fault: Fault,
    pub lifetime: i64,
    /// What the user grants of what is asked.
    pub grants: Vec<&'static str>,
    pub rotates: bool,
    pub codes: HashMap<String, Value>,
    /// Refresh tokens: their successor and when they were spent, if they were.
    families: HashMap<String, Option<(String, i64)>>,
    pub is_revoked: bool,
    /// Who sits at the browser.
    pub user: &'static str,
    pub renewals: usize,
    pub key_fetches: usize,
    pub revocations: Vec<String>,
    /// What came with the last token request.
    pub last: HashMap<String, String>,
    number: usize,
    issuer: String,
}

#[derive(Clone)]
pub struct Provider(Arc<Mutex<House>>);

impl Provider {
    /// A provider that listens at the returned port and calls itself `issuer`.
    pub async fn start(clock: Hands) -> (Self, u16) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let house = House {
            clock,
            fault: Fault::None,
            lifetime: 600,
            grants: vec!["openid", "offline_access", "read:messages"],
            rotates: true,
            codes: HashMap::new(),
            families: HashMap::new(),
            is_revoked: false,
            user: "ada",
            renewals: 0,
            key_fetches: 0,
            revocations: Vec::new(),
            last: HashMap::new(),
            number: 0,
            issuer: String::new(),
        };
        let provider = Self(Arc::new(Mutex::new(house)));
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(discovery))
            .route("/jwks", get(keys))
            .route("/token", post(token))
            .route("/revoke", post(revoke))
            .with_state(provider.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        (provider, port)
    }

    pub fn house(&self) -> MutexGuard<'_, House> {
        self.0.lock().unwrap()
    }

    pub fn is_called(&self, issuer: &str) {
        self.house().issuer = issuer.to_owned();
    }

    /// As if the user had signed in: a code for this authorization request.
    pub fn grants_code(&self, request: &keystead_client::reqwest::Url) -> String {
        let pairs: HashMap<_, _> = request.query_pairs().into_owned().collect();
        let mut house = self.house();
        let code = house.next("code");
        let wanted = json!({"nonce": pairs["nonce"], "scope": pairs["scope"]});
        house.codes.insert(code.clone(), wanted);
        code
    }
}

impl House {
    fn next(&mut self, what: &str) -> String {
        self.number += 1;
        format!("{what}-{}", self.number)
    }

    fn id_token(&self, nonce: Option<&str>, sub: &str, signer: &Signer) -> String {
        let now = self.clock.now();
        let claims = json!({
            "iss": self.issuer, "aud": "app", "sub": sub, "iat": now, "exp": now + 3600, "nonce": nonce,
        });
        signer
            .encode(Typ::Jwt, claims.to_string().as_bytes())
            .unwrap()
    }

    fn tokens(&mut self, scope: &str, refresh_token: Option<String>, id_token: String) -> Value {
        let granted: Vec<&str> = scope
            .split(' ')
            .filter(|one| self.grants.contains(one))
            .collect();
        json!({
            "access_token": self.next("access"), "token_type": "Bearer", "expires_in": self.lifetime,
            "scope": granted.join(" "), "refresh_token": refresh_token, "id_token": id_token,
        })
    }

    fn redeem(&mut self, form: &HashMap<String, String>) -> Option<Value> {
        let wanted = self.codes.remove(&form["code"])?;
        let scope = wanted["scope"].as_str()?.to_owned();
        let refresh_token = scope
            .contains("offline_access")
            .then(|| self.next("refresh"));
        if let Some(token) = &refresh_token {
            self.families.insert(token.clone(), None);
        }
        let id_token = self.id_token(wanted["nonce"].as_str(), self.user, &SIGNER);
        Some(self.tokens(&scope, refresh_token, id_token))
    }

    fn renew(&mut self, form: &HashMap<String, String>) -> Option<Value> {
        self.renewals += 1;
        if self.is_revoked {
            return None;
        }
        let (now, token) = (self.clock.now(), &form["refresh_token"]);
        let successor = match self.families.get(token)?.clone() {
            None if self.rotates => {
                let successor = self.next("refresh");
                self.families.insert(successor.clone(), None);
                self.families
                    .insert(token.clone(), Some((successor.clone(), now)));
                Some(successor)
            }
            None => None,
            Some((successor, spent_at)) if now <= spent_at + GRACE => Some(successor),
            // Somebody has it who should not: nobody keeps it.
            Some(_) => {
                self.is_revoked = true;
                return None;
            }
        };
        let granted = self.grants.join(" ");
        let scope = form.get("scope").cloned().unwrap_or(granted);
        let id_token = match self.fault {
            Fault::OtherUser => self.id_token(None, "eve", &SIGNER),
            Fault::Forged => {
                let token = self.id_token(None, "ada", &FOREIGN);
                let named = self.id_token(None, "ada", &SIGNER);
                let header = named.split('.').next()?;
                format!("{header}.{}", token.split_once('.')?.1)
            }
            _ => self.id_token(None, "ada", &SIGNER),
        };
        Some(self.tokens(&scope, successor, id_token))
    }
}

async fn discovery(State(provider): State<Provider>) -> Response {
    let issuer = provider.house().issuer.clone();
    let document = json!({
        "issuer": issuer, "authorization_endpoint": format!("{issuer}authorize"), "token_endpoint": format!("{issuer}token"),
        "jwks_uri": format!("{issuer}jwks"), "revocation_endpoint": format!("{issuer}revoke"),
        "end_session_endpoint": format!("{issuer}logout"), "authorization_response_iss_parameter_supported": true,
    });
    closing(Json(document))
}

async fn keys(State(provider): State<Provider>) -> Response {
    provider.house().key_fetches += 1;
    let set: JwkSet = [SIGNER.key()].into_iter().collect();
    closing(Json(json!(set)))
}

async fn token(
    State(provider): State<Provider>,
    Form(form): Form<HashMap<String, String>>,
) -> Response {
    // As long as signing and a database take, so that those who come at the same time do meet.
    tokio::time::sleep(Duration::from_millis(20)).await;
    let mut house = provider.house();
    house.last.clone_from(&form);
    if let Fault::Status(status) = house.fault {
        house.renewals += 1;
        let status = StatusCode::from_u16(status).unwrap();
        return closing((status, [(header::RETRY_AFTER, "7")], "no"));
    }
    let answer = match form["grant_type"].as_str() {
        "refresh_token" => house.renew(&form),
        _ => house.redeem(&form),
    };
    let refusal =
        json!({"error": "invalid_grant", "error_description": "Unknown or invalid refresh token."});
    match answer {
        Some(tokens) => closing(Json(tokens)),
        None => closing((StatusCode::FORBIDDEN, Json(refusal))),
    }
}

async fn revoke(
    State(provider): State<Provider>,
    Form(form): Form<HashMap<String, String>>,
) -> Response {
    let is_silent = {
        let mut house = provider.house();
        house.revocations.push(form["token"].clone());
        house.is_revoked = true;
        house.fault == Fault::Silent
    };
    if is_silent {
        std::future::pending::<()>().await;
    }
    closing(StatusCode::OK)
}

/// One request a connection, so that a cut network is met each time.
fn closing(answer: impl IntoResponse) -> Response {
    let mut headers = HeaderMap::new();
    headers.insert(
        header::CONNECTION,
        header::HeaderValue::from_static("close"),
    );
    (headers, answer).into_response()
}
