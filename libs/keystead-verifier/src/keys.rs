//! Which key checks a token: chosen by name and algorithm, never by trying one after the other.

use std::sync::Arc;

use keystead_protocol::{
    jwk::{VerifyingKey, VerifyingKeys},
    jwt::{Header, JwtRefusal},
};

use crate::Refusal;

/// A function that hands out keys this process has, asked for each token.
pub(crate) type KeySource = Arc<dyn Fn() -> Arc<VerifyingKeys> + Send + Sync>;

/// Where the keys are.
pub(crate) enum Keys {
    /// In this process.
    Held(KeySource),
    /// At the issuer.
    #[cfg(feature = "http")]
    Published(Arc<crate::jwks::Jwks>),
}

/// The key that a header means: the one of its `kid` and algorithm; or, if either side has no name, the only one of
/// the algorithm.
pub(crate) fn choose<'k>(
    keys: &'k VerifyingKeys,
    header: &Header,
) -> Result<&'k VerifyingKey, Refusal> {
    let fitting = || keys.keys().iter().filter(|key| key.alg() == header.alg());
    if let Some(kid) = header.kid() {
        if let Some(named) = fitting().find(|key| key.kid() == Some(kid)) {
            return Ok(named);
        }
        if keys.keys().iter().any(|key| key.kid() == Some(kid)) {
            return Err(JwtRefusal::AlgorithmMismatch.into());
        }
    }
    let mut nameless = fitting().filter(|key| header.kid().is_none() || key.kid().is_none());
    match (nameless.next(), nameless.next()) {
        (Some(only), None) => Ok(only),
        (Some(_), Some(_)) => Err(Refusal::UnnamedKey),
        (None, _) => Err(Refusal::UnknownKey),
    }
}
