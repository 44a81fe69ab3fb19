//! What a user's tokens may carry today, whatever was agreed before: accounts, grants, scopes and permissions change.

use std::time::Duration;

use keystead_protocol::{
    client::ClientMetadata,
    grant_type::GrantType,
    ids::{Audience, ClientId, UserId},
    scope::Scope,
};
use keystead_store::{
    Tx,
    apis::{ClientPolicy, TokenDialect, UserPolicy},
    client_grants::{ClientGrant, SubjectType},
    roles,
    users::{self, Enabled, Standing, User},
};

use super::claims::OPENID_SCOPES;
use crate::{
    catalogue::KnownApi,
    error::Fault,
    services::{Parts, Services},
};

/// What a token may carry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entitlement {
    /// Its scopes.
    pub scope: Scope,
    /// The claim `permissions`, if the API asks for it.
    pub permissions: Option<Scope>,
}

/// The API does not let anybody, or this client, have tokens of this kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the client has no grant for {0}")]
pub struct NotGranted(pub Audience);

/// Why nobody may speak for a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Absent {
    /// The user was deleted.
    #[error("the user is gone")]
    Gone,
    /// The user was blocked.
    #[error("the user is blocked")]
    Blocked,
    /// The user's connection was switched off.
    #[error("the user's connection is disabled")]
    ConnectionDisabled,
}

/// Reads a user that may still be spoken for: there, not blocked, of a connection that lets its users in.
///
/// # Errors
/// A fault of the store.
pub fn active(tx: &mut Tx<'_>, id: &UserId) -> Result<Result<User, Absent>, keystead_store::Fault> {
    let Some((user, connection)) = users::find_with_connection(tx, id)? else {
        return Ok(Err(Absent::Gone));
    };
    let standing = Standing {
        blocked: user.blocked,
        connection,
    };
    Ok(judged(standing).map(|()| user))
}

/// Whether a user may still be spoken for, without reading what is known of the user.
///
/// # Errors
/// A fault of the store.
pub fn is_active(
    tx: &mut Tx<'_>,
    id: &UserId,
) -> Result<Result<(), Absent>, keystead_store::Fault> {
    let standing = users::standing(tx, id)?;
    Ok(standing.map_or(Err(Absent::Gone), judged))
}

fn judged(standing: Standing) -> Result<(), Absent> {
    match standing {
        Standing { blocked: true, .. } => Err(Absent::Blocked),
        Standing {
            connection: Enabled(false),
            ..
        } => Err(Absent::ConnectionDisabled),
        Standing { .. } => Ok(()),
    }
}

/// Cuts what was asked or agreed down to what a user's token may carry: scopes that the API does not define, the client is
/// not granted or the user is not permitted fall away in silence.
///
/// # Errors
/// [`NotGranted`], or a fault of the store.
pub async fn of_user(
    services: &Services,
    client: &ClientId,
    asked: &Scope,
    api: Option<&KnownApi>,
    user: &UserId,
) -> Result<Result<Entitlement, NotGranted>, Fault> {
    let Some(api) = api else {
        return Ok(Ok(for_userinfo(asked)));
    };
    let offered = match for_users(services, client, api).await? {
        Ok(offered) => offered,
        Err(not) => return Ok(Err(not)),
    };
    let permitted = match enforces_permissions(api) {
        true => {
            let (user, id) = (user.clone(), api.api.id.clone());
            let read = services
                .store
                .read(move |tx| roles::permissions_of(tx, &user, &id));
            Some(read.await?)
        }
        false => None,
    };
    Ok(Ok(cut(asked, api, &offered, permitted)))
}

/// The same inside a transaction, for an API of which [`for_users`] is known.
///
/// # Errors
/// A fault of the database.
pub fn within(
    tx: &mut Tx<'_>,
    asked: &Scope,
    api: &KnownApi,
    offered: &Scope,
    user: &UserId,
) -> Result<Entitlement, keystead_store::Fault> {
    let permitted = match enforces_permissions(api) {
        true => Some(roles::permissions_of(tx, user, &api.api.id)?),
        false => None,
    };
    Ok(cut(asked, api, offered, permitted))
}

/// What a token for userinfo alone may carry.
pub fn for_userinfo(asked: &Scope) -> Entitlement {
    Entitlement {
        scope: of_openid(asked),
        permissions: None,
    }
}

/// What an API offers the users of a client, whoever they are.
///
/// # Errors
/// [`NotGranted`], or a fault of the store.
pub async fn for_users(
    services: &Services,
    client: &ClientId,
    api: &KnownApi,
) -> Result<Result<Scope, NotGranted>, Fault> {
    let offered = of_client(services, client, api, SubjectType::User).await?;
    Ok(offered.ok_or_else(|| NotGranted(api.api.identifier.clone())))
}

