//! How long the refresh tokens of a client live, and whether each use replaces them.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::profile::Profile;

/// Auth0's `refresh_token` of a client. Read it through its functions: some members overrule others.
///
/// A policy that is given says how tokens rotate and whether they expire; one that expires does so unless it says
/// `infinite`. [`Default`] is what holds where none is given.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RefreshTokenPolicy {
    /// Whether a token is good for one use.
    pub rotation_type: RotationType,
    /// Whether tokens end at all.
    pub expiration_type: Expiration,
    /// For how many seconds a token that was replaced may be used once more.
    #[serde(default)]
    pub leeway: u32,
    /// How many seconds a family lives from its first token on.
    #[serde(default = "month")]
    pub token_lifetime: u32,
    /// Whether `token_lifetime` is to be ignored.
    #[serde(default)]
    pub infinite_token_lifetime: bool,
    /// How many seconds a token may lie unused.
    #[serde(default = "half_a_month")]
    pub idle_token_lifetime: u32,
    /// Whether `idle_token_lifetime` is to be ignored.
    #[serde(default)]
    pub infinite_idle_token_lifetime: bool,
    /// Members that nothing here acts on.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// What Auth0 gives to a client that asks for nothing.
impl Default for RefreshTokenPolicy {
    fn default() -> Self {
        Self {
            rotation_type: RotationType::NonRotating,
            expiration_type: Expiration::NonExpiring,
            leeway: 0,
            token_lifetime: month(),
            infinite_token_lifetime: true,
            idle_token_lifetime: half_a_month(),
            infinite_idle_token_lifetime: true,
            other: Map::new(),
        }
    }
}

fn month() -> u32 {
    2_592_000
}

fn half_a_month() -> u32 {
    1_296_000
}

/// Whether a refresh token is good for one use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RotationType {
    /// Each use replaces it (RFC 9700 §4.14.2).
    Rotating,
    /// It stays.
    NonRotating,
}

/// Whether refresh tokens end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Expiration {
    /// After their lifetime or their idle time.
    Expiring,
    /// Only by revocation.
    NonExpiring,
}

/// What the use of a refresh token does to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rotation {
    /// It is replaced. Within the leeway it may be used again, by a client that never saw the answer; after that, use
    /// is theft and ends the family.
    Replace {
        /// For how long after the replacement.
        leeway: Duration,
    },
    /// It stays as it is.
    Keep,
}

impl RefreshTokenPolicy {
    /// What a public client gets that asks for nothing: replaced at each use, dead after a month or half a month unused.
    /// The leeway is for phones that lose an answer.
    pub fn rotating() -> Self {
        Self {
            rotation_type: RotationType::Rotating,
            expiration_type: Expiration::Expiring,
            leeway: 10,
            infinite_token_lifetime: false,
            infinite_idle_token_lifetime: false,
            ..Self::default()
        }
    }

    /// What a use does, by the client's setting and its rule book.
    pub fn rotation(&self, profile: Profile) -> Rotation {
        match self.rotation_type {
            RotationType::Rotating if profile.rotates_refresh_tokens() => Rotation::Replace {
                leeway: Duration::from_secs(self.leeway.into()),
            },
            RotationType::Rotating | RotationType::NonRotating => Rotation::Keep,
        }
    }

    /// How long a family lives from its first token on; `None` for ever.
    pub fn lifetime(&self) -> Option<Duration> {
        self.span(self.infinite_token_lifetime, self.token_lifetime)
    }

    /// How long a token may lie unused; `None` for ever.
    pub fn idle_lifetime(&self) -> Option<Duration> {
        self.span(self.infinite_idle_token_lifetime, self.idle_token_lifetime)
    }

    fn span(&self, infinite: bool, seconds: u32) -> Option<Duration> {
        match (self.expiration_type, infinite) {
            (Expiration::NonExpiring, _) | (Expiration::Expiring, true) => None,
            (Expiration::Expiring, false) => Some(Duration::from_secs(seconds.into())),
        }
    }
}
