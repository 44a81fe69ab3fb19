//! OAuth 2.0 and OpenID Connect as values and functions: parsed requests, checked decisions, nothing that touches the world.
//!
//! This crate never waits, opens a file or a socket, reads a clock or draws a random number: [`time::Timestamp`]
//! and `&mut impl rand_core::CryptoRng` are arguments. What must be checked before use is a type that only the
//! check can make.
#![deny(missing_docs)]

pub mod authorize;
pub mod claims;
pub mod client;
pub mod client_auth;
pub mod endpoint;
pub mod error;
pub mod form;
pub mod grant_type;
pub mod ids;
pub mod jwk;
pub mod jwt;
pub mod logout;
pub mod pkce;
pub mod profile;
pub mod redirect;
pub mod scope;
pub mod secret;
pub mod time;
pub mod token;
