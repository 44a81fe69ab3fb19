//! The log-in page.

use askama::Template;
use axum::http::StatusCode;

use super::{ClientFace, Frame, Page, Screen};

/// The log-in page: identifier and password on one form, posted to `/u/login`.
#[derive(Debug, Clone)]
pub struct Login<'a> {
    /// The journey, as it goes into the form.
    pub state: &'a str,
    /// The client that asks.
    pub client: ClientFace<'a>,
    /// What the user is called by here.
    pub identifier: Identifier,
    /// What stands in that field at first: a `login_hint`, or what was typed before a mistake.
    pub given: &'a str,
    /// Why it is shown.
    pub reason: LoginReason,
    /// What was wrong with the last attempt.
    pub problem: Option<LoginProblem>,
    /// Whether it leads to the sign-up page.
    pub signup: SignupOffer,
}

/// What a user is called by in a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Identifier {
    /// An e-mail address.
    Email,
    /// A user name.
    Username,
    /// Either of them.
    EmailOrUsername,
}

/// Why somebody is asked to log in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoginReason {
    /// Nobody is logged in.
    First,
    /// Somebody is, and has to show again who they are (`prompt=login`, `max_age`).
    Again,
}

/// Whether people may open accounts here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignupOffer {
    /// They may.
    Open,
    /// The connection is closed to them.
    Closed,
}

/// What was wrong with an attempt to log in. None of these says whether the account exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoginProblem {
    /// Nobody is called so, or the password is another.
    WrongCredentials,
    /// No identifier was sent.
    NoIdentifier,
    /// No password was sent.
    NoPassword,
    /// The credentials were right, and an administrator has blocked the account.
    Blocked,
    /// Too many attempts; answered 429.
    TooMany {
        /// Seconds until the next one counts.
        retry_after: u32,
    },
}

impl LoginProblem {
    fn key(self) -> &'static str {
        match self {
            Self::WrongCredentials => "wrong-credentials",
            Self::NoIdentifier => "no-username",
            Self::NoPassword => "no-password",
            Self::Blocked => "user-blocked",
            Self::TooMany { .. } => "too-many-attempts",
        }
    }
}

#[derive(Template)]
#[template(path = "login.html")]
struct View<'a> {
    frame: &'a Frame<'a>,
    page: &'a Login<'a>,
}

impl Login<'_> {
    fn lead(&self) -> &'static str {
        match self.reason {
            LoginReason::First => "description",
            LoginReason::Again => "descriptionAgain",
        }
    }

    fn is_email(&self) -> bool {
        self.identifier == Identifier::Email
    }

    fn offers_signup(&self) -> bool {
        self.signup == SignupOffer::Open
    }

    fn label(&self) -> &'static str {
        match self.identifier {
            Identifier::Email => "emailPlaceholder",
            Identifier::Username => "usernameOnlyPlaceholder",
            Identifier::EmailOrUsername => "usernamePlaceholder",
        }
    }

    /// Which field the attempt failed at, so that it is marked and gets the focus.
    fn wrong_identifier(&self) -> bool {
        matches!(
            self.problem,
            Some(LoginProblem::NoIdentifier | LoginProblem::WrongCredentials)
        )
    }

    fn wrong_password(&self) -> bool {
        matches!(
            self.problem,
            Some(LoginProblem::NoPassword | LoginProblem::WrongCredentials)
        )
    }

    /// What explains the password field.
    fn described(&self) -> &'static str {
        if self.wrong_password() {
            "form-error"
        } else {
            ""
        }
    }

    /// The identifier is known: what is left to type is the password.
    fn begins_at_password(&self) -> bool {
        !self.given.is_empty() && !matches!(self.problem, Some(LoginProblem::NoIdentifier))
    }
}

impl Page for Login<'_> {
    fn screen(&self) -> Screen {
        Screen::new("login", "login")
    }

    fn document(&self, frame: &Frame<'_>) -> askama::Result<String> {
        View { frame, page: self }.render()
    }

    fn status(&self) -> StatusCode {
        match self.problem {
            None => StatusCode::OK,
            Some(LoginProblem::TooMany { .. }) => StatusCode::TOO_MANY_REQUESTS,
            Some(_) => StatusCode::BAD_REQUEST,
        }
    }

    fn client(&self) -> Option<ClientFace<'_>> {
        Some(self.client)
    }

    fn retry_after(&self) -> Option<u32> {
        match self.problem {
            Some(LoginProblem::TooMany { retry_after }) => Some(retry_after),
            _ => None,
        }
    }
}
