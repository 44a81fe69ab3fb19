//! The signature algorithms of RFC 7518 §3 and RFC 8037 that tokens may have, and what each asks of its key.

use std::{fmt, str::FromStr};

use aws_lc_rs::{
    digest, hmac,
    signature::{self, EcdsaSigningAlgorithm, RsaEncoding, VerificationAlgorithm},
};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{KeyRefusal, SHORTEST_SECRET, public::Curve};

/// A JWS signature algorithm. `none` is not among them and cannot be expressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "&'static str")]
pub enum Algorithm {
    /// HMAC with SHA-256.
    HS256,
    /// HMAC with SHA-384.
    HS384,
    /// HMAC with SHA-512.
    HS512,
    /// RSASSA-PKCS1-v1_5 with SHA-256: what every client understands.
    RS256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    RS384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    RS512,
    /// RSASSA-PSS with SHA-256.
    PS256,
    /// RSASSA-PSS with SHA-384.
    PS384,
    /// RSASSA-PSS with SHA-512.
    PS512,
    /// ECDSA on P-256 with SHA-256.
    ES256,
    /// ECDSA on P-384 with SHA-384.
    ES384,
    /// EdDSA on Ed25519 (RFC 8037). Ed448 is not supported.
    EdDSA,
}

/// An `alg` that is not an [`Algorithm`], `none` included. Does not repeat the name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("unsupported signature algorithm")]
pub struct UnknownAlgorithm;

/// What a key must be for an algorithm, with the parameters that the primitive takes.
pub(super) enum Family {
    Hmac(hmac::Algorithm),
    Rsa {
        signing: &'static dyn RsaEncoding,
        verifying: &'static dyn VerificationAlgorithm,
    },
    Ecdsa {
        curve: Curve,
        signing: &'static EcdsaSigningAlgorithm,
        verifying: &'static dyn VerificationAlgorithm,
    },
    Ed25519,
}

impl Algorithm {
    /// Every algorithm, by family.
    pub const ALL: [Self; 12] = [
        Self::HS256,
        Self::HS384,
        Self::HS512,
        Self::RS256,
        Self::RS384,
        Self::RS512,
        Self::PS256,
        Self::PS384,
        Self::PS512,
        Self::ES256,
        Self::ES384,
        Self::EdDSA,
    ];

    /// The name in `alg` (RFC 7518 §3.1, RFC 8037 §3.1).
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::HS256 => "HS256",
            Self::HS384 => "HS384",
            Self::HS512 => "HS512",
            Self::RS256 => "RS256",
            Self::RS384 => "RS384",
            Self::RS512 => "RS512",
            Self::PS256 => "PS256",
            Self::PS384 => "PS384",
            Self::PS512 => "PS512",
            Self::ES256 => "ES256",
            Self::ES384 => "ES384",
            Self::EdDSA => "EdDSA",
        }
    }

    /// Whether signer and verifier share a secret. Such a key has no public half and never stands in a key set.
    pub const fn is_symmetric(self) -> bool {
        matches!(self, Self::HS256 | Self::HS384 | Self::HS512)
    }

    /// The hash whose left half makes `at_hash`, `c_hash` and `s_hash` (OpenID Connect Core §3.1.3.6). Ed25519 hashes
    /// with SHA-512 inside, so that is its hash here too.
    pub(crate) fn digest(self) -> &'static digest::Algorithm {
        match self {
            Self::HS256 | Self::RS256 | Self::PS256 | Self::ES256 => &digest::SHA256,
            Self::HS384 | Self::RS384 | Self::PS384 | Self::ES384 => &digest::SHA384,
            Self::HS512 | Self::RS512 | Self::PS512 | Self::EdDSA => &digest::SHA512,
        }
    }

    pub(super) fn hmac_key(self, secret: &[u8]) -> Result<Box<hmac::Key>, KeyRefusal> {
        let Family::Hmac(hash) = self.family() else {
            return Err(KeyRefusal::Algorithm);
        };
        if secret.len() < SHORTEST_SECRET {
            return Err(KeyRefusal::ShortSecret);
        }
        Ok(Box::new(hmac::Key::new(hash, secret)))
    }

    pub(super) fn family(self) -> Family {
        match self {
            Self::HS256 => Family::Hmac(hmac::HMAC_SHA256),
            Self::HS384 => Family::Hmac(hmac::HMAC_SHA384),
            Self::HS512 => Family::Hmac(hmac::HMAC_SHA512),
            Self::RS256 => Family::Rsa {
                signing: &signature::RSA_PKCS1_SHA256,
                verifying: &signature::RSA_PKCS1_2048_8192_SHA256,
            },
            Self::RS384 => Family::Rsa {
                signing: &signature::RSA_PKCS1_SHA384,
                verifying: &signature::RSA_PKCS1_2048_8192_SHA384,
            },
            Self::RS512 => Family::Rsa {
                signing: &signature::RSA_PKCS1_SHA512,
                verifying: &signature::RSA_PKCS1_2048_8192_SHA512,
            },
            Self::PS256 => Family::Rsa {
                signing: &signature::RSA_PSS_SHA256,
                verifying: &signature::RSA_PSS_2048_8192_SHA256,
            },
            Self::PS384 => Family::Rsa {
                signing: &signature::RSA_PSS_SHA384,
                verifying: &signature::RSA_PSS_2048_8192_SHA384,
            },
            Self::PS512 => Family::Rsa {
                signing: &signature::RSA_PSS_SHA512,
                verifying: &signature::RSA_PSS_2048_8192_SHA512,
            },
            Self::ES256 => Family::Ecdsa {
                curve: Curve::P256,
                signing: &signature::ECDSA_P256_SHA256_FIXED_SIGNING,
                verifying: &signature::ECDSA_P256_SHA256_FIXED,
            },
            Self::ES384 => Family::Ecdsa {
                curve: Curve::P384,
                signing: &signature::ECDSA_P384_SHA384_FIXED_SIGNING,
                verifying: &signature::ECDSA_P384_SHA384_FIXED,
            },
            Self::EdDSA => Family::Ed25519,
        }
    }
}

impl FromStr for Algorithm {
    type Err = UnknownAlgorithm;

    /// Reads an `alg`, by case. `Ed25519` is the name that RFC 9864 §2.2 gives to the only EdDSA that is supported.
    fn from_str(name: &str) -> Result<Self, UnknownAlgorithm> {
        if name == "Ed25519" {
            return Ok(Self::EdDSA);
        }
        Self::ALL
            .into_iter()
            .find(|algorithm| algorithm.as_str() == name)
            .ok_or(UnknownAlgorithm)
    }
}

impl TryFrom<String> for Algorithm {
    type Error = UnknownAlgorithm;

    fn try_from(name: String) -> Result<Self, UnknownAlgorithm> {
        name.parse()
    }
}

impl From<Algorithm> for &'static str {
    fn from(algorithm: Algorithm) -> Self {
        algorithm.as_str()
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
