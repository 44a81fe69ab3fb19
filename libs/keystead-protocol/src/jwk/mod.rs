//! Keys and their public face: what signs, what verifies, and how the public half is published (RFC 7517, RFC 7518, RFC 8037).
//!
//! A key is parsed once and used often, and it is pinned to one algorithm: a token whose header names another is not
//! even looked at by the primitive (RFC 8725 §3.1). All arithmetic is done by aws-lc-rs.

mod algorithm;
mod public;
mod set;
mod signing;
mod verifying;

pub use algorithm::{Algorithm, UnknownAlgorithm};
pub use public::Jwk;
pub use set::{JwkSet, NotAKeySet, Skipped, VerifyingKeys};
pub(crate) use signing::LONGEST_SIGNATURE;
pub use signing::{SigningError, SigningKey};
pub use verifying::{BadSignature, VerifyingKey};

use thiserror::Error;

/// The shortest HMAC secret that is accepted, in bytes.
///
/// Departure: RFC 7518 §3.2 wants as many bits as the hash has. Auth0 lets an API have a signing secret of 16
/// characters, and such an API must work after its import; the server makes longer ones.
pub const SHORTEST_SECRET: usize = 16;

/// Why a key cannot be used. Says nothing about the key's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum KeyRefusal {
    /// Not a JSON object with the members that its `kty` demands, or a member occurs twice.
    #[error("not a JSON Web Key")]
    NotAKey,
    /// A private or symmetric member where a public key was expected (RFC 7517 §9.3).
    #[error("the key has a private or symmetric member")]
    Private,
    /// A `kty` or `crv` that no algorithm here uses.
    #[error("unsupported key type or curve")]
    UnsupportedType,
    /// `use` is not `sig`, or `key_ops` lacks `verify` (RFC 7517 §4.2, §4.3).
    #[error("the key is not meant for signatures")]
    NotForSignatures,
    /// `alg` is unknown, is not the wanted one, or does not fit the type of the key.
    #[error("the algorithm does not fit the key")]
    Algorithm,
    /// A member is not unpadded base64url, not canonical, or not of the only possible length.
    #[error("the member `{0}` is not well encoded")]
    Encoding(&'static str),
    /// An RSA modulus outside 2048 to 8192 bits (RFC 7518 §3.3).
    #[error("an RSA key must have 2048 to 8192 bits")]
    RsaSize,
    /// The numbers are not a key: not on the curve, an even modulus, an exponent of one, inconsistent halves.
    #[error("the key material is invalid")]
    Material,
    /// Fewer than [`SHORTEST_SECRET`] bytes.
    #[error("the secret is too short")]
    ShortSecret,
    /// HMAC where only a key pair will do: secrets are given, never generated here and never published.
    #[error("a symmetric algorithm has no key pair")]
    Symmetric,
}
