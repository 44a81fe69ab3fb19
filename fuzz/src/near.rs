//! Bytes that come close to what a reader understands: its seeds, bent a little, and now and then anything.

use std::fmt;

use proptest::{
    collection::vec,
    prelude::*,
    sample::{Index, select},
};

/// What is fed to a target. Shows itself so that it can be pasted into a test as `b"…"`.
#[derive(Clone, PartialEq, Eq)]
pub struct Input(pub Vec<u8>);

impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "b\"{}\"", self.0.escape_ascii())
    }
}

/// What readers have stumbled over before, here or elsewhere.
const PIECES: &[&str] = &[
    "\0",
    "%00",
    "%",
    "%zz",
    "%2e%2e",
    "+",
    "&",
    "=",
    "&&==",
    ";",
    ",",
    ":",
    ".",
    "..",
    "/",
    "//",
    "\\",
    "@",
    "#",
    "?",
    "*",
    "*.",
    "[",
    "]",
    "[::1]",
    "{",
    "}",
    "\"",
    "'",
    "(",
    ")",
    "<",
    ">",
    "|",
    "~",
    "$",
    "-",
    "_",
    "\t",
    "\n",
    "\r\n",
    " ",
    "\u{b}",
    "\u{85}",
    "\u{2028}",
    "\u{202e}",
    "\u{feff}",
    "\u{fffd}",
    "é",
    "İ",
    "ß",
    "ﬁ",
    "。",
    "💥",
    "xn--",
    "0",
    "-1",
    "00",
    "1e999",
    "99999999999999999999",
    "NaN",
    "null",
    "true",
    "[]",
    "{}",
    "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
    "0.0.0.0",
    "127.0.0.1",
    "localhost",
    "evil.example",
    "example.com",
    "https://",
    "javascript:",
    "openid",
    "q=",
    "unknown",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
];

/// Inputs for a target with these seeds.
pub fn near(seeds: Vec<String>) -> impl Strategy<Value = Input> {
    let edit = (0_u8..6, any::<Index>(), any::<Index>(), select(PIECES));
    let bent = (select(seeds.clone()), select(seeds), vec(edit, 0..7));
    let bent = bent.prop_map(|(seed, other, edits)| {
        let mut bytes = seed.into_bytes();
        for (kind, from, to, piece) in edits {
            bend(&mut bytes, other.as_bytes(), kind, (from, to), piece);
        }
        bytes
    });
    prop_oneof![9 => bent, 1 => vec(any::<u8>(), 0..300)].prop_map(Input)
}

fn bend(bytes: &mut Vec<u8>, other: &[u8], kind: u8, (from, to): (Index, Index), piece: &str) {
    let (a, b) = (from.index(bytes.len() + 1), to.index(bytes.len() + 1));
    let (from, to) = (a.min(b), a.max(b));
    match kind {
        0 => drop(bytes.splice(from..from, piece.bytes())),
        1 => drop(bytes.splice(from..to, piece.bytes())),
        2 => drop(bytes.drain(from..to)),
        // Twice the same.
        3 => {
            let part = bytes[from..to].to_owned();
            bytes.splice(to..to, part);
        }
        // The beginning of one and the end of another.
        4 => {
            bytes.truncate(from);
            bytes.extend_from_slice(&other[to.min(other.len())..]);
        }
        _ => {
            if let Some(byte) = bytes.get_mut(from) {
                *byte ^= 1 << (to % 8);
            }
        }
    }
}
