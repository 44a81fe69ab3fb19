//! `/authorize` (RFC 6749 §3.1, OpenID Connect Core §3.1.2), where journeys begin, and where their steps come back to.

use axum::{Router, body::Bytes, http::Uri, response::Response, routing::get};
use keystead_protocol::{authorize::Request, error::OAuthError};

use super::{
    case::Case,
    confirm, consent,
    decide::{EndUser, Position, position},
    finish::{self, close},
    next::{Step, Why},
    onward::{After, go},
    refusal::{Error, Refusal},
    state::{self, Beginning, Done, Known, Pending, RESUME, State, step_at},
    visit::{Sent, Visit},
};
use crate::{identity::sessions::Browser, services::Services};

const AUTHORIZE: &str = "/authorize";
const LOGIN: &str = "/u/login";
const SIGNUP: &str = "/u/signup";

pub(super) fn routes() -> Router<Services> {
    Router::new()
        .route(AUTHORIZE, get(by_query).post(by_form))
        .route(RESUME, get(resume))
}

/// Begins a journey. Nothing that the user has is changed: at most a code is issued that the user's session stands for.
async fn by_query(visit: Visit, uri: Uri) -> Response {
    let query = uri.query().unwrap_or_default().as_bytes();
    begin(&visit, query)
        .await
        .unwrap_or_else(|why| why.respond(&visit, After::Get))
}

/// The same request as a form, which comes from another site by its nature. The browser is sent to ask again by GET: it
/// withholds cookies from such a form, and would not be recognised.
async fn by_form(visit: Visit, body: Bytes) -> Response {
    match Request::parse(&body) {
        Ok(request) => go(After::Post, &format!("{AUTHORIZE}?{}", request.to_query())),
        Err(why) => Error::from(Refusal::Malformed(why)).respond(&visit, After::Post),
    }
}

async fn begin(visit: &Visit, query: &[u8]) -> Result<Response, Error> {
    visit.services.catalogue.believable(visit.now)?;
    let request = Request::parse(query).map_err(Refusal::Malformed)?;
    let case = Case::open(&visit.services, request).await?;
    let current = visit.current().await?;
    let position = position(visit, &case, Done::default(), current).await?;
    go_on(visit, &case, position, None).await
}

/// Goes on with a journey whose step is done.
async fn resume(visit: Visit, sent: Sent) -> Response {
    taken_up(&visit, sent.get("state"))
        .await
        .unwrap_or_else(|why| why.respond(&visit, After::Get))
}

async fn taken_up(visit: &Visit, state: Option<&str>) -> Result<Response, Error> {
    visit.services.catalogue.believable(visit.now)?;
    let current = visit.current().await?;
    let state = state::read(visit, state, current.as_ref()).await?;
    let case = Case::open(&visit.services, state.request().clone()).await?;
    let position = position(visit, &case, state.done(), current).await?;
    go_on(visit, &case, position, Some(state)).await
}

async fn go_on(
    visit: &Visit,
    case: &Case,
    position: Position,
    state: Option<State>,
) -> Result<Response, Error> {
    let known = match &state {
        Some(State::Known(known)) => Some(known.as_ref()),
        Some(State::Pending(_)) | None => None,
    };
    match (position.step, position.here) {
        (Step::Finish, Some(here)) => finish::finish(visit, case, here, known).await,
        (Step::Consent, Some(here)) => ask(visit, case, &here, known, consent::PATH).await,
        (Step::Confirm, Some(here)) => ask(visit, case, &here, known, confirm::PATH).await,
        (Step::Refuse(code), _) => {
            if let Some(known) = known {
                close(visit, known).await?;
            }
            let text = "Whoever was expected has not signed in";
            Err(case.refuse(OAuthError::new(code, text)))
        }
        (Step::Login(why), _) => sign_in(visit, case, why, state.as_ref()),
        // Nobody is here, so there is nobody to ask or to answer about.
        (Step::Finish | Step::Consent | Step::Confirm, None) => {
            sign_in(visit, case, Why::Nobody, state.as_ref())
        }
    }
}

/// Sends somebody to sign in, or to sign up if the client thinks that they are new. The request goes along, sealed.
fn sign_in(visit: &Visit, case: &Case, why: Why, state: Option<&State>) -> Result<Response, Error> {
    let cookies = visit.cookies();
    let seen = cookies.browser(&visit.headers);
    let browser = match &seen {
        Some(browser) => browser.clone(),
        None => Browser::new(&mut visit.services.rng()),
    };
    let text = match state {
        Some(State::Pending(pending)) => pending.seal(&visit.services)?,
        Some(State::Known(_)) | None => {
            Pending::new(case.request.clone(), &browser, visit.now).seal(&visit.services)?
        }
    };
    let new = why == Why::Nobody && case.request.screen_hint.as_deref() == Some("signup");
    let path = if new { SIGNUP } else { LOGIN };
    let mut response = go(After::Get, &step_at(path, &text));
    if seen.is_none() {
        cookies.keep_browser(&browser).put(response.headers_mut());
    }
    Ok(response)
}

/// Sends the user to a page that asks something of them. The journey is stored with its first such page.
async fn ask(
    visit: &Visit,
    case: &Case,
    here: &EndUser,
    known: Option<&Known>,
    path: &str,
) -> Result<Response, Error> {
    if let Some(known) = known {
        return Ok(go(After::Get, &step_at(path, known.handle.expose())));
    }
    let beginning = Beginning::new(&visit.services, &case.request, visit.now, visit.now)?;
    let location = step_at(path, beginning.handle().expose());
    let (user, session) = (here.user.id.clone(), here.current.session.id.clone());
    let now = visit.now;
    let begun = visit
        .services
        .store
        .write(move |tx| beginning.begin(tx, &user, &session, Done::default(), now));
    begun.await?;
    Ok(go(After::Get, &location))
}
