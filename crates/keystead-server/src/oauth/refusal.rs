//! Why an OAuth endpoint refuses: precise reasons for the log, one public face for each.

use std::borrow::Cow;

use axum::{
    Json,
    http::{
        HeaderValue, StatusCode,
        header::{CACHE_CONTROL, PRAGMA, WWW_AUTHENTICATE},
    },
    response::{IntoResponse, Response},
};
use keystead_protocol::{
    claims::ClaimRefusal,
    client_auth::{AuthRefusal, assertion::AssertionRefusal},
    error::{Code, OAuthError},
    grant_type::GrantType,
    ids::{Audience, GrantId},
    jwt::JwtRefusal,
    pkce::PkceRefusal,
    profile::Profile,
};

use crate::error::Fault;

/// Why a request to an OAuth endpoint is refused. The variant is the private reason.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The request itself is wrong; its public text says how.
    #[error("{0}")]
    Malformed(OAuthError),
    /// The request does not show who the client is.
    #[error("client authentication: {0}")]
    Unauthenticated(AuthRefusal),
    /// There is no such client.
    #[error("unknown client")]
    UnknownClient,
    /// An administrator switched the client off.
    #[error("the client is disabled")]
    DisabledClient,
    /// The secret is not the client's, or it has none.
    #[error("wrong client secret")]
    WrongSecret,
    /// The client's assertion is not a token that one of its keys signed.
    #[error("client assertion: {0}")]
    AssertionSignature(JwtRefusal),
    /// The assertion names a key that the client does not have.
    #[error("client assertion: no such key")]
    AssertionKey,
    /// The assertion says something else.
    #[error("client assertion: {0}")]
    AssertionClaims(AssertionRefusal),
    /// The assertion was used before.
    #[error("client assertion: replayed")]
    AssertionReplayed,
    /// The client may not use this grant.
    #[error("the grant is not enabled for the client")]
    GrantNotAllowed(GrantType),
    /// There is no such API.
    #[error("unknown audience")]
    UnknownAudience(Audience),
    /// The API does not let anybody, or this client, have tokens of this kind.
    #[error("the client has no grant for the audience")]
    NotGranted(Audience),
    /// A machine asked for no API, and the installation has no default.
    #[error("no audience")]
    NoAudience,
    /// The code does not exist.
    #[error("unknown code")]
    CodeUnknown,
    /// The code was not redeemed in time.
    #[error("expired code")]
    CodeExpired,
    /// The code was used before; everything issued from it is revoked.
    #[error("replayed code; family {0} is revoked")]
    CodeReplayed(GrantId),
    /// The code belongs to another client.
    #[error("the code is another client's")]
    CodeOfAnotherClient,
    /// `redirect_uri` is not the authorization request's.
    #[error("the redirect_uri differs from the authorization request")]
    RedirectMismatch,
    /// The proof key does not fit.
    #[error("proof key: {0}")]
    Pkce(PkceRefusal),
    /// The refresh token does not exist, or is another client's.
    #[error("unknown refresh token")]
    RefreshUnknown,
    /// The refresh token was revoked or has expired.
    #[error("dead refresh token of family {0}")]
    RefreshDead(GrantId),
    /// The refresh token had been rotated; its family is revoked.
    #[error("reused refresh token; family {0} is revoked")]
    RefreshReused(GrantId),
    /// A refresh asked for another API than was granted.
    #[error("the audience is not the grant's")]
    AudienceMismatch,
    /// The user was deleted.
    #[error("the user is gone")]
    UserGone,
    /// The user was blocked.
    #[error("the user is blocked")]
    UserBlocked,
    /// The user's connection was switched off.
    #[error("the user's connection is disabled")]
    ConnectionDisabled,
    /// No access token, or one that is not good here.
    #[error("access token: {0}")]
    Token(TokenRefusal),
    /// Too many requests from this address.
    #[error("rate limit")]
    TooMany,
}

