//! Keys that sign: parsed once, pinned to one algorithm, known by their `kid`.

use std::fmt;

use aws_lc_rs::{
    digest,
    encoding::AsDer,
    hmac,
    rsa::KeySize,
    signature::{
        EcdsaKeyPair, Ed25519KeyPair, KeyPair, RsaEncoding, RsaKeyPair, RsaPublicKeyComponents,
    },
};
use thiserror::Error;
use zeroize::Zeroizing;

use super::{
    Algorithm, Jwk, KeyRefusal, VerifyingKey,
    algorithm::Family,
    public::{Curve, PublicKey},
};
use crate::ids::KeyId;

/// The longest signature: RSA with 8192 bits.
pub(crate) const LONGEST_SIGNATURE: usize = 1024;

/// A key that signs with one algorithm. Cheap to share, not to make: parsing an RSA key checks it.
pub struct SigningKey {
    alg: Algorithm,
    kid: Option<KeyId>,
    pair: Pair,
}

enum Pair {
    Rsa {
        pair: RsaKeyPair,
        encoding: &'static dyn RsaEncoding,
    },
    Ecdsa {
        pair: EcdsaKeyPair,
        curve: Curve,
    },
    Ed25519(Ed25519KeyPair),
    Hmac(Box<hmac::Key>),
}

/// The primitive failed: out of memory, or a broken self-check. Nothing a caller can mend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("signing failed")]
pub struct SigningError;

impl SigningKey {
    /// Makes a key pair; RSA gets 2048 bits. Its `kid` is its thumbprint.
    ///
    /// The randomness is aws-lc-rs's own, the one exception to the rule that chance is an argument: the library takes
    /// no other source for prime search and scalars, and a key is the last thing to be drawn from a seeded one.
    ///
    /// # Errors
    /// [`KeyRefusal::Symmetric`] for HMAC, whose secrets are drawn by the caller; [`KeyRefusal::Material`] if the
    /// library fails.
    pub fn generate(alg: Algorithm) -> Result<Self, KeyRefusal> {
        let pair = match alg.family() {
            Family::Rsa { signing, .. } => {
                RsaKeyPair::generate(KeySize::Rsa2048).map(|pair| Pair::Rsa {
                    pair,
                    encoding: signing,
                })
            }
            Family::Ecdsa { curve, signing, .. } => {
                EcdsaKeyPair::generate(signing).map(|pair| Pair::Ecdsa { pair, curve })
            }
            Family::Ed25519 => Ed25519KeyPair::generate().map(Pair::Ed25519),
            Family::Hmac(_) => return Err(KeyRefusal::Symmetric),
        };
        Self::of_pair(alg, pair.map_err(|_| KeyRefusal::Material)?)
    }

    /// Parses an unencrypted PKCS#8 key pair (RFC 5208). Its `kid` is its thumbprint; see [`SigningKey::with_kid`].
    ///
    /// # Errors
    /// [`KeyRefusal::Material`] if this is not a key of that algorithm's type and curve, with consistent halves and,
    /// for RSA, 2048 to 8192 bits; [`KeyRefusal::Symmetric`] for HMAC.
    pub fn from_pkcs8(alg: Algorithm, der: &[u8]) -> Result<Self, KeyRefusal> {
        let pair = match alg.family() {
            Family::Rsa { signing, .. } => RsaKeyPair::from_pkcs8(der).map(|pair| Pair::Rsa {
                pair,
                encoding: signing,
            }),
            Family::Ecdsa { curve, signing, .. } => {
                EcdsaKeyPair::from_pkcs8(signing, der).map(|pair| Pair::Ecdsa { pair, curve })
            }
            Family::Ed25519 => Ed25519KeyPair::from_pkcs8(der).map(Pair::Ed25519),
            Family::Hmac(_) => return Err(KeyRefusal::Symmetric),
        };
        Self::of_pair(alg, pair.map_err(|_| KeyRefusal::Material)?)
    }

    /// A key for HMAC from the shared secret's bytes. Without a `kid`, because both sides know which secret it is.
    ///
    /// # Errors
    /// [`KeyRefusal::ShortSecret`] below [`SHORTEST_SECRET`](super::SHORTEST_SECRET) bytes, [`KeyRefusal::Algorithm`] if `alg` is not HMAC.
    pub fn from_secret(alg: Algorithm, secret: &[u8]) -> Result<Self, KeyRefusal> {
        Ok(Self {
            alg,
            kid: None,
            pair: Pair::Hmac(alg.hmac_key(secret)?),
        })
    }

    fn of_pair(alg: Algorithm, pair: Pair) -> Result<Self, KeyRefusal> {
        let kid = pair
            .public()
            .ok_or(KeyRefusal::Symmetric)?
            .thumbprint()
            .try_into()
            .map_err(|_| KeyRefusal::Material)?;
        Ok(Self {
            alg,
            kid: Some(kid),
            pair,
        })
    }

    /// The same key under another name, for keys that were known by it before.
    #[must_use]
    pub fn with_kid(self, kid: KeyId) -> Self {
        Self {
            kid: Some(kid),
            ..self
        }
    }

    /// The one algorithm.
    pub fn alg(&self) -> Algorithm {
        self.alg
    }

