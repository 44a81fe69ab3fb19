//! What a client asks of the pages: which must be shown, which must not, and how fresh a sign-in has to be.

use std::time::Duration;

use super::pairs::refuse;
use crate::error::OAuthError;

/// `prompt` (OpenID Connect Core §3.1.2.1): the pages that are wanted whatever the session says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prompt {
    /// No page may be shown: what would need one is an error.
    None,
    /// These pages must be shown; what else is needed may be.
    Pages {
        /// The user must sign in again.
        login: bool,
        /// The user must agree again.
        consent: bool,
        /// The user must choose an account.
        select_account: bool,
    },
}

impl Default for Prompt {
    fn default() -> Self {
        Self::Pages {
            login: false,
            consent: false,
            select_account: false,
        }
    }
}

impl Prompt {
    /// The words that are known, as discovery lists them.
    pub const WORDS: [&str; 4] = ["none", "login", "consent", "select_account"];

    /// Reads the parameter; `none` beside anything else says two things at once.
    pub(super) fn read(text: Option<&str>) -> Result<Self, OAuthError> {
        let words: Vec<&str> = text
            .into_iter()
            .flat_map(|text| text.split(' '))
            .filter(|word| !word.is_empty())
            .collect();
        if words.iter().any(|word| !Self::WORDS.contains(word)) {
            return Err(refuse("Unsupported prompt value"));
        }
        match words.as_slice() {
            ["none"] => Ok(Self::None),
            words if words.contains(&"none") => {
                Err(refuse("prompt none cannot be combined with other values"))
            }
            words => Ok(Self::Pages {
                login: words.contains(&"login"),
                consent: words.contains(&"consent"),
                select_account: words.contains(&"select_account"),
            }),
        }
    }

    /// Whether pages may not be shown.
    pub fn is_none(self) -> bool {
        self == Self::None
    }
}

/// `max_age`: how long ago, in whole seconds, the user may have signed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MaxAge(Duration);

impl MaxAge {
    pub(super) fn read(text: Option<&str>) -> Result<Option<Self>, OAuthError> {
        let Some(text) = text else { return Ok(None) };
        let digits = text.bytes().all(|b| b.is_ascii_digit());
        match text.parse::<u32>() {
            Ok(seconds) if digits => Ok(Some(Self(Duration::from_secs(seconds.into())))),
            _ => Err(refuse("max_age must be a number of seconds")),
        }
    }

    /// Whether a sign-in that is this old has to be repeated. Zero means: always.
    pub fn is_exceeded_by(self, age: Duration) -> bool {
        self.0.is_zero() || age > self.0
    }
}
