//! The hosted pages: what a person sees. Each page is a value; [`render`] makes an answer of it in somebody's [`Look`].
//!
//! A page knows nothing of journeys, sessions or the store: it is handed what it shows. Texts come from the catalogues
//! in `locales/`, markup from `templates/`, everything else that a browser loads from `assets/`. Nothing is inline, so
//! that the policy of every page can forbid it. What is promised to people who restyle, translate or automate these
//! pages stands in `docs/pages.md`.

use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};

use crate::error::Fault;

mod answer;
mod assets;
mod branding;
mod colour;
mod confirm;
mod consent;
mod error_page;
mod fingerprint;
mod frame;
mod landing;
mod locale;
mod login;
mod logout;
mod look;
mod policy;
pub mod samples;
mod setup;
mod shown;
mod signup;
#[cfg(test)]
mod tests;
mod texts;

pub use self::{
    answer::{FormPost, WebMessage},
    assets::{avatar_of, routes},
    branding::{Background, Branding, Colors, Gradient},
    colour::Colour,
    confirm::Confirm,
    consent::{Consent, ScopeGroup, ShownScope},
    error_page::{ErrorKind, ErrorPage},
    frame::{ClientFace, Frame, Screen},
    landing::Landing,
    locale::Locale,
    login::{Identifier, Login, LoginProblem, LoginReason, SignupOffer},
    logout::{LoggedOut, LogoutConfirm},
    look::{Look, Reader},
    policy::FormAction,
    setup::{Setup, SetupDone, SetupProblem},
    signup::{CharacterClass, PasswordRule, Signup, SignupProblem, UsernameField, Verdict},
};

/// A page: what it shows, and where its texts are found.
pub trait Page {
    /// Whose texts it speaks: prompt and screen, as Auth0 names them.
    fn screen(&self) -> Screen;

    /// The whole document.
    ///
    /// # Errors
    /// If the template cannot be written, which no input of a page can bring about.
    fn document(&self, frame: &Frame<'_>) -> askama::Result<String>;

    /// The status of the answer: 200, unless the page says that something went wrong.
    fn status(&self) -> StatusCode {
        StatusCode::OK
    }

    /// The client on whose behalf it is shown.
    fn client(&self) -> Option<ClientFace<'_>> {
        None
    }

    /// For how many seconds to stay away, if it says so.
    fn retry_after(&self) -> Option<u32> {
        None
    }

    /// Who may show it inside a frame: an origin, or nobody.
    fn framed_by(&self) -> Option<String> {
        None
    }
}

/// Makes the answer: the document, its media type, and every header that a page needs. `to` says where its forms may
/// lead in the end; the page itself only ever posts to this server (but see [`FormPost`]).
///
/// Cookies, and a status that the page cannot know, are for the caller to add.
pub fn render(page: &impl Page, look: &Look, to: FormAction<'_>) -> Response {
    let frame = Frame::new(look, page.screen(), page.client());
    match page.document(&frame) {
        Ok(document) => {
            let headers = policy::headers(page, &frame, to);
            (page.status(), headers, document).into_response()
        }
        Err(why) => Fault::Unwritable(why.to_string()).into_response(),
    }
}