    /// The `kid`; only a secret may have none.
    pub fn kid(&self) -> Option<&KeyId> {
        self.kid.as_ref()
    }

    /// The unencrypted PKCS#8 form, to be sealed at once. The buffer is wiped when dropped.
    ///
    /// # Errors
    /// [`KeyRefusal::Symmetric`] for HMAC, whose secret belongs to whoever handed it in.
    pub fn to_pkcs8(&self) -> Result<Zeroizing<Vec<u8>>, KeyRefusal> {
        match &self.pair {
            Pair::Rsa { pair, .. } => pair
                .as_der()
                .map(|der| Zeroizing::new(der.as_ref().to_vec())),
            Pair::Ecdsa { pair, .. } => pair
                .to_pkcs8v1()
                .map(|der| Zeroizing::new(der.as_ref().to_vec())),
            Pair::Ed25519(pair) => pair
                .to_pkcs8v1()
                .map(|der| Zeroizing::new(der.as_ref().to_vec())),
            Pair::Hmac(_) => return Err(KeyRefusal::Symmetric),
        }
        .map_err(|_| KeyRefusal::Material)
    }

    /// The public half for publishing, with `kid` and `alg`; `None` for HMAC, so that no key set can hold a secret.
    pub fn to_jwk(&self) -> Option<Jwk> {
        Some(Jwk {
            kid: self.kid.as_ref().map(|kid| kid.as_str().to_owned()),
            alg: Some(self.alg),
            key: self.pair.public()?,
        })
    }

    /// The key that checks what this one signs.
    ///
    /// # Errors
    /// [`KeyRefusal::Material`], only if the library contradicts itself.
    pub fn to_verifying_key(&self) -> Result<VerifyingKey, KeyRefusal> {
        if let Pair::Hmac(key) = &self.pair {
            let kid = self.kid.as_ref().map(|kid| kid.as_str().to_owned());
            return Ok(VerifyingKey::of_secret(self.alg, kid, key.clone()));
        }
        let jwk = self.to_jwk().ok_or(KeyRefusal::Material)?;
        VerifyingKey::from_jwk(&jwk, None)
    }

    /// Appends the signature of a message, in the form that JWS has it: for ECDSA the two numbers side by side (RFC
    /// 7518 §3.4).
    ///
    /// # Errors
    /// [`SigningError`]; then nothing was appended.
    pub fn sign(&self, message: &[u8], out: &mut Vec<u8>) -> Result<(), SigningError> {
        let mut buffer = [0; LONGEST_SIGNATURE];
        out.extend_from_slice(self.sign_to(message, &mut buffer)?);
        Ok(())
    }

    /// Puts the signature at the start of a buffer, which the caller keeps on its stack.
    pub(crate) fn sign_to<'b>(
        &self,
        message: &[u8],
        buffer: &'b mut [u8; LONGEST_SIGNATURE],
    ) -> Result<&'b [u8], SigningError> {
        let signature = buffer.get_mut(..self.signature_len()).ok_or(SigningError)?;
        // Hashing apart spares the generator that `sign` asks for and does not use: aws-lc-rs draws nonces itself.
        let digest = || digest::digest(self.alg.digest(), message);
        match &self.pair {
            Pair::Rsa { pair, encoding } => pair
                .sign_digest(*encoding, &digest(), signature)
                .map_err(|_| SigningError)?,
            Pair::Ecdsa { pair, .. } => {
                let made = pair.sign_digest(&digest()).map_err(|_| SigningError)?;
                fill(signature, made.as_ref())?;
            }
            Pair::Ed25519(pair) => {
                let made = pair.try_sign(message).map_err(|_| SigningError)?;
                fill(signature, made.as_ref())?;
            }
            Pair::Hmac(key) => fill(signature, hmac::sign(key, message).as_ref())?,
        }
        Ok(signature)
    }

    /// How many bytes a signature has.
    pub(crate) fn signature_len(&self) -> usize {
        match &self.pair {
            Pair::Rsa { pair, .. } => pair.public_modulus_len(),
            Pair::Ecdsa { curve, .. } => 2 * curve.width(),
            Pair::Ed25519(_) => 64,
            Pair::Hmac(key) => key.algorithm().tag_len(),
        }
    }
}

fn fill(signature: &mut [u8], made: &[u8]) -> Result<(), SigningError> {
    if signature.len() != made.len() {
        return Err(SigningError);
    }
    signature.copy_from_slice(made);
    Ok(())
}

impl Pair {
    fn public(&self) -> Option<PublicKey> {
        match self {
            Self::Rsa { pair, .. } => {
                let RsaPublicKeyComponents { n, e } = pair.public_key().into();
                Some(PublicKey::Rsa { n, e })
            }
            Self::Ecdsa { pair, curve } => {
                let point = pair.public_key().as_ref().get(1..)?;
                let (x, y) = point.split_at_checked(curve.width())?;
                Some(PublicKey::Ec {
                    curve: *curve,
                    x: x.to_vec(),
                    y: y.to_vec(),
                })
            }
            Self::Ed25519(pair) => Some(PublicKey::Ed25519 {
                x: pair.public_key().as_ref().to_vec(),
            }),
            Self::Hmac(_) => None,
        }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey")
            .field("alg", &self.alg)
            .field("kid", &self.kid)
            .finish_non_exhaustive()
    }
}
