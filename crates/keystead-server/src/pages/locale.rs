//! The languages that pages speak, and which of them a reader gets.

use std::fmt;

/// A language with a complete catalogue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Locale {
    /// English.
    En,
    /// German.
    De,
}

impl Locale {
    /// Every one, in the order in which they are offered.
    pub const ALL: [Self; 2] = [Self::En, Self::De];

    /// Its language tag (BCP 47).
    pub fn tag(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::De => "de",
        }
    }

    /// The direction in which it is written, as HTML says it.
    pub fn dir(self) -> &'static str {
        match self {
            Self::En | Self::De => "ltr",
        }
    }

    /// The one that a language range asks for (RFC 4647 §3.4, lookup): regions and scripts are dropped until a catalogue is
    /// found. `en_US`, as older systems write it, is read as `en-US`.
    pub fn of_range(range: &str) -> Option<Self> {
        let language = range.trim().split(['-', '_']).next().unwrap_or_default();
        Self::ALL
            .into_iter()
            .find(|locale| locale.tag().eq_ignore_ascii_case(language))
    }

    /// Chooses: what the request asks for (`ui_locales`, OpenID Connect Core §3.1.2.1, best first), then what the browser
    /// prefers (`Accept-Language`, RFC 9110 §12.5.4), then the first of `enabled`. Only what is enabled is chosen; if
    /// nothing is that we speak, everything is.
    pub fn negotiate(
        ui_locales: Option<&str>,
        accept_language: Option<&str>,
        enabled: &[Self],
    ) -> Self {
        let enabled = if enabled.is_empty() {
            &Self::ALL[..]
        } else {
            enabled
        };
        let speaks = |locale: &Self| enabled.contains(locale);
        let asked = ui_locales.unwrap_or_default().split([' ', ',', '+']);
        asked
            .filter_map(Self::of_range)
            .find(speaks)
            .or_else(|| {
                preferred(accept_language.unwrap_or_default())
                    .into_iter()
                    .filter_map(|range| match range {
                        "*" => enabled.first().copied(),
                        range => Self::of_range(range),
                    })
                    .find(speaks)
            })
            .or_else(|| enabled.first().copied())
            .unwrap_or(Self::En)
    }
}

impl fmt::Display for Locale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.tag())
    }
}

/// How many ranges of a header are looked at: a browser sends a handful.
const RANGES: usize = 20;

/// The ranges of an `Accept-Language`, best first; what has weight 0 is not wanted, and a weight that cannot be read is 0.
fn preferred(header: &str) -> Vec<&str> {
    let mut ranges: Vec<(f32, &str)> = header
        .split(',')
        .take(RANGES)
        .filter_map(|part| {
            let (range, parameters) = part.split_once(';').unwrap_or((part, "q=1"));
            let weight = parameters.trim().strip_prefix(['q', 'Q'])?.trim_start();
            let weight: f32 = weight.strip_prefix('=')?.trim().parse().ok()?;
            (weight > 0.0).then_some((weight, range.trim()))
        })
        .collect();
    ranges.sort_by(|(one, _), (other, _)| other.total_cmp(one));
    ranges.into_iter().map(|(_, range)| range).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_reads_what() {
        use Locale::{De, En};
        for (name, ui, accept, enabled, want) in [
            ("nothing asked", None, None, &[][..], En),
            ("the tenant's first", None, None, &[De, En][..], De),
            ("the request", Some("de"), Some("en"), &[], De),
            (
                "the first that we speak",
                Some("fr-CA de en"),
                None,
                &[],
                De,
            ),
            ("a region", Some("de-AT"), None, &[], De),
            ("as older systems write it", Some("de_DE"), None, &[], De),
            ("any case", Some("DE-de"), None, &[], De),
            (
                "another language that begins alike",
                Some("den"),
                None,
                &[],
                En,
            ),
            ("unknown, so the browser", Some("tlh"), Some("de"), &[], De),
            (
                "the browser's best",
                None,
                Some("fr, en;q=0.5, de;q=0.9"),
                &[],
                De,
            ),
            ("in its order", None, Some("de-CH, en"), &[], De),
            ("older browsers", None, Some("de_DE"), &[], De),
            ("not wanted", None, Some("de;q=0, en;q=0.1"), &[], En),
            ("anything", None, Some("fr, *;q=0.1"), &[De, En], De),
            ("not enabled", Some("en"), Some("en"), &[De], De),
            ("nonsense", Some("  ,,;"), Some(";;q=,=,de;q=x"), &[], En),
        ] {
            assert_eq!(Locale::negotiate(ui, accept, enabled), want, "{name}");
        }
    }
}
