//! Scopes and their algebra: what is asked, defined, granted, and what they have in common.

use std::{fmt, str::FromStr, sync::Arc};

use indexmap::IndexSet;
use serde::{Deserialize, Serialize, Serializer};
use thiserror::Error;

#[cfg(test)]
mod tests;

/// One scope value (RFC 6749 §3.3): one or more characters of `%x21 / %x23-5B / %x5D-7E`, compared by case.
///
/// Cloning shares the text, because each token copies its scopes out of a cached grant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ScopeToken(Arc<str>);

/// A string with a character that no scope may have, or an empty scope value. Does not repeat the string.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not a valid scope")]
pub struct BadScope;

impl ScopeToken {
    /// The scope value as it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<&str> for ScopeToken {
    type Error = BadScope;

    fn try_from(text: &str) -> Result<Self, BadScope> {
        let legal = |b: u8| b.is_ascii_graphic() && b != b'"' && b != b'\\';
        if !text.is_empty() && text.bytes().all(legal) {
            Ok(Self(text.into()))
        } else {
            Err(BadScope)
        }
    }
}

impl TryFrom<String> for ScopeToken {
    type Error = BadScope;

    fn try_from(text: String) -> Result<Self, BadScope> {
        text.as_str().try_into()
    }
}

impl FromStr for ScopeToken {
    type Err = BadScope;

    fn from_str(text: &str) -> Result<Self, BadScope> {
        text.try_into()
    }
}

impl From<ScopeToken> for String {
    fn from(token: ScopeToken) -> Self {
        token.0.as_ref().into()
    }
}

impl AsRef<str> for ScopeToken {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl std::borrow::Borrow<str> for ScopeToken {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ScopeToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A set of scope values that remembers the order in which they first appeared.
///
/// The order is for people and for clients that compare strings; equality ignores it, as RFC 6749 §3.3 says. Every
/// operation is linear in what it is given, so a request full of scopes costs no more than its length.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(from = "Vec<ScopeToken>")]
pub struct Scope(IndexSet<ScopeToken>);

impl Scope {
    /// Whether the value is in the set.
    pub fn contains(&self, token: &str) -> bool {
        self.0.contains(token)
    }

    /// Whether there is nothing in the set.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many values there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The values, in order of first appearance.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &ScopeToken> {
        self.0.iter()
    }

    /// What both have, in this set's order. This is how a request is cut down to a grant.
    #[must_use]
    pub fn intersect(&self, other: &Self) -> Self {
        self.0.intersection(&other.0).cloned().collect()
    }

    /// What either has: this set in its order, then what the other adds.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        self.0.union(&other.0).cloned().collect()
    }

    /// What this set has and the other has not.
    #[must_use]
    pub fn minus(&self, other: &Self) -> Self {
        self.0.difference(&other.0).cloned().collect()
    }

    /// Whether the other has everything that this set has.
    pub fn is_subset(&self, other: &Self) -> bool {
        self.0.is_subset(&other.0)
    }
}

/// Reads the space-separated form. Departure from RFC 6749 §3.3: leading, trailing and repeated spaces are ignored and
/// an empty string is the empty set, because clients join lists without looking.
impl FromStr for Scope {
    type Err = BadScope;

    fn from_str(text: &str) -> Result<Self, BadScope> {
        text.split(' ')
            .filter(|token| !token.is_empty())
            .map(ScopeToken::try_from)
            .collect()
    }
}

/// The space-separated form.
impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, token) in self.0.iter().enumerate() {
            f.write_str(if index == 0 { "" } else { " " })?;
            f.write_str(&token.0)?;
        }
        Ok(())
    }
}

impl FromIterator<ScopeToken> for Scope {
    fn from_iter<T: IntoIterator<Item = ScopeToken>>(tokens: T) -> Self {
        Self(tokens.into_iter().collect())
    }
}

impl From<Vec<ScopeToken>> for Scope {
    fn from(tokens: Vec<ScopeToken>) -> Self {
        tokens.into_iter().collect()
    }
}

impl<'a> IntoIterator for &'a Scope {
    type Item = &'a ScopeToken;
    type IntoIter = indexmap::set::Iter<'a, ScopeToken>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

/// A JSON array of strings, as the Management API and the database have it; a token's `scope` claim is [`Display`](fmt::Display).
impl Serialize for Scope {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(ScopeToken::as_str))
    }
}
