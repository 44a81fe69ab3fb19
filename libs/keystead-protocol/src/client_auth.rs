//! Client authentication (RFC 6749 §2.3, RFC 7521 §4.2): which credentials were presented, and may they be those.
//!
//! Whether a secret is the client's is [`Secret::matches`]; whether an assertion was signed by the client is
//! [`Token::verify`] with the client's keys, and [`assertion::check`] for what it says.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Deserialize;
use thiserror::Error;
use zeroize::Zeroizing;

use crate::{
    client::AuthMethod,
    error::{Code, OAuthError},
    form::{self, Form},
    ids::ClientId,
    jwt::Token,
    secret::Secret,
};

pub mod assertion;
#[cfg(test)]
mod tests;

/// The only `client_assertion_type` (RFC 7523 §2.2).
pub const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// Who a client says it is, and with what. Nothing is proved yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Presented {
    /// The client.
    pub client_id: ClientId,
    /// What is to prove it.
    pub credentials: Credentials,
}

/// Credentials of a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credentials {
    /// None: only a public client may leave it at that.
    None,
    /// A secret among the parameters.
    Post(Secret),
    /// A secret in the header. A refusal must then name the scheme in `WWW-Authenticate` (RFC 6749 §5.2).
    Basic(Secret),
    /// A JWT.
    Assertion(Secret),
}

/// Why a client is not believed, as far as its request shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum AuthRefusal {
    /// Nothing says which client asks.
    #[error("no client_id")]
    ClientIdMissing,
    /// What says so cannot be a client's id.
    #[error("malformed client_id")]
    ClientIdMalformed,
    /// The body names another client than the header.
    #[error("the client_id of the body is not the header's")]
    ClientIdMismatch,
    /// Two ways to authenticate in one request (RFC 6749 §2.3).
    #[error("more than one authentication method")]
    SeveralMethods,
    /// The header is not `Basic` with an id and a secret.
    #[error("malformed Authorization header")]
    HeaderMalformed,
    /// An assertion without its type.
    #[error("no client_assertion_type")]
    AssertionTypeMissing,
    /// A type that is not [`JWT_BEARER`].
    #[error("unknown client_assertion_type")]
    AssertionTypeUnknown,
    /// A type without its assertion.
    #[error("no client_assertion")]
    AssertionMissing,
    /// The assertion does not even name a client.
    #[error("malformed client_assertion")]
    AssertionMalformed,
    /// The client is registered for another method.
    #[error("not the client's authentication method")]
    WrongMethod,
}

impl AuthRefusal {
    /// What the client is told: what is wrong with the request, but nothing about the client.
    pub fn public(self) -> OAuthError {
        let missing = |name| {
            OAuthError::new(
                Code::InvalidRequest,
                format!("Missing required parameter: {name}"),
            )
        };
        match self {
            Self::ClientIdMissing => missing("client_id"),
            Self::AssertionTypeMissing => missing("client_assertion_type"),
            Self::AssertionMissing => missing("client_assertion"),
            Self::SeveralMethods => OAuthError::new(
                Code::InvalidRequest,
                "Only one client authentication method may be used",
            ),
            Self::AssertionTypeUnknown => {
                OAuthError::new(Code::InvalidClient, "Unsupported client_assertion_type")
            }
            Self::ClientIdMalformed
            | Self::ClientIdMismatch
            | Self::HeaderMalformed
            | Self::AssertionMalformed
            | Self::WrongMethod => {
                OAuthError::new(Code::InvalidClient, "Client authentication failed")
            }
        }
    }
}

