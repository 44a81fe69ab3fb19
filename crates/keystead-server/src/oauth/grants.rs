//! What each grant proves: on whose behalf, for which API, with which scope, and what must be settled for it.

use std::{net::IpAddr, sync::Arc, time::Duration};

use keystead_protocol::{
    ids::{Audience, GrantId, SessionId, UserId},
    profile::Profile,
    scope::Scope,
    secret::Secret,
    time::Timestamp,
    token::TokenRequest,
};
use keystead_store::{
    Tx, client_grants::SubjectType, grants::Grant, token_key::TokenKey, users::User,
};

use crate::{
    catalogue::{KnownApi, KnownClient},
    identity::{
        entitlement::{self, Absent, NotGranted},
        terms,
    },
    oauth::refusal::{Error, Refusal},
    services::{Parts, Services},
};

pub mod code;
pub mod machine;
pub mod refresh;

/// Who asks, when and from where: what every phase needs.
pub struct Cx<'a> {
    /// What endpoints share.
    pub services: &'a Services,
    /// The moment of the request.
    pub now: Timestamp,
    /// The client, authenticated.
    pub client: &'a Arc<KnownClient>,
    /// The rule book of this request.
    pub profile: Profile,
    /// Where the request came from.
    pub address: IpAddr,
}

/// What a grant proved. The shared phases settle and mint it; no grant does so itself.
pub struct Authorization {
    /// For whom the tokens speak.
    pub subject: Subject,
    /// The API; `None` means userinfo only.
    pub api: Option<Arc<KnownApi>>,
    /// What the tokens may do.
    pub scope: Scope,
    /// The claim `permissions`, if the API asks for it.
    pub permissions: Option<Scope>,
    /// The claim `gty`.
    pub grant_type: Option<&'static str>,
    /// The refresh token that the settlement stores, to be handed out after it.
    pub refresh_token: Option<Secret>,
    /// What must be written before anything is minted.
    pub settlement: Settlement,
}

/// For whom tokens speak.
pub enum Subject {
    /// For the client itself.
    Client,
    /// For a user.
    User(Box<Person>),
}

/// A user, and how this came to be on the user's behalf.
pub struct Person {
    /// The record.
    pub user: User,
    /// The token family.
    pub family: GrantId,
    /// The session.
    pub session: Option<SessionId>,
    /// What the ID token repeats.
    pub nonce: Option<String>,
    /// When the user last signed in actively, in Unix seconds.
    pub authenticated_at: i64,
    /// How.
    pub methods: Vec<String>,
    /// The claims that were asked for one by one, for the ID token.
    pub asked: Vec<String>,
}

/// What one write transaction does before anything is minted. The closure that holds it may run again.
#[derive(Clone)]
pub enum Settlement {
    /// Nothing: a machine's token is neither read nor written on its way.
    Nothing,
    /// Redeems a code and begins its family.
    Code(Arc<code::Settlement>),
    /// Uses a refresh token.
    Refresh(Arc<refresh::Settlement>),
}

impl Settlement {
    /// Spends what the grant needs. A refusal that must leave a trace is an `Ok`, so that it is committed.
    ///
    /// # Errors
    /// A refusal that leaves everything as it was, or a fault of the store.
    pub fn settle(&self, tx: &mut Tx<'_>, now: Timestamp) -> Result<Result<(), Refusal>, Error> {
        match self {
            Self::Nothing => Ok(Ok(())),
            Self::Code(settlement) => settlement.settle(tx, now),
            Self::Refresh(settlement) => settlement.settle(tx, now),
        }
    }
}

/// A refresh token that is about to be stored.
pub struct NewRefreshToken {
    /// Under which key.
    pub key: TokenKey,
    /// When it dies unless it is used.
    pub idle_until: Timestamp,
}

/// Asks the grant for its proof.
///
/// # Errors
/// A [`Refusal`], or a fault of the store.
pub async fn prove(cx: &Cx<'_>, request: TokenRequest) -> Result<Authorization, Error> {
    match request {
        TokenRequest::ClientCredentials(request) => machine::prove(cx, request).await,
        TokenRequest::AuthorizationCode(request) => code::prove(cx, request).await,
        TokenRequest::RefreshToken(request) => refresh::prove(cx, request).await,
    }
}

impl Cx<'_> {
    /// The API of this identifier.
    ///
    /// # Errors
    /// [`Refusal::UnknownAudience`].
    pub async fn api(&self, audience: &Audience) -> Result<Arc<KnownApi>, Error> {
        let Parts {
            catalogue,
            store,
            keyring,
            ..
        } = &**self.services;
        let found = catalogue.api(store, keyring, audience).await?;
        found.ok_or_else(|| Refusal::UnknownAudience(audience.clone()).into())
    }

    /// What the client may ask of an API for itself.
    ///
    /// # Errors
    /// [`Refusal::NotGranted`].
    pub async fn granted_to_client(&self, api: &KnownApi) -> Result<Scope, Error> {
        let client = &self.client.id;
        let found = entitlement::of_client(self.services, client, api, SubjectType::Client).await?;
        found.ok_or_else(|| Refusal::NotGranted(api.api.identifier.clone()).into())
    }

    /// What of an agreement a user's token may carry today: see [`entitlement::of_user`].
    ///
    /// # Errors
    /// [`Refusal::NotGranted`].
    pub async fn narrow(
        &self,
        agreed: &Scope,
        api: Option<&KnownApi>,
        user: &User,
    ) -> Result<(Scope, Option<Scope>), Error> {
        let client = &self.client.id;
        let entitled = entitlement::of_user(self.services, client, agreed, api, &user.id).await?;
        let entitled = entitled.map_err(|NotGranted(audience)| Refusal::NotGranted(audience))?;
        Ok((entitled.scope, entitled.permissions))
    }
}

/// Reads a user that may still be spoken for: see [`entitlement::active`].
///
/// # Errors
/// A fault of the store.
fn active(tx: &mut Tx<'_>, id: &UserId) -> Result<Result<User, Refusal>, keystead_store::Fault> {
    let found = entitlement::active(tx, id)?;
    Ok(found.map_err(|absent| match absent {
        Absent::Gone => Refusal::UserGone,
        Absent::Blocked => Refusal::UserBlocked,
        Absent::ConnectionDisabled => Refusal::ConnectionDisabled,
    }))
}

fn person(grant: &Grant, user: User) -> Person {
    Person {
        user,
        family: grant.id.clone(),
        session: grant.session.clone(),
        nonce: grant.terms.nonce.clone(),
        authenticated_at: grant.terms.authenticated_at,
        methods: grant.terms.methods.clone(),
        asked: terms::claims(&grant.terms).id_token,
    }
}

/// Later than any date that matters: the end of what never ends.
const NEVER: Timestamp = Timestamp::from_secs(253_402_300_799);

fn after(now: Timestamp, lifetime: Option<Duration>) -> Timestamp {
    lifetime.map_or(NEVER, |lifetime| now + lifetime)
}
