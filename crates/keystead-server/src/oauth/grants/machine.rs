//! The grant of a client that asks for itself (RFC 6749 §4.4).

use keystead_protocol::{grant_type::GrantType, profile::ClientType, token::ClientCredentials};

use super::{Authorization, Cx, Subject};
use crate::{
    identity::{
        entitlement,
        issue::{IdTokens, Keys},
    },
    oauth::refusal::{Error, Refusal},
};

/// Proves that the client may have a token for the API. Without `scope` it gets all that it was granted.
///
/// # Errors
/// A [`Refusal`], or a fault of the store.
pub async fn prove(cx: &Cx, request: ClientCredentials) -> Result<Authorization, Error> {
    // RFC 6749 §4.4: anybody can say a public client's name.
    if cx.client.metadata.client_type() == ClientType::Public {
        return Err(Refusal::GrantNotAllowed(GrantType::ClientCredentials).into());
    }
    let default = cx.services.catalogue.tenant().default_audience.clone();
    let audience = request.audience.or(default).ok_or(Refusal::NoAudience)?;
    let api = cx.api(&audience).await?;
    let granted = cx.granted_to_client(&api).await?;
    let scope = request
        .scope
        .map_or(granted.clone(), |asked| asked.intersect(&granted));
    let permissions =
        entitlement::shows_permissions(api.api.settings.token_dialect).then(|| scope.clone());
    let (services, client) = (&cx.services, &cx.client);
    let keys = Keys::of(services, client, Some(&*api), IdTokens::None, cx.now).await?;
    Ok(Authorization {
        subject: Subject::Client,
        api: Some(api),
        scope,
        permissions,
        grant_type: Some("client-credentials"),
        opaque: None,
        refresh_token: None,
        keys,
    })
}