impl Presented {
    /// Reads the credentials of a request: the value of its `Authorization` header, if it has one, and its parameters.
    /// `client_id` beside the header is no second method, since many libraries send both.
    ///
    /// # Errors
    /// An [`AuthRefusal`] other than [`AuthRefusal::WrongMethod`].
    pub fn read(authorization: Option<&str>, form: &Form) -> Result<Self, AuthRefusal> {
        let named = form.get("client_id").map(client_id).transpose()?;
        let secret = form.get("client_secret");
        let assertion = match (
            form.get("client_assertion"),
            form.get("client_assertion_type"),
        ) {
            (Some(assertion), Some(JWT_BEARER)) => Some(assertion),
            (Some(_), Some(_)) => return Err(AuthRefusal::AssertionTypeUnknown),
            (Some(_), None) => return Err(AuthRefusal::AssertionTypeMissing),
            (None, Some(_)) => return Err(AuthRefusal::AssertionMissing),
            (None, None) => None,
        };
        let (client, credentials) = match (authorization, secret, assertion) {
            (None, None, None) => (None, Credentials::None),
            (None, Some(secret), None) => (None, Credentials::Post(secret.into())),
            (Some(header), None, None) => {
                let (client, secret) = basic(header)?;
                (Some(client), Credentials::Basic(secret))
            }
            (None, None, Some(assertion)) => {
                // Which keys to ask is all that the name inside decides; `assertion::check` compares it again.
                let named_inside = if named.is_none() {
                    Some(subject(assertion)?)
                } else {
                    None
                };
                (named_inside, Credentials::Assertion(assertion.into()))
            }
            _ => return Err(AuthRefusal::SeveralMethods),
        };
        match (client, named) {
            (Some(client), Some(named)) if client != named => Err(AuthRefusal::ClientIdMismatch),
            (Some(client_id), _) | (None, Some(client_id)) => Ok(Self {
                client_id,
                credentials,
            }),
            (None, None) => Err(AuthRefusal::ClientIdMissing),
        }
    }

    /// Whether the client is registered to authenticate like this. To be asked before any secret is compared: a client
    /// that signs assertions must not be guessed at by secret.
    ///
    /// # Errors
    /// [`AuthRefusal::WrongMethod`].
    pub fn conforms(&self, method: AuthMethod) -> Result<(), AuthRefusal> {
        use AuthMethod as M;
        let right = match &self.credentials {
            Credentials::None => method == M::None,
            Credentials::Post(_) => matches!(method, M::ClientSecretPost | M::ClientSecret),
            Credentials::Basic(_) => matches!(method, M::ClientSecretBasic | M::ClientSecret),
            Credentials::Assertion(_) => method == M::PrivateKeyJwt,
        };
        if right {
            Ok(())
        } else {
            Err(AuthRefusal::WrongMethod)
        }
    }
}

fn client_id(text: &str) -> Result<ClientId, AuthRefusal> {
    text.try_into().map_err(|_| AuthRefusal::ClientIdMalformed)
}

/// `Basic` (RFC 7617 §2), whose two parts are form-encoded before they are joined (RFC 6749 §2.3.1).
fn basic(header: &str) -> Result<(ClientId, Secret), AuthRefusal> {
    let malformed = AuthRefusal::HeaderMalformed;
    let (scheme, encoded) = header.split_once(' ').ok_or(malformed)?;
    if !scheme.eq_ignore_ascii_case("Basic") {
        return Err(malformed);
    }
    let bytes = Zeroizing::new(
        STANDARD
            .decode(encoded.trim_matches(' '))
            .map_err(|_| malformed)?,
    );
    let (id, secret) = str::from_utf8(&bytes)
        .ok()
        .and_then(|text| text.split_once(':'))
        .ok_or(malformed)?;
    let id = form::decode(id).ok_or(malformed)?;
    let secret = form::decode(secret).ok_or(malformed)?;
    Ok((client_id(&id)?, secret.into()))
}

/// The client that an assertion names, believed of nobody (RFC 7521 §4.2).
fn subject(assertion: &str) -> Result<ClientId, AuthRefusal> {
    #[derive(Deserialize)]
    struct Subject {
        sub: ClientId,
    }

    let payload = Token::parse(assertion).and_then(|token| token.unverified_payload());
    let payload = payload.map_err(|_| AuthRefusal::AssertionMalformed)?;
    let Subject { sub } =
        serde_json::from_slice(&payload).map_err(|_| AuthRefusal::AssertionMalformed)?;
    Ok(sub)
}
