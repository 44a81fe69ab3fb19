//! The page at the callback paths of mobile apps, for when the system did not hand the address to the app.

use askama::Template;

use super::{Frame, Page, Screen};

/// Says that the app can be opened again. It takes nothing from its address and keeps nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Landing;

#[derive(Template)]
#[template(path = "landing.html")]
struct View<'a> {
    frame: &'a Frame<'a>,
}

impl Page for Landing {
    fn screen(&self) -> Screen {
        Screen::new("landing", "landing")
    }

    fn document(&self, frame: &Frame<'_>) -> askama::Result<String> {
        View { frame }.render()
    }
}
