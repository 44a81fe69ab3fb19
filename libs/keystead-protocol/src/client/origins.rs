//! The origins of clients' pages, as browsers name them in `Origin` (RFC 6454 §7).

use std::collections::HashSet;

use url::Url;

use crate::redirect::{RegisteredRedirect, admits_page};

/// Origins that are registered: one by one, or as `https://*.example.com`, where one label stands for the star.
///
/// Scheme and host are compared without regard to case; a path, and beside a single origin a port that goes without saying, are
/// forgiven. What cannot be an origin is in nobody's way: it admits nothing, and neither does the word `null`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WebOrigins {
    exact: HashSet<String>,
    patterns: Vec<RegisteredRedirect>,
}

impl WebOrigins {
    /// Whether a page of this origin is one of those registered.
    pub fn admit(&self, origin: &str) -> bool {
        self.exact.contains(&origin.to_ascii_lowercase())
            || self
                .patterns
                .iter()
                .any(|pattern| admits_page(pattern, origin))
    }

    fn add(&mut self, registered: &str) {
        let Ok(entry) = RegisteredRedirect::try_from(registered) else {
            return;
        };
        if entry.is_pattern() {
            self.patterns.extend(entry.without_path());
        } else if let Ok(url) = Url::parse(registered) {
            let origin = url.origin();
            self.exact.insert(if origin.is_tuple() {
                origin.ascii_serialization()
            } else {
                // The URL standard gives these none; web views of mobile apps name them all the same.
                let without = registered.trim_end_matches('/');
                without.to_ascii_lowercase()
            });
        }
    }
}

impl<'a> Extend<&'a str> for WebOrigins {
    fn extend<T: IntoIterator<Item = &'a str>>(&mut self, registered: T) {
        for text in registered {
            self.add(text);
        }
    }
}

impl<'a> FromIterator<&'a str> for WebOrigins {
    fn from_iter<T: IntoIterator<Item = &'a str>>(registered: T) -> Self {
        let mut origins = Self::default();
        origins.extend(registered);
        origins
    }
}

/// All of them together.
impl<'a> FromIterator<&'a WebOrigins> for WebOrigins {
    fn from_iter<T: IntoIterator<Item = &'a WebOrigins>>(some: T) -> Self {
        let mut together = Self::default();
        for origins in some {
            together.exact.extend(origins.exact.iter().cloned());
            together.patterns.extend(origins.patterns.iter().cloned());
        }
        together
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_admitted_as_it_was_registered_and_no_other() {
        for (registered, origin, want) in [
            ("https://app.example", "https://app.example", true),
            ("https://app.example/", "https://app.example", true),
            ("HTTPS://App.Example", "https://app.example", true),
            ("https://app.example", "HTTPS://APP.EXAMPLE", true),
            ("https://app.example:443", "https://app.example", true),
            (
                "https://app.example/in/side?x=1",
                "https://app.example",
                true,
            ),
            ("http://localhost:3000", "http://localhost:3000", true),
            ("http://localhost:3000", "http://localhost:3001", false),
            ("http://localhost:3000", "http://localhost", false),
            ("https://app.example", "http://app.example", false),
            (
                "https://app.example",
                "https://app.example.evil.test",
                false,
            ),
            (
                "https://app.example",
                "https://evil.test/https://app.example",
                false,
            ),
            ("https://app.example", "https://sub.app.example", false),
            ("https://*.app.example", "https://one.app.example", true),
            ("https://*.app.example/", "https://one.app.example", true),
            ("https://*.app.example/in", "https://one.app.example", true),
            ("https://*.app.example", "https://app.example", false),
            ("https://*.app.example", "https://a.b.app.example", false),
            (
                "https://*.app.example",
                "https://evil.test#.app.example",
                false,
            ),
            ("https://*.app.example", "http://one.app.example", false),
            (
                "https://*.app.example:8443",
                "https://one.app.example",
                false,
            ),
            ("https://*", "https://evil.test", false),
            ("*", "https://evil.test", false),
            ("null", "null", false),
            ("", "", false),
            ("capacitor://localhost", "capacitor://localhost", true),
            ("ionic://localhost/", "ionic://localhost", true),
            ("capacitor://localhost", "ionic://localhost", false),
            ("data:text/html,x", "null", false),
        ] {
            let origins: WebOrigins = [registered].into_iter().collect();
            assert_eq!(origins.admit(origin), want, "{registered} for {origin}");
        }
    }
}
