//! `/u/signup`: somebody makes an account, and is logged in with it.

use axum::{Router, response::Response, routing::get};
use keystead_protocol::secret::Secret;
use keystead_store::{
    log::Entry,
    users::{Profile, UserMetadata},
};

use super::{
    entrance::{Door, Entered, Entrance, seconds},
    login,
    onward::{After, go},
    refusal::Error,
    rules, step_at,
    visit::{Sent, Visit, face},
};
use crate::{
    identity::{
        accounts::{self, NewAccount, SignedUp},
        policy::Weakness,
        refusals::SignUpRefusal,
    },
    pages::{self, Signup, SignupOffer, SignupProblem, UsernameField},
    services::Services,
};

/// Where the page stands.
pub(super) const PATH: &str = "/u/signup";

pub(super) fn routes() -> Router<Services> {
    Router::new().route(PATH, get(page).post(submit))
}

async fn page(visit: Visit, sent: Sent) -> Response {
    empty(&visit, sent.get("state"))
        .await
        .unwrap_or_else(|why| why.respond(&visit, After::Get))
}

async fn empty(visit: &Visit, state: Option<&str>) -> Result<Response, Error> {
    Ok(match open(visit, state).await? {
        Door::Past(response) => response,
        Door::Open(entrance) => {
            let hint = entrance.case.request.login_hint.as_deref();
            let tried = Tried {
                email: hint.unwrap_or_default(),
                ..Tried::default()
            };
            show(visit, &entrance, &tried)
        }
    })
}

/// The entrance, if accounts can be made there; otherwise the way to the log-in page.
async fn open(visit: &Visit, state: Option<&str>) -> Result<Door, Error> {
    let door = Entrance::find(visit, state).await?;
    Ok(match &door {
        Door::Open(entrance) if matches!(entrance.signup(), SignupOffer::Closed) => {
            let login = step_at(login::PATH, &entrance.state);
            Door::Past(go(After::Post, &login))
        }
        Door::Open(_) | Door::Past(_) => door,
    })
}

/// What was typed, and what came of it.
#[derive(Default)]
struct Tried<'a> {
    email: &'a str,
    username: &'a str,
    password: Option<&'a Secret>,
    weakness: Option<&'a Weakness>,
    problem: Option<SignupProblem>,
}

fn show(visit: &Visit, entrance: &Entrance, tried: &Tried<'_>) -> Response {
    let page = Signup {
        state: &entrance.state,
        client: face(&entrance.case.client),
        email: login::kept(tried.email),
        username: match entrance.options.requires_username() {
            true => UsernameField::Required(login::kept(tried.username)),
            false => UsernameField::Absent,
        },
        rules: &rules::shown(&entrance.options, tried.password, tried.weakness),
        problem: tried.problem,
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
    let entrance = match open(visit, sent.get("state")).await? {
        Door::Open(entrance) => entrance,
        Door::Past(response) => return Ok(response),
    };
    if sent.get("action") == Some("cancel") {
        return Err(entrance.case.declined());
    }
    let password = sent.get("password").map(Secret::from);
    let tried = Tried {
        email: sent.get("email").unwrap_or_default(),
        username: sent.get("username").unwrap_or_default(),
        ..Tried::default()
    };
    let missing = match (tried.email, tried.username, &password) {
        ("", ..) => Some(SignupProblem::NoEmail),
        (_, "", _) if entrance.options.requires_username() => Some(SignupProblem::NoUsername),
        (_, _, None) => Some(SignupProblem::NoPassword),
        _ => None,
    };
    let (None, Some(password)) = (missing, &password) else {
        let problem = missing;
        return Ok(show(visit, &entrance, &Tried { problem, ..tried }));
    };
    let wanted = NewAccount {
        connection: &entrance.connection,
        email: tried.email,
        username: Some(tried.username).filter(|name| !name.is_empty()),
        password,
        profile: Profile::default(),
        user_metadata: UserMetadata::default(),
        address: visit.origin.client,
        now: visit.now,
    };
    match accounts::sign_up(&visit.services, wanted).await? {
        SignedUp::Refused(refusal) => {
            note(visit, &entrance, tried.email, &refusal);
            let weakness = match &refusal {
                SignUpRefusal::Weak(weakness) => Some(weakness),
                _ => None,
            };
            let tried = Tried {
                password: weakness.map(|_| password),
                weakness,
                problem: Some(problem(visit, &refusal)),
                ..tried
            };
            Ok(show(visit, &entrance, &tried))
        }
        SignedUp::Created(who) => {
            let line = Entry {
                user: Some(who.user.id.clone()),
                ..entrance.line(visit, "ss")
            };
            Ok(match entrance.enter(visit, &who, Some(line)).await? {
                Entered::In(response) => response,
                // Before it was first used.
                Entered::Blocked | Entered::PasswordChanged => {
                    go(After::Post, &step_at(login::PATH, &entrance.state))
                }
            })
        }
    }
}

/// What the person is told. That an address is taken is not, unless the installation says that it may be.
fn problem(visit: &Visit, refusal: &SignUpRefusal) -> SignupProblem {
    let told = || {
        let tenant = visit.services.catalogue.tenant();
        tenant.flag("enable_public_signup_user_exists_error")
    };
    match refusal {
        SignUpRefusal::BadEmail => SignupProblem::BadEmail,
        SignUpRefusal::BadUsername => SignupProblem::BadUsername,
        SignUpRefusal::UsernameTaken if told() => SignupProblem::UsernameTaken,
        SignUpRefusal::Disabled | SignUpRefusal::EmailTaken | SignUpRefusal::UsernameTaken => {
            SignupProblem::NotPossible
        }
        SignUpRefusal::Weak(_) => SignupProblem::WeakPassword,
        SignUpRefusal::TooMany { wait } => SignupProblem::TooMany {
            retry_after: seconds(*wait),
        },
    }
}

/// Notes an attempt that failed.
fn note(visit: &Visit, entrance: &Entrance, email: &str, refusal: &SignUpRefusal) {
    let mut line = Entry {
        description: Some(refusal.to_string()),
        ..entrance.line(visit, refusal.log_code())
    };
    let email = login::kept(email);
    line.details.insert("user_name".to_owned(), email.into());
    visit.services.logbook.note(line);
}
