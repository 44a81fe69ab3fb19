//! The checks between a signature that is right and claims that may be acted on.

use std::{ops::Deref, time::Duration};

use serde::Deserialize;
use thiserror::Error;

use super::ClaimsSet;
use crate::{
    jwt::{Header, Typ, Verified},
    time::Timestamp,
};

/// What a token must say to be accepted.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    /// The only issuer, byte for byte; Auth0's, and ours, ends in a slash.
    pub issuer: &'a str,
    /// Us: the identifier of the API, or the client of an ID token. Must be one of the token's audiences.
    pub audience: &'a str,
    /// How far the clocks of issuer and recipient may differ.
    pub leeway: Duration,
    /// What the token is presented as.
    pub token_use: TokenUse<'a>,
}

/// What a token is presented as. None is accepted in another's place (RFC 8725 §3.12).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenUse<'a> {
    /// An access token of any provider: `typ` is `at+jwt`, or `JWT`, or missing. In the latter two cases the claims that
    /// only an ID token has give it away: `nonce`, `at_hash`, `c_hash`, `s_hash`.
    AccessToken,
    /// An access token of RFC 9068: `typ` is `at+jwt`. The stricter choice where the issuer is known to set it.
    TypedAccessToken,
    /// An ID token (OpenID Connect Core §3.1.3.7).
    IdToken {
        /// What was sent as `nonce`, if anything was.
        nonce: Option<&'a str>,
        /// What was sent as `max_age`, if anything was.
        max_age: Option<Duration>,
    },
}

/// Why the claims of a genuine token were not accepted. For the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ClaimRefusal {
    /// Not a JSON object, or a claim of the wrong type or out of range, or one that occurs twice.
    #[error("the claims are malformed")]
    Malformed,
    /// `typ` says that this is something else.
    #[error("the token is of another type")]
    WrongType,
    /// An ID token where an access token was expected.
    #[error("an ID token is not an access token")]
    IdTokenAsAccessToken,
    /// A logout token or a security event (OpenID Connect Back-Channel Logout §2.4).
    #[error("a token with events is neither an access token nor an ID token")]
    EventToken,
    /// Bound to a key (RFC 7800) that the bearer has not proved to have.
    #[error("the token is bound to a key")]
    SenderConstrained,
    /// `iss` is missing or another.
    #[error("wrong issuer")]
    WrongIssuer,
    /// `aud` is missing or does not contain us.
    #[error("wrong audience")]
    WrongAudience,
    /// An ID token for several audiences whose `azp` is missing or another.
    #[error("wrong authorized party")]
    WrongAuthorizedParty,
    /// An ID token without `sub`, or with an empty one.
    #[error("the subject is missing")]
    MissingSubject,
    /// No `exp`: such a token would never end.
    #[error("the expiry is missing")]
    MissingExpiry,
    /// `exp` has passed.
    #[error("expired")]
    Expired,
    /// `nbf` has not come.
    #[error("not yet valid")]
    NotYetValid,
    /// An ID token without `iat`.
    #[error("the time of issue is missing")]
    MissingIssuedAt,
    /// The `iat` of an ID token lies in the future.
    #[error("issued in the future")]
    IssuedInTheFuture,
    /// `nonce` is missing or another.
    #[error("wrong nonce")]
    WrongNonce,
    /// `max_age` was asked for and `auth_time` is missing or too long ago.
    #[error("the user signed in too long ago")]
    AuthenticationTooOld,
}

/// Claims that were checked, and the payload that they were read from. Only [`check`] makes them.
#[derive(Debug, Clone)]
pub struct Claims {
    set: ClaimsSet,
    payload: Vec<u8>,
}

impl Claims {
    /// Reads claims of the caller's own from the same payload.
    ///
    /// # Errors
    /// What `serde_json` has to say, for the log.
    pub fn custom<'c, T: Deserialize<'c>>(&'c self) -> Result<T, serde_json::Error> {
        serde_json::from_slice(&self.payload)
    }

    /// The payload, word for word.
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }
}

impl Deref for Claims {
    type Target = ClaimsSet;

    fn deref(&self) -> &ClaimsSet {
        &self.set
    }
}

