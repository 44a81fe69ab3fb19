//! Whether a form was sent by one of our own pages: cookies come along from everywhere, so they prove nothing of it.

use axum::http::{HeaderMap, HeaderName, HeaderValue, header::ORIGIN};

use crate::config::Issuer;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// A POST that no page of ours sent, or that does not say where it comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the form was not sent from a page of this server")]
pub struct CrossSite;

/// Accepts a request that says it comes from our own origin: by `Sec-Fetch-Site` (Fetch Metadata §2.3), which a page
/// cannot set, or in older browsers by `Origin` (RFC 6454 §7). The origin is the configured issuer's; which host the
/// request asked for makes no difference.
///
/// `Sec-Fetch-Site` compares a page with the host that the browser asked for, so a stranger's name that leads here (DNS
/// rebinding) is `same-origin` too. Therefore an `Origin` beside it must be ours as well.
///
/// `Origin: null` is nobody's origin, beside `Sec-Fetch-Site` too. No browser sends it with our own forms: it belongs to
/// pages without a referrer (ours say `same-origin`, and frames and sandboxes of them do not exist), and to a rebound page
/// that hides whose it is.
///
/// # Errors
/// [`CrossSite`], also if neither header is there.
pub fn check(headers: &HeaderMap, issuer: &Issuer) -> Result<(), CrossSite> {
    let mut sites = headers.get_all(SEC_FETCH_SITE).iter();
    let mut origins = headers.get_all(ORIGIN).iter();
    let is_ours = |origin: &HeaderValue| {
        let own = issuer.as_str().strip_suffix('/');
        own.is_some_and(|own| origin.as_bytes() == own.as_bytes())
    };
    let own = match (sites.next(), sites.next(), origins.next(), origins.next()) {
        (Some(site), None, origin, None) => site == "same-origin" && origin.is_none_or(is_ours),
        (None, _, Some(origin), None) => is_ours(origin),
        _ => false,
    };
    if own { Ok(()) } else { Err(CrossSite) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_pages_are_believed() {
        let issuer = Issuer::parse("https://id.example/").unwrap();
        for (name, headers, want) in [
            (
                "a page of ours",
                &[("sec-fetch-site", "same-origin")][..],
                true,
            ),
            (
                "a page that hides whose it is",
                &[("sec-fetch-site", "same-origin"), ("origin", "null")],
                false,
            ),
            (
                "a page of ours that says so twice",
                &[
                    ("sec-fetch-site", "same-origin"),
                    ("origin", "https://id.example"),
                ],
                true,
            ),
            (
                "another name that leads here",
                &[
                    ("sec-fetch-site", "same-origin"),
                    ("origin", "https://evil.example"),
                ],
                false,
            ),
            (
                "the same, hidden behind ours",
                &[
                    ("sec-fetch-site", "same-origin"),
                    ("origin", "https://id.example"),
                    ("origin", "https://evil.example"),
                ],
                false,
            ),
            (
                "an older browser",
                &[("origin", "https://id.example")],
                true,
            ),
            (
                "another site",
                &[
                    ("sec-fetch-site", "cross-site"),
                    ("origin", "https://id.example"),
                ],
                false,
            ),
            ("a neighbour", &[("sec-fetch-site", "same-site")], false),
            ("an address bar", &[("sec-fetch-site", "none")], false),
            (
                "two answers",
                &[
                    ("sec-fetch-site", "same-origin"),
                    ("sec-fetch-site", "cross-site"),
                ],
                false,
            ),
            (
                "another origin",
                &[("origin", "https://id.example.evil.example")],
                false,
            ),
            ("another scheme", &[("origin", "http://id.example")], false),
            (
                "another port",
                &[("origin", "https://id.example:444")],
                false,
            ),
            ("with a slash", &[("origin", "https://id.example/")], false),
            ("nobody's origin", &[("origin", "null")], false),
            (
                "two origins",
                &[
                    ("origin", "https://id.example"),
                    ("origin", "https://id.example"),
                ],
                false,
            ),
            ("the host proves nothing", &[("host", "id.example")], false),
            ("nothing", &[], false),
        ] {
            let mut map = HeaderMap::new();
            for (name, value) in headers {
                map.append(*name, value.parse().unwrap());
            }
            assert_eq!(check(&map, &issuer).is_ok(), want, "{name}");
        }
    }
}
