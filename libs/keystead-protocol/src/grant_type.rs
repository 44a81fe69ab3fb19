//! The names of grants, as clients register and request them.

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Declares the grants, each with its spelling on the wire.
macro_rules! grant_types {
    ($($(#[$doc:meta])* $name:ident = $wire:literal;)+) => {
        /// A grant that a client can be registered for (RFC 7591 §2, with Auth0's extension grants). That it stands here
        /// does not say that the token endpoint serves it: see [`TokenRequest::GRANTS`](crate::token::TokenRequest::GRANTS).
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "&'static str")]
        pub enum GrantType { $($(#[$doc])* $name,)+ }

        impl GrantType {
            /// Every grant.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// The value of `grant_type`.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $wire,)+ }
            }
        }
    };
}

grant_types! {
    /// RFC 6749 §4.1.
    AuthorizationCode = "authorization_code";
    /// RFC 6749 §4.2. Not a request to the token endpoint: it allows tokens in an authorization response.
    Implicit = "implicit";
    /// RFC 6749 §6.
    RefreshToken = "refresh_token";
    /// RFC 6749 §4.4.
    ClientCredentials = "client_credentials";
    /// RFC 6749 §4.3, against the tenant's default connection.
    Password = "password";
    /// Auth0: the password grant against a named connection.
    PasswordRealm = "http://auth0.com/oauth/grant-type/password-realm";
    /// Auth0: a one-time code by mail or text message.
    PasswordlessOtp = "http://auth0.com/oauth/grant-type/passwordless/otp";
    /// Auth0: a second factor of one-time codes.
    MfaOtp = "http://auth0.com/oauth/grant-type/mfa-otp";
    /// Auth0: a second factor by another channel.
    MfaOob = "http://auth0.com/oauth/grant-type/mfa-oob";
    /// Auth0: a recovery code in place of the second factor.
    MfaRecoveryCode = "http://auth0.com/oauth/grant-type/mfa-recovery-code";
    /// Auth0: a passkey.
    Webauthn = "urn:okta:params:oauth:grant-type:webauthn";
    /// RFC 8628 §3.4.
    DeviceCode = "urn:ietf:params:oauth:grant-type:device_code";
    /// OpenID Connect CIBA Core §10.1.
    Ciba = "urn:openid:params:grant-type:ciba";
    /// RFC 8693 §2.1.
    TokenExchange = "urn:ietf:params:oauth:grant-type:token-exchange";
    /// RFC 7523 §2.1.
    JwtBearer = "urn:ietf:params:oauth:grant-type:jwt-bearer";
    /// Auth0: an upstream provider's access token from the token vault.
    FederatedConnectionAccessToken =
        "urn:auth0:params:oauth:grant-type:token-exchange:federated-connection-access-token";
    /// Auth0's legacy pipeline: `/oauth/ro`.
    LegacyRo = "http://auth0.com/oauth/legacy/grant-type/ro";
    /// Auth0's legacy pipeline: `/oauth/ro` with a key of the device.
    LegacyRoJwtBearer = "http://auth0.com/oauth/legacy/grant-type/ro/jwt-bearer";
    /// Auth0's legacy pipeline: `/delegation` with a refresh token.
    LegacyDelegationRefreshToken = "http://auth0.com/oauth/legacy/grant-type/delegation/refresh_token";
    /// Auth0's legacy pipeline: `/delegation` with an ID token.
    LegacyDelegationIdToken = "http://auth0.com/oauth/legacy/grant-type/delegation/id_token";
    /// Auth0's legacy pipeline: `/oauth/access_token`.
    LegacyAccessToken = "http://auth0.com/oauth/legacy/grant-type/access_token";
}

/// A string that names no grant. Does not repeat the string.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not a known grant type")]
pub struct UnknownGrantType;

impl TryFrom<&str> for GrantType {
    type Error = UnknownGrantType;

    fn try_from(text: &str) -> Result<Self, UnknownGrantType> {
        Self::ALL
            .iter()
            .copied()
            .find(|grant| grant.as_str() == text)
            .ok_or(UnknownGrantType)
    }
}

impl TryFrom<String> for GrantType {
    type Error = UnknownGrantType;

    fn try_from(text: String) -> Result<Self, UnknownGrantType> {
        text.as_str().try_into()
    }
}

impl From<GrantType> for &'static str {
    fn from(grant: GrantType) -> Self {
        grant.as_str()
    }
}

impl fmt::Display for GrantType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn each_name_reads_back_and_no_two_are_alike() {
        for &grant in GrantType::ALL {
            assert_eq!(GrantType::try_from(grant.as_str()), Ok(grant));
            let json = serde_json::to_string(&grant).unwrap();
            assert_eq!(serde_json::from_str::<GrantType>(&json).unwrap(), grant);
        }
        let names: HashSet<_> = GrantType::ALL.iter().map(|grant| grant.as_str()).collect();
        assert_eq!(names.len(), GrantType::ALL.len());
        for bad in [
            "",
            "Password",
            "authorization_code ",
            "urn:ietf:params:oauth:grant-type:saml2-bearer",
        ] {
            assert_eq!(GrantType::try_from(bad), Err(UnknownGrantType), "{bad}");
        }
    }
}
