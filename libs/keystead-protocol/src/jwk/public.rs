//! The public half of a key pair as a JSON Web Key: strict reading, publishing, thumbprint.

use aws_lc_rs::digest;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{
    Deserialize, Deserializer, Serialize, Serializer, de::IgnoredAny, ser::SerializeStruct,
};

use super::{Algorithm, KeyRefusal};

/// A public JSON Web Key for signatures (RFC 7517 §4). No value of this type holds a private or symmetric key.
///
/// Reading checks the form: the members that `kty` demands, canonical base64url of the right length, the size of an
/// RSA modulus, `use` and `key_ops`. Whether the numbers are a key is checked by [`VerifyingKey::from_jwk`]. Members
/// that would lead elsewhere (`x5u`, `x5c`) are ignored.
///
/// [`VerifyingKey::from_jwk`]: super::VerifyingKey::from_jwk
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "RawJwk")]
pub struct Jwk {
    pub(super) kid: Option<String>,
    pub(super) alg: Option<Algorithm>,
    pub(super) key: PublicKey,
}

/// The numbers of a public key, big-endian.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum PublicKey {
    Rsa {
        n: Vec<u8>,
        e: Vec<u8>,
    },
    Ec {
        curve: Curve,
        x: Vec<u8>,
        y: Vec<u8>,
    },
    Ed25519 {
        x: Vec<u8>,
    },
}

/// An elliptic curve that ECDSA is used with (RFC 7518 §6.2.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Curve {
    P256,
    P384,
}

impl Curve {
    const fn name(self) -> &'static str {
        match self {
            Self::P256 => "P-256",
            Self::P384 => "P-384",
        }
    }

    /// Bytes of one coordinate.
    pub(super) const fn width(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
        }
    }
}

impl Jwk {
    /// Reads one key from JSON.
    ///
    /// # Errors
    /// The precise [`KeyRefusal`], which `serde` could only give as text.
    pub fn from_json(json: &str) -> Result<Self, KeyRefusal> {
        serde_json::from_str::<RawJwk>(json)
            .map_err(|_| KeyRefusal::NotAKey)?
            .try_into()
    }

    /// The `kid`, if the key has one. Foreign keys may have any text here.
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// The `alg`, if the key has one.
    pub fn alg(&self) -> Option<Algorithm> {
        self.alg
    }

    /// The SHA-256 thumbprint (RFC 7638), base64url: the same for the same key, whatever `kid`, `alg` or `use` say.
    pub fn thumbprint(&self) -> String {
        self.key.thumbprint()
    }
}

impl PublicKey {
    /// Hashes the required members in lexicographic order, without whitespace (RFC 7638 §3, RFC 8037 §2).
    pub(super) fn thumbprint(&self) -> String {
        let canonical = match self {
            Self::Rsa { n, e } => {
                format!(r#"{{"e":"{}","kty":"RSA","n":"{}"}}"#, encode(e), encode(n))
            }
            Self::Ec { curve, x, y } => {
                let (crv, x, y) = (curve.name(), encode(x), encode(y));
                format!(r#"{{"crv":"{crv}","kty":"EC","x":"{x}","y":"{y}"}}"#)
            }
            Self::Ed25519 { x } => {
                format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, encode(x))
            }
        };
        encode(digest::digest(&digest::SHA256, canonical.as_bytes()).as_ref())
    }
}

/// Members in the order that people expect, with `use` and `alg`, which Auth0's mobile SDKs filter by.
impl Serialize for Jwk {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut jwk = serializer.serialize_struct("Jwk", 7)?;
        jwk.serialize_field(
            "kty",
            match self.key {
                PublicKey::Rsa { .. } => "RSA",
                PublicKey::Ec { .. } => "EC",
                PublicKey::Ed25519 { .. } => "OKP",
            },
        )?;
        jwk.serialize_field("use", "sig")?;
        match self.alg {
            Some(alg) => jwk.serialize_field("alg", &alg)?,
            None => jwk.skip_field("alg")?,
        }
        match &self.kid {
            Some(kid) => jwk.serialize_field("kid", kid)?,
            None => jwk.skip_field("kid")?,
        }
        match &self.key {
            PublicKey::Rsa { n, e } => {
                jwk.serialize_field("n", &encode(n))?;
                jwk.serialize_field("e", &encode(e))?;
            }
            PublicKey::Ec { curve, x, y } => {
                jwk.serialize_field("crv", curve.name())?;
                jwk.serialize_field("x", &encode(x))?;
                jwk.serialize_field("y", &encode(y))?;
            }
            PublicKey::Ed25519 { x } => {
                jwk.serialize_field("crv", "Ed25519")?;
                jwk.serialize_field("x", &encode(x))?;
            }
        }
        jwk.end()
    }
}

