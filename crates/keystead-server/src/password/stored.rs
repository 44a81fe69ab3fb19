//! What stands in the store for a password: the forms, their bounds, and how each is verified.
//!
//! A form is one line of text, before it perhaps the encoding in which the password was hashed and a colon:
//!
//! | form | what |
//! | --- | --- |
//! | `$argon2id$v=19$m=…,t=…,p=…$salt$digest` | Argon2; ours, with 19456 KiB, 2 passes, 1 lane, and imported ones |
//! | `$2b$10$…` | bcrypt, also `2a` and `2y` |
//! | `$scrypt$ln=…,r=…,p=…$salt$digest` | scrypt |
//! | `$pbkdf2-sha256$i=…$salt$digest` | PBKDF2 |
//! | `$digest$d=md5,s=prefix$salt$digest` | one digest over salt and password, on the side that `s` says |
//! | `$hmac$d=sha256,k=…,s=suffix$salt$digest` | HMAC under the key `k` |
//! | `{SSHA}…` | RFC 2307 |

use std::num::NonZeroU32;

use aws_lc_rs::{constant_time::verify_slices_are_equal, pbkdf2};

use super::{
    argon::{Argon2Hash, Memory},
    digests::{Digest, Salted},
    phc::{Phc, Unreadable, of_sound_length},
};

/// A stored text can be this long.
const LONGEST: usize = 8 * 1024;
/// What bcrypt looks at of a password, in bytes.
const BCRYPT_LOOKS_AT: usize = 72;
/// bcrypt at this cost takes about a second.
const MOST_BCRYPT: u8 = 14;
/// scrypt: N·r·p, which at this size is about half a second; and 128 MiB.
const MOST_SCRYPT: u64 = 1 << 20;
/// PBKDF2: rounds times blocks of output, about a second with the slowest digest.
const MOST_PBKDF2: u64 = 2_000_000;

/// A hash with everything that is needed to verify a password.
pub(super) struct Stored {
    encoding: Encoding,
    form: Form,
}

enum Form {
    Argon2(Argon2Hash),
    Bcrypt(String),
    Scrypt {
        params: scrypt::Params,
        salt: Vec<u8>,
        digest: Vec<u8>,
    },
    Pbkdf2 {
        algorithm: pbkdf2::Algorithm,
        rounds: NonZeroU32,
        salt: Vec<u8>,
        digest: Vec<u8>,
    },
    Salted(Salted),
}

/// How the characters of a password were written when it was hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    Utf8,
    Latin1,
    Utf16Le,
}

impl Stored {
    /// Reads a stored text. Refuses what would take longer to verify than a log-in may.
    pub(super) fn parse(text: &str) -> Result<Self, Unreadable> {
        if text.len() > LONGEST {
            return Err(Unreadable("a hash that is longer than any that is known"));
        }
        let (encoding, text) = Encoding::split(text);
        let form = if text.starts_with('{') {
            Form::Salted(Salted::parse_ldap(text)?)
        } else if text.starts_with("$2") {
            bcrypt(text)?
        } else {
            let phc = Phc::parse(text)?;
            match phc.id {
                "argon2id" | "argon2i" | "argon2d" => Form::Argon2(Argon2Hash::parse(phc)?),
                "scrypt" => scrypt(phc)?,
                "digest" | "hmac" => Form::Salted(Salted::parse(phc)?),
                id => match id.strip_prefix("pbkdf2-").map(Digest::parse) {
                    Some(Some(digest)) => pbkdf2(digest, phc)?,
                    Some(None) | None => return Err(Unreadable("a hash of an unknown kind")),
                },
            }
        };
        Ok(Self { encoding, form })
    }

    /// Whether this is what a new hash would be.
    pub(super) fn is_ours(&self) -> bool {
        match &self.form {
            Form::Argon2(hash) => self.encoding == Encoding::Utf8 && hash.is_as_ours(),
            Form::Bcrypt(_) | Form::Scrypt { .. } | Form::Pbkdf2 { .. } | Form::Salted(_) => false,
        }
    }

    /// Whether the hash is of the whole password. bcrypt looks at 72 bytes: what comes after them was never verified, so
    /// a hash of it all would let its owner's next slip of the pen decide what the password is.
    pub(super) fn is_all_of(&self, password: &str) -> bool {
        match &self.form {
            Form::Bcrypt(_) => self
                .encoding
                .encode(password)
                .is_some_and(|password| password.len() <= BCRYPT_LOOKS_AT),
            Form::Argon2(_) | Form::Scrypt { .. } | Form::Pbkdf2 { .. } | Form::Salted(_) => true,
        }
    }

    /// Whether a password is the one that was hashed.
    pub(super) fn verify(&self, password: &str, memory: &mut Memory) -> bool {
        // Some forms end at U+0000 and some pad with it, so that none of them tells a password from the same with one more.
        let is_told = matches!(self.form, Form::Argon2(_)) || !password.contains('\0');
        let Some(password) = self.encoding.encode(password).filter(|_| is_told) else {
            return false;
        };
        match &self.form {
            Form::Argon2(hash) => hash.verify(&password, memory),
            Form::Bcrypt(hash) => bcrypt::verify(&password, hash).unwrap_or(false),
            Form::Scrypt {
                params,
                salt,
                digest,
            } => {
                let mut derived = vec![0; digest.len()];
                scrypt::scrypt(&password, salt, params, &mut derived).is_ok()
                    && verify_slices_are_equal(&derived, digest).is_ok()
            }
            Form::Pbkdf2 {
                algorithm,
                rounds,
                salt,
                digest,
            } => pbkdf2::verify(*algorithm, *rounds, salt, &password, digest).is_ok(),
            Form::Salted(salted) => salted.verify(&password),
        }
    }
}

