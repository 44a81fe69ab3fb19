//! The parameters of a request, however its body was written.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    fmt,
};

use percent_encoding::percent_decode_str;
use serde::{
    Deserializer,
    de::{DeserializeSeed, Error as _, MapAccess, Visitor},
};
use serde_json::value::RawValue;

use crate::{
    error::{Code, OAuthError},
    secret::Secret,
};

#[cfg(test)]
mod tests;

/// The most parameters that a request may have, and the most opening brackets in an array or object that is one's value.
const MOST: usize = 100;

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
    /// `invalid_request` if the encoding is wrong, a name occurs twice, or there are more than 100 parameters.
    pub fn from_urlencoded(body: &[u8]) -> Result<Self, OAuthError> {
        let text = str::from_utf8(body).map_err(|_| malformed())?;
        let pairs = text.split('&').filter(|pair| !pair.is_empty());
        let pairs = pairs.take(MOST + 1).map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Some((decode(name)?, decode(value)?))
        });
        Self::from_pairs(pairs.collect::<Option<Vec<_>>>().ok_or_else(malformed)?)
    }

    /// Reads a JSON object, as Auth0's libraries post it. Numbers and booleans are taken as they are written, `null` as
    /// not sent, arrays and objects as their JSON text. Does not limit the size.
    ///
    /// # Errors
    /// `invalid_request` if the body is not a JSON object, a member occurs twice, there are more than 100 of them, or an array
    /// or object has more than 100 opening brackets, those in its texts included.
    pub fn from_json(body: &[u8]) -> Result<Self, OAuthError> {
        let mut pairs = Vec::new();
        let mut json = serde_json::Deserializer::from_slice(body);
        let read = Members(&mut pairs).deserialize(&mut json);
        if read.and_then(|()| json.end()).is_err() && pairs.len() <= MOST {
            return Err(malformed());
        }
        Self::from_pairs(pairs)
    }

    /// Takes pairs that were read elsewhere, such as those of a query.
    ///
    /// # Errors
    /// `invalid_request` if a name occurs twice, be it without a value, a value holds U+0000, or there are more than 100.
    pub fn from_pairs(
        pairs: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, OAuthError> {
        let mut form = BTreeMap::new();
        for (name, value) in pairs {
            if form.len() == MOST {
                return Err(OAuthError::new(Code::InvalidRequest, "Too many parameters"));
            }
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

/// Reads the members of a JSON object in their order, no further than one too many; a map would keep the last of two and
/// hide the other.
struct Members<'a>(&'a mut Vec<(String, String)>);

impl<'de> DeserializeSeed<'de> for Members<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Members<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some((name, value)) = map.next_entry::<_, &RawValue>()? {
            let value = written(value).ok_or_else(|| A::Error::custom("a bad value"))?;
            self.0.push((name, value));
            if self.0.len() > MOST {
                return Err(A::Error::custom("too many members"));
            }
        }
        Ok(())
    }
}

/// A value as a form would have it. What is in an array or an object is checked, and not taken apart.
fn written(json: &RawValue) -> Option<String> {
    let json = json.get();
    match json.as_bytes().first()? {
        b'"' => serde_json::from_str(json).ok(),
        b'n' => Some(String::new()),
        b'[' | b'{' if json.bytes().filter(|b| matches!(b, b'[' | b'{')).count() > MOST => None,
        _ => Some(json.to_owned()),
    }
}
