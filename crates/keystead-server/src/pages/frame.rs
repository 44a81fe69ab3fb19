//! What every page has around its own: language, style sheets, logo, and its texts with the names filled in.

use super::{
    Look, assets,
    branding::{Image, sheet_name},
    shown::{self, clean},
    texts,
};

/// Where the texts of a page are found: Auth0's prompt and screen, so that what customers wrote for one is found for
/// the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Screen {
    pub(super) prompt: &'static str,
    pub(super) name: &'static str,
}

impl Screen {
    pub(super) const fn new(prompt: &'static str, name: &'static str) -> Self {
        Self { prompt, name }
    }
}

/// A client as a person knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientFace<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its logo; shown if it is an https URL, and otherwise not.
    pub logo_uri: Option<&'a str>,
}

/// What the templates ask for.
pub struct Frame<'a> {
    look: &'a Look,
    screen: Screen,
    client: Option<ClientFace<'a>>,
    logo: Option<Image>,
}

impl<'a> Frame<'a> {
    pub(super) fn new(look: &'a Look, screen: Screen, client: Option<ClientFace<'a>>) -> Self {
        let own = client
            .and_then(|client| client.logo_uri)
            .and_then(|uri| Image::parse(uri).ok());
        Self {
            look,
            screen,
            client,
            logo: own.or_else(|| look.branding.logo_url.clone()),
        }
    }

    pub(super) fn lang(&self) -> &'static str {
        self.look.locale.tag()
    }

    pub(super) fn dir(&self) -> &'static str {
        self.look.locale.dir()
    }

    /// A text of this screen, or of all screens.
    pub(super) fn text(&self, key: &str) -> String {
        self.text_with(key, &[])
    }

    /// The same with further values for its placeholders.
    pub(super) fn text_with(&self, key: &str, values: &[(&str, &str)]) -> String {
        let name = self.look.name.as_str();
        let mut all = vec![("companyName", name), ("tenantName", name)];
        all.push(("clientName", self.client.map_or(name, |client| client.name)));
        all.extend(values);
        let text = texts::find(self.look.locale, self.screen, key);
        shown::fill(text, &all, self.look.locale)
    }

    /// Somebody else's words, fit to stand alone in an element that has its own direction.
    pub(super) fn shown(&self, text: &str) -> String {
        clean(text, shown::SENTENCE)
    }

    /// The same for a cause, which may hold the address that it is about.
    pub(super) fn cause(&self, text: &str) -> String {
        clean(text, shown::CAUSE)
    }

    /// The address of a step, with what its form carries on.
    pub(super) fn step(&self, path: &str, name: &str, value: &str) -> String {
        let query = url::form_urlencoded::Serializer::new(String::new())
            .append_pair(name, value)
            .finish();
        format!("{path}?{query}")
    }

    pub(super) fn sheet(&self) -> String {
        assets::path(assets::Asset::Sheet)
    }

    pub(super) fn script(&self) -> String {
        assets::path(assets::Asset::Script)
    }

    pub(super) fn form_post_script(&self) -> String {
        assets::path(assets::Asset::FormPost)
    }

    pub(super) fn web_message_script(&self) -> String {
        assets::path(assets::Asset::WebMessage)
    }

    /// The sheet with the colours that an administrator chose, if any.
    pub(super) fn brand_sheet(&self) -> Option<String> {
        sheet_name(&self.look.branding.colors).map(|name| format!("/assets/{name}"))
    }

    pub(super) fn icon(&self) -> String {
        match &self.look.branding.favicon_url {
            Some(icon) => icon.as_str().to_owned(),
            None => assets::path(assets::Asset::Icon),
        }
    }

    pub(super) fn logo(&self) -> Option<&str> {
        self.logo.as_ref().map(Image::as_str)
    }

    /// What stands in the logo's place: the first letter of whoever is speaking.
    pub(super) fn monogram(&self) -> String {
        let name = self
            .client
            .map_or(self.look.name.as_str(), |client| client.name);
        let letter = clean(name, shown::NAME)
            .chars()
            .find(|letter| letter.is_alphanumeric());
        letter.map_or_else(String::new, |letter| letter.to_uppercase().collect())
    }

    /// The origins beside ours that images of this page come from.
    pub(super) fn image_origins(&self) -> impl Iterator<Item = String> {
        let images = [self.logo.as_ref(), self.look.branding.favicon_url.as_ref()];
        images
            .into_iter()
            .flatten()
            .filter_map(|image| super::policy::origin(image.as_str()))
    }
}
