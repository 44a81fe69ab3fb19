//! What a verified token says (RFC 7519 §4), and whether it was said to us, by the right party, for this use, in time.

mod check;
mod hash;
mod wire;

pub use check::{ClaimRefusal, Claims, Expected, TokenUse, check};
pub use hash::half_hash;

use serde::{Deserialize, de::IgnoredAny};

use crate::{
    scope::{BadScope, Scope},
    time::Timestamp,
};

/// The claims that are understood here, of ID tokens and access tokens alike; others are ignored, and can be read with
/// [`Claims::custom`]. A set from [`serde`] is only data: [`Claims`] is one that was checked.
///
/// One of these claims that occurs twice or has the wrong type spoils the token. A claim that is not among them may
/// occur twice; reading it into a type of one's own finds out.
#[derive(Debug, Clone, Deserialize)]
#[non_exhaustive]
pub struct ClaimsSet {
    /// Who issued the token.
    pub iss: Option<String>,
    /// Whom it is about: a user, or `{client}@clients`.
    pub sub: Option<String>,
    /// Whom it is for; one audience may stand without an array.
    #[serde(default, deserialize_with = "wire::one_or_many")]
    pub aud: Vec<String>,
    /// When it ends.
    #[serde(default, deserialize_with = "wire::numeric_date")]
    pub exp: Option<Timestamp>,
    /// Before when it does not hold.
    #[serde(default, deserialize_with = "wire::numeric_date")]
    pub nbf: Option<Timestamp>,
    /// When it was issued.
    #[serde(default, deserialize_with = "wire::numeric_date")]
    pub iat: Option<Timestamp>,
    /// The token's own name.
    pub jti: Option<String>,
    /// The client that it was issued to (OpenID Connect Core §2; Auth0's access tokens).
    pub azp: Option<String>,
    /// The client that it was issued to (RFC 9068 §2.2).
    pub client_id: Option<String>,
    /// What it permits, separated by spaces (RFC 9068 §2.2.3). See [`ClaimsSet::has_scope`].
    pub scope: Option<String>,
    /// What the user's roles permit at this API, if the API asked for it.
    #[serde(default)]
    pub permissions: Vec<String>,
    /// How the grant came about, in Auth0's access tokens.
    pub gty: Option<String>,
    /// What the client asked to have repeated (OpenID Connect Core §2).
    pub nonce: Option<String>,
    /// When the user last signed in actively.
    #[serde(default, deserialize_with = "wire::numeric_date")]
    pub auth_time: Option<Timestamp>,
    /// How well.
    pub acr: Option<String>,
    /// By what means.
    #[serde(default)]
    pub amr: Vec<String>,
    /// The session (OpenID Connect Front-Channel Logout §3).
    pub sid: Option<String>,
    /// Hash of the access token that came along.
    pub at_hash: Option<String>,
    /// Hash of the code that came along.
    pub c_hash: Option<String>,
    /// Hash of the state that came along.
    pub s_hash: Option<String>,
    /// The organization that the user signed in to.
    pub org_id: Option<String>,
    /// Its name.
    pub org_name: Option<String>,
    /// The key that the bearer must prove to have (RFC 7800). Only that there is one.
    cnf: Option<IgnoredAny>,
    /// What makes a logout token or a security event (RFC 8417 §2.2). Only that there is one.
    events: Option<IgnoredAny>,
}

impl ClaimsSet {
    /// Whether `aud` has this value, byte for byte.
    pub fn is_for(&self, audience: &str) -> bool {
        self.aud.iter().any(|own| own == audience)
    }

    /// Whether `scope` has this value.
    pub fn has_scope(&self, wanted: &str) -> bool {
        self.scope
            .as_deref()
            .is_some_and(|scope| scope.split(' ').any(|own| !own.is_empty() && own == wanted))
    }

    /// Whether `permissions` has this value.
    pub fn has_permission(&self, wanted: &str) -> bool {
        self.permissions.iter().any(|own| own == wanted)
    }

    /// The scopes as a set; empty without `scope`.
    ///
    /// # Errors
    /// [`BadScope`] if a value has a character that no scope may have.
    pub fn scopes(&self) -> Result<Scope, BadScope> {
        self.scope.as_deref().unwrap_or_default().parse()
    }

    /// The client, by whichever of the two names the token has for it.
    pub fn client(&self) -> Option<&str> {
        self.azp.as_deref().or(self.client_id.as_deref())
    }
}