/// The members of a JSON Web Key that matter, as they come. A member that occurs twice is refused by `serde`.
#[derive(Deserialize)]
struct RawJwk {
    kty: String,
    #[serde(rename = "use")]
    usage: Option<String>,
    key_ops: Option<Vec<String>>,
    alg: Option<String>,
    kid: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
    #[serde(default)]
    d: Presence,
    #[serde(default)]
    p: Presence,
    #[serde(default)]
    q: Presence,
    #[serde(default)]
    dp: Presence,
    #[serde(default)]
    dq: Presence,
    #[serde(default)]
    qi: Presence,
    #[serde(default)]
    oth: Presence,
    #[serde(default)]
    k: Presence,
}

/// Whether a member is there at all, whatever its value: `"d": null` counts.
#[derive(Default)]
struct Presence(bool);

impl<'de> Deserialize<'de> for Presence {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        IgnoredAny::deserialize(deserializer).map(|_| Self(true))
    }
}

impl TryFrom<RawJwk> for Jwk {
    type Error = KeyRefusal;

    fn try_from(raw: RawJwk) -> Result<Self, KeyRefusal> {
        let private = [raw.d, raw.p, raw.q, raw.dp, raw.dq, raw.qi, raw.oth, raw.k];
        if private.iter().any(|member| member.0) {
            return Err(KeyRefusal::Private);
        }
        if raw.usage.is_some_and(|usage| usage != "sig")
            || raw
                .key_ops
                .is_some_and(|ops| ops.iter().all(|op| op != "verify"))
        {
            return Err(KeyRefusal::NotForSignatures);
        }
        let key = match (raw.kty.as_str(), raw.crv.as_deref()) {
            ("RSA", _) => rsa(member("n", raw.n)?, member("e", raw.e)?)?,
            ("EC", Some("P-256")) => ec(Curve::P256, raw.x, raw.y)?,
            ("EC", Some("P-384")) => ec(Curve::P384, raw.x, raw.y)?,
            ("OKP", Some("Ed25519")) => PublicKey::Ed25519 {
                x: fixed("x", raw.x, 32)?,
            },
            _ => return Err(KeyRefusal::UnsupportedType),
        };
        let alg = raw
            .alg
            .map(|name| name.parse().map_err(|_| KeyRefusal::Algorithm))
            .transpose()?;
        Ok(Self {
            kid: raw.kid,
            alg,
            key,
        })
    }
}

/// Both numbers are Base64urlUInt (RFC 7518 §2): as few bytes as will do.
fn rsa(n: Vec<u8>, e: Vec<u8>) -> Result<PublicKey, KeyRefusal> {
    for (name, number) in [("n", &n), ("e", &e)] {
        if number.first().is_none_or(|&first| first == 0) {
            return Err(KeyRefusal::Encoding(name));
        }
    }
    let unused = n.first().map_or(0, |first| first.leading_zeros() as usize);
    if !(2048..=8192).contains(&(n.len() * 8 - unused)) {
        return Err(KeyRefusal::RsaSize);
    }
    Ok(PublicKey::Rsa { n, e })
}

fn ec(curve: Curve, x: Option<String>, y: Option<String>) -> Result<PublicKey, KeyRefusal> {
    Ok(PublicKey::Ec {
        curve,
        x: fixed("x", x, curve.width())?,
        y: fixed("y", y, curve.width())?,
    })
}

fn fixed(name: &'static str, text: Option<String>, width: usize) -> Result<Vec<u8>, KeyRefusal> {
    let bytes = member(name, text)?;
    if bytes.len() == width {
        Ok(bytes)
    } else {
        Err(KeyRefusal::Encoding(name))
    }
}

fn member(name: &'static str, text: Option<String>) -> Result<Vec<u8>, KeyRefusal> {
    URL_SAFE_NO_PAD
        .decode(text.ok_or(KeyRefusal::NotAKey)?)
        .map_err(|_| KeyRefusal::Encoding(name))
}

fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
