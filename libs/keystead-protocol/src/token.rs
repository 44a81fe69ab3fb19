//! Requests to the token endpoint: from parameters to a grant with its facts inside (RFC 6749 §3.2).

use crate::{
    error::{Code, OAuthError},
    form::Form,
    grant_type::GrantType,
    ids::Audience,
    pkce::Verifier,
    scope::Scope,
    secret::Secret,
};

#[cfg(test)]
mod tests;

/// Declares the grants that are served: a struct for each with its parameters, `Option` where one may be left out. The
/// enum, the parser and the list for discovery and documentation follow from it.
macro_rules! grants {
    ($($(#[$doc:meta])* $name:ident { $($(#[$about:meta])* $parameter:ident: $kind:ty,)+ })+) => {
        $(
            $(#[$doc])*
            #[derive(Debug, Clone, PartialEq, Eq)]
            pub struct $name { $($(#[$about])* pub $parameter: $kind,)+ }
        )+

        /// What a client asks the token endpoint for. How it authenticates is read apart: see
        /// [`client_auth`](crate::client_auth).
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum TokenRequest { $($(#[$doc])* $name($name),)+ }

        impl TokenRequest {
            /// The grants that are served, each with its parameters.
            pub const GRANTS: &[(GrantType, &[&str])] =
                &[$((GrantType::$name, &[$(stringify!($parameter),)+]),)+];

            /// Reads a request; parameters that the grant does not know are ignored.
            ///
            /// # Errors
            /// `invalid_request` if a parameter is missing or malformed, `unsupported_grant_type`, `invalid_scope`,
            /// `invalid_target` (RFC 8707 §2), and `invalid_grant` for a verifier that is none.
            pub fn parse(form: &Form) -> Result<Self, OAuthError> {
                let grant = form.require("grant_type")?;
                match GrantType::try_from(grant) {
                    $(Ok(GrantType::$name) => Ok(Self::$name($name {
                        $($parameter: FromForm::read(form, stringify!($parameter))?,)+
                    })),)+
                    _ => Err(OAuthError::new(Code::UnsupportedGrantType, format!("Unsupported grant type: {grant}"))),
                }
            }

            /// The grant that must stand among the client's.
            pub fn grant_type(&self) -> GrantType {
                match self { $(Self::$name(_) => GrantType::$name,)+ }
            }
        }
    };
}

grants! {
    /// The client asks for itself (RFC 6749 §4.4).
    ClientCredentials {
        /// The API; the tenant's default if it is left out.
        audience: Option<Audience>,
        /// What is wanted of it; everything that the client was granted if it is left out.
        scope: Option<Scope>,
    }
    /// A code from the authorization endpoint (RFC 6749 §4.1.3).
    AuthorizationCode {
        /// The code.
        code: Secret,
        /// What the authorization request had; to be compared byte for byte.
        redirect_uri: Option<String>,
        /// What redeems the challenge (RFC 7636 §4.5).
        code_verifier: Option<Verifier>,
    }
    /// A refresh token (RFC 6749 §6).
    RefreshToken {
        /// The token.
        refresh_token: Secret,
        /// The API, where the grant covers several.
        audience: Option<Audience>,
        /// Less than was granted, or the same.
        scope: Option<Scope>,
    }
}

/// A parameter of a request, there or left out.
trait FromForm: Sized {
    fn read(form: &Form, name: &str) -> Result<Self, OAuthError>;
}

/// What one parameter's text means.
trait Parameter: Sized {
    fn parse(text: &str) -> Result<Self, OAuthError>;

    fn find(form: &Form, name: &str) -> Result<Option<Self>, OAuthError> {
        form.get(name).map(Self::parse).transpose()
    }
}

impl<T: Parameter> FromForm for Option<T> {
    fn read(form: &Form, name: &str) -> Result<Self, OAuthError> {
        T::find(form, name)
    }
}

impl<T: Parameter> FromForm for T {
    fn read(form: &Form, name: &str) -> Result<Self, OAuthError> {
        form.require(name).and_then(T::parse)
    }
}

impl Parameter for Secret {
    fn parse(text: &str) -> Result<Self, OAuthError> {
        Ok(text.into())
    }
}

impl Parameter for String {
    fn parse(text: &str) -> Result<Self, OAuthError> {
        Ok(text.into())
    }
}

impl Parameter for Scope {
    fn parse(text: &str) -> Result<Self, OAuthError> {
        text.parse()
            .map_err(|_| OAuthError::new(Code::InvalidScope, "Malformed scope"))
    }
}

impl Parameter for Verifier {
    fn parse(text: &str) -> Result<Self, OAuthError> {
        text.try_into()
            .map_err(|_| OAuthError::new(Code::InvalidGrant, "Failed to verify code verifier"))
    }
}

/// Departure: Auth0's `audience` names the API that RFC 8707 calls `resource`. Either is read; both must agree.
impl Parameter for Audience {
    fn parse(text: &str) -> Result<Self, OAuthError> {
        text.try_into()
            .map_err(|_| OAuthError::new(Code::InvalidTarget, "Malformed audience"))
    }

    fn find(form: &Form, name: &str) -> Result<Option<Self>, OAuthError> {
        match (form.get(name), form.get("resource")) {
            (Some(audience), Some(resource)) if audience != resource => Err(OAuthError::new(
                Code::InvalidTarget,
                "audience and resource name different APIs",
            )),
            (audience, resource) => audience.or(resource).map(Self::parse).transpose(),
        }
    }
}
