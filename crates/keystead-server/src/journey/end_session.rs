//! `/oidc/logout` (OpenID Connect RP-Initiated Logout), and the question that it asks when nobody vouches for the request.

use std::sync::Arc;

use axum::{
    Router,
    body::Bytes,
    http::{StatusCode, Uri},
    response::Response,
    routing::get,
};
use keystead_protocol::{
    error::OAuthError,
    form::Form,
    ids::{ClientId, SessionId},
    logout::{EndSession, Ending, Hint, SignedIn},
};
use keystead_store::{seal::Handout, users};
use serde::{Deserialize, Serialize};

use super::{
    logout::{leave, logged_out_at, refuse},
    onward::{After, go},
    state::{hand_out, step_at, take_back},
    trouble::Text,
    visit::{Sent, Visit, face},
};
use crate::{
    catalogue::KnownClient,
    error::Fault,
    identity::{id_tokens, sessions::Current},
    pages::{self, ErrorKind, FormAction, LoggedOut, LogoutConfirm},
    services::Services,
};

/// Where the question stands.
const QUESTION: &str = "/u/logout";
/// Where it is said that the answer was no, and nothing has changed.
const STAYED: &str = "/u/still-signed-in";

pub(super) fn routes() -> Router<Services> {
    Router::new()
        .route("/oidc/logout", get(by_query).post(by_form))
        .route(QUESTION, get(question).post(answer))
        .route(STAYED, get(stayed))
}

async fn by_query(visit: Visit, uri: Uri) -> Response {
    let query = uri.query().unwrap_or_default().as_bytes();
    end_session(&visit, After::Get, query)
        .await
        .unwrap_or_else(|fault| visit.broken(fault))
}

/// By its nature sent from another site: it does no more than the same by GET.
async fn by_form(visit: Visit, body: Bytes) -> Response {
    end_session(&visit, After::Post, &body)
        .await
        .unwrap_or_else(|fault| visit.broken(fault))
}

async fn end_session(visit: &Visit, onward: After, sent: &[u8]) -> Result<Response, Fault> {
    let asked = match Form::from_urlencoded(sent).and_then(|form| EndSession::parse(&form)) {
        Ok(asked) => asked,
        Err(why) => return Ok(wrong(visit, &why)),
    };
    let client = match &asked.client_id {
        None => None,
        Some(id) => match visit.client(id).await? {
            None => {
                let cause = "Unknown client.";
                return Ok(contradicted(visit, cause));
            }
            known => known,
        },
    };
    let token = match &asked.id_token_hint {
        None => None,
        Some(text) => id_tokens::read_hint(&visit.services, text.expose(), visit.now).await?,
    };
    // A client that is switched off vouches for nothing.
    let token = token.filter(|token| token.client.enabled);
    let current = visit.current().await?;
    let none = Default::default();
    let hint = token.as_ref().map(|token| Hint {
        client: &token.client.id,
        user: &token.user,
        session: token.session.as_ref(),
        urls: token
            .client
            .metadata
            .allowed_logout_urls
            .as_ref()
            .unwrap_or(&none),
    });
    let here = current.as_ref().map(|Current { session, .. }| SignedIn {
        user: &session.user,
        session: &session.id,
    });
    let named = token
        .as_ref()
        .map(|token| &token.client)
        .or(client.as_ref());
    let ending = asked.decide(hint, here);
    let logged_out = logged_out_at(asked.ui_locales.as_deref());
    let mut response = match &ending {
        Ending::Contradiction(why) => return Ok(contradicted(visit, why)),
        Ending::Confirm => {
            let Some(Current { session, .. }) = current else {
                return Ok(go(onward, &logged_out));
            };
            let asking = Question {
                session: session.id,
                client: named.map(|client| client.id.clone()),
                ui_locales: asked.ui_locales,
            };
            return Ok(go(onward, &asking.address(visit)?));
        }
        Ending::Nothing => go(onward, &logged_out),
        Ending::Leave(to) => {
            leave(visit, current, named.map(|client| client.id.clone())).await?;
            match to {
                Some(to) => go(onward, &to.with_state(asked.state.as_deref())),
                None => go(onward, &logged_out),
            }
        }
        Ending::LeaveAndStay => {
            leave(visit, current, named.map(|client| client.id.clone())).await?;
            let asked = asked.post_logout_redirect_uri.unwrap_or_default();
            let cause = format!(
                "The post_logout_redirect_uri {asked} is not among the Allowed Logout URLs of the application."
            );
            refuse(visit, &cause, named.cloned())
        }
    };
    visit.cookies().forget_session().put(response.headers_mut());
    Ok(response)
}

