//! Makes the texts of a log line storable, whatever they are: cut to their lengths and without U+0000.

use std::borrow::Cow;

use serde_json::{Map, Value as Json};

use crate::db::{Param, Value};

use super::Entry;

const KIND: usize = 64;
const ADDRESS: usize = 64;
const DESCRIPTION: usize = 1_000;
const DETAILS: usize = 16 * 1_024;

/// The texts of an entry as they will be stored.
pub(super) struct Fitting {
    pub(super) kind: String,
    pub(super) address: Option<String>,
    pub(super) description: Option<String>,
    pub(super) details: Document,
}

impl Fitting {
    pub(super) fn of(entry: &Entry) -> Self {
        Self {
            kind: text(&entry.kind, KIND),
            address: entry.address.as_deref().map(|t| text(t, ADDRESS)),
            description: entry.description.as_deref().map(|t| text(t, DESCRIPTION)),
            details: Document(details(&entry.details)),
        }
    }
}

/// A document that is JSON text already.
pub(super) struct Document(String);

impl Param for Document {
    fn value(&self) -> Value<'_> {
        Value::Document(self.0.clone())
    }
}

fn text(given: &str, longest: usize) -> String {
    let given = without_nul(given);
    given[..given.floor_char_boundary(longest)].to_owned()
}

fn without_nul(given: &str) -> Cow<'_, str> {
    if given.contains('\0') {
        Cow::Owned(given.replace('\0', "\u{fffd}"))
    } else {
        Cow::Borrowed(given)
    }
}

fn details(given: &Map<String, Json>) -> String {
    let written = write(given);
    // The letters of the escape may be there without being one; then the work below changes nothing.
    if written.len() <= DETAILS && !written.contains("\\u0000") {
        return written;
    }
    let mut kept = Map::from_iter([("truncated".to_owned(), Json::Bool(true))]);
    let mut length = write(&kept).len();
    let mut dropped = false;
    for (name, member) in given {
        let (name, member) = (without_nul(name).into_owned(), cleaned(member));
        let member_length = Json::from(name.as_str()).to_string().len() + member.to_string().len();
        // A colon and a comma.
        if length + member_length + 2 <= DETAILS {
            length += member_length + 2;
            kept.insert(name, member);
        } else {
            dropped = true;
        }
    }
    if dropped {
        kept.insert("truncated".to_owned(), Json::Bool(true));
    } else if !given.contains_key("truncated") {
        kept.remove("truncated");
    }
    write(&kept)
}

fn write(map: &Map<String, Json>) -> String {
    serde_json::to_string(map).unwrap_or_else(|_| "{}".to_owned())
}

fn cleaned(given: &Json) -> Json {
    match given {
        Json::String(text) => Json::String(without_nul(text).into_owned()),
        Json::Array(items) => items.iter().map(cleaned).collect(),
        Json::Object(members) => members
            .iter()
            .map(|(name, member)| (without_nul(name).into_owned(), cleaned(member)))
            .collect(),
        Json::Null | Json::Bool(_) | Json::Number(_) => given.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fit(given: Json) -> Json {
        let written = details(given.as_object().unwrap());
        assert!(written.len() <= DETAILS, "{}", written.len());
        serde_json::from_str(&written).unwrap()
    }

    #[test]
    fn texts_are_cut_at_a_character_and_lose_nul() {
        for (name, given, longest, want) in [
            ("short enough", "abc", 3, "abc"),
            ("too long", "abcd", 3, "abc"),
            ("cut inside a character", "aé", 2, "a"),
            ("with U+0000", "a\0b", 9, "a\u{fffd}b"),
            ("U+0000 at the cut", "ab\0", 3, "ab"),
        ] {
            assert_eq!(text(given, longest), want, "{name}");
        }
    }

    #[test]
    fn details_keep_what_fits_and_say_what_does_not() {
        let long = "x".repeat(DETAILS);
        for (name, given, want) in [
            ("nothing", json!({}), json!({})),
            ("what fits", json!({"a": 1}), json!({"a": 1})),
            (
                "a member that does not",
                json!({"a": 1, "b": long, "c": 2}),
                json!({"a": 1, "c": 2, "truncated": true}),
            ),
            (
                "U+0000 in a name, a text, a list and an object",
                json!({"\0": "\0", "l": ["\0"], "o": {"\0": "\0"}}),
                json!({"\u{fffd}": "\u{fffd}", "l": ["\u{fffd}"], "o": {"\u{fffd}": "\u{fffd}"}}),
            ),
            (
                "the letters of an escape",
                json!({"a": "\\u0000"}),
                json!({"a": "\\u0000"}),
            ),
            (
                "a member of that name that fits",
                json!({"truncated": "x", "z": "\0"}),
                json!({"truncated": "x", "z": "\u{fffd}"}),
            ),
        ] {
            assert_eq!(fit(given), want, "{name}");
        }
        fit((0..2_000)
            .map(|n| (format!("{n}"), json!(n)))
            .collect::<Map<_, _>>()
            .into());
    }
}
