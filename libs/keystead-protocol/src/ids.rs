//! The names of things: one type per kind of identifier, each made only by parsing or by drawing a fresh one.
//!
//! No identifier can hold a control character, U+0000 included: databases disagree about it and logs suffer from it.
//! Shapes of generated identifiers are those that Auth0's tools know, so that what they validate stays valid.

use std::{fmt, str::FromStr};

use rand_core::CryptoRng;
use serde::{Deserialize, Serialize};
use thiserror::Error;

#[cfg(test)]
mod tests;

/// A string that is not an identifier of the wanted kind. Does not repeat the string, which may be hostile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not a valid {kind}")]
pub struct BadId {
    kind: &'static str,
}

impl BadId {
    /// The Rust name of the type that refused, such as `ClientId`.
    pub fn kind(&self) -> &'static str {
        self.kind
    }
}

/// Declares identifiers: the type, the rule that its text obeys and, where this server makes such identifiers, their shape.
macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident if $rule:expr $(, fresh $shape:expr)?;)+) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String")]
        pub struct $name(String);

        impl $name {
            /// The identifier as it is written on the wire and in the database.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            $(
                /// Draws a fresh identifier; every character is uniform over its alphabet.
                pub fn generate(rng: &mut impl CryptoRng) -> Self {
                    Self($shape.draw(rng))
                }
            )?
        }

        impl TryFrom<String> for $name {
            type Error = BadId;

            fn try_from(text: String) -> Result<Self, BadId> {
                let rule: fn(&str) -> bool = $rule;
                if rule(&text) { Ok(Self(text)) } else { Err(BadId { kind: stringify!($name) }) }
            }
        }

        impl TryFrom<&str> for $name {
            type Error = BadId;

            fn try_from(text: &str) -> Result<Self, BadId> {
                text.to_owned().try_into()
            }
        }

        impl FromStr for $name {
            type Err = BadId;

            fn from_str(text: &str) -> Result<Self, BadId> {
                text.try_into()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )+};
}

ids! {
    /// A registered client (RFC 6749 §2.2): 1 to 128 visible ASCII characters other than `"` and `\`, so that it can
    /// stand in a quoted header value. Departure: RFC 6749 appendix A.1 would also allow spaces and those two.
    ClientId if |s| (1..=128).contains(&s.len()) && s.bytes().all(|b| b.is_ascii_graphic() && b != b'"' && b != b'\\'),
        fresh Shape { prefix: "", alphabet: ALPHANUMERIC, length: 32 };

    /// The row of an API (a resource server) as the Management API addresses it; tokens name APIs by [`Audience`].
    ApiId if is_object_id, fresh OBJECT_ID;

    /// The identifier of an API, and so the `aud` of its tokens (RFC 7519 §4.1.3): 1 to 600 characters, compared byte
    /// for byte; a trailing slash is significant and nothing demands that it be a URL.
    Audience if |s| !s.is_empty() && s.chars().count() <= 600 && !s.chars().any(char::is_control);

    /// What one client may ask of one API.
    ClientGrantId if |s| is_prefixed(s, "cgr_"), fresh prefixed("cgr_");

    /// A user, `provider|id`, as `sub` carries it (OpenID Connect Core §2): at most 320 bytes. A fresh one belongs to a
    /// database connection (`auth0|…`).
    ///
    /// Departure: Core §2 allows 255 ASCII characters; identifiers of upstream providers may be longer and are kept.
    UserId if is_user_id, fresh Shape { prefix: "auth0|", alphabet: HEX, length: 24 };

    /// A source of users: a database, a social or an enterprise provider.
    ConnectionId if |s| is_prefixed(s, "con_"), fresh prefixed("con_");

    /// A named set of permissions.
    RoleId if |s| is_prefixed(s, "rol_"), fresh prefixed("rol_");

    /// The public name of a session, the claim `sid` (OpenID Connect Front-Channel Logout §3). It opens nothing: the
    /// session cookie is another, secret value.
    SessionId if |s| is_url_safe(s, 128), fresh Shape { prefix: "", alphabet: ALPHANUMERIC, length: 32 };

    /// A family of tokens: all that descends from one authorization, and what is revoked when a code or a refresh
    /// token is used twice (RFC 9700 §4.14.2).
    GrantId if is_object_id, fresh OBJECT_ID;

    /// An interactive log-in that has begun and not ended.
    JourneyId if |s| is_url_safe(s, 128), fresh Shape { prefix: "", alphabet: ALPHANUMERIC, length: 32 };

    /// The `kid` of a key (RFC 7517 §4.5): 1 to 64 characters of the base64url alphabet.
    KeyId if |s| is_url_safe(s, 64), fresh Shape { prefix: "", alphabet: BASE64URL, length: 21 };

    /// The `jti` of a token (RFC 7519 §4.1.7): 1 to 255 visible ASCII characters. A fresh one has 142 bits of chance.
    TokenId if |s| (1..=255).contains(&s.len()) && s.bytes().all(|b| b.is_ascii_graphic()),
        fresh Shape { prefix: "", alphabet: ALPHANUMERIC, length: 24 };

    /// A long-running piece of work that the Management API started.
    JobId if |s| is_prefixed(s, "job_"), fresh prefixed("job_");
}

impl UserId {
    /// The part before the first `|`: which kind of connection vouches for the user.
    pub fn provider(&self) -> &str {
        self.0.split_once('|').map_or("", |(provider, _)| provider)
    }
}

const ALPHANUMERIC: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const BASE64URL: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const HEX: &[u8] = b"0123456789abcdef";
const OBJECT_ID: Shape = Shape {
    prefix: "",
    alphabet: HEX,
    length: 24,
};

/// What a fresh identifier looks like: a prefix and `length` characters drawn from an ASCII alphabet of at most 128.
struct Shape {
    prefix: &'static str,
    alphabet: &'static [u8],
    length: usize,
}

const fn prefixed(prefix: &'static str) -> Shape {
    Shape {
        prefix,
        alphabet: ALPHANUMERIC,
        length: 16,
    }
}

impl Shape {
    /// Draws by rejection: a byte cut to the bits that the alphabet needs is kept only if it is an index, so no
    /// character is likelier than another, as it would be with a remainder.
    fn draw(&self, rng: &mut impl CryptoRng) -> String {
        let mask = self.alphabet.len().next_power_of_two() - 1;
        let wanted = self.prefix.len() + self.length;
        let mut id = String::with_capacity(wanted);
        id.push_str(self.prefix);
        let mut chance = [0; 64];
        loop {
            rng.fill_bytes(&mut chance);
            for byte in chance {
                if id.len() == wanted {
                    return id;
                }
                if let Some(&character) = self.alphabet.get(usize::from(byte) & mask) {
                    id.push(char::from(character));
                }
            }
        }
    }
}

fn is_object_id(text: &str) -> bool {
    text.len() == 24 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

fn is_prefixed(text: &str, prefix: &str) -> bool {
    text.strip_prefix(prefix)
        .is_some_and(|rest| rest.len() == 16 && rest.bytes().all(|b| b.is_ascii_alphanumeric()))
}

fn is_url_safe(text: &str, longest: usize) -> bool {
    (1..=longest).contains(&text.len()) && text.bytes().all(|b| BASE64URL.contains(&b))
}

fn is_user_id(text: &str) -> bool {
    text.len() <= 320
        && !text.chars().any(char::is_control)
        && text
            .split_once('|')
            .is_some_and(|(provider, id)| !provider.is_empty() && !id.is_empty())
}
