//! Hashes that users bring from elsewhere: the `password_hash` and `custom_password_hash` of Auth0's user import, made into
//! what the store holds.

use base64::Engine as _;
use keystead_protocol::secret::Secret;
use serde::Deserialize;

use super::{
    digests::{Digest, Side},
    phc::BASE64,
    stored::{Encoding, Stored},
};

/// Why a hash cannot be imported, in words for whoever made the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unacceptable(&'static str);

/// A `password_hash`: bcrypt in the versions `2a`, `2b` and `2y`.
///
/// # Errors
/// [`Unacceptable`] if it is anything else.
pub fn password_hash(hash: &Secret) -> Result<Secret, Unacceptable> {
    if hash.expose().starts_with("$2") {
        checked(hash.expose().to_owned())
    } else {
        Err(Unacceptable(
            "password_hash must be bcrypt; anything else is a custom_password_hash",
        ))
    }
}

/// A `custom_password_hash`.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CustomPasswordHash {
    algorithm: Algorithm,
    hash: Hash,
    salt: Option<Salt>,
    password: Option<Typed>,
    keylen: Option<u32>,
    cost: Option<u32>,
    block_size: Option<u32>,
    parallelization: Option<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Algorithm {
    Argon2,
    Bcrypt,
    Hmac,
    Ldap,
    Md4,
    Md5,
    Sha1,
    Sha256,
    Sha512,
    Pbkdf2,
    Scrypt,
}

#[derive(Clone, Deserialize)]
struct Hash {
    value: String,
    encoding: Option<String>,
    digest: Option<String>,
    key: Option<Written>,
}

#[derive(Clone, Deserialize)]
struct Written {
    value: String,
    encoding: Option<String>,
}

#[derive(Clone, Deserialize)]
struct Salt {
    value: String,
    encoding: Option<String>,
    position: Option<String>,
}

#[derive(Clone, Deserialize)]
struct Typed {
    encoding: Option<String>,
}

/// The algorithm's name only.
impl std::fmt::Debug for CustomPasswordHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "CustomPasswordHash({:?}, ..)", self.algorithm)
    }
}

impl CustomPasswordHash {
    /// What to store.
    ///
    /// # Errors
    /// [`Unacceptable`] if a member is missing or makes no sense, or if a log-in would cost too much.
    pub fn stored(&self) -> Result<Secret, Unacceptable> {
        let typed = self.password.as_ref().and_then(|p| p.encoding.as_deref());
        let encoding = Encoding::parse(typed.unwrap_or("utf8")).ok_or(Unacceptable(
            "password.encoding is not one of utf8, ascii, latin1, binary, utf16le, ucs2",
        ))?;
        let form = match self.algorithm {
            Algorithm::Argon2 => self.verbatim("$argon2")?,
            Algorithm::Bcrypt => self.verbatim("$2")?,
            Algorithm::Pbkdf2 => self.verbatim("$pbkdf2-")?,
            Algorithm::Ldap => self.verbatim("{")?,
            Algorithm::Scrypt => self.scrypt()?,
            Algorithm::Hmac => {
                let named = self.hash.digest.as_deref().and_then(Digest::parse);
                let digest =
                    named.ok_or(Unacceptable("hash.digest is missing or not verified here"))?;
                let key = self
                    .hash
                    .key
                    .as_ref()
                    .ok_or(Unacceptable("hash.key is missing"))?;
                let key = bytes(&key.value, key.encoding.as_deref().unwrap_or("utf8"))?;
                self.salted("hmac", digest, &format!(",k={}", BASE64.encode(key)))?
            }
            Algorithm::Md4 => self.salted("digest", Digest::Md4, "")?,
            Algorithm::Md5 => self.salted("digest", Digest::Md5, "")?,
            Algorithm::Sha1 => self.salted("digest", Digest::Sha1, "")?,
            Algorithm::Sha256 => self.salted("digest", Digest::Sha256, "")?,
            Algorithm::Sha512 => self.salted("digest", Digest::Sha512, "")?,
        };
        checked(format!("{}{form}", encoding.prefix()))
    }

    /// A hash that says everything about itself.
    fn verbatim(&self, start: &str) -> Result<String, Unacceptable> {
        let is_text = self
            .hash
            .encoding
            .as_ref()
            .is_none_or(|encoding| encoding.eq_ignore_ascii_case("utf8"));
        if is_text && self.hash.value.starts_with(start) {
            Ok(self.hash.value.clone())
        } else {
            Err(Unacceptable(
                "hash.value is not in the textual form of its algorithm",
            ))
        }
    }

    fn scrypt(&self) -> Result<String, Unacceptable> {
        let cost = self.cost.unwrap_or(16_384);
        let (r, p) = (
            self.block_size.unwrap_or(8),
            self.parallelization.unwrap_or(1),
        );
        let digest = self.sum()?;
        let (salt, _) = self.salt()?;
        if !cost.is_power_of_two() {
            return Err(Unacceptable("the cost of scrypt must be a power of two"));
        }
        if self
            .keylen
            .is_some_and(|length| u64::from(length) != digest.len() as u64)
        {
            return Err(Unacceptable("keylen is not the length of hash.value"));
        }
        Ok(format!(
            "$scrypt$ln={},r={r},p={p}${}${}",
            cost.ilog2(),
            BASE64.encode(salt),
            BASE64.encode(digest)
        ))
    }

    fn salted(&self, id: &str, digest: Digest, key: &str) -> Result<String, Unacceptable> {
        let (salt, side) = self.salt()?;
        Ok(format!(
            "${id}$d={}{key},s={}${}${}",
            digest.name(),
            side.name(),
            BASE64.encode(salt),
            BASE64.encode(self.sum()?)
        ))
    }

    fn sum(&self) -> Result<Vec<u8>, Unacceptable> {
        let encoding = self.hash.encoding.as_deref();
        bytes(
            &self.hash.value,
            encoding.ok_or(Unacceptable("hash.encoding is missing"))?,
        )
    }

    /// None is an empty one.
    fn salt(&self) -> Result<(Vec<u8>, Side), Unacceptable> {
        let Some(salt) = &self.salt else {
            return Ok((vec![], Side::Prefix));
        };
        let side = Side::parse(salt.position.as_deref().unwrap_or("prefix"))
            .ok_or(Unacceptable("salt.position is neither prefix nor suffix"))?;
        Ok((
            bytes(&salt.value, salt.encoding.as_deref().unwrap_or("utf8"))?,
            side,
        ))
    }
}

/// A form that can be verified, at a cost that is borne.
fn checked(form: String) -> Result<Secret, Unacceptable> {
    match Stored::parse(&form) {
        Ok(_) => Ok(form.into()),
        Err(why) => Err(Unacceptable(why.0)),
    }
}

fn bytes(text: &str, encoding: &str) -> Result<Vec<u8>, Unacceptable> {
    match encoding.to_ascii_lowercase().as_str() {
        "utf8" | "utf-8" => Ok(text.as_bytes().to_vec()),
        "base64" => BASE64
            .decode(text)
            .map_err(|_| Unacceptable("what should be base64 is not")),
        "hex" => hex(text).ok_or(Unacceptable("what should be hexadecimal is not")),
        _ => Err(Unacceptable("an encoding is not one of base64, hex, utf8")),
    }
}

fn hex(text: &str) -> Option<Vec<u8>> {
    let digit = |b: &u8| u8::try_from(char::from(*b).to_digit(16)?).ok();
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let decoded = pairs
        .iter()
        .map(|[high, low]| Some(digit(high)? << 4 | digit(low)?));
    rest.is_empty().then(|| decoded.collect()).flatten()
}
