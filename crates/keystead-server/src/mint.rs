//! Tokens: the claims that each profile wants, written once and signed with a key that was parsed long ago.

use std::time::Duration;

use keystead_protocol::{
    ids::{Audience, ClientId, GrantId, SessionId, TokenId},
    jwt::{Signer, Typ},
    scope::Scope,
    time::Timestamp,
};
use keystead_store::apis::TokenDialect;
use rand_core::CryptoRng;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::error::Fault;

/// What an access token for an API says.
pub struct AccessToken<'a> {
    /// Who issues it.
    pub issuer: &'a str,
    /// A user's id, or `{client}@clients`.
    pub subject: &'a str,
    /// Whom it is issued to.
    pub client: &'a ClientId,
    /// The API.
    pub audience: &'a Audience,
    /// Whether it is good at our userinfo endpoint too, whose URL is then its second audience.
    pub userinfo: Option<&'a str>,
    /// What it permits.
    pub scope: &'a Scope,
    /// What the user's roles permit, if the API asks for it.
    pub permissions: Option<&'a Scope>,
    /// How it came about, in Auth0's words; absent for a code.
    pub grant_type: Option<&'static str>,
    /// Its name; see [`token_id`].
    pub id: &'a TokenId,
    /// Which claims it has.
    pub dialect: TokenDialect,
    /// When it is issued.
    pub issued_at: Timestamp,
    /// How long it lives.
    pub lifetime: Duration,
}

#[derive(Serialize)]
struct AccessClaims<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: Audiences<'a>,
    iat: i64,
    exp: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    gty: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    azp: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    permissions: Option<&'a Scope>,
    jti: &'a str,
}

/// One audience stands alone: libraries of resource servers compare it with a string.
#[derive(Serialize)]
#[serde(untagged)]
enum Audiences<'a> {
    One(&'a str),
    Two([&'a str; 2]),
}

impl AccessToken<'_> {
    /// Signs it. Auth0's dialect has `azp` and `gty`; RFC 9068 §2.2 has `client_id` and the type `at+jwt`.
    ///
    /// # Errors
    /// A [`Fault`] if signing fails.
    pub fn sign(&self, key: &Signer) -> Result<String, Fault> {
        let rfc9068 = matches!(
            self.dialect,
            TokenDialect::Rfc9068Profile | TokenDialect::Rfc9068ProfileAuthz
        );
        let audience = self.audience.as_str();
        let claims = AccessClaims {
            iss: self.issuer,
            sub: self.subject,
            aud: self.userinfo.map_or(Audiences::One(audience), |userinfo| {
                Audiences::Two([audience, userinfo])
            }),
            iat: self.issued_at.as_secs(),
            exp: (self.issued_at + self.lifetime).as_secs(),
            scope: (!self.scope.is_empty()).then(|| self.scope.to_string()),
            gty: self.grant_type.filter(|_| !rfc9068),
            azp: (!rfc9068).then_some(self.client.as_str()),
            client_id: rfc9068.then_some(self.client.as_str()),
            permissions: self.permissions,
            jti: self.id.as_str(),
        };
        sign(
            key,
            if rfc9068 { Typ::AccessToken } else { Typ::Jwt },
            &claims,
        )
    }
}

/// What an ID token says (OpenID Connect Core §2).
pub struct IdToken<'a> {
    /// Who issues it.
    pub issuer: &'a str,
    /// The user.
    pub subject: &'a str,
    /// Whom it is issued to.
    pub client: &'a ClientId,
    /// What the client asked to have repeated.
    pub nonce: Option<&'a str>,
    /// When the user last signed in actively.
    pub authenticated_at: Option<i64>,
    /// The session.
    pub session: Option<&'a SessionId>,
    /// By what means the user signed in; empty for a password alone, as with Auth0.
    pub methods: &'a [String],
    /// The hash of the access token that comes along, where the profile wants one.
    pub access_token_hash: Option<String>,
    /// The hash of the code that comes along.
    pub code_hash: Option<String>,
    /// What the granted scopes say of the user. Cannot replace a claim above.
    pub claims: Map<String, Value>,
    /// When it is issued.
    pub issued_at: Timestamp,
    /// How long it lives.
    pub lifetime: Duration,
}

#[derive(Serialize)]
struct IdClaims<'a> {
    #[serde(flatten)]
    claims: &'a Map<String, Value>,
    iss: &'a str,
    aud: &'a str,
    sub: &'a str,
    iat: i64,
    exp: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    nonce: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    auth_time: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sid: Option<&'a str>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    amr: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    at_hash: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    c_hash: Option<&'a str>,
}

/// The claims that [`IdToken`] writes itself, and so leaves out of `claims`: no member may occur twice.
const OWN: [&str; 11] = [
    "iss",
    "aud",
    "sub",
    "iat",
    "exp",
    "nonce",
    "auth_time",
    "sid",
    "amr",
    "at_hash",
    "c_hash",
];

impl IdToken<'_> {
    /// Signs it.
    ///
    /// # Errors
    /// A [`Fault`] if signing fails.
    pub fn sign(mut self, key: &Signer) -> Result<String, Fault> {
        self.claims.retain(|name, _| !OWN.contains(&name.as_str()));
        let claims = IdClaims {
            claims: &self.claims,
            iss: self.issuer,
            aud: self.client.as_str(),
            sub: self.subject,
            iat: self.issued_at.as_secs(),
            exp: (self.issued_at + self.lifetime).as_secs(),
            nonce: self.nonce,
            auth_time: self.authenticated_at,
            sid: self.session.map(SessionId::as_str),
            amr: self.methods,
            at_hash: self.access_token_hash.as_deref(),
            c_hash: self.code_hash.as_deref(),
        };
        sign(key, Typ::Jwt, &claims)
    }
}

