//! `/u/confirm`: a user who saw no other page confirms that the app which asks is the one that they mean.

use axum::{Router, response::Response, routing::get};
use keystead_store::journeys::{self, Progress};

use super::{
    asking::Asking,
    finish::close,
    next::Step,
    onward::{After, go},
    refusal::Error,
    state::{Done, resume_at},
    visit::{Sent, Visit, face},
};
use crate::{
    pages::{self, Confirm, FormAction},
    services::Services,
};

/// Where the page stands.
pub(super) const PATH: &str = "/u/confirm";

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
    let Some(asked) = asked.filter(|asked| asked.step == Step::Confirm) else {
        return Ok(go(After::Get, &resume_at(state.unwrap_or_default())));
    };
    let case = &asked.case;
    let page = Confirm {
        state: asked.known.handle.expose(),
        client: face(&case.client),
        account: asked.here.account(),
        returns_to: &case.returns_to(),
    };
    let look = visit.look(case.request.ui_locales.as_deref());
    let to = FormAction::Client(case.checked.reply.to());
    Ok(pages::render(&page, &look, to))
}

async fn decided(visit: &Visit, sent: &Sent) -> Result<Response, Error> {
    visit.own_form()?;
    let state = sent.get("state");
    let on = resume_at(state.unwrap_or_default());
    let asked = Asking::find(visit, state).await?;
    let Some(asked) = asked.filter(|asked| asked.step == Step::Confirm) else {
        return Ok(go(After::Post, &on));
    };
    if sent.get("action") != Some("submit") {
        close(visit, &asked.known).await?;
        return Err(asked.case.declined());
    }
    let known = asked.known;
    let mut journey = known.journey;
    journey.done = Done {
        confirmed: true,
        ..known.done
    }
    .written();
    let (key, now) = (known.key, visit.now);
    let written = visit
        .services
        .store
        .write(move |tx| journeys::advance(tx, &key, &journey, now));
    // Overtaken by the same form: the journey goes on all the same.
    let (Progress::Made | Progress::Stale | Progress::Over) = written.await?;
    Ok(go(After::Post, &on))
}
