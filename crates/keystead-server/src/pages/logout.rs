//! The question before a log-out that nobody vouches for, and the page after it.

use askama::Template;

use super::{ClientFace, Frame, Page, Screen};

/// Asks whether to log out (OpenID Connect RP-Initiated Logout §2); posted to `/u/logout` with `action` `yes` or `no`.
#[derive(Debug, Clone)]
pub struct LogoutConfirm<'a> {
    /// What was asked, sealed, as it goes into the form.
    pub state: &'a str,
    /// Who is logged in.
    pub account: Option<&'a str>,
    /// The client that asked, if it is known.
    pub client: Option<ClientFace<'a>>,
}

/// What stands there after a log-out that leads nowhere else.
#[derive(Debug, Clone, Default)]
pub struct LoggedOut<'a> {
    /// The client that asked, if it is known.
    pub client: Option<ClientFace<'a>>,
    /// Whether the answer was no: then nothing has happened.
    pub aborted: bool,
}

#[derive(Template)]
#[template(path = "logout.html")]
struct ConfirmView<'a> {
    frame: &'a Frame<'a>,
    page: &'a LogoutConfirm<'a>,
}

#[derive(Template)]
#[template(path = "logged_out.html")]
struct View<'a> {
    frame: &'a Frame<'a>,
    page: &'a LoggedOut<'a>,
}

impl LogoutConfirm<'_> {
    fn question(&self, frame: &Frame<'_>) -> String {
        match self.account {
            Some(account) => frame.text_with("descriptionAccount", &[("account", account)]),
            None => frame.text("description"),
        }
    }
}

impl Page for LogoutConfirm<'_> {
    fn screen(&self) -> Screen {
        Screen::new("logout", "logout")
    }

    fn document(&self, frame: &Frame<'_>) -> askama::Result<String> {
        ConfirmView { frame, page: self }.render()
    }

    fn client(&self) -> Option<ClientFace<'_>> {
        self.client
    }
}

impl Page for LoggedOut<'_> {
    fn screen(&self) -> Screen {
        if self.aborted {
            Screen::new("logout", "logout-aborted")
        } else {
            Screen::new("logout", "logout-complete")
        }
    }

    fn document(&self, frame: &Frame<'_>) -> askama::Result<String> {
        View { frame, page: self }.render()
    }

    fn client(&self) -> Option<ClientFace<'_>> {
        self.client
    }
}
