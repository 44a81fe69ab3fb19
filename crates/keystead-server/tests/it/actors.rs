//! Who visits a house that serves tokens: apps with their credentials, APIs, people, and what was agreed between them.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use axum::{body::Body, extract::Request};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use keystead_protocol::{
    client_auth::JWT_BEARER,
    ids::ClientId,
    jwt::{Signer, Typ},
};
use keystead_server::services::Clock;
use serde_json::{Map, Value, json};
use url::form_urlencoded;

use crate::house::{Answer, Visitor};

mod asking;
mod browser;
mod people;
mod records;

pub use asking::PASSWORD;
pub use browser::{Begun, Browser};
pub use people::email;

pub const ISSUER: &str = "http://localhost:3000/";
pub const REDIRECT: &str = "https://app.example/callback";
pub const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// How an app proves to be itself.
#[derive(Clone)]
pub enum Shows {
    Nothing,
    Post(String),
    Basic(String),
    Signs(Arc<Signer>),
}

/// A registered client, as a program that asks for tokens.
pub struct App {
    pub id: String,
    pub shows: Shows,
    visitor: Visitor,
    clock: Clock,
}

/// How a body is written.
#[derive(Debug, Clone, Copy)]
pub enum Written {
    Form,
    Json,
}

impl App {
    /// The token endpoint is asked in JSON, as Auth0's libraries do.
    pub async fn asks(&self, parameters: Value) -> Answer {
        self.posts("/oauth/token", parameters, Written::Json).await
    }

    /// Posts parameters with the app's credentials.
    pub async fn posts(&self, path: &str, parameters: Value, written: Written) -> Answer {
        let mut all = parameters.as_object().unwrap().clone();
        let mut request = Request::post(path);
        let mut put = |name: &str, value: Value| {
            all.entry(name).or_insert(value);
        };
        match &self.shows {
            Shows::Nothing => put("client_id", json!(self.id)),
            Shows::Post(secret) => {
                put("client_id", json!(self.id));
                put("client_secret", json!(secret));
            }
            Shows::Basic(secret) => {
                let encoded = STANDARD.encode(format!("{}:{secret}", self.id));
                request = request.header("authorization", format!("Basic {encoded}"));
            }
            Shows::Signs(key) => {
                put("client_assertion_type", json!(JWT_BEARER));
                put("client_assertion", json!(self.assertion(key, json!({}))));
            }
        }
        self.visitor.posts(request, &all, written).await
    }

    /// Redeems a code as it was asked for.
    pub async fn redeems(&self, code: &str) -> Answer {
        self.asks(json!({
            "grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT, "code_verifier": VERIFIER,
        }))
        .await
    }

    /// Uses a refresh token.
    pub async fn refreshes(&self, token: &str) -> Answer {
        self.asks(json!({ "grant_type": "refresh_token", "refresh_token": token }))
            .await
    }

    /// What introspection says of a token.
    pub async fn introspects(&self, token: &str) -> Value {
        let answer = self
            .posts(
                "/oauth/introspect",
                json!({ "token": token }),
                Written::Form,
            )
            .await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.json()
    }

    /// Gives a token back.
    pub async fn revokes(&self, token: &str) -> Answer {
        self.posts("/oauth/revoke", json!({ "token": token }), Written::Json)
            .await
    }

    /// An assertion with claims of its own; `null` takes a claim away.
    pub fn assertion(&self, key: &Signer, claims: Value) -> String {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let now = self.clock.now().as_secs();
        let mut all = json!({
            "iss": self.id, "sub": self.id, "aud": ISSUER, "iat": now, "exp": now + 60,
            "jti": format!("jti-{}", NEXT.fetch_add(1, Ordering::Relaxed)),
        });
        let members = all.as_object_mut().unwrap();
        members.extend(claims.as_object().unwrap().clone());
        members.retain(|_, value| !value.is_null());
        key.encode(Typ::Jwt, all.to_string().as_bytes()).unwrap()
    }

    /// The key that the app signs with.
    pub fn key(&self) -> &Signer {
        match &self.shows {
            Shows::Signs(key) => key,
            _ => panic!("{} does not sign", self.id),
        }
    }

    /// The same app with other credentials.
    pub fn showing(&self, shows: Shows) -> Self {
        Self {
            id: self.id.clone(),
            shows,
            visitor: self.visitor.clone(),
            clock: self.clock.clone(),
        }
    }

    pub fn client_id(&self) -> ClientId {
        self.id.as_str().try_into().unwrap()
    }
}

impl Visitor {
    /// Posts parameters in either form.
    pub async fn posts(
        &self,
        request: axum::http::request::Builder,
        parameters: &Map<String, Value>,
        written: Written,
    ) -> Answer {
        let (kind, body) = match written {
            Written::Json => (
                "application/json; charset=utf-8",
                Value::Object(parameters.clone()).to_string(),
            ),
            Written::Form => {
                let mut form = form_urlencoded::Serializer::new(String::new());
                for (name, value) in parameters {
                    form.append_pair(name, value.as_str().unwrap());
                }
                ("application/x-www-form-urlencoded", form.finish())
            }
        };
        self.sends_body(request.header("content-type", kind), Body::from(body))
            .await
    }

    /// Shows an access token at userinfo.
    pub async fn shows(&self, token: &str) -> Answer {
        let request = Request::get("/userinfo").header("authorization", format!("Bearer {token}"));
        self.sends(request).await
    }
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.short()))
    }

    /// A member of a successful answer that is text.
    pub fn text(&self, name: &str) -> String {
        assert_eq!(self.status, 200, "{}", self.body);
        self.json()[name]
            .as_str()
            .unwrap_or_else(|| panic!("no {name} in {}", self.body))
            .to_owned()
    }

    /// Status and error code on one line.
    pub fn refusal(&self) -> String {
        format!(
            "{} {}",
            self.status.as_u16(),
            self.json()["error"].as_str().unwrap_or_default()
        )
    }
}

/// What a user agreed to.
pub struct Agreed<'a> {
    pub scope: &'a str,
    pub audience: Option<&'a str>,
    pub nonce: Option<&'a str>,
    pub challenge: Option<&'a str>,
}

impl Default for Agreed<'_> {
    fn default() -> Self {
        Self {
            scope: "openid",
            audience: None,
            nonce: None,
            challenge: Some(CHALLENGE),
        }
    }
}

/// What a token says, its signature checked with the published keys.
pub struct Read {
    pub header: Value,
    pub claims: Value,
}

/// A part of a token, believed.
pub fn part(token: &str, index: usize) -> Value {
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let part = token.split('.').nth(index).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}
