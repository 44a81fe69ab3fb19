//! Who signed in: the ID token, checked as OpenID Connect Core §3.1.3.7 says.

use std::{fmt, ops::Deref, time::Duration};

use keystead_protocol::{
    claims::{self, ClaimsSet, TokenUse, half_hash},
    jwk::VerifyingKeys,
    jwt::Token,
    secret::Secret,
    time::Timestamp,
};
use serde::Deserialize;

use crate::IdTokenRefusal;

/// An ID token that was checked: its claims, and the token for `id_token_hint`.
///
/// Claims that [`ClaimsSet`] does not know (`name`, `email` …) are read with [`IdToken::custom`].
#[derive(Clone)]
pub struct IdToken {
    token: Secret,
    payload: Vec<u8>,
    claims: ClaimsSet,
}

/// What an ID token must say.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    /// The provider, byte for byte.
    pub issuer: &'a str,
    /// Us.
    pub client_id: &'a str,
    /// What was sent as `nonce`; nothing on renewal (§12.2).
    pub nonce: Option<&'a str>,
    /// What was sent as `max_age`.
    pub max_age: Option<Duration>,
    /// The access token that came along, for `at_hash`.
    pub access_token: Option<&'a str>,
    /// How far the clocks may differ.
    pub leeway: Duration,
}

impl IdToken {
    /// Checks signature (RS, PS and ES algorithms and EdDSA, by the published key that `kid` names), `iss`, `aud`, `azp`,
    /// `exp`, `iat`, `nonce`, `auth_time` after `max_age`, and `at_hash` if there is one.
    ///
    /// Not checked: `acr` and `amr`, which are the app's to judge.
    ///
    /// # Errors
    /// The first [`IdTokenRefusal`] found.
    pub fn verify(
        token: &str,
        keys: &VerifyingKeys,
        expected: &Expected<'_>,
        now: Timestamp,
    ) -> Result<Self, IdTokenRefusal> {
        let parsed = Token::parse(token)?;
        let alg = parsed.header().alg();
        // Published keys are public keys, so that nothing signed with a shared secret finds one.
        let key = parsed.key_in(keys).ok_or(IdTokenRefusal::UnknownKey)?;
        let verified = parsed.verify(key)?;
        let wanted = claims::Expected {
            issuer: expected.issuer,
            audience: expected.client_id,
            leeway: expected.leeway,
            token_use: TokenUse::IdToken {
                nonce: expected.nonce,
                max_age: expected.max_age,
            },
        };
        let claims = claims::check(verified, &wanted, now)?;
        if claims
            .azp
            .as_deref()
            .is_some_and(|azp| azp != expected.client_id)
        {
            return Err(IdTokenRefusal::AuthorizedParty);
        }
        if let (Some(hash), Some(access_token)) = (&claims.at_hash, expected.access_token)
            && *hash != half_hash(alg, access_token)
        {
            return Err(IdTokenRefusal::AccessTokenHash);
        }
        Ok(Self {
            token: token.into(),
            payload: claims.payload().to_vec(),
            claims: ClaimsSet::clone(&claims),
        })
    }

    /// Takes back a token that was checked before it was kept.
    #[cfg(feature = "http")]
    pub(crate) fn kept(token: Secret) -> Option<Self> {
        let payload = Token::parse(token.expose())
            .ok()?
            .unverified_payload()
            .ok()?;
        Some(Self {
            claims: serde_json::from_slice(&payload).ok()?,
            payload,
            token,
        })
    }

    /// The user, unique and never reassigned at this issuer.
    pub fn subject(&self) -> &str {
        self.claims.sub.as_deref().unwrap_or_default()
    }

    /// Reads claims into a type of the app's own.
    ///
    /// # Errors
    /// What `serde_json` has to say.
    pub fn custom<'c, T: Deserialize<'c>>(&'c self) -> Result<T, serde_json::Error> {
        serde_json::from_slice(&self.payload)
    }

    /// The token, to be sent as `id_token_hint`. Not for calling APIs.
    pub fn token(&self) -> &Secret {
        &self.token
    }
}

impl Deref for IdToken {
    type Target = ClaimsSet;

    fn deref(&self) -> &ClaimsSet {
        &self.claims
    }
}

/// What a token says of a person stays out of logs.
impl fmt::Debug for IdToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IdToken").finish_non_exhaustive()
    }
}

/// Whether a token cannot be told apart from a good one by a wrong clock.
#[cfg(feature = "http")]
pub(crate) fn is_matter_of_time(why: IdTokenRefusal) -> bool {
    use keystead_protocol::claims::ClaimRefusal as Claim;
    matches!(
        why,
        IdTokenRefusal::Claims(Claim::Expired | Claim::NotYetValid | Claim::IssuedInTheFuture)
    )
}

/// Which key a token asks for, when the known ones lack it.
#[cfg(feature = "http")]
pub(crate) fn has_key(token: &str, keys: &VerifyingKeys) -> Result<bool, IdTokenRefusal> {
    Ok(Token::parse(token)?.key_in(keys).is_some())
}
