//! Tokens made for whoever they speak for: the keys are found first, then everything is signed at once.

use std::{sync::Arc, time::Duration};

use keystead_protocol::{
    claims::half_hash,
    ids::{GrantId, SessionId},
    jwk::Algorithm,
    jwt::Signer,
    profile::Profile,
    scope::Scope,
    time::Timestamp,
};
use keystead_store::{apis::TokenDialect, users::User};

use super::claims::Told;
use crate::{
    catalogue::{KnownApi, KnownClient},
    error::Fault,
    mint,
    services::{Parts, Services},
};

/// The keys that an answer needs.
#[derive(Clone)]
pub struct Keys {
    /// For its access token; an opaque one needs none.
    pub access: Option<Arc<Signer>>,
    /// For its ID token, if it has one.
    pub id: Option<Arc<Signer>>,
}

/// Whether an answer has an ID token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdTokens {
    /// It has one.
    One,
    /// It has none.
    None,
}

impl Keys {
    /// Finds them, or makes one of an algorithm that nobody has used yet.
    ///
    /// # Errors
    /// A [`Fault`] of the store or of the keys.
    pub async fn of(
        services: &Services,
        client: &KnownClient,
        api: Option<&KnownApi>,
        id_tokens: IdTokens,
        now: Timestamp,
    ) -> Result<Self, Fault> {
        let [access, id] = Need::of(client, api, id_tokens);
        Ok(Self {
            access: access.find(services, now).await?,
            id: id.find(services, now).await?,
        })
    }

    /// The same where nobody may wait, as in a transaction: `None` if a key would have to be made.
    pub fn at_hand(
        services: &Services,
        client: &KnownClient,
        api: Option<&KnownApi>,
        id_tokens: IdTokens,
        now: Timestamp,
    ) -> Option<Self> {
        let [access, id] = Need::of(client, api, id_tokens);
        Some(Self {
            access: access.at_hand(services, now)?,
            id: id.at_hand(services, now)?,
        })
    }

    /// The same, but an ID token is not signed with a secret that the client shares.
    ///
    /// # Errors
    /// A [`Fault`] of the store or of the keys.
    pub async fn not_shared(
        self,
        services: &Services,
        client: &KnownClient,
        now: Timestamp,
    ) -> Result<Self, Fault> {
        let id = match (self.id, &client.shared_key) {
            (Some(_), Some(_)) => Some(signer(services, client.id_token_algorithm(), now).await?),
            (id, _) => id,
        };
        Ok(Self { id, ..self })
    }
}

/// What a token is signed with.
enum Need {
    Nothing,
    /// The secret that the API or the client shares with us.
    Shared(Arc<Signer>),
    /// Our own key.
    Ours(Algorithm),
}

impl Need {
    /// Of the access token and of the ID token.
    fn of(client: &KnownClient, api: Option<&KnownApi>, id_tokens: IdTokens) -> [Self; 2] {
        let access = api.map_or(Self::Nothing, |known| match &known.shared_key {
            Some(key) => Self::Shared(Arc::clone(key)),
            None => Self::Ours(known.api.settings.signing_alg),
        });
        let id = match (id_tokens, &client.shared_key) {
            (IdTokens::None, _) => Self::Nothing,
            (IdTokens::One, Some(key)) => Self::Shared(Arc::clone(key)),
            (IdTokens::One, None) => Self::Ours(client.id_token_algorithm()),
        };
        [access, id]
    }

    async fn find(self, services: &Services, now: Timestamp) -> Result<Option<Arc<Signer>>, Fault> {
        Ok(match self {
            Self::Nothing => None,
            Self::Shared(key) => Some(key),
            Self::Ours(algorithm) => Some(signer(services, algorithm, now).await?),
        })
    }

    fn at_hand(self, services: &Services, now: Timestamp) -> Option<Option<Arc<Signer>>> {
        Some(match self {
            Self::Nothing => None,
            Self::Shared(key) => Some(key),
            Self::Ours(algorithm) => Some(services.catalogue.keys.signing(algorithm, now)?),
        })
    }
}

/// The signing key of an algorithm.
///
/// # Errors
/// A [`Fault`] of the store or of the keys.
pub async fn signer(
    services: &Services,
    algorithm: Algorithm,
    now: Timestamp,
) -> Result<Arc<Signer>, Fault> {
    let Parts {
        catalogue,
        store,
        keyring,
        ..
    } = &**services;
    if let Some(key) = catalogue.keys.signing(algorithm, now) {
        return Ok(key);
    }
    catalogue
        .keys
        .signing_or_new(algorithm, store, keyring, &mut services.rng(), now)
        .await
}

