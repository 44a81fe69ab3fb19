//! How much of the primitive's speed is left at an API: `cargo run --release -p keystead-verifier --example verify_speed`.
//!
//! One thread, and keys that were found by discovery on loopback. Each round times the bare primitive of aws-lc-rs, the
//! function and the tower layer one after the other on the same token, so that a noisy machine disturbs all of them; the
//! table shows the medians of the rounds.

use std::{
    convert::Infallible,
    error::Error,
    hint::black_box,
    pin::pin,
    task::{Context, Poll, Waker},
    time::{Duration, Instant, SystemTime},
};

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair,
    ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RsaKeyPair,
};
use axum::{Json, Router, routing::get};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{Request, Response};
use keystead_protocol::{
    jwk::{JwkSet, SigningKey},
    jwt::{Signer, Typ},
};
use keystead_verifier::{Algorithm, BearerLayer, Verifier};
use serde_json::json;
use tokio::{net::TcpListener, runtime::Runtime};
use tower::{Layer, Service, service_fn};

const AUDIENCE: &str = "https://api.example.com/v1";
const ROUNDS: usize = 31;
const ROUND: Duration = Duration::from_millis(40);

fn main() -> Result<(), Box<dyn Error>> {
    println!(
        "{:<8}{:>12}{:>12}{:>9}{:>12}{:>9}{:>12}{:>9}",
        "", "primitive/s", "verify_now", "ratio", "verify", "ratio", "layer", "ratio"
    );
    let runtime = Runtime::new()?;
    for alg in [Algorithm::RS256, Algorithm::ES256] {
        let signer = Signer::new(SigningKey::generate(alg)?);
        let api = runtime.block_on(issuer(&signer))?;
        let token = token(&signer, &api.issuer)?;
        runtime.block_on(api.verifier.warm())?;
        measure(&signer, &api.verifier, &token)?;
    }
    Ok(())
}

struct Api {
    issuer: String,
    verifier: Verifier,
}

/// An issuer on loopback, and an API that trusts it.
async fn issuer(signer: &Signer) -> Result<Api, Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let issuer = format!("http://{}/", listener.local_addr()?);
    let document = json!({"issuer": issuer, "jwks_uri": format!("{issuer}jwks")});
    let keys: JwkSet = [signer.key()].into_iter().collect();
    let keys = serde_json::to_value(keys)?;
    let routes = Router::new()
        .route(
            "/.well-known/openid-configuration",
            get(async || Json(document)),
        )
        .route("/jwks", get(async || Json(keys)));
    tokio::spawn(async { axum::serve(listener, routes).await });
    let verifier = Verifier::builder()
        .issuer(&issuer)
        .audience(AUDIENCE)
        .build()?;
    Ok(Api { issuer, verifier })
}

#[expect(
    clippy::disallowed_methods,
    reason = "a token must expire after this run"
)]
fn token(signer: &Signer, issuer: &str) -> Result<String, Box<dyn Error>> {
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)?
        .as_secs();
    let claims = json!({
        "iss": issuer, "sub": "auth0|5f7c8ec7c33c6c004bbafe82", "aud": [AUDIENCE, format!("{issuer}userinfo")],
        "iat": now, "exp": now + 86_400, "scope": "openid profile email read:orders write:orders",
        "azp": "x2DsMdpAWPUcXgRdSwWqgsBAhNFoKmZ4", "jti": "q7pX0Vw1ZcDk3LrT5yHn8Bfa",
        "permissions": ["read:orders", "write:orders"],
    });
    Ok(signer.encode(Typ::Jwt, claims.to_string().as_bytes())?)
}

/// The key, parsed as the primitive takes it.
fn public(key: &SigningKey) -> Result<ParsedPublicKey, Box<dyn Error>> {
    let der = key.to_pkcs8()?;
    Ok(if key.alg() == Algorithm::ES256 {
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &der)?;
        ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, pair.public_key())?
    } else {
        let pair = RsaKeyPair::from_pkcs8(&der)?;
        ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, pair.public_key())?
    })
}

/// What a future has to say without waiting, as all of them do here.
fn at_once<T>(future: impl Future<Output = T>) -> Option<T> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => Some(value),
        Poll::Pending => None,
    }
}

fn measure(signer: &Signer, verifier: &Verifier, token: &str) -> Result<(), Box<dyn Error>> {
    let public = public(signer.key())?;
    let (input, signature) = token.rsplit_once('.').ok_or("three parts")?;
    let signature = URL_SAFE_NO_PAD.decode(signature)?;
    let inner =
        service_fn(async |_: Request<()>| Ok::<_, Infallible>(Response::new(String::new())));
    let mut service = BearerLayer::new(verifier.clone()).layer(inner);
    let bearer = format!("Bearer {token}");

    let mut rounds = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        let primitive = rate(|| {
            public
                .verify_sig(black_box(input.as_bytes()), &signature)
                .is_ok()
        })?;
        let now = rate(|| verifier.verify_now(black_box(token)).is_ok())?;
        let verify = rate(|| matches!(at_once(verifier.verify(black_box(token))), Some(Ok(_))))?;
        let layer = rate(|| {
            let request = Request::get("/").header("authorization", &bearer).body(());
            let answer = request
                .ok()
                .and_then(|request| at_once(service.call(request)));
            matches!(answer, Some(Ok(response)) if response.status() == 200)
        })?;
        rounds.push([primitive, now, verify, layer]);
    }
    let median = |of: &dyn Fn(&[f64; 4]) -> f64| {
        let mut values: Vec<f64> = rounds.iter().map(of).collect();
        values.sort_by(f64::total_cmp);
        values.get(ROUNDS / 2).copied().unwrap_or_default()
    };
    print!(
        "{:<8}{:>12.0}",
        signer.key().alg().as_str(),
        median(&|[primitive, ..]| *primitive)
    );
    for which in 1..4 {
        let rate = median(&|round| round[which]);
        let ratio = median(&|round| round[which] / round[0]);
        print!("{rate:>12.0}{:>8.1}%", 100.0 * ratio);
    }
    println!();
    Ok(())
}

/// Calls a second, over one round.
#[expect(clippy::disallowed_methods, reason = "a measurement reads the clock")]
fn rate(mut call: impl FnMut() -> bool) -> Result<f64, Box<dyn Error>> {
    let start = Instant::now();
    let mut calls = 0_u32;
    loop {
        for _ in 0..32 {
            if !call() {
                return Err("a token was refused".into());
            }
        }
        calls += 32;
        let spent = start.elapsed();
        if spent >= ROUND {
            return Ok(f64::from(calls) / spent.as_secs_f64());
        }
    }
}
