//! The page that asks before an answer goes to an app that nobody can verify.

use askama::Template;

use super::{ClientFace, Frame, Page, Screen};

/// Asks whether to go on to an app whose callback any program could claim (custom schemes, loopback), when nothing else
/// was asked; posted to `/u/confirm` with `action` `submit` or `cancel`.
#[derive(Debug, Clone)]
pub struct Confirm<'a> {
    /// The journey, as it goes into the form.
    pub state: &'a str,
    /// The client that asks.
    pub client: ClientFace<'a>,
    /// Who is logged in.
    pub account: &'a str,
    /// Where the answer goes: the host of the redirect URI, or its scheme.
    pub returns_to: &'a str,
}

#[derive(Template)]
#[template(path = "confirm.html")]
struct View<'a> {
    frame: &'a Frame<'a>,
    page: &'a Confirm<'a>,
}

impl Confirm<'_> {
    fn return_text(&self, frame: &Frame<'_>) -> String {
        frame.text_with("returnText", &[("returnsTo", self.returns_to)])
    }
}

impl Page for Confirm<'_> {
    fn screen(&self) -> Screen {
        Screen::new("confirmation", "confirmation")
    }

    fn document(&self, frame: &Frame<'_>) -> askama::Result<String> {
        View { frame, page: self }.render()
    }

    fn client(&self) -> Option<ClientFace<'_>> {
        Some(self.client)
    }
}