/// Why an access token is not good at our own endpoints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenRefusal {
    /// None was sent.
    #[error("missing")]
    Missing,
    /// It was sent twice.
    #[error("sent in more than one way")]
    Several,
    /// The query where it might stand has a parameter twice, too many of them, or cannot be decoded.
    #[error("malformed query")]
    QueryMalformed,
    /// It is no token of ours.
    #[error("{0}")]
    Jwt(#[from] JwtRefusal),
    /// Its key is not published any more.
    #[error("unknown key")]
    UnknownKey,
    /// What it says does not fit.
    #[error("{0}")]
    Claims(#[from] ClaimRefusal),
    /// No such opaque token, or it has expired.
    #[error("unknown opaque token")]
    Unknown,
    /// It was revoked, or what it stems from.
    #[error("revoked")]
    Revoked,
    /// It is good, but not for this.
    #[error("without openid")]
    InsufficientScope,
}

impl Refusal {
    /// What the client is told under a profile.
    pub fn public(&self, profile: Profile) -> OAuthError {
        fn say(code: Code, text: impl Into<Cow<'static, str>>) -> OAuthError {
            OAuthError::new(code, text)
        }
        match self {
            Self::Malformed(error) => error.clone(),
            Self::Unauthenticated(why) => match why.public() {
                error if error.code() == Code::InvalidClient => unauthorized(),
                error => error,
            },
            // "Unauthorized" is the text by which mobile libraries recognise a client of the wrong type.
            Self::UnknownClient
            | Self::DisabledClient
            | Self::WrongSecret
            | Self::AssertionSignature(_)
            | Self::AssertionKey
            | Self::AssertionClaims(_)
            | Self::AssertionReplayed => unauthorized(),
            Self::GrantNotAllowed(grant) => say(
                Code::UnauthorizedClient,
                format!("Grant type '{grant}' not allowed for the client."),
            ),
            Self::UnknownAudience(audience) => say(
                auth0_or_rfc(profile, Code::AccessDenied, Code::InvalidTarget),
                format!("Service not found: {audience}"),
            ),
            Self::NotGranted(audience) => say(
                auth0_or_rfc(profile, Code::AccessDenied, Code::InvalidTarget),
                format!(
                    "Client is not authorized to access '{audience}'. Give it a client grant for this API."
                ),
            ),
            Self::NoAudience => say(Code::InvalidRequest, "Missing required parameter: audience"),
            Self::CodeUnknown
            | Self::CodeExpired
            | Self::CodeReplayed(_)
            | Self::CodeOfAnotherClient
            | Self::RedirectMismatch => say(Code::InvalidGrant, "Invalid authorization code"),
            Self::Pkce(_) => say(Code::InvalidGrant, "Failed to verify code verifier"),
            Self::RefreshUnknown | Self::RefreshDead(_) | Self::RefreshReused(_) => {
                say(Code::InvalidGrant, "Unknown or invalid refresh token.")
            }
            Self::AudienceMismatch => {
                say(Code::InvalidTarget, "The grant is not for this audience")
            }
            Self::UserGone => say(
                Code::InvalidGrant,
                "The refresh_token was generated for a user who doesn't exist anymore.",
            ),
            Self::UserBlocked => say(
                auth0_or_rfc(profile, Code::Unauthorized, Code::InvalidGrant),
                "user is blocked",
            ),
            Self::ConnectionDisabled => {
                say(Code::InvalidGrant, "The user's connection is disabled")
            }
            Self::Token(TokenRefusal::Several) => say(
                Code::InvalidRequest,
                "Send the access token in one way only",
            ),
            Self::Token(TokenRefusal::QueryMalformed) => say(
                Code::InvalidRequest,
                "The query has a parameter twice, too many of them, or cannot be decoded",
            ),
            Self::Token(TokenRefusal::InsufficientScope) => say(
                Code::InsufficientScope,
                "The access token was issued without the scope openid",
            ),
            Self::Token(_) => say(Code::InvalidToken, "The access token is not valid"),
            Self::TooMany => say(
                Code::TooManyRequests,
                "Too many requests; try again after Retry-After seconds",
            ),
        }
    }

    /// What is added to the answer's headers.
    fn challenge(&self, code: Code) -> Option<HeaderValue> {
        match (self, code) {
            // Something must follow the scheme, and no error where no token came (RFC 6750 §3, §3.1).
            (Self::Token(TokenRefusal::Missing), _) => {
                Some(HeaderValue::from_static(r#"Bearer realm="api""#))
            }
            (Self::Token(TokenRefusal::InsufficientScope), _) => Some(HeaderValue::from_static(
                r#"Bearer error="insufficient_scope", scope="openid""#,
            )),
            (Self::Token(_), code) => {
                HeaderValue::try_from(format!(r#"Bearer error="{code}""#)).ok()
            }
            (_, Code::InvalidClient) => Some(HeaderValue::from_static(r#"Basic realm="keystead""#)),
            _ => None,
        }
    }

    /// The answer under a profile.
    pub fn respond(&self, profile: Profile) -> Response {
        let error = self.public(profile);
        let status = StatusCode::from_u16(error.status(profile)).unwrap_or(StatusCode::BAD_REQUEST);
        let mut response = (status, uncached(), Json(&error)).into_response();
        if let Some(challenge) = self.challenge(error.code()) {
            response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
        }
        if self.is_wrong_guess() {
            response.extensions_mut().insert(WrongGuess);
        }
        response
    }

    /// Whether somebody showed what may have been guessed. What is merely too old was right once.
    fn is_wrong_guess(&self) -> bool {
        match self {
            Self::UnknownClient
            | Self::WrongSecret
            | Self::AssertionSignature(_)
            | Self::AssertionKey
            | Self::AssertionClaims(_)
            | Self::AssertionReplayed
            | Self::CodeUnknown
            | Self::CodeReplayed(_)
            | Self::CodeOfAnotherClient
            | Self::RedirectMismatch
            | Self::Pkce(_)
            | Self::RefreshUnknown
            | Self::RefreshReused(_)
            | Self::Token(
                TokenRefusal::Jwt(_) | TokenRefusal::UnknownKey | TokenRefusal::Unknown,
            ) => true,
            Self::Unauthenticated(why) => *why == AuthRefusal::WrongMethod,
            Self::Malformed(_)
            | Self::DisabledClient
            | Self::GrantNotAllowed(_)
            | Self::UnknownAudience(_)
            | Self::NotGranted(_)
            | Self::NoAudience
            | Self::CodeExpired
            | Self::RefreshDead(_)
            | Self::AudienceMismatch
            | Self::UserGone
            | Self::UserBlocked
            | Self::ConnectionDisabled
            | Self::Token(
                TokenRefusal::Missing
                | TokenRefusal::Several
                | TokenRefusal::QueryMalformed
                | TokenRefusal::Claims(_)
                | TokenRefusal::Revoked
                | TokenRefusal::InsufficientScope,
            )
            | Self::TooMany => false,
        }
    }
}

/// The token endpoint has codes of Auth0's own; a strict profile hears only those of RFC 6749 §5.2 and RFC 8707 §2.
fn auth0_or_rfc(profile: Profile, auth0: Code, rfc: Code) -> Code {
    match profile {
        Profile::Legacy | Profile::Compat => auth0,
        Profile::Oidc | Profile::Fapi2 => rfc,
    }
}

fn unauthorized() -> OAuthError {
    OAuthError::new(Code::InvalidClient, "Unauthorized")
}

/// Marks an answer, for whoever counts: what was shown may have been guessed.
#[derive(Debug, Clone, Copy)]
pub(super) struct WrongGuess;

/// What every answer with a token or about one carries (RFC 6749 §5.1).
pub(super) fn uncached() -> [(axum::http::HeaderName, HeaderValue); 2] {
    [
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (PRAGMA, HeaderValue::from_static("no-cache")),
    ]
}

/// What goes wrong at an OAuth endpoint.
#[derive(Debug, Clone)]
pub enum Error {
    /// The request is refused.
    Refused(Refusal),
    /// We are broken.
    Fault(Fault),
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}
impl From<TokenRefusal> for Error {
    fn from(refusal: TokenRefusal) -> Self {
        Self::Refused(Refusal::Token(refusal))
    }
}
impl From<OAuthError> for Error {
    fn from(error: OAuthError) -> Self {
        Self::Refused(Refusal::Malformed(error))
    }
}
impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}
impl From<keystead_store::Fault> for Error {
    fn from(fault: keystead_store::Fault) -> Self {
        Self::Fault(fault.into())
    }
}

impl Error {
    /// The answer under a profile. A refusal is logged here, once; a fault is logged at the edge.
    pub fn respond(self, profile: Profile) -> Response {
        match self {
            Self::Refused(refusal) => {
                tracing::info!(why = %refusal, "refused");
                refusal.respond(profile)
            }
            Self::Fault(fault) => fault.into_response(),
        }
    }
}
