//! A request, its client and its API, looked up and checked just now: what every step of a journey starts from.

use std::sync::Arc;

use keystead_protocol::{
    authorize::{Checked, Request, check},
    error::{Code, OAuthError},
    ids::{Audience, ConnectionId},
    scope::Scope,
};
use keystead_store::{connections, users::User};

use super::{
    refusal::{Error, Refusal},
    visit::Visit,
};
use crate::{
    catalogue::{KnownApi, KnownClient},
    identity::entitlement::{self, Entitlement},
    services::{Parts, Services},
};

/// A request that can be answered. What was checked when the journey began is checked again at each of its steps, because
/// an administrator may have changed the client, the API or the connection since.
pub struct Case {
    /// What the client asked, as text: hints for pages are read from here.
    pub request: Request,
    /// The same, checked: owns the only redirect that may be answered to.
    pub checked: Checked,
    /// Who asks; enabled.
    pub client: Arc<KnownClient>,
    /// The API; `None` means userinfo only.
    pub api: Option<Arc<KnownApi>>,
    /// The connection that the client named; enabled.
    pub connection: Option<ConnectionId>,
}

impl Case {
    /// Looks up and checks what a request names.
    ///
    /// # Errors
    /// A page if nobody may be answered, otherwise an answer to the client; or a fault of the store.
    pub async fn open(services: &Services, request: Request) -> Result<Self, Error> {
        let Parts {
            catalogue,
            store,
            keyring,
            ..
        } = &**services;
        let found = catalogue.client(store, keyring, &request.client_id).await?;
        let client = match found {
            None => return Err(Refusal::UnknownClient(request.client_id).into()),
            Some(client) if !client.enabled => {
                return Err(Refusal::DisabledClient(request.client_id).into());
            }
            Some(client) => client,
        };
        let checked = check(&request, &client.metadata)
            .map_err(|refused| Error::refused(&client, refused))?;
        let mut case = Self {
            request,
            checked,
            client,
            api: None,
            connection: None,
        };
        let default = catalogue.tenant().default_audience.clone();
        case.api = match case.checked.audience.clone().or(default) {
            None => None,
            Some(audience) => case.api(services, audience).await?,
        };
        case.connection = case.connection(services).await?;
        Ok(case)
    }

    /// The API of an identifier. That of userinfo opts into today's pipeline without naming an API.
    async fn api(
        &self,
        services: &Services,
        audience: Audience,
    ) -> Result<Option<Arc<KnownApi>>, Error> {
        if services.config.issuer.is_userinfo(audience.as_str()) {
            return Ok(None);
        }
        let Parts {
            catalogue,
            store,
            keyring,
            ..
        } = &**services;
        match catalogue.api(store, keyring, &audience).await? {
            Some(api) => Ok(Some(api)),
            None => Err(self.refuse(OAuthError::new(
                Code::AccessDenied,
                format!("Service not found: {audience}"),
            ))),
        }
    }

    async fn connection(&self, services: &Services) -> Result<Option<ConnectionId>, Error> {
        let Some(name) = self.request.connection.clone() else {
            return Ok(None);
        };
        let read = services
            .store
            .read(move |tx| connections::by_name(tx, &name));
        match read.await? {
            Some(found) if found.enabled => Ok(Some(found.id)),
            Some(_) | None => Err(self.refuse(OAuthError::new(
                Code::InvalidRequest,
                "The connection was not found or is not enabled",
            ))),
        }
    }

    /// Answers the client with an error.
    pub fn refuse(&self, why: OAuthError) -> Error {
        Error::Redirect {
            client: Arc::clone(&self.client),
            to: Box::new(self.checked.reply.clone()),
            why,
        }
    }

    /// Answers the client that the user does not want to: a log-in or consent was cancelled (OpenID Connect Core §3.1.2.6).
    pub fn declined(&self) -> Error {
        self.refuse(OAuthError::new(
            Code::AccessDenied,
            "User did not authorize the request",
        ))
    }

    /// What this client may have for a user: the scopes that are left of those it asked for.
    ///
    /// # Errors
    /// An answer to the client if it may have nothing of the API; or a fault of the store.
    pub(super) async fn entitlement(
        &self,
        visit: &Visit,
        user: &User,
    ) -> Result<Entitlement, Error> {
        let asked = self.askable();
        let client = &self.client.id;
        let api = self.api.as_deref();
        let entitled = entitlement::of_user(&visit.services, client, &asked, api, &user.id).await?;
        entitled.map_err(|not| {
            self.refuse(OAuthError::new(
                Code::AccessDenied,
                format!("Client is not authorized to access '{}'.", not.0),
            ))
        })
    }

    /// The scopes that were asked for, `offline_access` only where it leads to something.
    fn askable(&self) -> Scope {
        let (asked, checked) = (&self.checked.scope, &self.checked);
        let api = self.api.as_deref();
        let refreshes = checked.response_type.code
            && entitlement::refreshes(&self.client.metadata, api, asked)
            && (self.request.device.is_some() || !checked.profile.refreshes_need_device());
        match refreshes {
            true => asked.clone(),
            false => entitlement::without_refresh(asked),
        }
    }

    /// Everything that the user has to agree to: the scopes, and those that would release the claims asked for by name.
    pub(super) fn to_agree(&self, granted: &Scope) -> Scope {
        granted.union(&self.checked.claims.scope())
    }

    /// Where the answer goes, as a person would call it: a host, or an app's scheme.
    pub(super) fn returns_to(&self) -> String {
        let to = self.checked.reply.to();
        match to.origin() {
            Some(origin) => origin
                .split_once("://")
                .map_or(origin.clone(), |(_, host)| host.to_owned()),
            None => to
                .as_str()
                .split_once(':')
                .map_or_else(String::new, |(scheme, _)| scheme.to_owned()),
        }
    }
}
