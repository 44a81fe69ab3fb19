//! The page that the browser ends on: nothing to do, nothing to load, nothing to remember.

use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http_body_util::Full;
use hyper::{
    Response, StatusCode,
    body::Bytes,
    header::{self, HeaderValue},
};

use crate::Error;

/// What to tell whoever looks at the browser.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Page {
    /// The callback was that of the sign-in. Whether the code is good is not known yet.
    Done,
    /// The provider or the user said no.
    Refused,
    /// The callback was another's.
    NotOurs,
    /// The sign-in has ended meanwhile.
    Over,
    /// Not a callback at all.
    Nothing(StatusCode),
}

const STYLE: &str = "\
:root{color-scheme:light dark}\
body{margin:0;min-height:100vh;display:grid;place-items:center;background:Canvas;color:CanvasText;font:1.125rem/1.5 system-ui,sans-serif}\
main{max-width:26rem;padding:2rem;text-align:center}\
h1{margin:0 0 .5rem;font-size:1.5rem;line-height:1.25}\
p{margin:0;overflow-wrap:anywhere}";

impl Page {
    pub(super) fn of<T>(outcome: &Result<T, Error>) -> Self {
        match outcome {
            Ok(_) => Self::Done,
            Err(Error::Callback(_)) => Self::NotOurs,
            Err(_) => Self::Refused,
        }
    }

    fn text(self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::Done => (
                StatusCode::OK,
                "You are back",
                "You can close this window and go on in ",
            ),
            Self::Refused => (
                StatusCode::OK,
                "You were not signed in",
                "You can close this window. To try again, go back to ",
            ),
            Self::NotOurs => (
                StatusCode::BAD_REQUEST,
                "This is another sign-in's page",
                "You can close this window. To sign in, go back to ",
            ),
            Self::Over => (
                StatusCode::GONE,
                "This sign-in is over",
                "You can close this window. To sign in, go back to ",
            ),
            Self::Nothing(status) => (status, "There is nothing here", "Go back to "),
        }
    }

    pub(super) fn response(self, app: &str) -> Response<Full<Bytes>> {
        let (status, title, text) = self.text();
        let app = escaped(app);
        let html = format!(
            "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
            <title>{title}</title><style>{STYLE}</style></head><body><main><h1>{title}</h1><p>{text}{app}.</p></main></body></html>"
        );
        let mut response = Response::new(Full::new(Bytes::from(html)));
        *response.status_mut() = status;
        let hash = STANDARD.encode(digest(&SHA256, STYLE.as_bytes()));
        let policy = format!(
            "default-src 'none'; style-src 'sha256-{hash}'; frame-ancestors 'none'; base-uri 'none'"
        );
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("text/html; charset=utf-8"),
        );
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        // The address of this page holds the code.
        headers.insert(
            header::REFERRER_POLICY,
            HeaderValue::from_static("no-referrer"),
        );
        headers.insert(
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        );
        if let Ok(policy) = HeaderValue::try_from(policy) {
            headers.insert(header::CONTENT_SECURITY_POLICY, policy);
        }
        response
    }
}

fn escaped(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '&' => html.push_str("&amp;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            c => html.push(c),
        }
    }
    html
}
