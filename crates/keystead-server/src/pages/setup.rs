//! The page behind the one-time link that makes the first owner of an empty installation, and the page after it.

use askama::Template;
use axum::http::StatusCode;

use super::{
    Frame, Page, Screen,
    signup::{PasswordRule, RuleLine, described},
};

/// Asks for the first owner's e-mail address and password; posted to the address it stands at.
#[derive(Debug, Clone)]
pub struct Setup<'a> {
    /// The value of the one-time link.
    pub ticket: &'a str,
    /// What stands in the e-mail field at first.
    pub email: &'a str,
    /// The rules that the password must keep, and how the last one fared.
    pub rules: &'a [PasswordRule],
    /// What was wrong with the last attempt.
    pub problem: Option<SetupProblem>,
}

/// What was wrong with an attempt to set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SetupProblem {
    /// No e-mail address was sent.
    NoEmail,
    /// What was sent is no e-mail address.
    BadEmail,
    /// No password was sent.
    NoPassword,
    /// The password breaks a rule; the rules say which.
    WeakPassword,
}

impl SetupProblem {
    fn key(self) -> &'static str {
        match self {
            Self::NoEmail => "no-email",
            Self::BadEmail => "invalid-email-format",
            Self::NoPassword => "no-password",
            Self::WeakPassword => "password-policy-not-conformant",
        }
    }

    fn is_of_email(self) -> bool {
        matches!(self, Self::NoEmail | Self::BadEmail)
    }
}

/// Says that the installation has its owner.
#[derive(Debug, Clone)]
pub struct SetupDone<'a> {
    /// The owner's e-mail address.
    pub email: &'a str,
    /// The issuer, which clients are configured with.
    pub issuer: &'a str,
}

#[derive(Template)]
#[template(path = "setup.html")]
struct View<'a> {
    frame: &'a Frame<'a>,
    page: &'a Setup<'a>,
    rules: Vec<RuleLine>,
}

#[derive(Template)]
#[template(path = "setup_done.html")]
struct DoneView<'a> {
    frame: &'a Frame<'a>,
    page: &'a SetupDone<'a>,
}

impl Setup<'_> {
    fn wrong_email(&self) -> bool {
        self.problem.is_some_and(SetupProblem::is_of_email)
    }

    fn wrong_password(&self) -> bool {
        self.problem.is_some_and(|problem| !problem.is_of_email())
    }

    fn begins_at_password(&self) -> bool {
        !self.email.is_empty() && !self.wrong_email()
    }

    /// What explains the password field.
    fn described(&self) -> &'static str {
        described(self.wrong_password(), self.rules)
    }
}

impl Page for Setup<'_> {
    fn screen(&self) -> Screen {
        Screen::new("setup", "setup")
    }

    fn document(&self, frame: &Frame<'_>) -> askama::Result<String> {
        let rules = RuleLine::of(self.rules, frame);
        let page = self;
        View { frame, page, rules }.render()
    }

    fn status(&self) -> StatusCode {
        match self.problem {
            None => StatusCode::OK,
            Some(_) => StatusCode::BAD_REQUEST,
        }
    }
}

impl SetupDone<'_> {
    fn lead(&self, frame: &Frame<'_>) -> String {
        frame.text_with("description", &[("email", self.email)])
    }
}

impl Page for SetupDone<'_> {
    fn screen(&self) -> Screen {
        Screen::new("setup", "setup-done")
    }

    fn document(&self, frame: &Frame<'_>) -> askama::Result<String> {
        DoneView { frame, page: self }.render()
    }
}
