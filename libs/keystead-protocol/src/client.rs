//! What is registered about a client, as far as the protocol acts on it (RFC 7591 §2).
//!
//! Members are named as the RFCs name them and written in JSON as Auth0's Management API writes them, since that is the
//! document which is stored, exported and imported. Members that nothing here acts on are carried along untouched.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    grant_type::GrantType,
    jwk::Algorithm,
    logout::LogoutUrls,
    profile::{ClientType, Profile},
    redirect::{LoopbackPort, RegisteredRedirects},
};

mod origins;
mod refresh;
#[cfg(test)]
mod tests;
mod web;

pub use origins::WebOrigins;
pub use refresh::{Expiration, RefreshTokenPolicy, Rotation, RotationType};

/// Client metadata. The `client_id` stands beside it, as in RFC 7591 §3.2.1, and so does the secret, which is sealed.
///
/// What is absent reads as the least: no grant, no redirect URI. [`ClientMetadata::with_defaults`] fills in, once and
/// at registration, what Auth0 gives to a client that asks for nothing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ClientMetadata {
    /// Where authorization responses may go.
    #[serde(rename = "callbacks", skip_serializing_if = "Option::is_none")]
    pub redirect_uris: Option<RegisteredRedirects>,
    /// Where users may go after logging out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allowed_logout_urls: Option<LogoutUrls>,
    /// The grants that the client may use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grant_types: Option<Vec<GrantType>>,
    /// How the client authenticates, if it was said; see [`ClientMetadata::auth_method`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_endpoint_auth_method: Option<AuthMethod>,
    /// Auth0's way of saying `private_key_jwt`; it outranks `token_endpoint_auth_method`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_authentication_methods: Option<ClientAuthenticationMethods>,
    /// The client's public keys, a JSON Web Key Set. Read them with
    /// [`VerifyingKeys`](crate::jwk::VerifyingKeys), which says what it leaves out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jwks: Option<Value>,
    /// What kind of application it is.
    #[serde(rename = "app_type", skip_serializing_if = "Option::is_none")]
    pub application_type: Option<ApplicationType>,
    /// Whether the operator made it, so that its users need not be asked for consent.
    pub is_first_party: bool,
    /// Whether the client left Auth0's legacy pipeline.
    pub oidc_conformant: bool,
    /// The rule book, where it is not what `oidc_conformant` says. Departure: Auth0 has no word for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub security_profile: Option<Profile>,
    /// Auth0's word for the financial-grade rule books.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compliance_level: Option<ComplianceLevel>,
    /// How the client's ID tokens are made.
    #[serde(rename = "jwt_configuration")]
    pub id_token: IdTokenSettings,
    /// How the client's refresh tokens live, if it was said; see [`ClientMetadata::refresh_policy`].
    #[serde(rename = "refresh_token", skip_serializing_if = "Option::is_none")]
    pub refresh_tokens: Option<RefreshTokenPolicy>,
    /// Members that nothing here acts on.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl Default for ClientMetadata {
    fn default() -> Self {
        Self {
            redirect_uris: None,
            allowed_logout_urls: None,
            grant_types: None,
            token_endpoint_auth_method: None,
            client_authentication_methods: None,
            jwks: None,
            application_type: None,
            is_first_party: true,
            oidc_conformant: false,
            security_profile: None,
            compliance_level: None,
            id_token: IdTokenSettings::default(),
            refresh_tokens: None,
            other: Map::new(),
        }
    }
}

impl ClientMetadata {
    /// Completes what a new client did not say, so that a later change of its type changes nothing else.
    #[must_use]
    pub fn with_defaults(mut self) -> Self {
        use GrantType::{AuthorizationCode, ClientCredentials, Implicit, RefreshToken};
        let usual = match self.application_type {
            Some(ApplicationType::ResourceServer) => vec![],
            Some(ApplicationType::Native | ApplicationType::Spa) => {
                vec![AuthorizationCode, Implicit, RefreshToken]
            }
            _ => vec![AuthorizationCode, Implicit, RefreshToken, ClientCredentials],
        };
        self.grant_types.get_or_insert(usual);
        let policy = self.refresh_policy();
        self.refresh_tokens.get_or_insert(policy);
        self
    }

    /// How the client's refresh tokens live. If nothing was said, those of a confidential client are Auth0's, and those of
    /// a public one are replaced at each use, since nothing else binds them to it (RFC 9700 §4.14.2).
    pub fn refresh_policy(&self) -> RefreshTokenPolicy {
        match (&self.refresh_tokens, self.client_type()) {
            (Some(policy), _) => policy.clone(),
            (None, ClientType::Confidential) => RefreshTokenPolicy::default(),
            (None, ClientType::Public) => RefreshTokenPolicy::rotating(),
        }
    }

