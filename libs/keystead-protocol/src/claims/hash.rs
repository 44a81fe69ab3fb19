//! The hashes that tie an ID token to what came with it: `at_hash`, `c_hash`, `s_hash`.

use aws_lc_rs::digest;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::jwk::Algorithm;

/// The left half of the hash that belongs to the ID token's algorithm, base64url (OpenID Connect Core §3.1.3.6,
/// §3.3.2.11; FAPI 1.0 part 2 §5.1 for `s_hash`). The value is hashed as it stands on the wire.
///
/// Ed25519 counts as SHA-512, which it uses itself: Core names no hash for EdDSA.
pub fn half_hash(alg: Algorithm, value: &str) -> String {
    let hash = digest::digest(alg.digest(), value.as_bytes());
    let hash = hash.as_ref();
    URL_SAFE_NO_PAD.encode(hash.get(..hash.len() / 2).unwrap_or_default())
}
