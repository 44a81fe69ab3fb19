//! The protected header of a token, read strictly, and the types of tokens that it tells apart (RFC 7515 §4).

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error, IgnoredAny, MapAccess, Visitor},
};

use super::JwtRefusal;
use crate::jwk::Algorithm;

/// What a token is, as `typ` says it (RFC 7515 §4.1.9, RFC 8725 §3.11). Only the types that are made here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Typ {
    /// `JWT`: ID tokens, and access tokens as Auth0 has them.
    Jwt,
    /// `at+jwt`: access tokens of RFC 9068.
    AccessToken,
    /// `logout+jwt`: logout tokens of OpenID Connect Back-Channel Logout §2.4.
    LogoutToken,
}

impl Typ {
    pub(super) const ALL: [Self; 3] = [Self::Jwt, Self::AccessToken, Self::LogoutToken];

    /// The value of `typ`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Jwt => "JWT",
            Self::AccessToken => "at+jwt",
            Self::LogoutToken => "logout+jwt",
        }
    }
}

/// The header of a token that was read: what chooses the key and tells the type.
///
/// Members that would bring a key along (`jwk`, `jku`, `x5c`, `x5u`, `x5t`) are ignored like unknown ones, so they can
/// never choose it. Until the token is [`Verified`](super::Verified) these are claims of a stranger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    alg: Algorithm,
    kid: Option<String>,
    typ: Option<String>,
}

impl Header {
    /// The algorithm.
    pub fn alg(&self) -> Algorithm {
        self.alg
    }

    /// The `kid`, any text.
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// The `typ` as it was written; media types are compared without case (RFC 7515 §4.1.9), see [`Header::has_typ`].
    pub fn typ(&self) -> Option<&str> {
        self.typ.as_deref()
    }

    /// Whether `typ` is this type, with or without `application/` before it.
    pub fn has_typ(&self, typ: Typ) -> bool {
        self.typ.as_deref().is_some_and(|own| {
            let own = match own.split_at_checked("application/".len()) {
                Some((prefix, rest)) if prefix.eq_ignore_ascii_case("application/") => rest,
                _ => own,
            };
            own.eq_ignore_ascii_case(typ.as_str())
        })
    }

    pub(super) fn from_json(json: &[u8]) -> Result<Self, JwtRefusal> {
        let raw: RawHeader = serde_json::from_slice(json).map_err(|_| JwtRefusal::Header)?;
        if raw.duplicate {
            return Err(JwtRefusal::DuplicateMember);
        }
        if raw.critical {
            return Err(JwtRefusal::Critical);
        }
        Ok(Self {
            alg: raw
                .alg
                .ok_or(JwtRefusal::Header)?
                .parse()
                .map_err(|_| JwtRefusal::UnsupportedAlgorithm)?,
            kid: raw.kid,
            typ: raw.typ,
        })
    }
}

/// The header's members as they come, and whether any name, known or not, occurs twice.
#[derive(Default)]
struct RawHeader {
    alg: Option<String>,
    kid: Option<String>,
    typ: Option<String>,
    critical: bool,
    duplicate: bool,
}

impl<'de> Deserialize<'de> for RawHeader {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Members)
    }
}

struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = RawHeader;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JOSE header")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<RawHeader, A::Error> {
        /// More members than any real header has; also bounds the search for duplicates.
        const MOST: usize = 32;

        let mut header = RawHeader::default();
        let mut seen: Vec<String> = Vec::with_capacity(4);
        while let Some(name) = members.next_key::<String>()? {
            match name.as_str() {
                "alg" => header.alg = Some(members.next_value()?),
                "kid" => header.kid = Some(members.next_value()?),
                "typ" => header.typ = Some(members.next_value()?),
                other => {
                    header.critical |= other == "crit";
                    members.next_value::<IgnoredAny>()?;
                }
            }
            header.duplicate |= seen.contains(&name);
            if seen.len() == MOST {
                return Err(A::Error::custom("too many members"));
            }
            seen.push(name);
        }
        Ok(header)
    }
}
