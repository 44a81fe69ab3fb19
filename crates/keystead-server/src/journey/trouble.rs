//! `/u/error`: what went wrong, at an address of its own, so that whoever automates a browser knows by the path where it is.

use std::sync::Arc;

use axum::{
    Router,
    http::{HeaderName, HeaderValue, StatusCode, header::RETRY_AFTER},
    response::Response,
    routing::get,
};
use keystead_store::seal::Handout;
use serde::{Deserialize, Serialize};

use super::{
    onward::{After, go},
    refusal::{Face, Refusal},
    state::{self, step_at},
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

impl<'a> Text<'a> {
    fn of(told: &'a Face) -> Self {
        Self {
            code: told.code.as_str(),
            cause: &told.cause,
        }
    }
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

/// Writes and reads nothing but its address.
async fn show(visit: Visit, sent: Sent) -> Response {
    let (services, state) = (&visit.services, sent.get("state"));
    match state::take_back::<Carried>(services, Handout::ErrorPage, state, visit.now) {
        Ok(carried) => visit.error_page(&ErrorPage {
            status: StatusCode::from_u16(carried.status).unwrap_or(StatusCode::BAD_REQUEST),
            kind: carried.kind,
            code: &carried.code,
            cause: &carried.cause,
            quote: &carried.quote,
            client: None,
        }),
        Err(refusal) => {
            let told = refusal.public();
            visit.trouble_here(told.status, told.kind, Text::of(&told))
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
        match state::hand_out(&self.services, Handout::ErrorPage, &carried, self.now) {
            Ok(state) => go(After::Post, &step_at(PATH, &state)),
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

    /// The page of a refusal.
    pub(super) fn refused(&self, refusal: &Refusal) -> Response {
        let told = refusal.public();
        self.trouble(told.status, told.kind, Text::of(&told))
    }
}