impl Encoding {
    /// An encoding by one of its names, and whether it has one.
    pub(super) fn parse(name: &str) -> Option<Self> {
        match name.to_ascii_lowercase().as_str() {
            "utf8" | "utf-8" => Some(Self::Utf8),
            "ascii" | "latin1" | "binary" => Some(Self::Latin1),
            "utf16le" | "utf-16le" | "ucs2" | "ucs-2" => Some(Self::Utf16Le),
            _ => None,
        }
    }

    /// What stands before a form.
    pub(super) fn prefix(self) -> &'static str {
        match self {
            Self::Utf8 => "",
            Self::Latin1 => "latin1:",
            Self::Utf16Le => "utf16le:",
        }
    }

    fn split(text: &str) -> (Self, &str) {
        for encoding in [Self::Latin1, Self::Utf16Le] {
            if let Some(form) = text.strip_prefix(encoding.prefix()) {
                return (encoding, form);
            }
        }
        (Self::Utf8, text)
    }

    /// The bytes of a text; `None` if it has a character that this encoding has not.
    fn encode(self, text: &str) -> Option<Vec<u8>> {
        match self {
            Self::Utf8 => Some(text.as_bytes().to_vec()),
            Self::Latin1 => text.chars().map(|c| u8::try_from(c).ok()).collect(),
            Self::Utf16Le => Some(text.encode_utf16().flat_map(u16::to_le_bytes).collect()),
        }
    }
}

fn bcrypt(text: &str) -> Result<Form, Unreadable> {
    let rest = ["$2a$", "$2b$", "$2y$"]
        .iter()
        .find_map(|version| text.strip_prefix(version))
        .ok_or(Unreadable("a variant of bcrypt that is not verified"))?;
    let (cost, body) = rest.split_once('$').unwrap_or_default();
    let legal = |b: u8| b.is_ascii_alphanumeric() || b == b'.' || b == b'/';
    if cost.len() != 2 || body.len() != 53 || !body.bytes().all(legal) {
        return Err(Unreadable("a bcrypt hash of the wrong form"));
    }
    match cost.parse::<u8>() {
        Ok(4..=MOST_BCRYPT) => Ok(Form::Bcrypt(text.to_owned())),
        _ => Err(Unreadable("bcrypt at a cost beyond what is verified")),
    }
}

fn scrypt(phc: Phc<'_>) -> Result<Form, Unreadable> {
    let (log_n, r, p) = (phc.number("ln")?, phc.number("r")?, phc.number("p")?);
    let work = 1_u64
        .checked_shl(log_n)
        .and_then(|n| n.checked_mul(u64::from(r))?.checked_mul(u64::from(p)));
    if log_n == 0 || log_n > 20 || work.is_none_or(|work| work > MOST_SCRYPT) {
        return Err(Unreadable("scrypt at a cost beyond what is verified"));
    }
    let log_n = u8::try_from(log_n).map_err(|_| Unreadable("a cost that scrypt does not have"))?;
    let params = scrypt::Params::new(log_n, r, p)
        .map_err(|_| Unreadable("parameters that scrypt does not have"))?;
    let Phc { salt, digest, .. } = phc;
    of_sound_length(&digest)?;
    Ok(Form::Scrypt {
        params,
        salt,
        digest,
    })
}

fn pbkdf2(digest: Digest, phc: Phc<'_>) -> Result<Form, Unreadable> {
    let (algorithm, block) = match digest {
        Digest::Sha1 => (pbkdf2::PBKDF2_HMAC_SHA1, 20),
        Digest::Sha256 => (pbkdf2::PBKDF2_HMAC_SHA256, 32),
        Digest::Sha384 => (pbkdf2::PBKDF2_HMAC_SHA384, 48),
        Digest::Sha512 => (pbkdf2::PBKDF2_HMAC_SHA512, 64),
        Digest::Md4 | Digest::Md5 | Digest::Sha224 => {
            return Err(Unreadable("PBKDF2 with a digest that is not verified"));
        }
    };
    let rounds = NonZeroU32::new(phc.number("i")?).ok_or(Unreadable("PBKDF2 with no rounds"))?;
    let length = phc.text("l").map(str::parse);
    let Phc { salt, digest, .. } = phc;
    of_sound_length(&digest)?;
    if length.is_some_and(|length| length != Ok(digest.len())) {
        return Err(Unreadable("a PBKDF2 hash of another length than it says"));
    }
    if u64::from(rounds.get()) * digest.len().div_ceil(block) as u64 > MOST_PBKDF2 {
        return Err(Unreadable("PBKDF2 at a cost beyond what is verified"));
    }
    Ok(Form::Pbkdf2 {
        algorithm,
        rounds,
        salt,
        digest,
    })
}
