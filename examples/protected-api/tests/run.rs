//! The program as a user runs it, in front of an issuer with one key.

#![expect(
    clippy::unwrap_used,
    reason = "a panic in a test is a failure with a line number"
)]

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
    time::SystemTime,
};

use axum::{Json, Router, routing::get};
use keystead_protocol::{
    jwk::{Algorithm, JwkSet, SigningKey},
    jwt::{Signer, Typ},
};
use serde_json::json;
use tokio::net::TcpListener;

const AUDIENCE: &str = "https://api.example.com";

struct Issuer {
    name: String,
    signer: Signer,
}

impl Issuer {
    async fn open() -> Self {
        let signer = Signer::new(SigningKey::generate(Algorithm::RS256).unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let name = format!("http://{}/", listener.local_addr().unwrap());
        let document = json!({"issuer": name, "jwks_uri": format!("{name}.well-known/jwks.json")});
        let keys: JwkSet = [signer.key()].into_iter().collect();
        let keys = serde_json::to_value(keys).unwrap();
        let routes = Router::new()
            .route(
                "/.well-known/openid-configuration",
                get(async || Json(document)),
            )
            .route("/.well-known/jwks.json", get(async || Json(keys)));
        tokio::spawn(async { axum::serve(listener, routes).await });
        Self { name, signer }
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "the program has the system's clock"
    )]
    fn token(&self, audience: &str, scope: &str) -> String {
        let now = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap()
            .as_secs();
        let claims = json!({
            "iss": self.name, "aud": audience, "sub": "auth0|ada", "scope": scope, "iat": now, "exp": now + 60,
        });
        self.signer
            .encode(Typ::Jwt, claims.to_string().as_bytes())
            .unwrap()
    }
}

/// The program, until this value goes.
struct Program {
    process: Child,
    url: String,
}

impl Program {
    fn run(issuer: &str) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_protected-api"))
            .args([issuer, AUDIENCE, "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let output = process.stdout.take().unwrap();
        BufReader::new(output).read_line(&mut line).unwrap();
        let url = line
            .trim()
            .strip_prefix("listening on ")
            .unwrap()
            .to_owned();
        Self { process, url }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_route_lets_in_whom_it_should() {
    let issuer = Issuer::open().await;
    let program = Program::run(&issuer.name);
    let reader = issuer.token(AUDIENCE, "openid read:messages");
    let other = issuer.token(AUDIENCE, "openid");
    let stranger = issuer.token("https://other.example.com", "read:messages");
    #[expect(clippy::disallowed_methods, reason = "a client of the program's")]
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    for (name, path, token, status, says) in [
        (
            "public, without a token",
            "/api/public",
            None,
            200,
            "no token is needed",
        ),
        ("private, without a token", "/api/private", None, 401, ""),
        (
            "private, with a token",
            "/api/private",
            Some(&other),
            200,
            "auth0|ada",
        ),
        (
            "private, with a token for another API",
            "/api/private",
            Some(&stranger),
            401,
            "invalid_token",
        ),
        (
            "scoped, without a token",
            "/api/private-scoped",
            None,
            401,
            "",
        ),
        (
            "scoped, without the scope",
            "/api/private-scoped",
            Some(&other),
            403,
            "insufficient_scope",
        ),
        (
            "scoped, with it",
            "/api/private-scoped",
            Some(&reader),
            200,
            "hello",
        ),
    ] {
        let mut request = client.get(format!("{}{path}", program.url));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), status, "{name}");
        let text = response.text().await.unwrap();
        assert!(text.contains(says), "{name}: {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_issuer_shows_at_start() {
    let issuer = Issuer::open().await;
    let without_slash = issuer.name.trim_end_matches('/').to_owned();
    let mut program = Command::new(env!("CARGO_BIN_EXE_protected-api"));
    program.args([&without_slash, AUDIENCE, "127.0.0.1:0"]);
    let output = tokio::task::spawn_blocking(move || program.output())
        .await
        .unwrap()
        .unwrap();
    assert!(!output.status.success());
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(text.contains("WrongIssuer"), "{text}");
}