/// An access token for an API that is about to be signed.
pub struct Access<'a> {
    /// To whom it is issued.
    pub client: &'a KnownClient,
    /// For whom it speaks: a user's id, or `{client}@clients`.
    pub subject: &'a str,
    /// The family, if it speaks for a user.
    pub family: Option<&'a GrantId>,
    /// The API.
    pub api: &'a KnownApi,
    /// What it permits.
    pub scope: &'a Scope,
    /// The claim `permissions`.
    pub permissions: Option<&'a Scope>,
    /// The claim `gty`.
    pub grant_type: Option<&'static str>,
    /// When it is issued.
    pub issued_at: Timestamp,
    /// How long it lives.
    pub lifetime: Duration,
}

impl Access<'_> {
    /// Signs it. One for a user who asked for `openid` is good at userinfo too, unless its API could have signed it.
    ///
    /// # Errors
    /// A [`Fault`] if signing fails.
    pub fn sign(&self, services: &Services, key: &Signer) -> Result<String, Fault> {
        let issuer = services.config.issuer.as_str();
        let settings = &self.api.api.settings;
        let openid =
            self.family.is_some() && self.scope.contains("openid") && self.api.shared_key.is_none();
        let userinfo = openid.then(|| services.config.issuer.userinfo());
        mint::AccessToken {
            issuer,
            subject: self.subject,
            client: &self.client.id,
            audience: &self.api.api.identifier,
            userinfo: userinfo.as_deref(),
            scope: self.scope,
            permissions: self.permissions,
            grant_type: self.grant_type,
            id: &mint::token_id(self.family, &mut services.rng())?,
            dialect: settings.token_dialect.unwrap_or(TokenDialect::AccessToken),
            issued_at: self.issued_at,
            lifetime: self.lifetime,
        }
        .sign(key)
    }
}

/// An ID token that is about to be signed.
pub struct Identity<'a> {
    /// To whom it is issued.
    pub client: &'a KnownClient,
    /// The rule book of the request.
    pub profile: Profile,
    /// Whom it is about.
    pub user: &'a User,
    /// In which session.
    pub session: Option<&'a SessionId>,
    /// What the client asked to have repeated.
    pub nonce: Option<&'a str>,
    /// When the user last signed in actively, in Unix seconds.
    pub authenticated_at: i64,
    /// How.
    pub methods: &'a [String],
    /// What was granted.
    pub scope: &'a Scope,
    /// The claims that were asked for one by one.
    pub asked: &'a [String],
    /// What comes along with it.
    pub beside: Beside<'a>,
    /// When it is issued.
    pub issued_at: Timestamp,
}

/// What comes along with an ID token, to which it is tied by hashes.
#[derive(Debug, Clone, Copy, Default)]
pub struct Beside<'a> {
    /// The access token.
    pub access_token: Option<&'a str>,
    /// The code.
    pub code: Option<&'a str>,
    /// Where it comes from, which decides whether the hashes must be there.
    pub endpoint: Endpoint,
}

/// Where an ID token comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Endpoint {
    /// The token endpoint.
    #[default]
    Token,
    /// The authorization endpoint (OpenID Connect Core §3.2.2.10, §3.3.2.11).
    Authorization,
}

impl Identity<'_> {
    /// Signs it. In Auth0's profiles it carries what the scopes release; a strict one leaves that to userinfo, unless no
    /// access token will open userinfo (OpenID Connect Core §5.4).
    ///
    /// # Errors
    /// A [`Fault`] if signing fails.
    pub fn sign(&self, services: &Services, key: &Signer) -> Result<String, Fault> {
        let strict = self.profile.thin_id_tokens();
        let from_front = self.beside.endpoint == Endpoint::Authorization;
        let alone = self.beside.access_token.is_none() && self.beside.code.is_none();
        let hashed = |value: &str| half_hash(key.key().alg(), value);
        let access_token = self
            .beside
            .access_token
            .filter(|_| strict || from_front)
            .map(hashed);
        let issuer = &services.config.issuer;
        let told = Told {
            user: self.user,
            profile: self.profile,
            issuer,
        };
        let mut claims = told.by_name(self.asked);
        if !strict || alone {
            claims.extend(told.of_scopes(self.scope));
        }
        mint::IdToken {
            issuer: issuer.as_str(),
            subject: self.user.id.as_str(),
            client: &self.client.id,
            nonce: self.nonce,
            authenticated_at: Some(self.authenticated_at),
            session: self.session,
            methods: self.methods,
            access_token_hash: access_token,
            code_hash: self.beside.code.filter(|_| from_front).map(hashed),
            claims,
            issued_at: self.issued_at,
            lifetime: self.client.metadata.id_token.lifetime(),
        }
        .sign(key)
    }
}
