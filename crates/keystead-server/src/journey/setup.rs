//! `/u/setup`: the page behind the one-time link, where the first owner of an empty installation makes an account.

use axum::{Router, http::StatusCode, response::Response, routing::get};
use keystead_protocol::secret::Secret;
use keystead_store::{
    connections,
    token_key::TokenKey,
    users::{Profile, UserMetadata},
};

use super::{
    rules,
    trouble::Text,
    visit::{Sent, Visit},
};
use crate::{
    error::Fault,
    identity::{
        database::{self, DatabaseOptions},
        owners::{self, Made},
        policy::{Person, Policy, Weakness},
    },
    pages::{self, ErrorKind, FormAction, Setup, SetupDone, SetupProblem},
    services::Services,
};

pub(super) fn routes() -> Router<Services> {
    Router::new().route("/u/setup", get(page).post(submit))
}

async fn page(visit: Visit, sent: Sent) -> Response {
    empty(&visit, sent.get("ticket"))
        .await
        .unwrap_or_else(|fault| visit.broken(fault))
}

async fn empty(visit: &Visit, ticket: Option<&str>) -> Result<Response, Fault> {
    Ok(match Link::read(visit, ticket).await? {
        Some(link) => link.show(visit, "", None, None, None),
        None => dead(visit),
    })
}

async fn submit(visit: Visit, sent: Sent) -> Response {
    settle(&visit, &sent)
        .await
        .unwrap_or_else(|fault| visit.broken(fault))
}

/// A link that is good, and what the account's password must be.
struct Link<'a> {
    ticket: &'a str,
    key: TokenKey,
    options: DatabaseOptions,
}

impl<'a> Link<'a> {
    async fn read(visit: &Visit, ticket: Option<&'a str>) -> Result<Option<Self>, Fault> {
        let Some(ticket) = ticket else {
            return Ok(None);
        };
        let Some(key) = owners::look(&visit.services, ticket, visit.now).await? else {
            return Ok(None);
        };
        let homes = visit.services.store.read(connections::system).await?;
        Ok(match homes.first() {
            Some(home) => Some(Self {
                ticket,
                key,
                options: DatabaseOptions::of(home)?,
            }),
            None => None,
        })
    }

    fn show(
        &self,
        visit: &Visit,
        email: &str,
        problem: Option<SetupProblem>,
        tried: Option<&Secret>,
        weakness: Option<&Weakness>,
    ) -> Response {
        let page = Setup {
            ticket: self.ticket,
            email,
            rules: &rules::shown(&self.options, tried, weakness),
            problem,
        };
        pages::render(&page, &visit.look(None), FormAction::Own)
    }
}

async fn settle(visit: &Visit, sent: &Sent) -> Result<Response, Fault> {
    if let Err(foreign) = visit.own_form() {
        return Ok(visit.refused(&foreign.into()));
    }
    let Some(link) = Link::read(visit, sent.get("ticket")).await? else {
        return Ok(dead(visit));
    };
    let typed = sent.get("email").unwrap_or_default();
    let again =
        |problem, tried, weakness| Ok(link.show(visit, typed, Some(problem), tried, weakness));
    if typed.is_empty() {
        return again(SetupProblem::NoEmail, None, None);
    }
    let Some(email) = database::email(typed) else {
        return again(SetupProblem::BadEmail, None, None);
    };
    let Some(password) = sent.get("password").map(Secret::from) else {
        return again(SetupProblem::NoPassword, None, None);
    };
    let (policy, address) = (Policy::of(&link.options), visit.origin.client);
    let person = Person {
        email: &email,
        username: None,
        profile: &Profile::default(),
        user_metadata: &UserMetadata::default(),
    };
    let passwords = &visit.services.passwords;
    let judged = match policy.judge_alone(&password, &person) {
        Ok(()) => policy.judge_common(passwords, address, &password).await?,
        weak => weak,
    };
    if let Err(weakness) = judged {
        return again(SetupProblem::WeakPassword, Some(&password), Some(&weakness));
    }
    let rng = &mut visit.services.rng();
    let hash = passwords.hash(address, &password, rng).await?;
    let line = visit.line("ss");
    let made = owners::make(&visit.services, link.key, &email, hash, line, visit.now);
    Ok(match made.await? {
        Made::Dead => dead(visit),
        Made::Owner => {
            let page = SetupDone {
                email: &email,
                issuer: visit.services.config.issuer.as_str(),
            };
            pages::render(&page, &visit.look(None), FormAction::Own)
        }
    })
}

fn dead(visit: &Visit) -> Response {
    let text = Text {
        code: "access_denied",
        cause: "This set-up link was used, replaced by a newer one, or is too old. Restart the server for another, as long as it has no owner.",
    };
    visit.trouble(StatusCode::FORBIDDEN, ErrorKind::DeadLink, text)
}
