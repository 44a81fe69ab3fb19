//! What clients and resource servers read first: the provider's metadata and its keys.

use axum::{
    Json, Router,
    body::Bytes,
    extract::State,
    http::{
        HeaderValue,
        header::{ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_TYPE},
    },
    response::{IntoResponse, Response},
    routing::get,
};
use keystead_protocol::{
    authorize::{Prompt, ResponseMode, ResponseType},
    grant_type::GrantType,
    jwk::Algorithm,
    token::TokenRequest,
};
use serde_json::{Value, json};

use crate::{pages::Locale, services::Services};

/// For how long a document may be kept: short beside [`LEAD`](crate::keys::LEAD), so that a new key is known in time.
const KEPT: &str = "public, max-age=300";

/// The algorithms that ID tokens can be signed with; RS256 comes first (OpenID Connect Discovery §3).
const ID_TOKEN_ALGORITHMS: [Algorithm; 6] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::ES256,
    Algorithm::EdDSA,
];

pub(super) fn routes() -> Router<Services> {
    Router::new()
        .route("/.well-known/jwks.json", get(keys))
        .route("/.well-known/openid-configuration", get(metadata))
        .route("/.well-known/oauth-authorization-server", get(metadata))
}

/// The key set (RFC 7517 §5), as it was prepared when keys last changed.
async fn keys(State(services): State<Services>) -> Response {
    let document: Bytes = services.catalogue.keys.published();
    (public("application/json"), document).into_response()
}

/// Provider metadata (OpenID Connect Discovery §3, RFC 8414 §2): exactly what works.
async fn metadata(State(services): State<Services>) -> Response {
    (
        public("application/json"),
        Json(document(services.config.issuer.as_str())),
    )
        .into_response()
}

fn document(issuer: &str) -> Value {
    let at = |path: &str| format!("{issuer}{path}");
    let grants = TokenRequest::GRANTS.iter().map(|(grant, _)| *grant);
    let grants: Vec<&str> = grants
        .chain([GrantType::Implicit])
        .map(GrantType::as_str)
        .collect();
    json!({
        "issuer": issuer,
        "authorization_endpoint": at("authorize"),
        "token_endpoint": at("oauth/token"),
        "userinfo_endpoint": at("userinfo"),
        "jwks_uri": at(".well-known/jwks.json"),
        "revocation_endpoint": at("oauth/revoke"),
        "introspection_endpoint": at("oauth/introspect"),
        "end_session_endpoint": at("oidc/logout"),
        "response_types_supported": ResponseType::ALL,
        "response_modes_supported": ResponseMode::ALL.map(|(name, _)| name),
        "prompt_values_supported": Prompt::WORDS,
        "grant_types_supported": grants,
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ID_TOKEN_ALGORITHMS,
        "token_endpoint_auth_methods_supported": AUTH_METHODS,
        "token_endpoint_auth_signing_alg_values_supported": ID_TOKEN_ALGORITHMS,
        "revocation_endpoint_auth_methods_supported": AUTH_METHODS,
        "revocation_endpoint_auth_signing_alg_values_supported": ID_TOKEN_ALGORITHMS,
        "introspection_endpoint_auth_methods_supported": &AUTH_METHODS[1..],
        "introspection_endpoint_auth_signing_alg_values_supported": ID_TOKEN_ALGORITHMS,
        "scopes_supported": crate::identity::claims::OPENID_SCOPES,
        "claims_supported": CLAIMS,
        "code_challenge_methods_supported": ["S256", "plain"],
        "authorization_response_iss_parameter_supported": true,
        "claims_parameter_supported": true,
        "ui_locales_supported": Locale::ALL.map(Locale::tag),
        "request_parameter_supported": false,
        "request_uri_parameter_supported": false,
    })
}

const AUTH_METHODS: [&str; 4] = [
    "none",
    "client_secret_basic",
    "client_secret_post",
    "private_key_jwt",
];

const CLAIMS: [&str; 27] = [
    "sub",
    "iss",
    "aud",
    "exp",
    "iat",
    "auth_time",
    "nonce",
    "sid",
    "name",
    "given_name",
    "family_name",
    "middle_name",
    "nickname",
    "preferred_username",
    "profile",
    "picture",
    "website",
    "email",
    "email_verified",
    "gender",
    "birthdate",
    "zoneinfo",
    "locale",
    "address",
    "phone_number",
    "phone_number_verified",
    "updated_at",
];

fn public(kind: &'static str) -> [(axum::http::HeaderName, HeaderValue); 3] {
    [
        (CONTENT_TYPE, HeaderValue::from_static(kind)),
        (CACHE_CONTROL, HeaderValue::from_static(KEPT)),
        // Browsers' resource servers and single-page apps read these from everywhere; there is nothing private in them.
        (ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*")),
    ]
}
