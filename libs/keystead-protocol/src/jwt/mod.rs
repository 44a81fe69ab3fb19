//! Compact JWS (RFC 7515 §7.1) and nothing else of JOSE: how tokens are signed, read and verified.
//!
//! A token that is accepted has exactly one spelling. Three parts, unpadded base64url with no stray bits, a header in
//! which no member occurs twice: whoever changes a character gets a refusal, and a cache or a log can go by the text.
//! The one exception is ECDSA, where anybody can turn a signature (r, s) into (r, n - s); tokens are told apart by
//! `jti`.

mod header;
mod signer;
mod token;

pub use header::{Header, Typ};
pub use signer::Signer;
pub use token::{Limits, Token, Verified};

use thiserror::Error;

/// Why a token was not accepted. For the log; the bearer is told `invalid_token`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum JwtRefusal {
    /// Longer than [`Limits`] allow.
    #[error("the token is too long")]
    TooLong,
    /// Not three parts; five are an encrypted token, which is not supported.
    #[error("the token has not three parts")]
    NotThreeParts,
    /// A part with padding, whitespace, a foreign character, or bits that no encoder sets.
    #[error("the token is not canonical base64url")]
    Encoding,
    /// The header is not a JSON object, lacks `alg`, or has a member of the wrong type.
    #[error("the header is malformed")]
    Header,
    /// A header member occurs twice (RFC 7515 §4).
    #[error("a header member occurs twice")]
    DuplicateMember,
    /// `crit` names extensions, and none is understood (RFC 7515 §4.1.11).
    #[error("the header has critical extensions")]
    Critical,
    /// `alg` is `none` or unknown.
    #[error("the algorithm is not supported")]
    UnsupportedAlgorithm,
    /// `alg` is not the one that the key is pinned to.
    #[error("the algorithm is not the key's")]
    AlgorithmMismatch,
    /// `kid` names another key.
    #[error("the token names another key")]
    KeyMismatch,
    /// The signature does not belong to this text and this key.
    #[error("the signature is wrong")]
    BadSignature,
}
