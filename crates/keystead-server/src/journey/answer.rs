//! How a journey's answer leaves: by redirect, by a page that posts it or hands it on, or as a page that says what is wrong.

use axum::response::Response;
use keystead_protocol::{authorize::Answer, error::Code, ids::ClientId};
use keystead_store::log::Entry;

use super::{
    onward::{After, go},
    refusal::{Error, Refusal},
    visit::{Visit, face},
};
use crate::{
    catalogue::KnownClient,
    pages::{self, FormAction, FormPost, WebMessage},
};

/// Sends an answer to the client.
pub(super) fn send(
    visit: &Visit,
    client: &KnownClient,
    ui_locales: Option<&str>,
    answer: Answer,
    after: After,
) -> Response {
    let look = visit.look(ui_locales);
    match answer {
        Answer::Redirect(location) => go(after, &location),
        Answer::FormPost { to, pairs } => {
            let page = FormPost {
                to: &to,
                client: face(client),
                pairs: &borrowed(&pairs),
            };
            pages::render(&page, &look, FormAction::Anywhere)
        }
        Answer::WebMessage { to, pairs } => {
            let page = WebMessage {
                to: &to,
                client: face(client),
                pairs: &borrowed(&pairs),
            };
            pages::render(&page, &look, FormAction::Own)
        }
    }
}

fn borrowed<'a>(pairs: &'a [(&'static str, String)]) -> Vec<(&'a str, &'a str)> {
    let pairs = pairs.iter();
    pairs.map(|(name, value)| (*name, value.as_str())).collect()
}

impl Error {
    /// The answer: at the client if it can be told, otherwise a page. A refusal is logged here, once; a fault at the edge.
    pub(super) fn respond(self, visit: &Visit, after: After) -> Response {
        match self {
            Self::Page(refusal) => page(visit, &refusal),
            Self::Redirect { client, to, why } => {
                tracing::info!(client = %client.id, %why, "authorization refused");
                visit.services.logbook.note(Entry {
                    client: Some(client.id.clone()),
                    description: Some(why.to_string()),
                    ..visit.line(kind(why.code()))
                });
                let answer = to.error(&why, visit.services.config.issuer.as_str());
                send(visit, &client, None, answer, after)
            }
            Self::Fault(fault) => visit.broken(fault),
        }
    }
}

/// Auth0's code for what did not happen: a silent log-in, or any other.
fn kind(code: Code) -> &'static str {
    match code {
        Code::LoginRequired
        | Code::ConsentRequired
        | Code::InteractionRequired
        | Code::AccountSelectionRequired => "fsa",
        _ => "f",
    }
}

fn page(visit: &Visit, refusal: &Refusal) -> Response {
    tracing::info!(why = %refusal, "journey refused");
    if let Some(client) = concerns(refusal) {
        visit.services.logbook.note(Entry {
            client,
            description: Some(refusal.to_string()),
            ..visit.line("f")
        });
    }
    visit.refused(refusal)
}

/// Whether an administrator has to hear of it, and about which client: what is set up wrongly stays so until somebody
/// changes it. What a browser brings back too late, or to the wrong place, does not concern anybody else.
fn concerns(refusal: &Refusal) -> Option<Option<ClientId>> {
    match refusal {
        Refusal::DisabledClient(id) => Some(Some(id.clone())),
        Refusal::Malformed(_)
        | Refusal::UnknownClient(_)
        | Refusal::Redirect { .. }
        | Refusal::WebOrigin(_) => Some(None),
        Refusal::StateMissing
        | Refusal::StateUnknown
        | Refusal::StateExpired
        | Refusal::StateOfAnotherBrowser
        | Refusal::SessionOver
        | Refusal::JourneyOver
        | Refusal::CrossSite(_) => None,
    }
}
