//! Which rule book a request is held to, and every place where the rule books differ.
//!
//! Auth0's applications, OpenID Connect's certification and FAPI 2.0 contradict one another, so the answer belongs to
//! a client and not to the installation. No other file compares profiles: it asks one of these functions.

use serde::{Deserialize, Serialize};

use crate::ids::Audience;

/// The rule book that a client is registered for and, after [`Profile::for_request`], the one that a request obeys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    /// Auth0's pipeline from before OpenID Connect: clients that are not `oidc_conformant`.
    Legacy,
    /// What Auth0's applications and tools of today expect. The rule book of new clients.
    Compat,
    /// OpenID Connect as its certification reads it.
    Oidc,
    /// The FAPI 2.0 Security Profile.
    Fapi2,
}

/// Whether a client can keep a secret (RFC 6749 §2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ClientType {
    /// It authenticates.
    Confidential,
    /// It has no credentials: apps on devices and in browsers.
    Public,
}

/// What is asked of an authorization request as to proof keys (RFC 7636).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PkceRule {
    /// No challenge is needed; one that comes may be `plain` or `S256`.
    Optional,
    /// No challenge is needed; one that comes must be `S256`.
    OptionalS256,
    /// A challenge is needed and must be `S256`.
    RequiredS256,
}

/// How a requested redirect URI is compared with the registered ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RedirectRule {
    /// Byte for byte (OpenID Connect Core §3.1.2.1, RFC 9700 §4.1.3).
    Exact,
    /// Scheme and authority without regard to case, a wildcard for the left-most label of an https host, and the
    /// variable port of native apps (RFC 8252 §7.3).
    Compat,
    /// As `Compat`, and the `a0…` scheme of Auth0's first mobile libraries compared wholly without regard to case.
    Legacy,
}

/// How a profile claim that is a moment, such as `updated_at`, is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeForm {
    /// ISO 8601 text in UTC with milliseconds and `Z`, without which Auth0's mobile libraries fail.
    Iso,
    /// A JSON number of seconds (OpenID Connect Core §5.1).
    Seconds,
}

/// Which values of `aud` a client assertion may carry (RFC 7523 §3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AssertionAudience {
    /// The issuer or the URL of an endpoint that takes assertions, as a string or among others in an array.
    IssuerOrEndpoint,
    /// The issuer, as a single string (FAPI 2.0 §5.3.2.1).
    IssuerAlone,
}

impl Profile {
    /// The rule book for one request: naming an API takes a client of the legacy pipeline out of it for that request.
    #[must_use]
    pub fn for_request(self, audience: Option<&Audience>) -> Self {
        match (self, audience) {
            (Self::Legacy, Some(_)) => Self::Compat,
            (profile, _) => profile,
        }
    }

    /// The HTTP status of a refusal that says "this grant, client or user may not": 403 in Auth0's table, 400 in RFC
    /// 6749 §5.2.
    pub fn refusal_status(self) -> u16 {
        match self {
            Self::Legacy | Self::Compat => 403,
            Self::Oidc | Self::Fapi2 => 400,
        }
    }

    /// What is asked of proof keys. A public client always needs one, since nothing else ties its code to it
    /// (RFC 9700 §2.1.1).
    pub fn pkce(self, client: ClientType) -> PkceRule {
        match (self, client) {
            (_, ClientType::Public) | (Self::Fapi2, _) => PkceRule::RequiredS256,
            (Self::Oidc, ClientType::Confidential) => PkceRule::OptionalS256,
            (Self::Legacy | Self::Compat, ClientType::Confidential) => PkceRule::Optional,
        }
    }

    /// Whether authorization requests must be pushed (RFC 9126; FAPI 2.0 §5.3.2.2).
    pub fn pushes_requests(self) -> bool {
        match self {
            Self::Legacy | Self::Compat | Self::Oidc => false,
            Self::Fapi2 => true,
        }
    }

    /// Whether tokens may come straight from the authorization endpoint. FAPI 2.0 §5.3.2.2 knows codes only.
    pub fn takes_tokens_from_the_front(self) -> bool {
        match self {
            Self::Legacy | Self::Compat | Self::Oidc => true,
            Self::Fapi2 => false,
        }
    }

    /// Whether an ID token from the authorization endpoint needs a nonce (OpenID Connect Core §3.2.2.1). Auth0's legacy
    /// pipeline is older than that rule.
    pub fn front_id_tokens_need_nonce(self) -> bool {
        match self {
            Self::Legacy => false,
            Self::Compat | Self::Oidc | Self::Fapi2 => true,
        }
    }

    /// Whether ID tokens from the authorization endpoint are signed with our keys even if the client asked for its secret:
    /// what checks them is usually a browser, which has none.
    pub fn signs_front_id_tokens_itself(self) -> bool {
        match self {
            Self::Compat | Self::Fapi2 => true,
            Self::Legacy | Self::Oidc => false,
        }
    }

    /// Whether an ID token comes along with an access token that was asked for alone, as in Auth0's legacy pipeline.
    pub fn adds_id_token_to_token(self) -> bool {
        match self {
            Self::Legacy => true,
            Self::Compat | Self::Oidc | Self::Fapi2 => false,
        }
    }

