//! Why a request was refused: a precise reason for the log, and one public face (RFC 6750 §3).

use std::borrow::Cow;

use keystead_protocol::{
    claims::ClaimRefusal,
    error::{Code, OAuthError},
    jwt::JwtRefusal,
    profile::Profile,
    scope::ScopeToken,
};
use thiserror::Error;

/// Why a token, or a request without one, was not accepted. `Display` is for the log; clients see
/// [`status`](Self::status), [`challenge`](Self::challenge) and [`public`](Self::public), which say less.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Refusal {
    /// No `Authorization` header with the scheme `Bearer`.
    #[error("no bearer token")]
    NoToken,
    /// Two `Authorization` headers, or a second token in the query (RFC 6750 §2).
    #[error("more than one token or method of sending it")]
    TokenTwice,
    /// The header is not `Bearer`, a space, and a token of the characters that RFC 6750 §2.1 allows.
    #[error("malformed Authorization header")]
    MalformedHeader,
    /// Not a token that can be read, or a signature that is not the key's.
    #[error(transparent)]
    Token(#[from] JwtRefusal),
    /// An algorithm that this API does not take.
    #[error("the algorithm is not allowed here")]
    AlgorithmNotAllowed,
    /// No key with the token's `kid` and algorithm, not even after asking the issuer, if it could be asked.
    #[error("no such key")]
    UnknownKey,
    /// The token names no key, and there is more than one that it could mean.
    #[error("the token does not say which key")]
    UnnamedKey,
    /// The token is genuine, but not for us, not now or not an access token.
    #[error(transparent)]
    Claims(#[from] ClaimRefusal),
    /// The issuer does not vouch for the token any more, or never did (RFC 7662 §2.2).
    #[error("the issuer says that the token is not active")]
    Inactive,
    /// The token is good for less than this.
    #[error("the token does not permit `{0}`")]
    InsufficientScope(String),
    /// The issuer's keys were never reached, or too long ago.
    #[error("no keys: {0}")]
    KeysUnavailable(FetchError),
    /// The issuer could not be asked about the token, or its answer cannot be read. Says nothing about the token.
    #[error("no introspection: {0}")]
    IntrospectionUnavailable(FetchError),
    /// The request did not pass a `BearerLayer`: a fault of the program.
    #[error("claims were asked for where no layer verifies tokens")]
    NotVerified,
}

/// Why something could not be fetched from the issuer. For the log and for whoever sets the API up.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FetchError {
    /// Nobody has asked yet.
    #[error("nothing was fetched yet")]
    NotYet,
    /// Not `https`, and not a loopback address whose issuer is on loopback too.
    #[error("`{0}` is not an https URL")]
    Insecure(String),
    /// A redirect, which is not followed: name the place where the document really is.
    #[error("`{0}` answered with a redirect")]
    Redirect(String),
    /// Not 200.
    #[error("`{url}` answered {status}")]
    Status {
        /// Who answered.
        url: String,
        /// What.
        status: u16,
    },
    /// More bytes than such a document has.
    #[error("`{0}` answered with too long a document")]
    TooLong(String),
    /// No connection, no TLS, no answer in time.
    #[error("{0}")]
    Transport(String),
    /// Not the JSON that it should be.
    #[error("`{0}` did not answer with the document that it should")]
    Malformed(String),
    /// The discovery document is another issuer's. They are compared byte for byte, the last slash included
    /// (OpenID Connect Discovery §4.3).
    #[error("the discovery document is that of `{found}`, not of `{expected}`")]
    WrongIssuer {
        /// Ours.
        expected: String,
        /// The document's.
        found: String,
    },
    /// So many questions are open that this one was not asked.
    #[error("too many questions to the issuer are open")]
    Busy,
}

