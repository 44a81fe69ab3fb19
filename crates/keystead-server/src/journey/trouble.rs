//! `/u/error`: what went wrong, at an address of its own, so that whoever automates a browser knows by the path where it is.

use std::sync::Arc;

use axum::{
    Router,
    http::{HeaderName, HeaderValue, StatusCode, header::RETRY_AFTER},
    response::Response,
    routing::get,
};
use keystead_store::seal::{Handout, NotOurs};
use serde::{Deserialize, Serialize};

use super::{
    onward::{After, go},
    refusal::{Face, Refusal},
    state::{LIFETIME, step_at},
    visit::{Sent, Visit},
};
use crate::{
    error::{Broken, Fault},
    pages::{self, ErrorKind, ErrorPage, FormAction},
    services::Services,
};

/// Where the page stands.
const PATH: &str = "/u/error";

const SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
const SEC_FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");

pub(super) fn routes() -> Router<Services> {
    Router::new().route(PATH, get(show))
}

/// What an error page says to whoever builds the client.
#[derive(Debug, Clone, Copy)]
pub(super) struct Text<'a> {
    pub(super) code: &'a str,
    pub(super) cause: &'a str,
}

/// A page as its address carries it, sealed: nothing is stored for whoever asks wrongly, and nobody can make ours say
/// what it did not.
#[derive(Serialize, Deserialize)]
struct Carried {
    status: u16,
    kind: ErrorKind,
    code: String,
    cause: String,
    quote: String,
}

impl Carried {
    fn address(&self, visit: &Visit) -> Result<String, Fault> {
        let bytes = serde_json::to_vec(self).map_err(|e| Fault::Unwritable(e.to_string()))?;
        let (until, rng) = (visit.now + LIFETIME, &mut visit.services.rng());
        let keyring = &visit.services.keyring;
        let state = keyring.hand_out(Handout::ErrorPage, &bytes, until, rng)?;
        Ok(step_at(PATH, &state))
    }

    fn read(visit: &Visit, state: Option<&str>) -> Result<(Self, StatusCode), Refusal> {
        let state = state.ok_or(Refusal::StateMissing)?;
        let keyring = &visit.services.keyring;
        let opened = keyring.take_back(Handout::ErrorPage, state, visit.now);
        let bytes = opened.map_err(|why| match why {
            NotOurs::Unreadable => Refusal::StateUnknown,
            NotOurs::Expired => Refusal::StateExpired,
        })?;
        let carried: Self = serde_json::from_slice(&bytes).map_err(|_| Refusal::StateUnknown)?;
        let status = StatusCode::from_u16(carried.status).map_err(|_| Refusal::StateUnknown)?;
        Ok((carried, status))
    }
}

/// Writes and reads nothing but its address.
async fn show(visit: Visit, sent: Sent) -> Response {
    match Carried::read(&visit, sent.get("state")) {
        Ok((carried, status)) => visit.error_page(&ErrorPage {
            status,
            kind: carried.kind,
            code: &carried.code,
            cause: &carried.cause,
            quote: &carried.quote,
            client: None,
        }),
        Err(refusal) => {
            let Face {
                status,
                kind,
                code,
                cause,
            } = refusal.public();
            let text = Text {
                code: code.as_str(),
                cause: &cause,
            };
            visit.trouble_here(status, kind, text)
        }
    }
}

impl Visit {
    /// Whether this is a window of a browser on its way to a page (Fetch Metadata §2): it can be sent to another. A program
    /// that wants to see a status is not, nor is a frame, in which none of these pages may be shown, nor an engine that is
    /// too old to say so.
    fn navigates(&self) -> bool {
        let says = |name, word| self.headers.get(name).is_some_and(|value| value == word);
        says(SEC_FETCH_MODE, "navigate") && says(SEC_FETCH_DEST, "document")
    }

    /// The page that says what went wrong: at its own address for a browser, and otherwise as the answer to this request.
    pub(super) fn trouble(&self, status: StatusCode, kind: ErrorKind, text: Text<'_>) -> Response {
        if !self.navigates() {
            return self.trouble_here(status, kind, text);
        }
        let carried = Carried {
            status: status.as_u16(),
            kind,
            code: text.code.to_owned(),
            cause: ErrorPage::shortened(text.cause),
            quote: self.id.as_str().to_owned(),
        };
        match carried.address(self) {
            Ok(address) => go(After::Post, &address),
            Err(fault) => self.broken(fault),
        }
    }

    /// The same as the answer to this request, for whatever may be gone when the page is asked for again.
    pub(super) fn trouble_here(
        &self,
        status: StatusCode,
        kind: ErrorKind,
        text: Text<'_>,
    ) -> Response {
        self.error_page(&ErrorPage {
            status,
            kind,
            code: text.code,
            cause: text.cause,
            quote: self.id.as_str(),
            client: None,
        })
    }

    fn error_page(&self, page: &ErrorPage<'_>) -> Response {
        pages::render(page, &self.look(None), FormAction::Own)
    }

    /// The page that says that we cannot, or not now; the edge logs why.
    pub(super) fn broken(&self, fault: Fault) -> Response {
        let (status, kind, text) = match (&fault, fault.is_temporary()) {
            // Calmly: it is a queue, and it moves.
            (Fault::Crowded, _) => (
                StatusCode::SERVICE_UNAVAILABLE,
                ErrorKind::TooMany { retry_after: 5 },
                Text {
                    code: "temporarily_unavailable",
                    cause: "Too many people are signing in at this moment.",
                },
            ),
            (_, true) => (
                StatusCode::SERVICE_UNAVAILABLE,
                ErrorKind::Broken,
                Text {
                    code: "temporarily_unavailable",
                    cause: "The server cannot answer right now.",
                },
            ),
            (_, false) => (
                StatusCode::INTERNAL_SERVER_ERROR,
                ErrorKind::Broken,
                Text {
                    code: "server_error",
                    cause: "Something went wrong on the server.",
                },
            ),
        };
        let mut response = self.trouble_here(status, kind, text);
        if fault.is_temporary() {
            let wait = HeaderValue::from_static("1");
            response.headers_mut().entry(RETRY_AFTER).or_insert(wait);
        }
        response.extensions_mut().insert(Broken(Arc::new(fault)));
        response
    }

    /// The page for a form that none of our pages sent.
    pub(super) fn foreign(&self) -> Response {
        let text = Text {
            code: "access_denied",
            cause: "This form was not sent from one of our own pages.",
        };
        self.trouble(StatusCode::FORBIDDEN, ErrorKind::Foreign, text)
    }
}
