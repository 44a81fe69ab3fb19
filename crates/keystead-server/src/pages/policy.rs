//! The headers of a page: what it may load, where its forms may lead, who may frame it.

use axum::http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{
        CACHE_CONTROL, CONTENT_LANGUAGE, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY,
        RETRY_AFTER, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
    },
};
use keystead_protocol::redirect::TrustedRedirect;
use url::Url;

use super::{Frame, Page};

pub(super) const CROSS_ORIGIN_RESOURCE_POLICY: HeaderName =
    HeaderName::from_static("cross-origin-resource-policy");
const CROSS_ORIGIN_OPENER_POLICY: HeaderName =
    HeaderName::from_static("cross-origin-opener-policy");
const PERMISSIONS_POLICY: HeaderName = HeaderName::from_static("permissions-policy");
const X_ROBOTS_TAG: HeaderName = HeaderName::from_static("x-robots-tag");

/// Where the forms of a page may lead in the end, after every redirect.
#[derive(Debug, Clone, Copy)]
pub enum FormAction<'a> {
    /// Nowhere but this server.
    Own,
    /// To the client as well, at the journey's end, and wherever the client leads from there. Chromium applies `form-action`
    /// to every redirect after a form: what it does not name never arrives, and the person stays where they were without a
    /// word. So a site is named by its scheme and not by its origin, since many send the browser on from their callback, from
    /// `api.example.com` to `www.example.com`; an app's scheme ends the chain.
    Client(&'a TrustedRedirect),
    /// Wherever the client's own server sends the browser from there: what a `form_post` response needs, since nobody
    /// can know the hosts that follow, and its one form has nothing in it but the response.
    Anywhere,
}

/// Every header of a page.
pub(super) fn headers(page: &impl Page, frame: &Frame<'_>, to: FormAction<'_>) -> HeaderMap {
    let framed_by = page.framed_by();
    let mut headers = HeaderMap::new();
    let fixed = [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CONTENT_LANGUAGE, frame.lang()),
        (CACHE_CONTROL, "no-store"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_ROBOTS_TAG, "noindex"),
        (CROSS_ORIGIN_RESOURCE_POLICY, "same-origin"),
        (
            PERMISSIONS_POLICY,
            "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
        ),
        (REFERRER_POLICY, referrer(to)),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    // Cut off from its opener, a page can no longer be navigated by it; but a client that opened the log-in in a window of
    // its own waits for that very connection. So only pages that no client waits for are cut off.
    if matches!(to, FormAction::Own) && framed_by.is_none() && page.client().is_none() {
        let alone = HeaderValue::from_static("same-origin");
        headers.insert(CROSS_ORIGIN_OPENER_POLICY, alone);
    }
    if framed_by.is_none() {
        headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    }
    if let Some(seconds) = page.retry_after() {
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    let policy = content_security_policy(frame, to, framed_by.as_deref());
    // Every part of it was checked to be of visible ASCII; if one were not, nothing would be allowed.
    let policy = HeaderValue::try_from(policy)
        .unwrap_or(HeaderValue::from_static("default-src 'none'; sandbox"));
    headers.insert(CONTENT_SECURITY_POLICY, policy);
    headers
}

/// What the browser says about where it came from.
///
/// Not `no-referrer`: with it a browser sends `Origin: null` with our own forms, and those without `Sec-Fetch-Site`
/// could not be told from another site's (Fetch Standard, "append a request `Origin` header"). The address of a page, in
/// which its state stands, never leaves this origin either way.
fn referrer(to: FormAction<'_>) -> &'static str {
    match to {
        FormAction::Own | FormAction::Client(_) => "same-origin",
        // The client may want to see whose response it is.
        FormAction::Anywhere => "strict-origin",
    }
}

fn content_security_policy(frame: &Frame<'_>, to: FormAction<'_>, framed: Option<&str>) -> String {
    let mut images = vec!["'self'".to_owned(), "data:".to_owned()];
    for origin in frame.image_origins() {
        if !images.contains(&origin) {
            images.push(origin);
        }
    }
    let forms = match to {
        FormAction::Own => "; form-action 'self'".to_owned(),
        FormAction::Client(redirect) => match schemes(redirect.as_str()) {
            Some(schemes) => format!("; form-action 'self' {schemes}"),
            None => "; form-action 'self'".to_owned(),
        },
        FormAction::Anywhere => String::new(),
    };
    format!(
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src {images}; base-uri 'none'; \
         frame-ancestors {framed}{forms}",
        images = images.join(" "),
        framed = framed.unwrap_or("'none'"),
    )
}

/// The origin of an http or https URL, if it can stand in a header: `;` and `,` would be read as the end of something.
pub(super) fn origin(uri: &str) -> Option<String> {
    let url = Url::parse(uri).ok()?;
    if !matches!(url.scheme(), "http" | "https") {
        return None;
    }
    let origin = url.origin().ascii_serialization();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:/[]".contains(&byte);
    origin.bytes().all(plain).then_some(origin)
}

/// The schemes that lead to a redirect URI and on from it (CSP Level 3 §2.3.1).
fn schemes(redirect: &str) -> Option<String> {
    let url = Url::parse(redirect).ok()?;
    match url.scheme() {
        "https" => Some("https:".to_owned()),
        "http" => Some("http: https:".to_owned()),
        // What could run in this page's name is nowhere to send somebody to; it could not have been registered either.
        "javascript" | "data" | "blob" | "about" | "filesystem" => None,
        scheme => Some(format!("{scheme}:")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_a_form_may_lead() {
        for (given, want) in [
            ("https://app.example/cb?a=b", Some("https:")),
            ("http://127.0.0.1:49152/cb", Some("http: https:")),
            ("http://[::1]:49152/cb", Some("http: https:")),
            (
                "demo://id.example.com/android/com.x/callback",
                Some("demo:"),
            ),
            ("com.example.App:/cb", Some("com.example.app:")),
            ("javascript:alert(1)", None),
            ("data:text/html,x", None),
            ("not a uri", None),
        ] {
            assert_eq!(schemes(given).as_deref(), want, "{given}");
        }
    }

    #[test]
    fn what_a_policy_calls_an_origin() {
        for (given, want) in [
            ("https://app.example/cb?a=b", Some("https://app.example")),
            (
                "https://App.Example:8443/",
                Some("https://app.example:8443"),
            ),
            ("https://app.example:443/", Some("https://app.example")),
            ("http://127.0.0.1:49152/cb", Some("http://127.0.0.1:49152")),
            ("http://[::1]:49152/cb", Some("http://[::1]:49152")),
            (
                "https://bücher.example/",
                Some("https://xn--bcher-kva.example"),
            ),
            ("https://a;b/", None),
            ("https://a,b/", None),
            ("https://a'b/", None),
            ("demo://app.example/", None),
            ("not a uri", None),
        ] {
            assert_eq!(origin(given).as_deref(), want, "{given}");
        }
    }
}
