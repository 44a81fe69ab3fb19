//! The parameters of a request, however its body was written.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    fmt,
};

use percent_encoding::percent_decode_str;
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::Value;

use crate::{
    error::{Code, OAuthError},
    secret::Secret,
};

#[cfg(test)]
mod tests;

/// Parameters by name, each at most once (RFC 6749 §3.2). One without a value counts as not sent (§3.1).
///
/// Values may be secrets: they are wiped when dropped, and `Debug` shows names only. What a value may look like is the
/// reader's business, but none holds U+0000, which the databases would not agree about.
#[derive(Clone, PartialEq, Eq)]
pub struct Form(BTreeMap<String, Secret>);

impl Form {
    /// Reads `application/x-www-form-urlencoded`, which must be UTF-8 (RFC 6749 appendix B). Does not limit the size.
    ///
    /// # Errors
    /// `invalid_request` if the encoding is wrong or a name occurs twice.
    pub fn from_urlencoded(body: &[u8]) -> Result<Self, OAuthError> {
        let text = str::from_utf8(body).map_err(|_| malformed())?;
        let pairs = text.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Some((decode(name)?, decode(value)?))
        });
        Self::from_pairs(pairs.collect::<Option<Vec<_>>>().ok_or_else(malformed)?)
    }

    /// Reads a JSON object, as Auth0's libraries post it. Numbers and booleans are taken as they are written, `null` as
    /// not sent, arrays and objects as their JSON text. Does not limit the size.
    ///
    /// # Errors
    /// `invalid_request` if the body is not a JSON object or a member occurs twice.
    pub fn from_json(body: &[u8]) -> Result<Self, OAuthError> {
        let Members(pairs) = serde_json::from_slice(body).map_err(|_| malformed())?;
        Self::from_pairs(pairs)
    }

    /// Takes pairs that were read elsewhere, such as those of a query.
    ///
    /// # Errors
    /// `invalid_request` if a name occurs twice, be it without a value, or a value holds U+0000.
    pub fn from_pairs(
        pairs: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, OAuthError> {
        let mut form = BTreeMap::new();
        for (name, value) in pairs {
            if value.contains('\0') {
                return Err(malformed());
            }
            match form.entry(name) {
                Entry::Vacant(place) => drop(place.insert(Secret::from(value))),
                Entry::Occupied(first) => {
                    return Err(OAuthError::new(
                        Code::InvalidRequest,
                        format!("Duplicate parameter: {}", first.key()),
                    ));
                }
            }
        }
        Ok(Self(form))
    }

    /// The value of a parameter that was sent and is not empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0
            .get(name)
            .map(Secret::expose)
            .filter(|value| !value.is_empty())
    }

    /// The value of a parameter that must be there.
    ///
    /// # Errors
    /// `invalid_request` with the text that Auth0's users look for.
    pub fn require(&self, name: &str) -> Result<&str, OAuthError> {
        self.get(name).ok_or_else(|| {
            OAuthError::new(
                Code::InvalidRequest,
                format!("Missing required parameter: {name}"),
            )
        })
    }
}

impl fmt::Debug for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Form")?;
        f.debug_set().entries(self.0.keys()).finish()
    }
}

fn malformed() -> OAuthError {
    OAuthError::new(Code::InvalidRequest, "Malformed request body")
}

/// Undoes the encoding of one name or value; `None` if what comes out is not UTF-8.
pub(crate) fn decode(text: &str) -> Option<String> {
    if !text.bytes().any(|b| matches!(b, b'+' | b'%')) {
        return Some(text.to_owned());
    }
    let spaced = text.replace('+', " ");
    percent_decode_str(&spaced)
        .decode_utf8()
        .ok()
        .map(Into::into)
}

/// The members of a JSON object in their order; a map would keep the last of two and hide the other.
struct Members(Vec<(String, String)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some((name, value)) = map.next_entry()? {
                    members.push((
                        name,
                        match value {
                            Value::Null => String::new(),
                            Value::String(text) => text,
                            other => other.to_string(),
                        },
                    ));
                }
                Ok(Members(members))
            }
        }

        from.deserialize_map(Object)
    }
}
