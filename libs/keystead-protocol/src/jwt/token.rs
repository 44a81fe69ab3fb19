//! A compact token before and after its signature was checked; only the latter shows claims to believe.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use super::{Header, JwtRefusal};
use crate::jwk::{LONGEST_SIGNATURE, VerifyingKey, VerifyingKeys};

/// How much of a token is read at all, in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Longest whole token.
    pub token: usize,
    /// Longest encoded header.
    pub header: usize,
}

impl Default for Limits {
    /// 16 KiB for the token, which is more than header lines of servers and proxies carry, 4 KiB of them for the header.
    fn default() -> Self {
        Self {
            token: 16 * 1024,
            header: 4 * 1024,
        }
    }
}

/// A token that was split and whose header was read. Nothing in it is true yet.
#[derive(Debug, Clone)]
pub struct Token<'t> {
    header: Header,
    signing_input: &'t str,
    payload: &'t str,
    signature: &'t str,
}

impl<'t> Token<'t> {
    /// Splits a compact token and reads its header, within the default [`Limits`].
    ///
    /// # Errors
    /// Every [`JwtRefusal`] but those of [`Token::verify`].
    pub fn parse(token: &'t str) -> Result<Self, JwtRefusal> {
        Self::parse_within(token, Limits::default())
    }

    /// As [`Token::parse`], with limits of the caller's.
    ///
    /// # Errors
    /// As [`Token::parse`].
    pub fn parse_within(token: &'t str, limits: Limits) -> Result<Self, JwtRefusal> {
        if token.len() > limits.token {
            return Err(JwtRefusal::TooLong);
        }
        let (signing_input, signature) = token.rsplit_once('.').ok_or(JwtRefusal::NotThreeParts)?;
        let (header, payload) = signing_input
            .split_once('.')
            .ok_or(JwtRefusal::NotThreeParts)?;
        if payload.contains('.') {
            return Err(JwtRefusal::NotThreeParts);
        }
        if header.len() > limits.header {
            return Err(JwtRefusal::TooLong);
        }
        Ok(Self {
            header: Header::from_json(&decode(header)?)?,
            signing_input,
            payload,
            signature,
        })
    }

    /// The header, to choose a key by.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The key of a set that the header asks for; see [`VerifyingKeys::find`].
    pub fn key_in<'k>(&self, keys: &'k VerifyingKeys) -> Option<&'k VerifyingKey> {
        keys.find(self.header.kid(), self.header.alg())
    }

    /// The payload of a token that nobody has vouched for: only to find out whose keys to ask, as with the issuer of a
    /// client assertion that comes without `client_id` (RFC 7521 §4.2).
    ///
    /// # Errors
    /// [`JwtRefusal::Encoding`].
    pub fn unverified_payload(&self) -> Result<Vec<u8>, JwtRefusal> {
        decode(self.payload)
    }

    /// Checks the signature with this key, if the token claims the key's algorithm and does not name another key.
    ///
    /// Not checked: any claim, and `typ`; see [`claims`](crate::claims).
    ///
    /// # Errors
    /// [`JwtRefusal::AlgorithmMismatch`], [`JwtRefusal::KeyMismatch`], [`JwtRefusal::BadSignature`] and, for a signature
    /// or payload that is not canonical base64url, [`JwtRefusal::Encoding`].
    pub fn verify(self, key: &VerifyingKey) -> Result<Verified, JwtRefusal> {
        if self.header.alg() != key.alg() {
            return Err(JwtRefusal::AlgorithmMismatch);
        }
        if let (Some(named), Some(own)) = (self.header.kid(), key.kid())
            && named != own
        {
            return Err(JwtRefusal::KeyMismatch);
        }
        // Room for what the decoder reserves: whole groups of three.
        let mut buffer = [0; LONGEST_SIGNATURE.next_multiple_of(3)];
        let length = URL_SAFE_NO_PAD
            .decode_slice(self.signature, &mut buffer)
            .map_err(|_| JwtRefusal::Encoding)?;
        let signature = buffer.get(..length).ok_or(JwtRefusal::Encoding)?;
        key.verify(self.signing_input.as_bytes(), signature)
            .map_err(|_| JwtRefusal::BadSignature)?;
        Ok(Verified {
            payload: decode(self.payload)?,
            header: self.header,
        })
    }
}

/// A token whose signature is right: its header and its payload, word for word as they were signed.
#[derive(Debug, Clone)]
pub struct Verified {
    header: Header,
    payload: Vec<u8>,
}

impl Verified {
    /// The header.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The signed bytes; for a JWT, JSON.
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    pub(crate) fn into_parts(self) -> (Header, Vec<u8>) {
        (self.header, self.payload)
    }
}

fn decode(part: &str) -> Result<Vec<u8>, JwtRefusal> {
    URL_SAFE_NO_PAD
        .decode(part)
        .map_err(|_| JwtRefusal::Encoding)
}