/// Accepts the claims of a token whose signature is right, or says why not.
///
/// Not checked: `jti` (has it been revoked, was it seen before), `scope` and `permissions` (may it do this), the hashes
/// (see [`half_hash`](super::half_hash)).
///
/// # Errors
/// The first reason found: type, parties, time, then what the use demands.
pub fn check(
    token: Verified,
    expected: &Expected<'_>,
    now: Timestamp,
) -> Result<Claims, ClaimRefusal> {
    let (header, payload) = token.into_parts();
    let set: ClaimsSet = serde_json::from_slice(&payload).map_err(|_| ClaimRefusal::Malformed)?;
    check_type(&header, &set, expected.token_use)?;
    if set.iss.as_deref() != Some(expected.issuer) {
        return Err(ClaimRefusal::WrongIssuer);
    }
    if !set.is_for(expected.audience) {
        return Err(ClaimRefusal::WrongAudience);
    }
    check_time(&set, expected.leeway, now)?;
    if let TokenUse::IdToken { nonce, max_age } = expected.token_use {
        check_id_token(&set, expected, nonce, now)?;
        if let Some(max_age) = max_age {
            let oldest = now - max_age - expected.leeway;
            if set.auth_time.is_none_or(|auth_time| auth_time < oldest) {
                return Err(ClaimRefusal::AuthenticationTooOld);
            }
        }
    }
    Ok(Claims { set, payload })
}

fn check_type(
    header: &Header,
    set: &ClaimsSet,
    token_use: TokenUse<'_>,
) -> Result<(), ClaimRefusal> {
    let typed = header.has_typ(Typ::AccessToken);
    let plain = header.typ().is_none() || header.has_typ(Typ::Jwt);
    let fits = match token_use {
        TokenUse::AccessToken => typed || plain,
        TokenUse::TypedAccessToken => typed,
        TokenUse::IdToken { .. } => plain,
    };
    if !fits {
        return Err(ClaimRefusal::WrongType);
    }
    if set.events.is_some() {
        return Err(ClaimRefusal::EventToken);
    }
    match token_use {
        TokenUse::AccessToken | TokenUse::TypedAccessToken => {
            let marks = [&set.nonce, &set.at_hash, &set.c_hash, &set.s_hash];
            if !typed && marks.iter().any(|mark| mark.is_some()) {
                return Err(ClaimRefusal::IdTokenAsAccessToken);
            }
            if set.cnf.is_some() {
                return Err(ClaimRefusal::SenderConstrained);
            }
            Ok(())
        }
        TokenUse::IdToken { .. } => Ok(()),
    }
}

/// A token ends *at* `exp` (RFC 7519 §4.1.4) and begins at `nbf`; leeway widens both ends.
fn check_time(set: &ClaimsSet, leeway: Duration, now: Timestamp) -> Result<(), ClaimRefusal> {
    let exp = set.exp.ok_or(ClaimRefusal::MissingExpiry)?;
    if now >= exp + leeway {
        return Err(ClaimRefusal::Expired);
    }
    if set.nbf.is_some_and(|nbf| now + leeway < nbf) {
        return Err(ClaimRefusal::NotYetValid);
    }
    Ok(())
}

/// What OpenID Connect Core §3.1.3.7 asks beyond the checks for every token.
fn check_id_token(
    set: &ClaimsSet,
    expected: &Expected<'_>,
    nonce: Option<&str>,
    now: Timestamp,
) -> Result<(), ClaimRefusal> {
    if set.aud.len() > 1 && set.azp.as_deref() != Some(expected.audience) {
        return Err(ClaimRefusal::WrongAuthorizedParty);
    }
    if set.sub.as_deref().is_none_or(str::is_empty) {
        return Err(ClaimRefusal::MissingSubject);
    }
    let iat = set.iat.ok_or(ClaimRefusal::MissingIssuedAt)?;
    if now + expected.leeway < iat {
        return Err(ClaimRefusal::IssuedInTheFuture);
    }
    if nonce.is_some() && set.nonce.as_deref() != nonce {
        return Err(ClaimRefusal::WrongNonce);
    }
    Ok(())
}