/// The same where nobody may wait, as in a transaction: `None` if the database would have to be asked.
pub fn for_users_at_hand(
    services: &Services,
    client: &ClientId,
    api: &KnownApi,
) -> Option<Result<Scope, NotGranted>> {
    let offered = match served(api, SubjectType::User) {
        Served::Nobody => None,
        Served::Everybody => Some(api.scope.clone()),
        Served::Granted => {
            let remembered = &services.catalogue;
            let grant = remembered.client_grant_at_hand(client, &api.api.id, SubjectType::User)?;
            granted(api, (*grant).as_ref())
        }
    };
    Some(offered.ok_or_else(|| NotGranted(api.api.identifier.clone())))
}

fn enforces_permissions(api: &KnownApi) -> bool {
    api.api.settings.enforce_policies == Some(true)
}

fn of_openid(asked: &Scope) -> Scope {
    asked
        .iter()
        .filter(|scope| OPENID_SCOPES.contains(&scope.as_str()))
        .cloned()
        .collect()
}

fn cut(asked: &Scope, api: &KnownApi, offered: &Scope, permitted: Option<Scope>) -> Entitlement {
    let of_api = match &permitted {
        Some(permitted) => asked.intersect(offered).intersect(permitted),
        None => asked.intersect(offered),
    };
    Entitlement {
        scope: asked.intersect(&of_openid(asked).union(&of_api)),
        permissions: permitted.filter(|_| shows_permissions(api.api.settings.token_dialect)),
    }
}

/// What a client may ask of an API, for itself or for users; `None` if the API serves nobody so, or not this client.
///
/// # Errors
/// A fault of the store.
pub async fn of_client(
    services: &Services,
    client: &ClientId,
    api: &KnownApi,
    subject_type: SubjectType,
) -> Result<Option<Scope>, Fault> {
    let Parts {
        catalogue, store, ..
    } = &**services;
    Ok(match served(api, subject_type) {
        Served::Nobody => None,
        Served::Everybody => Some(api.scope.clone()),
        Served::Granted => {
            let grant = catalogue
                .client_grant(store, client, &api.api.id, subject_type)
                .await?;
            granted(api, (*grant).as_ref())
        }
    })
}

/// Whom an API serves.
enum Served {
    Nobody,
    Everybody,
    /// Clients with a grant.
    Granted,
}

fn served(api: &KnownApi, subject_type: SubjectType) -> Served {
    let policies = &api.api.settings.subject_type_authorization;
    match subject_type {
        SubjectType::Client => match policies.client.policy {
            ClientPolicy::DenyAll => Served::Nobody,
            ClientPolicy::RequireClientGrant => Served::Granted,
        },
        SubjectType::User => match policies.user.policy {
            UserPolicy::DenyAll => Served::Nobody,
            UserPolicy::AllowAll => Served::Everybody,
            UserPolicy::RequireClientGrant => Served::Granted,
        },
    }
}

fn granted(api: &KnownApi, grant: Option<&ClientGrant>) -> Option<Scope> {
    grant.map(|grant| match grant.all_scopes {
        true => api.scope.clone(),
        false => api.scope.intersect(&grant.scope),
    })
}

/// Whether `offline_access` leads to a refresh token: the API, if there is one, and the client both have to allow it.
pub fn refreshes(client: &ClientMetadata, api: Option<&KnownApi>, scope: &Scope) -> bool {
    scope.contains("offline_access")
        && api.is_none_or(|known| known.api.settings.allow_offline_access)
        && client.allows(GrantType::RefreshToken)
}

/// A scope without `offline_access`: what is answered as granted is granted.
pub fn without_refresh(scope: &Scope) -> Scope {
    scope
        .iter()
        .filter(|token| token.as_str() != "offline_access")
        .cloned()
        .collect()
}

/// Whether tokens of this dialect carry `permissions`.
pub fn shows_permissions(dialect: Option<TokenDialect>) -> bool {
    match dialect {
        Some(TokenDialect::AccessTokenAuthz | TokenDialect::Rfc9068ProfileAuthz) => true,
        Some(TokenDialect::AccessToken | TokenDialect::Rfc9068Profile) | None => false,
    }
}

/// How long an access token for an API lives, or one for userinfo alone, as with Auth0.
pub fn access_lifetime(api: Option<&KnownApi>) -> Duration {
    api.map_or(Duration::from_hours(24), |known| {
        Duration::from_secs(known.api.settings.token_lifetime.into())
    })
}

/// How long one lives that came to a browser from the authorization endpoint.
pub fn front_access_lifetime(api: Option<&KnownApi>) -> Duration {
    api.map_or(Duration::from_hours(2), |known| {
        Duration::from_secs(known.api.settings.token_lifetime_for_web.into())
    })
}
