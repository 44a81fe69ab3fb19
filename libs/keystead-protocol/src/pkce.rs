//! Proof keys (RFC 7636): a code is worth something only to whoever asked for it.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{
    profile::{ClientType, PkceRule},
    secret::{Digest, Secret},
};

#[cfg(test)]
mod tests;

/// What an authorization request announced: the digest of the verifier that will redeem its code.
///
/// A `plain` challenge is digested as it is read. So there is one kind of challenge from here on: what is stored never
/// is a verifier, and no request can have its method confused or lowered later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Challenge(Digest);

/// Why `code_challenge` and `code_challenge_method` are refused; RFC 7636 §4.4.1 answers `invalid_request`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum BadChallenge {
    /// The client and its profile need a challenge, and none came.
    #[error("a code_challenge is required")]
    Required,
    /// A method came without a challenge.
    #[error("a code_challenge_method came without a code_challenge")]
    MethodAlone,
    /// The method is neither `S256` nor `plain`; the comparison is by case.
    #[error("the code_challenge_method is unknown")]
    UnknownMethod,
    /// The method is `plain`, by name or by its absence, where it must be `S256`.
    #[error("the code_challenge_method must be S256")]
    PlainRefused,
    /// The challenge cannot come from any verifier.
    #[error("the code_challenge is malformed")]
    Malformed,
}

impl Challenge {
    /// Reads both parameters of an authorization request (RFC 7636 §4.3). No challenge is `None` where that is allowed.
    ///
    /// # Errors
    /// The first [`BadChallenge`] found.
    pub fn parse(
        challenge: Option<&str>,
        method: Option<&str>,
        rule: PkceRule,
    ) -> Result<Option<Self>, BadChallenge> {
        let Some(challenge) = challenge else {
            return match (method, rule) {
                (_, PkceRule::RequiredS256) => Err(BadChallenge::Required),
                (Some(_), _) => Err(BadChallenge::MethodAlone),
                (None, _) => Ok(None),
            };
        };
        match (method, rule) {
            (Some("S256"), _) => challenge.to_owned().try_into().map(Some),
            (None | Some("plain"), PkceRule::Optional) => {
                let verifier =
                    Verifier::try_from(challenge).map_err(|_| BadChallenge::Malformed)?;
                Ok(Some(Self(verifier.0.digest())))
            }
            (None | Some("plain"), _) => Err(BadChallenge::PlainRefused),
            (Some(_), _) => Err(BadChallenge::UnknownMethod),
        }
    }
}

/// Reads the `S256` form: unpadded base64url of 32 bytes, in its one canonical spelling.
impl TryFrom<String> for Challenge {
    type Error = BadChallenge;

    fn try_from(text: String) -> Result<Self, BadChallenge> {
        let bytes = URL_SAFE_NO_PAD
            .decode(text)
            .map_err(|_| BadChallenge::Malformed)?;
        bytes
            .as_slice()
            .try_into()
            .map(Self)
            .map_err(|_| BadChallenge::Malformed)
    }
}

impl From<Challenge> for String {
    fn from(challenge: Challenge) -> Self {
        challenge.to_string()
    }
}

/// The `S256` form, whichever method it came by.
impl fmt::Display for Challenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode(self.0.as_bytes()))
    }
}

/// What redeems a code: 43 to 128 unreserved characters (RFC 7636 §4.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verifier(Secret);

/// A string that is no verifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the code_verifier is malformed")]
pub struct BadVerifier;

impl TryFrom<&str> for Verifier {
    type Error = BadVerifier;

    fn try_from(text: &str) -> Result<Self, BadVerifier> {
        let unreserved = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
        let legal = (43..=128).contains(&text.len()) && text.bytes().all(unreserved);
        if legal {
            Ok(Self(text.into()))
        } else {
            Err(BadVerifier)
        }
    }
}

/// Why a code cannot be redeemed with what was sent; RFC 7636 §4.6 answers `invalid_grant`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum PkceRefusal {
    /// The code has a challenge and no verifier came: a code that was stolen, or a downgrade.
    #[error("the code needs a code_verifier and none was sent")]
    VerifierMissing,
    /// A verifier came for a code without challenge: the challenge was stripped from the authorization request
    /// (RFC 9700 §4.8.2).
    #[error("a code_verifier was sent for a code without challenge")]
    ChallengeMissing,
    /// A client without credentials redeems a code without challenge, which anybody could.
    #[error("a public client's code has no challenge")]
    Unprotected,
    /// The verifier is not the challenge's.
    #[error("the code_verifier does not match")]
    Mismatch,
}

/// Checks what redeems a code against what asked for it (RFC 7636 §4.6), in a time that does not depend on how wrong
/// it is.
///
/// # Errors
/// The [`PkceRefusal`]; the code may be good all the same.
pub fn check(
    challenge: Option<&Challenge>,
    verifier: Option<&Verifier>,
    client: ClientType,
) -> Result<(), PkceRefusal> {
    match (challenge, verifier, client) {
        (Some(challenge), Some(verifier), _) => match challenge.0.matches(&verifier.0.digest()) {
            true => Ok(()),
            false => Err(PkceRefusal::Mismatch),
        },
        (Some(_), None, _) => Err(PkceRefusal::VerifierMissing),
        (None, Some(_), _) => Err(PkceRefusal::ChallengeMissing),
        (None, None, ClientType::Public) => Err(PkceRefusal::Unprotected),
        (None, None, ClientType::Confidential) => Ok(()),
    }
}
