//! What a client assertion must say (RFC 7523 §3, OpenID Connect Core §9).

use std::time::Duration;

use serde::Deserialize;
use thiserror::Error;

use crate::{
    claims::ClaimsSet,
    ids::ClientId,
    jwt::{Typ, Verified},
    profile::AssertionAudience,
    secret::Digest,
    time::Timestamp,
};

#[cfg(test)]
mod tests;

/// How far ahead of ours a client's clock may be. The certification sends eight seconds and sixty.
const CLOCK_SKEW: Duration = Duration::from_secs(10);

/// The longest an assertion may live: for as long it must be remembered that it was used.
const LONGEST: Duration = Duration::from_hours(1);

/// For whom an assertion must be made, and by whom.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    /// The client whose key verified it.
    pub client_id: &'a ClientId,
    /// Us.
    pub issuer: &'a str,
    /// The URLs of our endpoints that take assertions.
    pub endpoints: &'a [&'a str],
    /// Which of these may stand in `aud`.
    pub audience: AssertionAudience,
}

/// An assertion that proves who the client is, if it was never used before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Assertion {
    /// What must be remembered of it: a digest of the client and `jti`. Whoever finds it already remembered must refuse.
    pub replay_key: Digest,
    /// Until when.
    pub expires_at: Timestamp,
}

/// Why an assertion with a good signature proves nothing. For the log; the client is told `invalid_client`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum AssertionRefusal {
    /// `typ` says that it was made for something else: a request object, a DPoP proof, an access token.
    #[error("the assertion is a token of another kind")]
    WrongType,
    /// Not a JSON object with claims of the right types, each once.
    #[error("the claims of the assertion are malformed")]
    Malformed,
    /// `iss` is not the client.
    #[error("the issuer is not the client")]
    WrongIssuer,
    /// `sub` is missing, as in a request object, or is not the client.
    #[error("the subject is not the client")]
    WrongSubject,
    /// `aud` is not us, or is not us in the way that the profile wants.
    #[error("the assertion is for somebody else")]
    WrongAudience,
    /// No `exp`.
    #[error("the assertion does not expire")]
    NoExpiry,
    /// `exp` has come.
    #[error("the assertion has expired")]
    Expired,
    /// `exp` is more than an hour away.
    #[error("the assertion lives too long")]
    TooLong,
    /// `iat` or `nbf` is later than clocks may differ.
    #[error("the assertion is from the future")]
    FromTheFuture,
    /// No `jti`, so that it could be used twice unnoticed.
    #[error("the assertion has no jti")]
    NoId,
}

/// Checks the claims of an assertion whose signature is right. Does not check that it is used for the first time: see
/// [`Assertion::replay_key`].
///
/// # Errors
/// The first reason found.
pub fn check(
    token: &Verified,
    expected: &Expected<'_>,
    now: Timestamp,
) -> Result<Assertion, AssertionRefusal> {
    use AssertionRefusal as R;
    let header = token.header();
    if !(header.typ().is_none_or(is_own_type) || header.has_typ(Typ::Jwt)) {
        return Err(R::WrongType);
    }
    let claims: ClaimsSet = serde_json::from_slice(token.payload()).map_err(|_| R::Malformed)?;
    let client = Some(expected.client_id.as_str());
    if claims.iss.as_deref() != client {
        return Err(R::WrongIssuer);
    }
    if claims.sub.as_deref() != client {
        return Err(R::WrongSubject);
    }
    if !is_for_us(&claims, token.payload(), expected) {
        return Err(R::WrongAudience);
    }
    let expires_at = claims.exp.ok_or(R::NoExpiry)?;
    if now >= expires_at {
        return Err(R::Expired);
    }
    if expires_at > now + LONGEST {
        return Err(R::TooLong);
    }
    if claims
        .iat
        .max(claims.nbf)
        .is_some_and(|from| from > now + CLOCK_SKEW)
    {
        return Err(R::FromTheFuture);
    }
    let id = claims.jti.filter(|id| !id.is_empty()).ok_or(R::NoId)?;
    // A client's id holds no control character, so no two pairs read alike.
    let replay_key = Digest::of(format!("{}\0{id}", expected.client_id).as_bytes());
    Ok(Assertion {
        replay_key,
        expires_at,
    })
}

/// The type that names assertions, with or without `application/` before it.
fn is_own_type(typ: &str) -> bool {
    [
        "client-authentication+jwt",
        "application/client-authentication+jwt",
    ]
    .iter()
    .any(|own| typ.eq_ignore_ascii_case(own))
}

fn is_for_us(claims: &ClaimsSet, payload: &[u8], expected: &Expected<'_>) -> bool {
    /// An audience that is a string, where an array of one is not the same.
    #[derive(Deserialize)]
    struct Single {
        aud: String,
    }

    match expected.audience {
        AssertionAudience::IssuerAlone => serde_json::from_slice::<Single>(payload)
            .is_ok_and(|single| single.aud == expected.issuer),
        AssertionAudience::IssuerOrEndpoint => {
            claims.is_for(expected.issuer)
                || expected.endpoints.iter().any(|url| claims.is_for(url))
        }
    }
}