    /// How the client has to authenticate. If nothing was said, an app that cannot keep a secret does not, and any
    /// other shows its secret in either way.
    pub fn auth_method(&self) -> AuthMethod {
        match (
            &self.client_authentication_methods,
            self.token_endpoint_auth_method,
            &self.application_type,
        ) {
            (Some(_), ..) => AuthMethod::PrivateKeyJwt,
            (None, Some(method), _) => method,
            (None, None, Some(ApplicationType::Native | ApplicationType::Spa)) => AuthMethod::None,
            (None, None, _) => AuthMethod::ClientSecret,
        }
    }

    /// Whether the client authenticates (RFC 6749 §2.1).
    pub fn client_type(&self) -> ClientType {
        match self.auth_method() {
            AuthMethod::None => ClientType::Public,
            AuthMethod::ClientSecret
            | AuthMethod::ClientSecretPost
            | AuthMethod::ClientSecretBasic
            | AuthMethod::PrivateKeyJwt => ClientType::Confidential,
        }
    }

    /// Whether the client may use a grant.
    pub fn allows(&self, grant: GrantType) -> bool {
        self.grant_types
            .as_ref()
            .is_some_and(|own| own.contains(&grant))
    }

    /// The rule book that the client is registered for, before a request has its say in [`Profile::for_request`].
    /// Every financial-grade level means FAPI 2.0, the strictest there is here.
    pub fn profile(&self) -> Profile {
        match (
            self.compliance_level,
            self.security_profile,
            self.oidc_conformant,
        ) {
            (Some(level), ..) if level != ComplianceLevel::None => Profile::Fapi2,
            (_, Some(profile), _) => profile,
            (_, None, true) => Profile::Compat,
            (_, None, false) => Profile::Legacy,
        }
    }

    /// Whether the port of the client's loopback redirects may vary (RFC 8252 §7.3).
    pub fn loopback_port(&self) -> LoopbackPort {
        match self.application_type {
            Some(ApplicationType::Native) => LoopbackPort::Any,
            _ => LoopbackPort::Fixed,
        }
    }
}

/// A way to authenticate (RFC 7591 §2, `token_endpoint_auth_method`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuthMethod {
    /// Not at all.
    None,
    /// The secret among the parameters (RFC 6749 §2.3.1).
    ClientSecretPost,
    /// The secret in the header `Authorization` (RFC 6749 §2.3.1).
    ClientSecretBasic,
    /// A JWT signed with a key of the client (RFC 7523 §2.2).
    PrivateKeyJwt,
    /// The secret, either way: what a confidential client does that was never asked. Has no name on the wire.
    #[serde(skip)]
    ClientSecret,
}

/// Auth0's `client_authentication_methods`. Its mutual TLS members are refused, not ignored: a client that was to prove
/// itself by certificate must not be let in by something less.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientAuthenticationMethods {
    /// Signed assertions.
    pub private_key_jwt: PrivateKeyJwt,
}

/// Which credentials sign assertions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PrivateKeyJwt {
    /// The credentials as the Management API describes them. Their keys are in [`ClientMetadata::jwks`].
    pub credentials: Vec<Map<String, Value>>,
}

/// Auth0's `app_type`; OpenID Connect Registration §2 knows `web` and `native`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApplicationType {
    /// An app on a device.
    Native,
    /// An app in a browser.
    Spa,
    /// A site with a server.
    RegularWeb,
    /// A machine.
    NonInteractive,
    /// An API that exchanges tokens.
    ResourceServer,
    /// One of the integrations; nothing depends on which.
    #[serde(untagged)]
    Other(String),
}

/// Auth0's `compliance_level`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ComplianceLevel {
    /// None.
    None,
    /// FAPI 1 Advanced with signed assertions and pushed requests.
    Fapi1AdvPkjPar,
    /// FAPI 1 Advanced with mutual TLS and pushed requests.
    Fapi1AdvMtlsPar,
    /// FAPI 2.0 with signed assertions and certificate-bound tokens.
    Fapi2SpPkjMtls,
    /// FAPI 2.0 with mutual TLS throughout.
    Fapi2SpMtlsMtls,
}

/// How ID tokens are made: Auth0's `jwt_configuration`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct IdTokenSettings {
    /// `id_token_signed_response_alg` of OpenID Connect Registration §2. Absent: RS256.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alg: Option<Algorithm>,
    /// How long an ID token lives, in seconds.
    pub lifetime_in_seconds: u32,
    /// Whether the client secret is base64url of the HMAC key rather than the key itself.
    pub secret_encoded: bool,
    /// Members that nothing here acts on.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl IdTokenSettings {
    /// How long an ID token lives.
    pub fn lifetime(&self) -> Duration {
        Duration::from_secs(self.lifetime_in_seconds.into())
    }
}

impl Default for IdTokenSettings {
    fn default() -> Self {
        Self {
            alg: None,
            lifetime_in_seconds: 36_000,
            secret_encoded: false,
            other: Map::new(),
        }
    }
}