impl Refusal {
    /// What the client is told; `None` if it sent no token and is only challenged (RFC 6750 §3.1).
    pub fn public(&self) -> Option<OAuthError> {
        let (code, text): (Code, Cow<'static, str>) = match self {
            Self::NoToken => return None,
            Self::TokenTwice => (
                Code::InvalidRequest,
                "The access token must be sent once".into(),
            ),
            Self::MalformedHeader => (
                Code::InvalidRequest,
                "The Authorization header is malformed".into(),
            ),
            Self::Claims(why) => (Code::InvalidToken, claims_text(*why).into()),
            Self::Token(_)
            | Self::AlgorithmNotAllowed
            | Self::UnknownKey
            | Self::UnnamedKey
            | Self::Inactive => (Code::InvalidToken, "The access token is not valid".into()),
            Self::InsufficientScope(_) => (
                Code::InsufficientScope,
                "The access token does not permit this".into(),
            ),
            Self::KeysUnavailable(_) | Self::IntrospectionUnavailable(_) => (
                Code::TemporarilyUnavailable,
                "The access token cannot be checked now".into(),
            ),
            Self::NotVerified => (Code::ServerError, "The server is set up wrongly".into()),
        };
        Some(OAuthError::new(code, text))
    }

    /// The HTTP status: 401, 403, 400, 503, or 500 for a fault of the program.
    pub fn status(&self) -> u16 {
        // The codes that occur here have the same status under every profile.
        self.public()
            .map_or(401, |error| error.status(Profile::Oidc))
    }

    /// The value of `WWW-Authenticate`; `None` where no other token would help.
    ///
    /// Without a token there is only a realm, because the scheme must be followed by some parameter (RFC 6750 §3).
    pub fn challenge(&self) -> Option<String> {
        let Some(error) = self.public() else {
            return Some(r#"Bearer realm="api""#.to_owned());
        };
        if error.status(Profile::Oidc) >= 500 {
            return None;
        }
        let (code, text) = (error.code(), error.description());
        let mut challenge = format!(r#"Bearer error="{code}", error_description="{text}""#);
        // What is not a scope (RFC 6749 §3.3) could end the quotation; it is left out.
        if let Self::InsufficientScope(scope) = self
            && scope
                .split(' ')
                .all(|one| ScopeToken::try_from(one).is_ok())
        {
            challenge += &format!(r#", scope="{scope}""#);
        }
        Some(challenge)
    }

    /// The whole answer: status, challenge and a JSON body `{error, error_description}`, empty if no token was sent.
    #[cfg(feature = "tower")]
    pub fn response<B: From<String>>(&self) -> http::Response<B> {
        use http::{HeaderValue, StatusCode, header};

        tracing::debug!(why = %self, "request refused");
        let body = self.public().map(|error| serde_json::to_string(&error));
        let body = body.and_then(Result::ok).unwrap_or_default();
        let is_json = !body.is_empty();
        let mut response = http::Response::new(B::from(body));
        *response.status_mut() =
            StatusCode::from_u16(self.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if is_json {
            let json = HeaderValue::from_static("application/json");
            headers.insert(header::CONTENT_TYPE, json);
        }
        if let Some(challenge) = self.challenge().and_then(|text| text.try_into().ok()) {
            headers.insert(header::WWW_AUTHENTICATE, challenge);
        }
        if response.status() == StatusCode::SERVICE_UNAVAILABLE {
            let soon = HeaderValue::from_static("5");
            response.headers_mut().insert(header::RETRY_AFTER, soon);
        }
        response
    }
}

/// The mistakes of honest developers have a name of their own; the signature was right, so no stranger learns it.
fn claims_text(why: ClaimRefusal) -> &'static str {
    match why {
        ClaimRefusal::Expired => "The access token expired",
        ClaimRefusal::NotYetValid => "The access token is not valid yet",
        ClaimRefusal::WrongAudience => "The access token is for another audience",
        ClaimRefusal::IdTokenAsAccessToken => "An ID token is not an access token",
        ClaimRefusal::Malformed
        | ClaimRefusal::WrongType
        | ClaimRefusal::EventToken
        | ClaimRefusal::SenderConstrained
        | ClaimRefusal::WrongIssuer
        | ClaimRefusal::WrongAuthorizedParty
        | ClaimRefusal::MissingSubject
        | ClaimRefusal::MissingExpiry
        | ClaimRefusal::MissingIssuedAt
        | ClaimRefusal::IssuedInTheFuture
        | ClaimRefusal::WrongNonce
        | ClaimRefusal::AuthenticationTooOld => "The access token is not valid",
    }
}
