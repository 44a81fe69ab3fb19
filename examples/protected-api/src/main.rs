//! An API that takes access tokens: `protected-api ISSUER AUDIENCE [ADDRESS]`.

use std::{env, error::Error};

use axum::{Json, Router, routing::get};
use keystead_verifier::{Bearer, Refusal, Verifier};
use serde_json::{Value, json};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let (Some(issuer), Some(audience)) = (arguments.next(), arguments.next()) else {
        return Err("usage: protected-api ISSUER AUDIENCE [ADDRESS]".into());
    };
    let address = arguments.next();

    let verifier = Verifier::builder()
        .issuer(issuer)
        .audience(audience)
        .build()?;
    verifier.warm().await?;

    let app = Router::new()
        .route("/api/public", get(public))
        .route("/api/private", get(private))
        .route("/api/private-scoped", get(scoped))
        .with_state(verifier);
    let listener = TcpListener::bind(address.as_deref().unwrap_or("127.0.0.1:3001")).await?;
    println!("listening on http://{}", listener.local_addr()?);
    Ok(axum::serve(listener, app).await?)
}

/// For everybody.
async fn public() -> Json<Value> {
    Json(json!({"message": "no token is needed here"}))
}

/// For whoever has a token for this API.
async fn private(Bearer(claims): Bearer) -> Json<Value> {
    Json(json!({"message": "the token is good", "sub": claims.sub}))
}

/// For tokens that permit it.
async fn scoped(Bearer(claims): Bearer) -> Result<Json<Value>, Refusal> {
    claims.require_scope("read:messages")?;
    Ok(Json(json!({"messages": ["hello"]})))
}
