//! `/u/login`: somebody says who they are and shows a password.

use axum::{Router, response::Response, routing::get};
use keystead_protocol::secret::Secret;
use keystead_store::log::Entry;

use super::{
    entrance::{Door, Entered, Entrance, seconds},
    onward::After,
    refusal::Error,
    visit::{Sent, Visit, face},
};
use crate::{
    identity::{
        accounts::{self, Checked, CredentialCheck},
        refusals::{Rejection, Why},
    },
    pages::{self, Identifier, Login, LoginProblem, LoginReason},
    services::Services,
};

/// How much of what was typed is kept, in characters: as much as the field takes.
const TYPED: usize = 254;

/// The beginning of what was typed, as much as is kept.
pub(super) fn kept(typed: &str) -> &str {
    let end = typed.char_indices().nth(TYPED).map(|(end, _)| end);
    end.and_then(|end| typed.get(..end)).unwrap_or(typed)
}

/// Where the page stands.
pub(super) const PATH: &str = "/u/login";

pub(super) fn routes() -> Router<Services> {
    Router::new().route(PATH, get(page).post(submit))
}

async fn page(visit: Visit, sent: Sent) -> Response {
    empty(&visit, sent.get("state"))
        .await
        .unwrap_or_else(|why| why.respond(&visit, After::Get))
}

async fn empty(visit: &Visit, state: Option<&str>) -> Result<Response, Error> {
    Ok(match Entrance::find(visit, state).await? {
        Door::Past(response) => response,
        Door::Open(entrance) => {
            let hint = entrance.case.request.login_hint.as_deref();
            show(visit, &entrance, hint.unwrap_or_default(), None)
        }
    })
}

fn show(
    visit: &Visit,
    entrance: &Entrance,
    given: &str,
    problem: Option<LoginProblem>,
) -> Response {
    let page = Login {
        state: &entrance.state,
        client: face(&entrance.case.client),
        identifier: match entrance.options.requires_username() {
            true => Identifier::EmailOrUsername,
            false => Identifier::Email,
        },
        given,
        reason: match entrance.former {
            Some(_) => LoginReason::Again,
            None => LoginReason::First,
        },
        problem,
        signup: entrance.signup(),
    };
    let look = visit.look(entrance.case.request.ui_locales.as_deref());
    pages::render(&page, &look, entrance.onward())
}

async fn submit(visit: Visit, sent: Sent) -> Response {
    settle(&visit, &sent)
        .await
        .unwrap_or_else(|why| why.respond(&visit, After::Post))
}

async fn settle(visit: &Visit, sent: &Sent) -> Result<Response, Error> {
    visit.own_form()?;
    let entrance = match Entrance::find(visit, sent.get("state")).await? {
        Door::Open(entrance) => entrance,
        Door::Past(response) => return Ok(response),
    };
    if sent.get("action") == Some("cancel") {
        return Err(entrance.case.declined());
    }
    let typed = sent.get("username").unwrap_or_default().trim();
    let given = kept(typed);
    if given.is_empty() {
        return Ok(show(visit, &entrance, "", Some(LoginProblem::NoIdentifier)));
    }
    let Some(password) = sent.get("password").map(Secret::from) else {
        let problem = Some(LoginProblem::NoPassword);
        return Ok(show(visit, &entrance, given, problem));
    };
    if given.len() < typed.len() {
        // No account has such a name: nothing to look for, to count or to hash.
        let nobody = Rejection {
            user: None,
            why: Why::UnknownUser,
        };
        return Ok(refuse(visit, &entrance, given, &nobody));
    }
    let asked = CredentialCheck {
        connection: &entrance.connection,
        identifier: typed,
        password: &password,
        address: visit.origin.client,
        now: visit.now,
    };
    // Each further turn follows a change of the password: what was typed is then held against what is stored now.
    let rejection = loop {
        let who = match accounts::check(&visit.services, &asked).await? {
            Checked::Verified(who) => who,
            Checked::Rejected(rejection) => break rejection,
        };
        match entrance.enter(visit, &who, None).await? {
            Entered::In(response) => return Ok(response),
            Entered::PasswordChanged => {}
            Entered::Blocked => {
                break Rejection {
                    user: Some(who.user.id),
                    why: Why::Blocked,
                };
            }
        }
    };
    Ok(refuse(visit, &entrance, given, &rejection))
}

/// Notes an attempt that failed, and shows the page again.
fn refuse(visit: &Visit, entrance: &Entrance, given: &str, rejection: &Rejection) -> Response {
    note(visit, entrance, given, rejection);
    show(visit, entrance, given, Some(problem(&rejection.why)))
}

/// What the person is told. That an account exists is told only to whoever has its password.
fn problem(why: &Why) -> LoginProblem {
    match why {
        Why::UnknownUser | Why::WrongPassword => LoginProblem::WrongCredentials,
        Why::Blocked => LoginProblem::Blocked,
        Why::TooManyAttempts { wait, .. } => LoginProblem::TooMany {
            retry_after: seconds(*wait),
        },
    }
}

fn note(visit: &Visit, entrance: &Entrance, given: &str, rejection: &Rejection) {
    let mut line = Entry {
        user: rejection.user.clone(),
        description: Some(rejection.why.to_string()),
        ..entrance.line(visit, rejection.why.log_code())
    };
    line.details.insert("user_name".to_owned(), given.into());
    visit.services.logbook.note(line);
}