fn wrong(visit: &Visit, why: &OAuthError) -> Response {
    let text = Text {
        code: why.code().as_str(),
        cause: why.description(),
    };
    visit.trouble(StatusCode::BAD_REQUEST, ErrorKind::App, text)
}

fn contradicted(visit: &Visit, cause: &str) -> Response {
    let code = "invalid_request";
    visit.trouble(
        StatusCode::BAD_REQUEST,
        ErrorKind::App,
        Text { code, cause },
    )
}

/// A request to sign out that waits for its user's word. It is bound to the session, so that a page which was left open
/// does not end another.
#[derive(Serialize, Deserialize)]
struct Question {
    session: SessionId,
    client: Option<ClientId>,
    ui_locales: Option<String>,
}

impl Question {
    fn address(&self, visit: &Visit) -> Result<String, Fault> {
        let state = hand_out(&visit.services, Handout::Logout, self, visit.now)?;
        Ok(step_at(QUESTION, &state))
    }

    async fn client(&self, visit: &Visit) -> Result<Option<Arc<KnownClient>>, Fault> {
        match &self.client {
            Some(id) => visit.client(id).await,
            None => Ok(None),
        }
    }
}

/// What stands at the question's address.
enum Found {
    /// The question, and the session that it is about.
    Open(Question, Current),
    /// Nothing to ask: nobody is signed in, or not any more as whom it was asked about.
    Over(Response),
}

async fn read(visit: &Visit, state: Option<&str>) -> Result<Found, Fault> {
    let question = match take_back::<Question>(&visit.services, Handout::Logout, state, visit.now) {
        Ok(question) => question,
        Err(refusal) => return Ok(Found::Over(visit.refused(&refusal))),
    };
    Ok(match visit.current().await? {
        Some(current) if current.session.id == question.session => Found::Open(question, current),
        None => {
            let locales = question.ui_locales.as_deref();
            Found::Over(go(After::Post, &logged_out_at(locales)))
        }
        Some(_) => {
            let text = Text {
                code: "access_denied",
                cause: "Somebody else has signed in since this page was opened.",
            };
            Found::Over(visit.trouble(StatusCode::FORBIDDEN, ErrorKind::Expired, text))
        }
    })
}

async fn question(visit: Visit, sent: Sent) -> Response {
    ask(&visit, sent.get("state"))
        .await
        .unwrap_or_else(|fault| visit.broken(fault))
}

async fn ask(visit: &Visit, state: Option<&str>) -> Result<Response, Fault> {
    let (question, current) = match read(visit, state).await? {
        Found::Open(question, current) => (question, current),
        Found::Over(response) => return Ok(response),
    };
    let id = current.session.user;
    let user = visit
        .services
        .store
        .read(move |tx| users::find(tx, &id))
        .await?;
    let account = user.as_ref().and_then(|user| {
        let email = user.email.as_deref();
        email.or(user.username.as_deref())
    });
    let client = question.client(visit).await?;
    let page = LogoutConfirm {
        state: state.unwrap_or_default(),
        account,
        client: client.as_deref().map(face),
    };
    let look = visit.look(question.ui_locales.as_deref());
    Ok(pages::render(&page, &look, FormAction::Own))
}

async fn answer(visit: Visit, sent: Sent) -> Response {
    settle(&visit, &sent)
        .await
        .unwrap_or_else(|fault| visit.broken(fault))
}

async fn settle(visit: &Visit, sent: &Sent) -> Result<Response, Fault> {
    if let Err(foreign) = visit.own_form() {
        return Ok(visit.refused(&foreign.into()));
    }
    let state = sent.get("state");
    let (question, current) = match read(visit, state).await? {
        Found::Open(question, current) => (question, current),
        Found::Over(response) => return Ok(response),
    };
    match sent.get("action") {
        Some("yes") => {
            let onward = logged_out_at(question.ui_locales.as_deref());
            leave(visit, Some(current), question.client).await?;
            let mut response = go(After::Post, &onward);
            visit.cookies().forget_session().put(response.headers_mut());
            Ok(response)
        }
        _ => Ok(go(After::Post, &step_at(STAYED, state.unwrap_or_default()))),
    }
}

async fn stayed(visit: Visit, sent: Sent) -> Response {
    stay(&visit, sent.get("state"))
        .await
        .unwrap_or_else(|fault| visit.broken(fault))
}

async fn stay(visit: &Visit, state: Option<&str>) -> Result<Response, Fault> {
    let question = match read(visit, state).await? {
        Found::Open(question, _) => question,
        Found::Over(response) => return Ok(response),
    };
    let client = question.client(visit).await?;
    let page = LoggedOut {
        client: client.as_deref().map(face),
        aborted: true,
    };
    let look = visit.look(question.ui_locales.as_deref());
    Ok(pages::render(&page, &look, FormAction::Own))
}
