//! Every page in every state worth looking at: for the tests, for the contact sheet, and for whoever restyles them.

use std::sync::Arc;

use axum::{http::StatusCode, response::Response};
use keystead_protocol::{
    profile::RedirectRule,
    redirect::{LoopbackPort, RegisteredRedirect, RegisteredRedirects, TrustedRedirect},
};
use serde_json::json;

use super::{
    Branding, ClientFace, ErrorKind, ErrorPage, FormAction, FormPost, Landing, Locale, LoggedOut,
    LogoutConfirm, Look, Page, Reader, WebMessage, render,
};
use crate::tenant::Tenant;

mod forms;

/// One page in one state.
pub struct Sample {
    /// The page, as a file name would have it.
    pub page: &'static str,
    /// Its state.
    pub state: &'static str,
    /// The answer that a browser gets.
    pub response: Response,
}

/// What somebody writes who wants to see it run, and then some that want to be seen elsewhere or for ever.
pub const HOSTILE: &str = "</title><script>alert(1)</script>\"'><img src=x onerror=alert(1)>\u{202e}gnp.exe${clientName}\u{0}";

const STATE: &str = "hKFo2SBfT3JkZXI-c2VhbGVk_c3RhdGU";
pub(super) const CLIENT: ClientFace<'static> = ClientFace {
    name: "Acme Notes",
    logo_uri: None,
};
const QUOTE: &str = "Zk3nHh7QTtqk9oWv1cTjUA";

/// The looks that samples are shown in: as it comes, and as an administrator might dress it.
pub fn looks(locale: Locale) -> Vec<(&'static str, Look)> {
    let asked = Reader {
        ui_locales: Some(locale.tag()),
        accept_language: None,
    };
    let dressed = |name: &str, branding: serde_json::Value| {
        let tenant = Tenant {
            friendly_name: Some(name.to_owned()),
            ..Tenant::default()
        };
        let branding: Branding = serde_json::from_value(branding).unwrap_or_default();
        Look::new(asked, &tenant, Arc::new(branding))
    };
    vec![
        ("plain", dressed("Acme", json!({}))),
        (
            "branded",
            dressed(
                "Lemon & Söhne",
                json!({ "colors": {
                    "primary": "#ffd60a",
                    "page_background":
                        { "type": "linear-gradient", "start": "#fff3bf", "end": "#d0ebff", "angle_deg": 35 },
                } }),
            ),
        ),
    ]
}

/// Renders every sample in a look.
pub fn render_in(look: &Look) -> Vec<Sample> {
    let mut samples = Samples {
        look,
        all: Vec::new(),
    };
    samples.login();
    samples.signup();
    samples.consent();
    samples.logout();
    samples.setup();
    samples.errors();
    samples.answers();
    samples.all
}

/// Renders every sample in every language and look.
#[cfg(test)]
pub(super) fn render_all() -> Vec<(Locale, &'static str, Sample)> {
    let mut all = Vec::new();
    for locale in Locale::ALL {
        for (name, look) in looks(locale) {
            all.extend(
                render_in(&look)
                    .into_iter()
                    .map(|sample| (locale, name, sample)),
            );
        }
    }
    all
}

/// A redirect URI as if it had been registered.
pub(super) fn redirect(uri: &str) -> Option<TrustedRedirect> {
    let registered = RegisteredRedirect::try_from(uri).ok()?;
    let all: RegisteredRedirects = std::iter::once(registered).collect();
    all.trust(Some(uri), RedirectRule::Exact, LoopbackPort::Fixed)
        .ok()
}

struct Samples<'a> {
    look: &'a Look,
    all: Vec<Sample>,
}

impl Samples<'_> {
    fn add(&mut self, page: &'static str, state: &'static str, shown: &impl Page) {
        self.add_to(page, state, shown, FormAction::Own);
    }

    fn add_to(
        &mut self,
        page: &'static str,
        state: &'static str,
        shown: &impl Page,
        to: FormAction<'_>,
    ) {
        let response = render(shown, self.look, to);
        self.all.push(Sample {
            page,
            state,
            response,
        });
    }

    fn logout(&mut self) {
        let page = LogoutConfirm {
            state: STATE,
            account: Some("ada@example.com"),
            client: Some(CLIENT),
        };
        self.add("logout", "known", &page);
        let unknown = LogoutConfirm {
            account: None,
            client: None,
            ..page
        };
        self.add("logout", "unknown", &unknown);
        self.add("logged-out", "complete", &LoggedOut::default());
        let aborted = LoggedOut {
            client: Some(CLIENT),
            aborted: true,
        };
        self.add("logged-out", "aborted", &aborted);
        self.add("landing", "first", &Landing);
    }

    fn errors(&mut self) {
        use ErrorKind as K;
        for (state, status, kind, code, cause) in [
            (
                "app",
                403,
                K::App,
                "invalid_request",
                "Callback URL mismatch. https://notes.acme.example/callback is not in the list of allowed callback URLs.",
            ),
            (
                "logout-return",
                400,
                K::LogoutReturn,
                "invalid_request",
                "The returnTo URL is not in the list of allowed logout URLs.",
            ),
            (
                "expired",
                400,
                K::Expired,
                "invalid_request",
                "The state of this journey has expired.",
            ),
            (
                "foreign",
                403,
                K::Foreign,
                "access_denied",
                "This form was not sent from one of our own pages.",
            ),
            (
                "dead-link",
                404,
                K::DeadLink,
                "invalid_request",
                "The set-up ticket is unknown or was used.",
            ),
            (
                "denied",
                403,
                K::Denied,
                "access_denied",
                "The user is not assigned to the client.",
            ),
            (
                "too-many",
                429,
                K::TooMany { retry_after: 30 },
                "too_many_requests",
                "Global limit has been reached.",
            ),
            (
                "broken",
                500,
                K::Broken,
                "server_error",
                "Something went wrong on the server.",
            ),
            ("hostile", 400, K::App, HOSTILE, HOSTILE),
        ] {
            let page = ErrorPage {
                status: StatusCode::from_u16(status).unwrap_or_default(),
                kind,
                code,
                cause,
                quote: QUOTE,
                client: None,
            };
            self.add("error", state, &page);
        }
    }

    fn answers(&mut self) {
        let Some(to) = redirect("https://notes.acme.example/callback?from=keystead") else {
            return;
        };
        for (state, code) in [("ordinary", "SplxlOBeZQQYbYS6WxSbIA"), ("hostile", HOSTILE)] {
            let pairs = [
                ("code", code),
                ("state", code),
                ("iss", "https://id.example.com/"),
            ];
            let pairs = &pairs;
            let client = CLIENT;
            let to = &to;
            self.add_to(
                "form-post",
                state,
                &FormPost { to, client, pairs },
                FormAction::Anywhere,
            );
            self.add("web-message", state, &WebMessage { to, client, pairs });
        }
    }
}
