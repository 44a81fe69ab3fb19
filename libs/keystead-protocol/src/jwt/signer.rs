//! Tokens as they are made: a key with its headers ready, so that only payload and signature are left to do.

use base64::{Engine, encoded_len, engine::general_purpose::URL_SAFE_NO_PAD};

use super::Typ;
use crate::jwk::{LONGEST_SIGNATURE, SigningError, SigningKey};

/// A signing key and, for each [`Typ`], the encoded header of its tokens with the dot that follows.
#[derive(Debug)]
pub struct Signer {
    key: SigningKey,
    headers: [String; Typ::ALL.len()],
}

impl Signer {
    /// Prepares the headers: `alg`, `typ` and, if the key has one, `kid`.
    pub fn new(key: SigningKey) -> Self {
        let headers = Typ::ALL.map(|typ| {
            // Nothing here needs escaping: a key's id consists of base64url characters.
            let kid = key.kid().map(|kid| format!(r#","kid":"{kid}""#));
            let (alg, typ, kid) = (key.alg(), typ.as_str(), kid.unwrap_or_default());
            URL_SAFE_NO_PAD.encode(format!(r#"{{"alg":"{alg}","typ":"{typ}"{kid}}}"#)) + "."
        });
        Self { key, headers }
    }

    /// The key, to publish its public half.
    pub fn key(&self) -> &SigningKey {
        &self.key
    }

    /// Signs a payload as a compact token: one allocation, of exactly the token's length.
    ///
    /// # Errors
    /// [`SigningError`] if the primitive fails.
    pub fn encode(&self, typ: Typ, payload: &[u8]) -> Result<String, SigningError> {
        let header = self.header(typ);
        let length = |bytes| encoded_len(bytes, false).ok_or(SigningError);
        let mut token = String::with_capacity(
            header.len() + length(payload.len())? + 1 + length(self.key.signature_len())?,
        );
        token.push_str(header);
        URL_SAFE_NO_PAD.encode_string(payload, &mut token);
        let mut buffer = [0; LONGEST_SIGNATURE];
        let signature = self.key.sign_to(token.as_bytes(), &mut buffer)?;
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        Ok(token)
    }

    fn header(&self, typ: Typ) -> &str {
        let [jwt, access_token, logout_token] = &self.headers;
        match typ {
            Typ::Jwt => jwt,
            Typ::AccessToken => access_token,
            Typ::LogoutToken => logout_token,
        }
    }
}
