//! What a client is told when it is refused: a registered code, a text that is safe to send, and the status.

use std::{borrow::Cow, fmt};

use serde::{Serialize, Serializer};
use thiserror::Error;

use crate::profile::Profile;

#[cfg(test)]
mod tests;

/// Declares the codes, each with its spelling on the wire.
macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $wire:literal;)+) => {
        /// An error code that clients act upon (the OAuth Extensions Error Registry, RFC 6749 §11.4, and Auth0's own).
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Code { $($(#[$doc])* $name,)+ }

        impl Code {
            /// The code as it is spelled in JSON and in redirects.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $wire,)+ }
            }
        }

        #[cfg(test)]
        const ALL: &[Code] = &[$(Code::$name,)+];
    };
}

codes! {
    /// RFC 6749 §5.2: malformed, incomplete or with a parameter twice.
    InvalidRequest = "invalid_request";
    /// RFC 6749 §5.2: client authentication failed.
    InvalidClient = "invalid_client";
    /// RFC 6749 §5.2: the code, refresh token or credentials are not good, or not this client's.
    InvalidGrant = "invalid_grant";
    /// RFC 6749 §5.2: the client may not use this grant.
    UnauthorizedClient = "unauthorized_client";
    /// RFC 6749 §5.2: no such grant here.
    UnsupportedGrantType = "unsupported_grant_type";
    /// RFC 6749 §5.2: malformed or excessive scope.
    InvalidScope = "invalid_scope";
    /// RFC 6749 §4.1.2.1: the user or a policy said no.
    AccessDenied = "access_denied";
    /// RFC 6749 §4.1.2.1: no such response type here.
    UnsupportedResponseType = "unsupported_response_type";
    /// RFC 6749 §4.1.2.1: our fault.
    ServerError = "server_error";
    /// RFC 6749 §4.1.2.1: overloaded or in maintenance.
    TemporarilyUnavailable = "temporarily_unavailable";
    /// OpenID Connect Core §3.1.2.6: silent, but something must be asked.
    InteractionRequired = "interaction_required";
    /// OpenID Connect Core §3.1.2.6: silent, but nobody is logged in.
    LoginRequired = "login_required";
    /// OpenID Connect Core §3.1.2.6: silent, but an account must be chosen.
    AccountSelectionRequired = "account_selection_required";
    /// OpenID Connect Core §3.1.2.6: silent, but consent is missing.
    ConsentRequired = "consent_required";
    /// OpenID Connect Core §3.1.2.6: the `request_uri` does not give a request.
    InvalidRequestUri = "invalid_request_uri";
    /// OpenID Connect Core §3.1.2.6: the request object is not good.
    InvalidRequestObject = "invalid_request_object";
    /// OpenID Connect Core §3.1.2.6: request objects are not taken.
    RequestNotSupported = "request_not_supported";
    /// OpenID Connect Core §3.1.2.6: `request_uri` is not taken.
    RequestUriNotSupported = "request_uri_not_supported";
    /// OpenID Connect Core §3.1.2.6: the `registration` parameter is not taken.
    RegistrationNotSupported = "registration_not_supported";
    /// RFC 6750 §3.1: the access token is not good; RFC 7662 §2.3 answers with it too.
    InvalidToken = "invalid_token";
    /// RFC 6750 §3.1: the access token is good for less than this.
    InsufficientScope = "insufficient_scope";
    /// RFC 7009 §2.2.1: tokens of this kind cannot be revoked.
    UnsupportedTokenType = "unsupported_token_type";
    /// RFC 8628 §3.5: ask again later.
    AuthorizationPending = "authorization_pending";
    /// RFC 8628 §3.5: ask again later and less often.
    SlowDown = "slow_down";
    /// RFC 8628 §3.5: too late; Auth0 also says it of an `mfa_token`.
    ExpiredToken = "expired_token";
    /// RFC 8707 §2: the API is unknown, malformed or not to be had this way.
    InvalidTarget = "invalid_target";
    /// RFC 9449 §5: the proof of possession is not good.
    InvalidDpopProof = "invalid_dpop_proof";
    /// RFC 9449 §8: the proof needs the nonce that comes with this answer.
    UseDpopNonce = "use_dpop_nonce";
    /// Auth0: a rule or policy stopped the log-in.
    Unauthorized = "unauthorized";
    /// Auth0: a second factor is needed first.
    MfaRequired = "mfa_required";
    /// Auth0: wrong user name or password, at the endpoints that do not say `invalid_grant`.
    InvalidUserPassword = "invalid_user_password";
    /// Auth0: this account is locked out for a while.
    TooManyAttempts = "too_many_attempts";
    /// Auth0: the rate limit was hit.
    TooManyRequests = "too_many_requests";
    /// Auth0: the endpoint is switched off.
    EndpointDisabled = "endpoint_disabled";
    /// Auth0: the endpoint does not know this HTTP method.
    MethodNotAllowed = "method_not_allowed";
}

impl Code {
    /// The HTTP status of an error document with this code. Does not apply to errors that travel in a redirect.
    pub fn status(self, profile: Profile) -> u16 {
        match self {
            Self::InvalidRequest
            | Self::UnsupportedGrantType
            | Self::InvalidScope
            | Self::InteractionRequired
            | Self::AccountSelectionRequired
            | Self::ConsentRequired
            | Self::InvalidRequestUri
            | Self::InvalidRequestObject
            | Self::RequestNotSupported
            | Self::RequestUriNotSupported
            | Self::RegistrationNotSupported
            | Self::UnsupportedTokenType
            | Self::AuthorizationPending
            | Self::SlowDown
            | Self::ExpiredToken
            | Self::InvalidTarget
            | Self::InvalidDpopProof
            | Self::UseDpopNonce => 400,
            Self::InvalidClient | Self::InvalidToken | Self::LoginRequired => 401,
            Self::InvalidGrant
            | Self::UnauthorizedClient
            | Self::AccessDenied
            | Self::Unauthorized
            | Self::MfaRequired
            | Self::InvalidUserPassword => profile.refusal_status(),
            Self::InsufficientScope => 403,
            Self::EndpointDisabled => 404,
            Self::MethodNotAllowed => 405,
            Self::TooManyAttempts | Self::TooManyRequests => 429,
            Self::ServerError => 500,
            Self::UnsupportedResponseType => 501,
            Self::TemporarilyUnavailable => 503,
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// A refusal as the client sees it (RFC 6749 §5.2): serialises to `{"error", "error_description"}`.
///
/// The description may repeat what the client sent, because it cannot hold anything that a header, a page, a URL or
/// the parsers of old mobile libraries could mistake for structure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Error)]
#[error("{code}: {description}")]
pub struct OAuthError {
    #[serde(rename = "error")]
    code: Code,
    #[serde(rename = "error_description")]
    description: Cow<'static, str>,
}

impl OAuthError {
    /// Makes an error. What RFC 6749 §5.2 forbids in a description becomes `'` (for `"`) or `?`; the text ends after
    /// 1,000 characters.
    ///
    /// Departure: `=` and `&` are replaced too. Mobile libraries split a redirect after decoding it.
    pub fn new(code: Code, description: impl Into<Cow<'static, str>>) -> Self {
        let description = description.into();
        let description = if description.len() <= LONGEST && description.chars().all(is_plain) {
            description
        } else {
            description
                .chars()
                .take(LONGEST)
                .map(plain)
                .collect::<String>()
                .into()
        };
        Self { code, description }
    }

    /// The code.
    pub fn code(&self) -> Code {
        self.code
    }

    /// The text for people, harmless wherever it is put.
    pub fn description(&self) -> &str {
        &self.description
    }

    /// The HTTP status under a profile; see [`Code::status`].
    pub fn status(&self, profile: Profile) -> u16 {
        self.code.status(profile)
    }
}

const LONGEST: usize = 1000;

fn is_plain(c: char) -> bool {
    matches!(c, ' '..='~') && !matches!(c, '"' | '\\' | '=' | '&')
}

fn plain(c: char) -> char {
    match c {
        '"' => '\'',
        c if is_plain(c) => c,
        _ => '?',
    }
}
