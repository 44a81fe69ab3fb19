//! `/u/consent`: a user is told what a client asks for, and allows it or not. What was allowed is remembered.

use axum::{Router, response::Response, routing::get};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use keystead_protocol::{ids::Audience, scope::Scope, secret::Digest};
use keystead_store::{
    consents,
    journeys::{self, Progress},
};

use super::{
    asking::Asking,
    case::Case,
    decide::EndUser,
    finish::close,
    next::Step,
    onward::{After, go},
    refusal::Error,
    state::{Done, resume_at},
    visit::{Sent, Visit, face},
};
use crate::{
    identity::claims::OPENID_SCOPES,
    pages::{self, Consent, FormAction, ScopeGroup, ShownScope},
    services::Services,
};

/// Where the page stands.
pub(super) const PATH: &str = "/u/consent";

pub(super) fn routes() -> Router<Services> {
    Router::new().route(PATH, get(show).post(answer))
}

async fn show(visit: Visit, sent: Sent) -> Response {
    page(&visit, sent.get("state"))
        .await
        .unwrap_or_else(|why| why.respond(&visit, After::Get))
}

async fn answer(visit: Visit, sent: Sent) -> Response {
    decided(&visit, &sent)
        .await
        .unwrap_or_else(|why| why.respond(&visit, After::Post))
}

async fn page(visit: &Visit, state: Option<&str>) -> Result<Response, Error> {
    let asked = Asking::find(visit, state).await?;
    let Some(asked) = asked.filter(|asked| asked.step == Step::Consent) else {
        return Ok(go(After::Get, &resume_at(state.unwrap_or_default())));
    };
    let case = &asked.case;
    let page = Consent {
        state: asked.known.handle.expose(),
        shown: &shown(&asked.here),
        client: face(&case.client),
        account: asked.here.account(),
        returns_to: &case.returns_to(),
        groups: &groups(case, &asked.here.to_agree),
    };
    let look = visit.look(case.request.ui_locales.as_deref());
    let to = FormAction::Client(case.checked.reply.to());
    Ok(pages::render(&page, &look, to))
}

/// What stands for everything that a page shows: the scopes, and the API that they are of. No scope has a line break.
fn shown(here: &EndUser) -> String {
    let mut scopes: Vec<&str> = here.to_agree.iter().map(|scope| scope.as_str()).collect();
    scopes.sort_unstable();
    let api = here.parties.audience.as_ref().map_or("", Audience::as_str);
    let text = format!("{}\n{api}", scopes.join(" "));
    URL_SAFE_NO_PAD.encode(Digest::of(text.as_bytes()).as_bytes())
}

/// What is asked for, the account's own data first, then the API's scopes in its words.
fn groups<'a>(case: &'a Case, to_agree: &'a Scope) -> Vec<ScopeGroup<'a>> {
    let of_account: Vec<&str> = to_agree
        .iter()
        .map(|scope| scope.as_str())
        .filter(|scope| OPENID_SCOPES.contains(scope))
        .collect();
    let mut groups = vec![ScopeGroup::Account(of_account)];
    if let Some(known) = &case.api {
        let scopes = known.api.scopes.iter();
        let scopes = scopes.filter(|defined| to_agree.contains(defined.value.as_str()));
        groups.push(ScopeGroup::Api {
            name: known
                .api
                .name
                .as_deref()
                .unwrap_or(known.api.identifier.as_str()),
            scopes: scopes
                .map(|defined| ShownScope {
                    value: defined.value.as_str(),
                    description: defined.description.as_deref(),
                })
                .collect(),
        });
    }
    groups
}

async fn decided(visit: &Visit, sent: &Sent) -> Result<Response, Error> {
    visit.own_form()?;
    let state = sent.get("state");
    let on = resume_at(state.unwrap_or_default());
    let asked = Asking::find(visit, state).await?;
    // The form may have been sent twice: then the journey goes on from where it is.
    let Some(asked) = asked.filter(|asked| asked.step == Step::Consent) else {
        return Ok(go(After::Post, &on));
    };
    match sent.get("action") {
        Some("allow") if sent.get("shown") == Some(&shown(&asked.here)) => {
            allow(visit, asked).await?;
        }
        // Something was granted or taken since, and nobody agrees unseen: the journey leads to the page again.
        Some("allow") => {}
        _ => {
            close(visit, &asked.known).await?;
            return Err(asked.case.declined());
        }
    }
    Ok(go(After::Post, &on))
}

/// Remembers what was allowed, and that this journey's page was answered.
async fn allow(visit: &Visit, asked: Asking) -> Result<(), Error> {
    let Asking { known, here, .. } = asked;
    let mut journey = known.journey;
    journey.done = Done {
        consented: true,
        ..known.done
    }
    .written();
    let (key, now) = (known.key, visit.now);
    let (parties, scope) = (here.parties, here.to_agree);
    let written = visit.services.store.write(move |tx| {
        let step = journeys::advance(tx, &key, &journey, now)?;
        if step == Progress::Made {
            consents::remember(tx, &parties, &scope, now)?;
        }
        Ok::<_, keystead_store::Fault>(step)
    });
    // Overtaken, by the same form or by a refusal: then the journey says what comes of it.
    let (Progress::Made | Progress::Stale | Progress::Over) = written.await?;
    Ok(())
}
