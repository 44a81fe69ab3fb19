//! `/v2/logout` and, as it once was, `/logout`: Auth0's way to sign out by sending the browser here; and where it ends.

use std::sync::Arc;

use axum::{
    Router,
    http::{StatusCode, Uri},
    response::Response,
    routing::get,
};
use keystead_protocol::{form::Form, ids::ClientId, logout::LogoutUrls};
use keystead_store::{
    log::{self, Entry},
    sessions,
};
use url::form_urlencoded;

use super::{
    onward::{After, go},
    trouble::Text,
    visit::{Sent, Visit},
};
use crate::{
    catalogue::KnownClient,
    error::Fault,
    identity::sessions::Current,
    pages::{self, ErrorKind, FormAction, LoggedOut},
    services::Services,
};

pub(super) fn routes() -> Router<Services> {
    Router::new()
        .route("/v2/logout", get(logout))
        .route("/logout", get(logout))
        .route(LOGGED_OUT, get(logged_out))
}

/// Where it is said that nobody is signed in any more.
const LOGGED_OUT: &str = "/u/logged-out";

/// The same in the language that was asked for.
pub(super) fn logged_out_at(ui_locales: Option<&str>) -> String {
    match ui_locales {
        None => LOGGED_OUT.to_owned(),
        Some(locales) => {
            let query = form_urlencoded::Serializer::new(String::new())
                .append_pair("ui_locales", locales)
                .finish();
            format!("{LOGGED_OUT}?{query}")
        }
    }
}

/// Says so to whoever comes, for whom it is true by now.
async fn logged_out(visit: Visit, sent: Sent) -> Response {
    let look = visit.look(sent.get("ui_locales"));
    pages::render(&LoggedOut::default(), &look, FormAction::Own)
}

/// Signs out, whatever else is wrong with the request, then goes where it says if that is allowed, or to a page. That
/// another site can send the browser here is how it is meant to be; all it achieves is that somebody signs in again.
///
/// `federated` is accepted, with or without a value: there is no provider behind us to sign out of.
async fn logout(visit: Visit, uri: Uri) -> Response {
    let query = uri.query().unwrap_or_default().as_bytes();
    let form = Form::from_urlencoded(query).ok();
    let asker = Asker::of(&visit, form.as_ref()).await;
    let left = match visit.current().await {
        Ok(current) => leave(&visit, current, asker.client_id()).await,
        Err(fault) => Err(fault),
    };
    let mut response = match left {
        Ok(()) => follow(&visit, form.as_ref(), asker).unwrap_or_else(|fault| visit.broken(fault)),
        Err(fault) => visit.broken(fault),
    };
    visit.cookies().forget_session().put(response.headers_mut());
    response
}

/// Who sends the browser here.
enum Asker {
    /// It does not say.
    Nobody,
    /// A client.
    Client(Arc<KnownClient>),
    /// Somebody who is no client, or one that is switched off.
    Unknown,
    /// It cannot be found out.
    Fault(Fault),
}

impl Asker {
    async fn of(visit: &Visit, form: Option<&Form>) -> Self {
        let Some(named) = form.and_then(|form| form.get("client_id")) else {
            return Self::Nobody;
        };
        let Ok(id) = ClientId::try_from(named) else {
            return Self::Unknown;
        };
        match visit.client(&id).await {
            Ok(Some(client)) => Self::Client(client),
            Ok(None) => Self::Unknown,
            Err(fault) => Self::Fault(fault),
        }
    }

    fn client_id(&self) -> Option<ClientId> {
        match self {
            Self::Client(client) => Some(client.id.clone()),
            Self::Nobody | Self::Unknown | Self::Fault(_) => None,
        }
    }
}

/// Ends a session with its line in the log. What was granted during it lives on: refresh tokens are for when the user is
/// away, and have their own lifetimes.
///
/// # Errors
/// A [`Fault`] of the store.
pub(super) async fn leave(
    visit: &Visit,
    current: Option<Current>,
    client: Option<ClientId>,
) -> Result<(), Fault> {
    let Some(Current { session, .. }) = current else {
        return Ok(());
    };
    let mut line = Entry {
        client,
        user: Some(session.user),
        ..visit.line("slo")
    };
    let id = session.id;
    line.details
        .insert("session_id".to_owned(), id.as_str().into());
    let now = visit.now;
    let ended = visit.services.store.write(move |tx| {
        // Of two tabs that sign out at once, one is in the log.
        if sessions::end(tx, &id, now)?.is_some() {
            log::append(tx, &line)?;
        }
        Ok::<_, keystead_store::Fault>(())
    });
    Ok(ended.await?)
}

/// Where to after signing out.
fn follow(visit: &Visit, form: Option<&Form>, asker: Asker) -> Result<Response, Fault> {
    let Some(form) = form else {
        let cause = "The request cannot be read: a parameter occurs twice or is not encoded well.";
        return Ok(refuse(visit, cause, None));
    };
    let client = match asker {
        Asker::Nobody => None,
        Asker::Client(client) => Some(client),
        Asker::Unknown => return Ok(refuse(visit, "Unknown client.", None)),
        Asker::Fault(fault) => return Err(fault),
    };
    let tenant = visit.services.catalogue.tenant();
    let own = client.as_ref().map(|client| {
        client
            .metadata
            .allowed_logout_urls
            .clone()
            .unwrap_or_default()
    });
    let to = match form.get("returnTo") {
        Some(asked) => {
            let urls = own.as_ref().unwrap_or(&tenant.allowed_logout_urls);
            let Some(to) = urls.admit(asked) else {
                let cause =
                    format!("The returnTo URL {asked} is not among the Allowed Logout URLs.");
                return Ok(refuse(visit, &cause, client));
            };
            Some(to)
        }
        None => own.as_ref().and_then(LogoutUrls::first),
    };
    Ok(match to {
        Some(to) => go(After::Get, to.as_str()),
        None => go(After::Get, &logged_out_at(form.get("ui_locales"))),
    })
}

/// The page that says that the user is signed out and cannot be sent on.
pub(super) fn refuse(visit: &Visit, cause: &str, client: Option<Arc<KnownClient>>) -> Response {
    visit.services.logbook.note(Entry {
        client: client.map(|client| client.id.clone()),
        description: Some(cause.to_owned()),
        ..visit.line("flo")
    });
    let code = "invalid_request";
    visit.trouble(
        StatusCode::BAD_REQUEST,
        ErrorKind::LogoutReturn,
        Text { code, cause },
    )
}