fn sign(key: &Signer, typ: Typ, claims: &impl Serialize) -> Result<String, Fault> {
    let mut payload = Vec::with_capacity(512);
    serde_json::to_writer(&mut payload, claims).map_err(|e| Fault::Unwritable(e.to_string()))?;
    key.encode(typ, &payload)
        .map_err(|_| Fault::NoKey(key.key().alg()))
}

/// Draws the `jti` of an access token. One that belongs to a family begins with the family's id, so that introspection
/// finds the family without another claim.
///
/// # Errors
/// A [`Fault`] if the family's id is none.
pub fn token_id(family: Option<&GrantId>, rng: &mut impl CryptoRng) -> Result<TokenId, Fault> {
    let chance = TokenId::generate(rng);
    match family {
        None => Ok(chance),
        Some(family) => TokenId::try_from([family.as_str(), ".", chance.as_str()].concat())
            .map_err(|e| Fault::Unwritable(e.to_string())),
    }
}

/// The family of a token, from its `jti`.
pub fn family_of(id: &TokenId) -> Option<GrantId> {
    id.as_str().split_once('.')?.0.try_into().ok()
}

#[cfg(test)]
mod tests {
    use keystead_protocol::{
        jwk::{Algorithm, SigningKey},
        jwt,
    };
    use rand::{SeedableRng as _, rngs::StdRng};
    use serde_json::json;

    use super::*;

    fn payload(token: &str) -> Value {
        let bytes = jwt::Token::parse(token)
            .unwrap()
            .unverified_payload()
            .unwrap();
        serde_json::from_slice(&bytes).unwrap()
    }

    fn access<'a>(
        dialect: TokenDialect,
        scope: &'a Scope,
        id: &'a TokenId,
        of: &'a (ClientId, Audience),
    ) -> AccessToken<'a> {
        AccessToken {
            issuer: "https://id.example.com/",
            subject: "auth0|1",
            client: &of.0,
            audience: &of.1,
            userinfo: Some("https://id.example.com/userinfo"),
            scope,
            permissions: None,
            grant_type: Some("password"),
            id,
            dialect,
            issued_at: Timestamp::from_secs(1_000),
            lifetime: Duration::from_secs(60),
        }
    }

    #[test]
    fn each_dialect_has_its_own_claims_and_type() {
        let key = Signer::new(SigningKey::generate(Algorithm::ES256).unwrap());
        let of = (
            ClientId::try_from("app").unwrap(),
            Audience::try_from("https://api").unwrap(),
        );
        let scope: Scope = "openid read:messages".parse().unwrap();
        let id = TokenId::try_from("t1").unwrap();

        let token = access(TokenDialect::AccessToken, &scope, &id, &of)
            .sign(&key)
            .unwrap();
        assert!(
            jwt::Token::parse(&token)
                .unwrap()
                .header()
                .has_typ(Typ::Jwt)
        );
        assert_eq!(
            payload(&token),
            json!({
                "iss": "https://id.example.com/", "sub": "auth0|1",
                "aud": ["https://api", "https://id.example.com/userinfo"],
                "iat": 1_000, "exp": 1_060, "scope": "openid read:messages", "gty": "password", "azp": "app", "jti": "t1",
            })
        );

        let (permissions, nothing): (Scope, Scope) =
            ("read:messages".parse().unwrap(), Scope::default());
        let token = AccessToken {
            permissions: Some(&permissions),
            userinfo: None,
            ..access(TokenDialect::Rfc9068ProfileAuthz, &nothing, &id, &of)
        };
        let token = token.sign(&key).unwrap();
        assert!(
            jwt::Token::parse(&token)
                .unwrap()
                .header()
                .has_typ(Typ::AccessToken)
        );
        assert_eq!(
            payload(&token),
            json!({
                "iss": "https://id.example.com/", "sub": "auth0|1", "aud": "https://api", "iat": 1_000, "exp": 1_060,
                "client_id": "app", "permissions": ["read:messages"], "jti": "t1",
            })
        );
    }

    #[test]
    fn no_claim_of_a_user_replaces_one_of_ours() {
        let key = Signer::new(SigningKey::generate(Algorithm::ES256).unwrap());
        let client = ClientId::try_from("app").unwrap();
        let token = IdToken {
            issuer: "https://id.example.com/",
            subject: "auth0|1",
            client: &client,
            nonce: None,
            authenticated_at: None,
            session: None,
            methods: &[],
            access_token_hash: None,
            code_hash: None,
            claims: json!({ "sub": "auth0|2", "aud": "other", "nonce": "n", "name": "Ada" })
                .as_object()
                .unwrap()
                .clone(),
            issued_at: Timestamp::from_secs(1_000),
            lifetime: Duration::from_secs(60),
        };
        assert_eq!(
            payload(&token.sign(&key).unwrap()),
            json!({ "iss": "https://id.example.com/", "aud": "app", "sub": "auth0|1", "iat": 1_000, "exp": 1_060, "name": "Ada" })
        );
    }

    #[test]
    fn the_family_is_found_in_the_name_and_a_machines_token_has_none() {
        let mut rng = StdRng::seed_from_u64(1);
        let family = GrantId::try_from("0123456789abcdef01234567").unwrap();
        assert_eq!(
            family_of(&token_id(Some(&family), &mut rng).unwrap()),
            Some(family)
        );
        assert_eq!(family_of(&token_id(None, &mut rng).unwrap()), None);
    }
}
