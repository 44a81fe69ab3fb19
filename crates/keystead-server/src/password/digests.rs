//! Fast digests of salt and password, as older systems made them: plain, keyed (HMAC), and in RFC 2307's form.

use ::hmac::{Hmac, KeyInit as _, Mac as _};
use aws_lc_rs::{constant_time::verify_slices_are_equal, digest, hmac};
use base64::Engine as _;
use md4::Md4;
use md5::{Digest as _, Md5};

use super::phc::{BASE64, Phc, Unreadable, of_sound_length};

/// A digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Digest {
    Md4,
    Md5,
    Sha1,
    Sha224,
    Sha256,
    Sha384,
    Sha512,
}

/// On which side of the password the salt stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Prefix,
    Suffix,
}

/// A digest over a salt and a password.
pub(super) struct Salted {
    digest: Digest,
    key: Option<Vec<u8>>,
    side: Side,
    salt: Vec<u8>,
    sum: Vec<u8>,
}

impl Digest {
    /// A digest by its name.
    pub(super) fn parse(name: &str) -> Option<Self> {
        [
            Self::Md4,
            Self::Md5,
            Self::Sha1,
            Self::Sha224,
            Self::Sha256,
            Self::Sha384,
            Self::Sha512,
        ]
        .into_iter()
        .find(|digest| digest.name().eq_ignore_ascii_case(name))
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Md4 => "md4",
            Self::Md5 => "md5",
            Self::Sha1 => "sha1",
            Self::Sha224 => "sha224",
            Self::Sha256 => "sha256",
            Self::Sha384 => "sha384",
            Self::Sha512 => "sha512",
        }
    }

    /// How many bytes it has.
    fn length(self) -> usize {
        match self {
            Self::Md4 | Self::Md5 => 16,
            Self::Sha1 => 20,
            Self::Sha224 => 28,
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }

    fn of(self, bytes: &[u8]) -> Vec<u8> {
        let with = |algorithm| digest::digest(algorithm, bytes).as_ref().to_vec();
        match self {
            Self::Md4 => Md4::digest(bytes).to_vec(),
            Self::Md5 => Md5::digest(bytes).to_vec(),
            Self::Sha1 => with(&digest::SHA1_FOR_LEGACY_USE_ONLY),
            Self::Sha224 => with(&digest::SHA224),
            Self::Sha256 => with(&digest::SHA256),
            Self::Sha384 => with(&digest::SHA384),
            Self::Sha512 => with(&digest::SHA512),
        }
    }

    fn keyed(self, key: &[u8], bytes: &[u8]) -> Vec<u8> {
        let with = |algorithm| {
            let key = hmac::Key::new(algorithm, key);
            hmac::sign(&key, bytes).as_ref().to_vec()
        };
        match self {
            // A key of any length is taken; were one refused, nothing would match the empty answer.
            Self::Md4 => Hmac::<Md4>::new_from_slice(key)
                .map(|mac| mac.chain_update(bytes).finalize().into_bytes().to_vec())
                .unwrap_or_default(),
            Self::Md5 => Hmac::<Md5>::new_from_slice(key)
                .map(|mac| mac.chain_update(bytes).finalize().into_bytes().to_vec())
                .unwrap_or_default(),
            Self::Sha1 => with(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY),
            Self::Sha224 => with(hmac::HMAC_SHA224),
            Self::Sha256 => with(hmac::HMAC_SHA256),
            Self::Sha384 => with(hmac::HMAC_SHA384),
            Self::Sha512 => with(hmac::HMAC_SHA512),
        }
    }
}

impl Side {
    /// A side by its name.
    pub(super) fn parse(name: &str) -> Option<Self> {
        match name {
            "prefix" => Some(Self::Prefix),
            "suffix" => Some(Self::Suffix),
            _ => None,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Prefix => "prefix",
            Self::Suffix => "suffix",
        }
    }
}

impl Salted {
    /// Reads `$digest$…` and `$hmac$…`.
    pub(super) fn parse(phc: Phc<'_>) -> Result<Self, Unreadable> {
        let digest = phc.text("d").and_then(Digest::parse);
        let digest = digest.ok_or(Unreadable("a digest of an unknown kind"))?;
        let key = phc.text("k").map(|key| BASE64.decode(key)).transpose();
        let key = key.map_err(|_| Unreadable("a key that is not base64"))?;
        if key.is_some() != (phc.id == "hmac") {
            return Err(Unreadable("an HMAC without a key, or a key without one"));
        }
        let side = phc.text("s").and_then(Side::parse);
        let side = side.ok_or(Unreadable("a salt that stands on no side"))?;
        Self {
            digest,
            key,
            side,
            salt: phc.salt,
            sum: phc.digest,
        }
        .of_its_length()
    }

    /// Reads `{SSHA}` and its like: base64 of the digest and, behind it, the salt (RFC 2307 §5.3 and what grew from it).
    pub(super) fn parse_ldap(text: &str) -> Result<Self, Unreadable> {
        let (scheme, body) = text
            .strip_prefix('{')
            .and_then(|rest| rest.split_once('}'))
            .ok_or(Unreadable("an LDAP hash without a scheme"))?;
        let scheme = scheme.to_ascii_lowercase();
        let (digest, is_salted) = match scheme.as_str() {
            "md5" => (Digest::Md5, false),
            "smd5" => (Digest::Md5, true),
            "sha" => (Digest::Sha1, false),
            "ssha" => (Digest::Sha1, true),
            "sha256" => (Digest::Sha256, false),
            "ssha256" => (Digest::Sha256, true),
            "sha384" => (Digest::Sha384, false),
            "ssha384" => (Digest::Sha384, true),
            "sha512" => (Digest::Sha512, false),
            "ssha512" => (Digest::Sha512, true),
            _ => return Err(Unreadable("an LDAP scheme that is not verified")),
        };
        let mut sum = BASE64
            .decode(body)
            .map_err(|_| Unreadable("an LDAP hash that is not base64"))?;
        if is_salted && sum.len() <= digest.length() {
            return Err(Unreadable("a salted LDAP hash without a salt"));
        }
        let salt = if is_salted {
            sum.split_off(digest.length())
        } else {
            vec![]
        };
        Self {
            digest,
            key: None,
            side: Side::Suffix,
            salt,
            sum,
        }
        .of_its_length()
    }

    fn of_its_length(self) -> Result<Self, Unreadable> {
        of_sound_length(&self.sum)?;
        if self.sum.len() == self.digest.length() {
            Ok(self)
        } else {
            Err(Unreadable("a digest of another length than its kind has"))
        }
    }

    pub(super) fn verify(&self, password: &[u8]) -> bool {
        let bytes = match self.side {
            Side::Prefix => [&self.salt, password].concat(),
            Side::Suffix => [password, &self.salt].concat(),
        };
        let sum = match &self.key {
            Some(key) => self.digest.keyed(key, &bytes),
            None => self.digest.of(&bytes),
        };
        verify_slices_are_equal(&sum, &self.sum).is_ok()
    }
}
