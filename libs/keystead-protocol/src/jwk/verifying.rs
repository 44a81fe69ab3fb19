//! Keys that check signatures, parsed once from a public JSON Web Key or taken from a signing key or a shared secret.

use std::fmt;

use aws_lc_rs::{
    encoding::AsDer,
    hmac,
    signature::{ED25519, ParsedPublicKey, RsaPublicKeyComponents},
};
use thiserror::Error;

use super::{
    Algorithm, Jwk, KeyRefusal,
    algorithm::Family,
    public::{Curve, PublicKey},
};

/// A key that checks signatures of one algorithm and no other.
///
/// Not checked: whether an Ed25519 point has a small order, or an RSA modulus known factors. Such a key betrays only
/// the party that published it.
#[derive(Clone)]
pub struct VerifyingKey {
    alg: Algorithm,
    kid: Option<String>,
    material: Material,
}

#[derive(Clone)]
enum Material {
    Public(ParsedPublicKey),
    Secret(Box<hmac::Key>),
}

/// The signature does not belong to the message and the key. There is no more to say (RFC 7515 §5.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the signature is wrong")]
pub struct BadSignature;

impl VerifyingKey {
    /// Parses a public key and pins it: to `wanted`, or else to its own `alg`, or else to what its type implies.
    ///
    /// An RSA key without `alg` implies `RS256`, the default of OpenID Connect Core §3.1.3.7: many providers leave
    /// `alg` out and mean that.
    ///
    /// # Errors
    /// [`KeyRefusal::Algorithm`] if `wanted`, the key's `alg` and its type do not agree; [`KeyRefusal::Material`] if
    /// the numbers are no key (a point off its curve, an even modulus or exponent, an exponent of one).
    pub fn from_jwk(jwk: &Jwk, wanted: Option<Algorithm>) -> Result<Self, KeyRefusal> {
        let implied = match &jwk.key {
            PublicKey::Rsa { .. } => Algorithm::RS256,
            PublicKey::Ec { curve, .. } => match curve {
                Curve::P256 => Algorithm::ES256,
                Curve::P384 => Algorithm::ES384,
            },
            PublicKey::Ed25519 { .. } => Algorithm::EdDSA,
        };
        let alg = wanted.or(jwk.alg).unwrap_or(implied);
        if jwk.alg.is_some_and(|own| own != alg) {
            return Err(KeyRefusal::Algorithm);
        }
        let parsed = match (alg.family(), &jwk.key) {
            (Family::Rsa { verifying, .. }, PublicKey::Rsa { n, e }) => {
                // By way of DER, because only that parser checks modulus and exponent.
                let der = RsaPublicKeyComponents { n, e }
                    .as_der()
                    .map_err(|_| KeyRefusal::Material)?;
                ParsedPublicKey::new(verifying, der.as_ref())
            }
            (
                Family::Ecdsa {
                    curve, verifying, ..
                },
                PublicKey::Ec { curve: own, x, y },
            ) if curve == *own => {
                // An uncompressed point (SEC 1 §2.3.3).
                ParsedPublicKey::new(verifying, [&[4], x.as_slice(), y].concat())
            }
            (Family::Ed25519, PublicKey::Ed25519 { x }) => ParsedPublicKey::new(&ED25519, x),
            _ => return Err(KeyRefusal::Algorithm),
        };
        Ok(Self {
            alg,
            kid: jwk.kid.clone(),
            material: Material::Public(parsed.map_err(|_| KeyRefusal::Material)?),
        })
    }

    /// A key for HMAC from the shared secret's bytes. It has no `kid`, so the header's is not looked at.
    ///
    /// # Errors
    /// [`KeyRefusal::ShortSecret`] below [`SHORTEST_SECRET`](super::SHORTEST_SECRET) bytes, [`KeyRefusal::Algorithm`] if `alg` is not HMAC.
    pub fn from_secret(alg: Algorithm, secret: &[u8]) -> Result<Self, KeyRefusal> {
        Ok(Self::of_secret(alg, None, alg.hmac_key(secret)?))
    }

    pub(super) fn of_secret(alg: Algorithm, kid: Option<String>, key: Box<hmac::Key>) -> Self {
        Self {
            alg,
            kid,
            material: Material::Secret(key),
        }
    }

    /// The one algorithm.
    pub fn alg(&self) -> Algorithm {
        self.alg
    }

    /// The `kid`, if the key has one.
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// Checks a raw signature. ECDSA signatures are the two numbers side by side (RFC 7518 §3.4), never ASN.1.
    ///
    /// # Errors
    /// [`BadSignature`], also if the length is not the algorithm's.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), BadSignature> {
        match &self.material {
            Material::Public(key) => key.verify_sig(message, signature),
            Material::Secret(key) => hmac::verify(key, message, signature),
        }
        .map_err(|_| BadSignature)
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifyingKey")
            .field("alg", &self.alg)
            .field("kid", &self.kid)
            .finish_non_exhaustive()
    }
}
