//! The page for what cannot go on: what happened, what to do, and what to quote.

use askama::Template;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};

use super::{
    ClientFace, Frame, Page, Screen,
    shown::{self, clean},
};

/// The error page. Title and advice follow from `kind`, in the reader's language; `cause` is the endpoint's own sentence
/// for whoever builds the client, and stays in English as everything else that developers read.
#[derive(Debug, Clone)]
pub struct ErrorPage<'a> {
    /// The status of the answer.
    pub status: StatusCode,
    /// What kind of trouble it is.
    pub kind: ErrorKind,
    /// The OAuth error code.
    pub code: &'a str,
    /// A plain sentence that names the cause.
    pub cause: &'a str,
    /// What to quote to whoever runs this: the request's id.
    pub quote: &'a str,
    /// The client, if it is known and was not part of the trouble.
    pub client: Option<ClientFace<'a>>,
}

/// Kinds of trouble, by what a person can do about them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ErrorKind {
    /// The app is set up wrongly: unknown client, unregistered callback, a request that makes no sense.
    App,
    /// The address to return to after a log-out is not registered. The log-out itself has happened.
    LogoutReturn,
    /// The journey is too old, was finished already, or belongs to another browser: begin again at the app.
    Expired,
    /// A form came from another site, or without its cookie.
    Foreign,
    /// A one-time link that was used, replaced, or never existed.
    DeadLink,
    /// The user may not do this here.
    Denied,
    /// Too many requests; wait so many seconds.
    TooMany {
        /// Seconds until it is worth trying again.
        retry_after: u32,
    },
    /// Something is broken on our side.
    Broken,
}

impl ErrorPage<'_> {
    /// As much of a cause as a page shows.
    pub fn shortened(cause: &str) -> String {
        clean(cause, shown::CAUSE)
    }
}

impl ErrorKind {
    fn screen(self) -> &'static str {
        match self {
            Self::App => "error-app",
            Self::LogoutReturn => "error-logout-return",
            Self::Expired => "error-expired",
            Self::Foreign => "error-foreign",
            Self::DeadLink => "error-dead-link",
            Self::Denied => "error-denied",
            Self::TooMany { .. } => "error-too-many",
            Self::Broken => "error-broken",
        }
    }

    /// Waiting is not an alarm: it is shown as a calm page.
    fn is_calm(self) -> bool {
        matches!(self, Self::TooMany { .. } | Self::Expired)
    }
}

#[derive(Template)]
#[template(path = "error.html")]
struct View<'a> {
    frame: &'a Frame<'a>,
    page: &'a ErrorPage<'a>,
}

impl Page for ErrorPage<'_> {
    fn screen(&self) -> Screen {
        Screen::new("error", self.kind.screen())
    }

    fn document(&self, frame: &Frame<'_>) -> askama::Result<String> {
        View { frame, page: self }.render()
    }

    fn status(&self) -> StatusCode {
        self.status
    }

    fn client(&self) -> Option<ClientFace<'_>> {
        self.client
    }

    fn retry_after(&self) -> Option<u32> {
        match self.kind {
            ErrorKind::TooMany { retry_after } => Some(retry_after),
            _ => None,
        }
    }
}
