//! A request to a page of ours: from which browser it comes, and how pages and log lines about it begin.

use std::sync::Arc;

use axum::{
    body::Bytes,
    extract::{FromRequest, FromRequestParts, Request, rejection::BytesRejection},
    http::{HeaderMap, Method, request},
    response::{IntoResponse, Response},
};
use keystead_protocol::{form::Form, ids::ClientId, time::Timestamp};
use keystead_store::log::{Entry, LogId};
use serde_json::Map;

use crate::{
    catalogue::KnownClient,
    error::Fault,
    http::{Now, Origin, RequestId},
    identity::{
        same_origin::{self, CrossSite},
        sessions::{self, Cookies, Current},
    },
    pages::{ClientFace, Look, Reader},
    services::{Parts, Services},
};

/// What every step is handed.
pub(super) struct Visit {
    pub(super) services: Services,
    pub(super) now: Timestamp,
    pub(super) origin: Origin,
    pub(super) headers: HeaderMap,
    pub(super) id: RequestId,
}

impl FromRequestParts<Services> for Visit {
    type Rejection = Response;

    async fn from_request_parts(
        parts: &mut request::Parts,
        services: &Services,
    ) -> Result<Self, Response> {
        let Ok(Now(now)) = Now::from_request_parts(parts, services).await;
        let (origin, id) = (
            parts.extensions.get::<Origin>(),
            parts.extensions.get::<RequestId>(),
        );
        let (Some(origin), Some(id)) = (origin, id) else {
            return Err(Fault::Unconnected.into_response());
        };
        Ok(Self {
            services: services.clone(),
            now,
            origin: origin.clone(),
            headers: parts.headers.clone(),
            id: id.clone(),
        })
    }
}

/// What an address or a form of ours says: the query, or the body of a POST. What cannot be read counts as not sent, so
/// that a page says that it lacks its `state`, and no form means two things.
pub(super) struct Sent(Option<Form>);

impl Sent {
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.as_ref().and_then(|form| form.get(name))
    }
}

impl FromRequest<Services> for Sent {
    type Rejection = BytesRejection;

    async fn from_request(request: Request, services: &Services) -> Result<Self, BytesRejection> {
        let form = if request.method() == Method::POST {
            Form::from_urlencoded(&Bytes::from_request(request, services).await?)
        } else {
            Form::from_urlencoded(request.uri().query().unwrap_or_default().as_bytes())
        };
        Ok(Self(form.ok()))
    }
}

impl Visit {
    pub(super) fn cookies(&self) -> Cookies {
        Cookies::of(&self.services.config.issuer)
    }

    /// Who is signed in here.
    pub(super) async fn current(&self) -> Result<Option<Current>, Fault> {
        sessions::current(&self.services, &self.headers, self.now).await
    }

    /// Whether the form was sent by one of our pages.
    pub(super) fn own_form(&self) -> Result<(), CrossSite> {
        same_origin::check(&self.headers, &self.services.config.issuer)
    }

    pub(super) fn look(&self, ui_locales: Option<&str>) -> Look {
        let catalogue = &self.services.catalogue;
        Look::new(
            Reader::of(&self.headers, ui_locales),
            &catalogue.tenant(),
            catalogue.branding(),
        )
    }

    /// A line of the log about this request, by Auth0's code of what happened.
    pub(super) fn line(&self, kind: &str) -> Entry {
        Entry {
            id: LogId::generate(self.now, &mut self.services.rng()),
            at: self.now,
            kind: kind.to_owned(),
            client: None,
            user: None,
            connection: None,
            address: Some(self.origin.client.to_string()),
            description: None,
            details: Map::new(),
            occurrences: 1,
        }
    }

    /// Looks a client up that may be switched off; then it is as if there were none.
    pub(super) async fn client(&self, id: &ClientId) -> Result<Option<Arc<KnownClient>>, Fault> {
        let Parts {
            catalogue,
            store,
            keyring,
            ..
        } = &*self.services;
        let found = catalogue.client(store, keyring, id).await?;
        Ok(found.filter(|client| client.enabled))
    }
}

/// A client as people know it.
pub(super) fn face(client: &KnownClient) -> ClientFace<'_> {
    let logo = client.metadata.other.get("logo_uri");
    ClientFace {
        name: &client.name,
        logo_uri: logo.and_then(serde_json::Value::as_str),
    }
}
