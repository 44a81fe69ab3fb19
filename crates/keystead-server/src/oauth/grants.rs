//! What each grant proves: on whose behalf, for which API, with which scope, and with which keys.

use std::{sync::Arc, time::Duration};

use keystead_protocol::{
    ids::{Audience, GrantId, SessionId, UserId},
    profile::Profile,
    scope::Scope,
    secret::Secret,
    time::Timestamp,
};
use keystead_store::{Tx, client_grants::SubjectType, grants::Grant, users::User};

use crate::{
    catalogue::{KnownApi, KnownClient},
    identity::{
        entitlement::{self, Absent},
        issue::{IdTokens, Keys},
        terms,
    },
    oauth::refusal::{Error, Refusal},
    services::{Parts, Services},
};

pub mod code;
pub mod machine;
mod offer;
pub mod refresh;
mod voucher;

pub use self::voucher::{Voucher, spend};

/// Who asks and when: what every phase needs. A clone is two pointers; the store's threads work with one.
#[derive(Clone)]
pub struct Cx {
    /// What endpoints share.
    pub services: Services,
    /// The moment of the request.
    pub now: Timestamp,
    /// The client, authenticated.
    pub client: Arc<KnownClient>,
    /// The rule book of this request.
    pub profile: Profile,
}

/// What a grant proved, and all that is needed to mint.
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
    /// The access token, if there is no API to mint one for: it is stored by now.
    pub opaque: Option<Secret>,
    /// The refresh token to be handed out; it is stored by now.
    pub refresh_token: Option<Secret>,
    /// What signs.
    pub keys: Keys,
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
    /// Who.
    pub user: UserId,
    /// The record; read if an ID token will speak of it.
    pub record: Option<User>,
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

impl Cx {
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
        } = &*self.services;
        let found = catalogue.api(store, keyring, audience).await?;
        found.ok_or_else(|| Refusal::UnknownAudience(audience.clone()).into())
    }

    /// What the client may ask of an API for itself.
    ///
    /// # Errors
    /// [`Refusal::NotGranted`].
    pub async fn granted_to_client(&self, api: &KnownApi) -> Result<Scope, Error> {
        let (services, client) = (&self.services, &self.client.id);
        let found = entitlement::of_client(services, client, api, SubjectType::Client).await?;
        found.ok_or_else(|| Refusal::NotGranted(api.api.identifier.clone()).into())
    }
}

/// Makes sure that a user may still be spoken for, and reads the record if an ID token will: see [`entitlement::active`].
///
/// # Errors
/// A fault of the store.
fn active(
    tx: &mut Tx<'_>,
    id: &UserId,
    id_tokens: IdTokens,
) -> Result<Result<Option<User>, Refusal>, keystead_store::Fault> {
    let found = match id_tokens {
        IdTokens::One => entitlement::active(tx, id)?.map(Some),
        IdTokens::None => entitlement::is_active(tx, id)?.map(|()| None),
    };
    Ok(found.map_err(|absent| match absent {
        Absent::Gone => Refusal::UserGone,
        Absent::Blocked => Refusal::UserBlocked,
        Absent::ConnectionDisabled => Refusal::ConnectionDisabled,
    }))
}

fn person(grant: &Grant, record: Option<User>) -> Person {
    Person {
        user: grant.user.clone(),
        record,
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
