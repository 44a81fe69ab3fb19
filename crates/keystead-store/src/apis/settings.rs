//! What an administrator sets of an API, with Auth0's defaults.

use keystead_protocol::jwk::Algorithm;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The settings of an API, named as in Auth0's Management API. A member that is absent has Auth0's default.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// How its access tokens are signed.
    pub signing_alg: Algorithm,
    /// The life of an access token in seconds.
    pub token_lifetime: u32,
    /// The life in seconds of an access token that a browser got from the authorization endpoint.
    pub token_lifetime_for_web: u32,
    /// Whether refresh tokens are issued for it (`offline_access`).
    pub allow_offline_access: bool,
    /// Whether our own applications get their scopes without asking the user.
    pub skip_consent_for_verifiable_first_party_clients: bool,
    /// Whether a user gets only the scopes that he has as permissions (RBAC).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enforce_policies: Option<bool>,
    /// The form of its access tokens; absent means [`TokenDialect::AccessToken`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_dialect: Option<TokenDialect>,
    /// Who may ask for its tokens at all.
    pub subject_type_authorization: SubjectTypeAuthorization,
    /// Members that Keystead keeps and gives back without a rule for them.
    #[serde(flatten)]
    pub others: Map<String, Value>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            signing_alg: Algorithm::RS256,
            token_lifetime: 86_400,
            token_lifetime_for_web: 7_200,
            allow_offline_access: false,
            skip_consent_for_verifiable_first_party_clients: false,
            enforce_policies: None,
            token_dialect: None,
            subject_type_authorization: SubjectTypeAuthorization::default(),
            others: Map::new(),
        }
    }
}

/// The form of an access token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenDialect {
    /// Auth0's own claims.
    AccessToken,
    /// Auth0's own claims, and the user's `permissions`.
    AccessTokenAuthz,
    /// The claims of RFC 9068.
    Rfc9068Profile,
    /// The claims of RFC 9068, and the user's `permissions`.
    Rfc9068ProfileAuthz,
}

/// Who may ask for an API's tokens, by whom they would speak for.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct SubjectTypeAuthorization {
    /// For tokens that speak for a user.
    pub user: Policy<UserPolicy>,
    /// For tokens that speak for the client itself.
    pub client: Policy<ClientPolicy>,
    /// Other members.
    #[serde(flatten)]
    pub others: Map<String, Value>,
}

/// The object around a policy; it keeps members that Keystead does not know.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Policy<P: Default> {
    /// The policy.
    pub policy: P,
    /// Other members.
    #[serde(flatten)]
    pub others: Map<String, Value>,
}

/// Which clients may have tokens that speak for a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UserPolicy {
    /// Every client.
    #[default]
    AllowAll,
    /// None.
    DenyAll,
    /// Those with a client grant for users.
    RequireClientGrant,
}

/// Which clients may have tokens that speak for themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientPolicy {
    /// None.
    DenyAll,
    /// Those with a client grant.
    #[default]
    RequireClientGrant,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_empty_document_has_auth0s_defaults() {
        let settings: Settings = serde_json::from_value(json!({})).unwrap();
        assert_eq!(settings, Settings::default());
        assert_eq!(
            serde_json::to_value(settings).unwrap(),
            json!({
                "signing_alg": "RS256",
                "token_lifetime": 86_400,
                "token_lifetime_for_web": 7_200,
                "allow_offline_access": false,
                "skip_consent_for_verifiable_first_party_clients": false,
                "subject_type_authorization": {
                    "user": { "policy": "allow_all" },
                    "client": { "policy": "require_client_grant" },
                },
            })
        );
    }

    #[test]
    fn what_is_read_is_written_again_unknown_members_included() {
        let document = json!({
            "signing_alg": "PS256",
            "token_lifetime": 60,
            "token_lifetime_for_web": 30,
            "allow_offline_access": true,
            "skip_consent_for_verifiable_first_party_clients": true,
            "enforce_policies": false,
            "token_dialect": "rfc9068_profile_authz",
            "subject_type_authorization": {
                "user": { "policy": "require_client_grant", "later": [1] },
                "client": { "policy": "deny_all" },
                "anonymous": {},
            },
            "consent_policy": null,
            "proof_of_possession": { "mechanism": "dpop", "required": true },
        });
        let settings: Settings = serde_json::from_value(document.clone()).unwrap();
        assert_eq!(serde_json::to_value(settings).unwrap(), document);
    }

    #[test]
    fn a_dialect_has_auth0s_name() {
        for (dialect, name) in [
            (TokenDialect::AccessToken, "access_token"),
            (TokenDialect::AccessTokenAuthz, "access_token_authz"),
            (TokenDialect::Rfc9068Profile, "rfc9068_profile"),
            (TokenDialect::Rfc9068ProfileAuthz, "rfc9068_profile_authz"),
        ] {
            assert_eq!(serde_json::to_value(dialect).unwrap(), name);
        }
    }
}
