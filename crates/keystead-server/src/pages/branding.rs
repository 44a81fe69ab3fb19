//! The colours, the logo and the icon that an administrator chose, and the style sheet that is made of them.
//!
//! The sheet's address holds the colours themselves. So it may be kept for ever, any node can write it, also one that
//! has not yet heard of the change, and no page needs a style of its own.

use keystead_store::settings::Setting;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use url::Url;

use super::{colour::Colour, fingerprint::fingerprint, policy};

/// The look of an installation, named as in Auth0's Management API.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Branding {
    /// The colours.
    pub colors: Colors,
    /// The logo, shown where a client has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logo_url: Option<Image>,
    /// The icon of the browser's tab.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub favicon_url: Option<Image>,
    /// Members that nothing here acts on.
    #[serde(flatten)]
    pub others: Map<String, Value>,
}

impl Setting for Branding {
    const NAME: &'static str = "branding";
}

/// The colours of an installation; what is absent is as we designed it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Colors {
    /// Buttons, links, focus.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub primary: Option<Colour>,
    /// Behind the card, in light mode: nobody chooses it with the night in mind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub page_background: Option<Background>,
    /// Members that nothing here acts on.
    #[serde(flatten)]
    pub others: Map<String, Value>,
}

/// What is behind the card.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Background {
    /// One colour.
    Plain(Colour),
    /// From one to another.
    Gradient(Gradient),
}

/// How one colour becomes another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum Gradient {
    /// Along a line.
    #[serde(rename = "linear-gradient")]
    Linear {
        /// Where it begins.
        start: Colour,
        /// Where it ends.
        end: Colour,
        /// Its direction, in degrees.
        angle_deg: u16,
    },
}

/// An image that a page may show: an https URL whose host can be named in a policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Image(Url);

/// What was given is not the address of an image that a page may show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an image has an https URL with a host name and no user")]
pub struct BadImage;

impl Image {
    /// Reads an address. Does not look whether an image is there.
    ///
    /// # Errors
    /// [`BadImage`].
    pub fn parse(text: &str) -> Result<Self, BadImage> {
        let url = Url::parse(text).map_err(|_| BadImage)?;
        let fit = url.scheme() == "https"
            && url.username().is_empty()
            && url.password().is_none()
            && policy::origin(url.as_str()).is_some();
        fit.then_some(Self(url)).ok_or(BadImage)
    }

    /// The address.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl TryFrom<String> for Image {
    type Error = BadImage;

    fn try_from(text: String) -> Result<Self, BadImage> {
        Self::parse(&text)
    }
}

impl From<Image> for String {
    fn from(image: Image) -> Self {
        image.0.into()
    }
}

/// What `page.css` puts behind text, by day and by night.
const CARD: Colour = Colour::WHITE;
const CARD_AT_NIGHT: Colour = Colour::rgb(0x1b, 0x1e, 0x20);

/// Contrast that WCAG 2.2 wants of text (1.4.3) and of what has to be seen (1.4.11).
const TEXT: f64 = 4.5;
const SHAPE: f64 = 3.0;

/// The name of the sheet for these colours; `None` where nothing was chosen.
pub(super) fn sheet_name(colors: &Colors) -> Option<String> {
    if colors.primary.is_none() && colors.page_background.is_none() {
        return None;
    }
    let primary = colors.primary.map_or_else(|| "0".to_owned(), Colour::hex);
    let background = match colors.page_background {
        None => "0".to_owned(),
        Some(Background::Plain(colour)) => colour.hex(),
        Some(Background::Gradient(Gradient::Linear {
            start,
            end,
            angle_deg,
        })) => format!("{}.{}.{angle_deg}", start.hex(), end.hex()),
    };
    let hash = fingerprint(sheet(colors).as_bytes());
    Some(format!("brand-{primary}-{background}-{hash}.css"))
}

/// The colours that a name holds; its fingerprint is not looked at.
pub(super) fn of_name(name: &str) -> Option<Colors> {
    let parts = name.strip_prefix("brand-")?.strip_suffix(".css")?;
    let mut parts = parts.split('-');
    let (primary, background, _hash) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    let colour = |hex: &str| (hex.len() == 6).then(|| Colour::from_hex(hex).ok())?;
    let primary = match primary {
        "0" => None,
        hex => Some(colour(hex)?),
    };
    let gradient: Vec<&str> = background.split('.').collect();
    let page_background = match gradient.as_slice() {
        ["0"] => None,
        [hex] => Some(Background::Plain(colour(hex)?)),
        [start, end, angle] => Some(Background::Gradient(Gradient::Linear {
            start: colour(start)?,
            end: colour(end)?,
            angle_deg: angle.parse().ok()?,
        })),
        _ => return None,
    };
    Some(Colors {
        primary,
        page_background,
        others: Map::new(),
    })
}

/// The sheet: only colours that were read, so that nothing else can be in it.
pub(super) fn sheet(colors: &Colors) -> String {
    let (mut day, mut night) = (String::new(), String::new());
    if let Some(primary) = colors.primary {
        day.push_str(&tones(primary, CARD, Colour::BLACK));
        night.push_str(&tones(primary, CARD_AT_NIGHT, Colour::WHITE));
    }
    match colors.page_background {
        None => {}
        Some(Background::Plain(colour)) => day.push_str(&format!("--page:{colour};")),
        Some(Background::Gradient(Gradient::Linear {
            start,
            end,
            angle_deg,
        })) => {
            let gradient = format!("linear-gradient({angle_deg}deg,{start},{end})");
            day.push_str(&format!("--page:{gradient} fixed {start};"));
        }
    }
    let mut sheet = format!("@media (prefers-color-scheme:light){{:root{{{day}}}}}\n");
    if !night.is_empty() {
        sheet.push_str(&format!(
            "@media (prefers-color-scheme:dark){{:root{{{night}}}}}\n"
        ));
    }
    sheet
}

/// The colours of what can be pressed, on a card of this colour. A button keeps the colour that was chosen; where that does
/// not stand out, it gets an edge that does. Text and focus come as near to it as can be read.
fn tones(primary: Colour, card: Colour, pole: Colour) -> String {
    let text = primary.text();
    let hover = primary.mixed(text.opposite(), 3, 20);
    let accent = primary.readable_on(card, TEXT, pole);
    let edge = if primary.contrast(card) >= SHAPE {
        "transparent".to_owned()
    } else {
        primary.readable_on(card, SHAPE, pole).to_string()
    };
    format!(
        "--button:{primary};--button-hover:{hover};--button-text:{text};--button-edge:{edge};--accent:{accent};"
    )
}