    /// Whether a refresh token has to be asked for with the name of a device, as in Auth0's legacy pipeline.
    pub fn refreshes_need_device(self) -> bool {
        match self {
            Self::Legacy => true,
            Self::Compat | Self::Oidc | Self::Fapi2 => false,
        }
    }

    /// Whether a user who sees no other page is asked to confirm an app that its redirect URI cannot prove (RFC 8252
    /// §8.6). Auth0 never asks it in its legacy pipeline.
    pub fn confirms_unproven_apps(self) -> bool {
        match self {
            Self::Legacy => false,
            Self::Compat | Self::Oidc | Self::Fapi2 => true,
        }
    }

    /// How redirect URIs are compared.
    pub fn redirects(self) -> RedirectRule {
        match self {
            Self::Legacy => RedirectRule::Legacy,
            Self::Compat => RedirectRule::Compat,
            Self::Oidc | Self::Fapi2 => RedirectRule::Exact,
        }
    }

    /// Which audiences a client assertion may be made for.
    pub fn assertion_audience(self) -> AssertionAudience {
        match self {
            Self::Legacy | Self::Compat | Self::Oidc => AssertionAudience::IssuerOrEndpoint,
            Self::Fapi2 => AssertionAudience::IssuerAlone,
        }
    }

    /// Whether refresh tokens can be replaced at each use. FAPI 2.0 §5.3.2.1 rules it out: its tokens are bound to a key
    /// already, and a lost answer would lose the grant.
    pub fn rotates_refresh_tokens(self) -> bool {
        match self {
            Self::Legacy | Self::Compat | Self::Oidc => true,
            Self::Fapi2 => false,
        }
    }

    /// Whether `/userinfo` reads an access token from the query, as passport-auth0 sends it. RFC 6750 §5.3 advises
    /// against it and OpenID Connect's certification refuses it.
    pub fn reads_token_from_query(self) -> bool {
        match self {
            Self::Legacy | Self::Compat => true,
            Self::Oidc | Self::Fapi2 => false,
        }
    }

    /// Whether ID tokens leave the claims of scopes to userinfo (OpenID Connect Core §5.4). Auth0's libraries read the
    /// profile from the ID token.
    pub fn thin_id_tokens(self) -> bool {
        match self {
            Self::Legacy | Self::Compat => false,
            Self::Oidc | Self::Fapi2 => true,
        }
    }

    /// Whether a profile always has a picture: Auth0's library for Swift reads none without one.
    pub fn always_has_picture(self) -> bool {
        match self {
            Self::Compat | Self::Legacy => true,
            Self::Oidc | Self::Fapi2 => false,
        }
    }

    /// How `updated_at` is written.
    pub fn updated_at(self) -> TimeForm {
        match self {
            Self::Legacy | Self::Compat => TimeForm::Iso,
            Self::Oidc | Self::Fapi2 => TimeForm::Seconds,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Profile::*, *};

    #[test]
    fn naming_an_api_leaves_the_legacy_pipeline() {
        let api = Audience::try_from("https://api.example/").unwrap();
        for (registered, without, with) in [
            (Legacy, Legacy, Compat),
            (Compat, Compat, Compat),
            (Oidc, Oidc, Oidc),
            (Fapi2, Fapi2, Fapi2),
        ] {
            assert_eq!(registered.for_request(None), without);
            assert_eq!(registered.for_request(Some(&api)), with);
        }
    }

    #[test]
    fn no_rule_book_lets_a_public_client_go_without_a_proof_key() {
        for profile in [Legacy, Compat, Oidc, Fapi2] {
            assert_eq!(
                profile.pkce(ClientType::Public),
                PkceRule::RequiredS256,
                "{profile:?}"
            );
        }
        assert_eq!(Fapi2.pkce(ClientType::Confidential), PkceRule::RequiredS256);
        assert_eq!(Oidc.pkce(ClientType::Confidential), PkceRule::OptionalS256);
        assert_eq!(Compat.pkce(ClientType::Confidential), PkceRule::Optional);
    }

    /// The differences, written out once more as a table that a reader can hold against the contracts.
    #[test]
    fn the_differences() {
        for (profile, status, redirects, query, time, audience) in [
            (
                Legacy,
                403,
                RedirectRule::Legacy,
                true,
                TimeForm::Iso,
                AssertionAudience::IssuerOrEndpoint,
            ),
            (
                Compat,
                403,
                RedirectRule::Compat,
                true,
                TimeForm::Iso,
                AssertionAudience::IssuerOrEndpoint,
            ),
            (
                Oidc,
                400,
                RedirectRule::Exact,
                false,
                TimeForm::Seconds,
                AssertionAudience::IssuerOrEndpoint,
            ),
            (
                Fapi2,
                400,
                RedirectRule::Exact,
                false,
                TimeForm::Seconds,
                AssertionAudience::IssuerAlone,
            ),
        ] {
            assert_eq!(profile.refusal_status(), status, "{profile:?}");
            assert_eq!(profile.redirects(), redirects, "{profile:?}");
            assert_eq!(profile.reads_token_from_query(), query, "{profile:?}");
            assert_eq!(profile.updated_at(), time, "{profile:?}");
            assert_eq!(profile.assertion_audience(), audience, "{profile:?}");
        }
    }
}
