//! Colours: strictly read, and chosen so that text on them can be read.

use std::fmt;

use serde::{Deserialize, Serialize};

/// An opaque sRGB colour, written `#rrggbb`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Colour([u8; 3]);

/// What was given is not `#rgb` or `#rrggbb`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a colour is written #rrggbb, in hexadecimal digits")]
pub struct BadColour;

impl Colour {
    pub(super) const WHITE: Self = Self([255; 3]);
    pub(super) const BLACK: Self = Self([0; 3]);

    /// A colour from its parts.
    pub const fn rgb(red: u8, green: u8, blue: u8) -> Self {
        Self([red, green, blue])
    }

    /// Reads `#rrggbb` or `#rgb`; nothing else that a style sheet would take.
    ///
    /// # Errors
    /// `BadColour`.
    pub fn parse(text: &str) -> Result<Self, BadColour> {
        let digits = text.strip_prefix('#').ok_or(BadColour)?;
        Self::from_hex(digits)
    }

    /// Reads the digits alone.
    pub(super) fn from_hex(digits: &str) -> Result<Self, BadColour> {
        if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(BadColour);
        }
        let doubled: String;
        let digits = match digits.len() {
            6 => digits,
            3 => {
                doubled = digits.chars().flat_map(|digit| [digit, digit]).collect();
                &doubled
            }
            _ => return Err(BadColour),
        };
        let number = u32::from_str_radix(digits, 16).map_err(|_| BadColour)?;
        let [_, red, green, blue] = number.to_be_bytes();
        Ok(Self([red, green, blue]))
    }

    /// The digits alone.
    pub(super) fn hex(self) -> String {
        let [red, green, blue] = self.0;
        format!("{red:02x}{green:02x}{blue:02x}")
    }

    /// Relative luminance (WCAG 2.2).
    fn luminance(self) -> f64 {
        let [red, green, blue] = self.0.map(|part| {
            let part = f64::from(part) / 255.0;
            if part <= 0.04045 {
                part / 12.92
            } else {
                ((part + 0.055) / 1.055).powf(2.4)
            }
        });
        0.2126 * red + 0.7152 * green + 0.0722 * blue
    }

    /// Contrast ratio (WCAG 2.2), from 1 to 21.
    pub(super) fn contrast(self, other: Self) -> f64 {
        let (one, two) = (self.luminance(), other.luminance());
        (one.max(two) + 0.05) / (one.min(two) + 0.05)
    }

    /// Black or white, whichever is easier to read on it: never less than 4.58.
    pub(super) fn text(self) -> Self {
        if self.contrast(Self::WHITE) >= self.contrast(Self::BLACK) {
            Self::WHITE
        } else {
            Self::BLACK
        }
    }

    /// The colour that it lacks to white: black for white, white for black.
    pub(super) fn opposite(self) -> Self {
        let [red, green, blue] = self.0;
        Self([255 - red, 255 - green, 255 - blue])
    }

    /// The nearest colour on the way to `pole` that has at least this contrast to `ground`.
    pub(super) fn readable_on(self, ground: Self, ratio: f64, pole: Self) -> Self {
        (0..=50)
            .map(|step| self.mixed(pole, step, 50))
            .find(|colour| colour.contrast(ground) >= ratio)
            .unwrap_or(pole)
    }

    /// `part` of `whole` on the way to `other`.
    pub(super) fn mixed(self, other: Self, part: u16, whole: u16) -> Self {
        let mix = |own: u8, other: u8| {
            let sum = u16::from(own) * (whole - part) + u16::from(other) * part;
            u8::try_from(sum / whole).unwrap_or(u8::MAX)
        };
        let ([r, g, b], [or, og, ob]) = (self.0, other.0);
        Self([mix(r, or), mix(g, og), mix(b, ob)])
    }
}

impl TryFrom<String> for Colour {
    type Error = BadColour;

    fn try_from(text: String) -> Result<Self, BadColour> {
        Self::parse(&text)
    }
}

impl From<Colour> for String {
    fn from(colour: Colour) -> Self {
        colour.to_string()
    }
}

impl fmt::Display for Colour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.hex())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_a_colour() {
        for (given, want) in [
            ("#0f766e", Some("#0f766e")),
            ("#ABCDEF", Some("#abcdef")),
            ("#0af", Some("#00aaff")),
            ("0f766e", None),
            ("#0f766", None),
            ("#0f766e80", None),
            ("#0f766g", None),
            ("#+f766e", None),
            ("red", None),
            ("#fff;}body{background:url(//evil.example)", None),
            ("rgb(0,0,0)", None),
            ("#ffé", None),
            ("", None),
        ] {
            let read = Colour::parse(given).ok().map(|colour| colour.to_string());
            assert_eq!(read.as_deref(), want, "{given}");
        }
    }

    #[test]
    fn contrast_is_that_of_wcag() {
        let grey = Colour::rgb(0x76, 0x76, 0x76);
        assert!((Colour::WHITE.contrast(Colour::BLACK) - 21.0).abs() < 0.01);
        assert!((Colour::WHITE.contrast(grey) - 4.54).abs() < 0.01);
    }

    #[test]
    fn text_on_any_colour_can_be_read() {
        for red in (0..=255).step_by(15) {
            for green in (0..=255).step_by(15) {
                for blue in (0..=255).step_by(15) {
                    let colour = Colour::rgb(red, green, blue);
                    assert!(colour.contrast(colour.text()) >= 4.5, "{colour}");
                    for (ground, pole) in [
                        (Colour::WHITE, Colour::BLACK),
                        (Colour::BLACK, Colour::WHITE),
                    ] {
                        let accent = colour.readable_on(ground, 4.5, pole);
                        assert!(accent.contrast(ground) >= 4.5, "{colour} {ground}");
                    }
                }
            }
        }
    }
}
