//! `/u/confirm`: a user who saw no other page confirms that the app which asks is the one that they mean.

use axum::{Router, body::Bytes, http::Uri, response::Response, routing::get};
use keystead_protocol::form::Form;
use keystead_store::journeys::{self, Step as Taken};

use super::{
    consent::{account, asked},
    finish::close,
    next::Step,
    onward::{After, go},
    refusal::{Error, Refusal},
    state::{Done, resume_at},
    visit::{Visit, face},
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

async fn show(visit: Visit, uri: Uri) -> Response {
    let query = Form::from_urlencoded(uri.query().unwrap_or_default().as_bytes());
    let shown = match query {
        Ok(query) => page(&visit, query.get("state")).await,
        Err(why) => Err(Refusal::Malformed(why).into()),
    };
    shown.unwrap_or_else(|why| why.respond(&visit, After::Get))
}

async fn answer(visit: Visit, body: Bytes) -> Response {
    let answered = match Form::from_urlencoded(&body) {
        Ok(form) => decided(&visit, &form).await,
        Err(why) => Err(Refusal::Malformed(why).into()),
    };
    answered.unwrap_or_else(|why| why.respond(&visit, After::Post))
}

async fn page(visit: &Visit, state: Option<&str>) -> Result<Response, Error> {
    let asked = asked(visit, state).await?;
    let Some(asked) = asked.filter(|asked| asked.step == Step::Confirm) else {
        return Ok(go(After::Get, &resume_at(state.unwrap_or_default())));
    };
    let case = &asked.case;
    let page = Confirm {
        state: asked.known.handle.expose(),
        client: face(&case.client),
        account: account(&asked.here),
        returns_to: &case.returns_to(),
    };
    let look = visit.look(case.request.ui_locales.as_deref());
    let to = FormAction::Client(case.checked.reply.to());
    Ok(pages::render(&page, &look, to))
}

async fn decided(visit: &Visit, form: &Form) -> Result<Response, Error> {
    visit.own_form()?;
    let state = form.get("state");
    let on = resume_at(state.unwrap_or_default());
    let asked = asked(visit, state).await?;
    let Some(asked) = asked.filter(|asked| asked.step == Step::Confirm) else {
        return Ok(go(After::Post, &on));
    };
    if form.get("action") != Some("submit") {
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
    let (Taken::Taken | Taken::Stale | Taken::Over) = written.await?;
    Ok(go(After::Post, &on))
}
