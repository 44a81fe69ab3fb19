//! Access tokens at an API: from the `Authorization` header of a request to claims that a handler may act on.
//!
//! An API is told two things: whose tokens it takes, the *issuer*, and what it is called, its *audience*. The issuer's
//! keys are found by discovery, so any OpenID provider will do.
//!
//! ```no_run
//! use axum::{Router, routing::get};
//! use keystead_verifier::{Bearer, Claims, Refusal, Verifier};
//!
//! async fn messages(Bearer(claims): Bearer) -> Result<String, Refusal> {
//!     claims.require_scope("read:messages")?;
//!     Ok(format!("messages of {}", claims.sub.as_deref().unwrap_or("nobody")))
//! }
//!
//! # async fn serve() -> Result<(), Box<dyn std::error::Error>> {
//! let verifier = Verifier::builder()
//!     .issuer("https://tenant.example.com/") // as in the token's `iss`, the last slash included
//!     .audience("https://api.example.com")
//!     .build()?;
//! verifier.warm().await?; // optional: says at start what is wrong
//!
//! let app = Router::new()
//!     .route("/public", get(|| async { "hello" }))
//!     .route("/messages", get(messages))
//!     .with_state(verifier);
//! axum::serve(tokio::net::TcpListener::bind("127.0.0.1:3000").await?, app).await?;
//! # Ok(())
//! # }
//! ```
//!
//! A request without a good token never reaches the handler. It is answered as RFC 6750 §3 says:
//!
//! | | status | `WWW-Authenticate: Bearer` |
//! |---|---|---|
//! | no token | 401 | a realm and no error |
//! | a token that is not good | 401 | `error="invalid_token"` |
//! | a scope is missing | 403 | `error="insufficient_scope", scope="…"` |
//! | a malformed header, two tokens | 400 | `error="invalid_request"` |
//! | the issuer's keys were never reached, or introspection gave no answer that can be read | 503 | |
//!
//! The precise reason is the [`Refusal`]; it goes to [`tracing`](https://docs.rs/tracing) at the level `debug`.
//!
//! # Layers instead of extractors
//!
//! [`BearerLayer`] protects a whole router, and [`Require`] demands a scope of single routes. Handlers then take
//! [`Claims`], or `Option<Claims>` behind [`BearerLayer::optional`].
//!
//! ```
//! # use axum::{Router, routing::get};
//! # use keystead_verifier::{BearerLayer, Claims, Require, Verifier};
//! # fn app(verifier: Verifier) -> Router {
//! Router::new()
//!     .route("/messages", get(|claims: Claims| async move { format!("{:?}", claims.sub) }))
//!     .route_layer(Require::scope("read:messages"))
//!     .layer(BearerLayer::new(verifier))
//! # }
//! ```
//!
//! # Without HTTP
//!
//! [`Verifier::verify`] takes a token from wherever it comes. Keys may be given instead of fetched:
//!
//! ```
//! use keystead_verifier::{Algorithm, Refusal, Verifier};
//!
//! let verifier = Verifier::builder()
//!     .issuer("https://tenant.example.com/")
//!     .audience("https://api.example.com")
//!     .secret(Algorithm::HS256, b"a secret of at least 16 bytes")
//!     .build()?;
//! assert!(matches!(verifier.verify_now("eyJhbGciOiJub25lIn0.e30."), Err(Refusal::Token(_))));
//! # Ok::<_, keystead_verifier::BuildError>(())
//! ```
//!
//! # What is checked
//!
//! The signature, with the key that `kid` names and the one algorithm of that key; issuer, audience, expiry and
//! beginning; and that it is an access token, neither an ID token nor a logout token nor one that is bound to a key.
//! `none` cannot be expressed, HMAC is used only with a secret that was given, and keys that a token brings along are
//! not looked at.
//!
//! What is *not*: `scope` and `permissions`, which are the handler's to ask for, and whether a token was revoked before it
//! expires. For that there is the feature `introspection`.
//!
//! # When the issuer is away
//!
//! Keys are fetched once and refreshed, in the background, before they are old. An unknown `kid` makes them be fetched
//! again, at most once a minute. While the issuer cannot be reached, the keys that are known serve for a day.
//!
//! # Features
//!
//! `axum` (extractors, with `tower`) and `http` (keys by discovery; needs a tokio runtime) are on by default; `tower` is
//! the layers alone, `introspection` asks the issuer about tokens (RFC 7662).
#![deny(missing_docs)]

mod builder;
mod claims;
mod clock;
#[cfg(feature = "axum")]
mod extract;
#[cfg(feature = "http")]
mod fetch;
#[cfg(feature = "tower")]
mod header;
#[cfg(feature = "introspection")]
mod introspect;
#[cfg(feature = "http")]
mod jwks;
mod keys;
#[cfg(feature = "tower")]
mod layer;
#[cfg(feature = "http")]
mod place;
mod refusal;
mod verify;

pub use builder::{BuildError, Builder, TokenType};
pub use claims::Claims;
#[cfg(feature = "axum")]
pub use extract::Bearer;
#[cfg(feature = "introspection")]
pub use introspect::Introspection;
#[cfg(feature = "tower")]
pub use layer::{Answer, BearerLayer, BearerService, Require, RequireService};
pub use refusal::{FetchError, Refusal};
pub use verify::Verifier;

pub use keystead_protocol::{
    claims::{ClaimRefusal, ClaimsSet},
    jwk::{Algorithm, Jwk, KeyRefusal, VerifyingKey, VerifyingKeys},
    jwt::JwtRefusal,
    time::Timestamp,
};

/// The examples of the crate's page compile.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
