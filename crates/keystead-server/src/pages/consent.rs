//! The consent page.

use askama::Template;

use super::{ClientFace, Frame, Page, Screen};

/// The consent page: who asks, on whose account, for what; posted to `/u/consent` with `action` `allow` or `deny`.
#[derive(Debug, Clone)]
pub struct Consent<'a> {
    /// The journey, as it goes into the form.
    pub state: &'a str,
    /// What stands for all that is shown: it comes back with the form, so that nothing else is agreed to.
    pub shown: &'a str,
    /// The client that asks.
    pub client: ClientFace<'a>,
    /// Who is logged in: an e-mail address or a name.
    pub account: &'a str,
    /// Where the answer goes: the host of the redirect URI, or its scheme.
    pub returns_to: &'a str,
    /// What is asked for, the account's own data first.
    pub groups: &'a [ScopeGroup<'a>],
}

/// Scopes that belong together.
#[derive(Debug, Clone)]
pub enum ScopeGroup<'a> {
    /// What OpenID Connect asks about the person (§5.4), and `offline_access`: told in our words. `openid` alone says
    /// nothing that anybody would recognise and is left out.
    Account(Vec<&'a str>),
    /// What an API defines, told in its own words.
    Api {
        /// What people call the API.
        name: &'a str,
        /// Its scopes, as far as they are asked for.
        scopes: Vec<ShownScope<'a>>,
    },
}

/// A scope of an API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShownScope<'a> {
    /// The scope itself; shown when nobody described it.
    pub value: &'a str,
    /// What its API says about it.
    pub description: Option<&'a str>,
}

/// A group as the template shows it.
struct Group {
    title: String,
    lines: Vec<String>,
}

impl Group {
    fn of(group: &ScopeGroup<'_>, frame: &Frame<'_>) -> Self {
        match group {
            ScopeGroup::Account(scopes) => Self {
                title: frame.text("accountGroupTitle"),
                lines: scopes
                    .iter()
                    .filter_map(|scope| account_key(scope))
                    .map(|key| frame.text(key))
                    .collect(),
            },
            ScopeGroup::Api { name, scopes } => Self {
                title: frame.shown(name),
                lines: scopes
                    .iter()
                    .map(|scope| {
                        let words = scope.description.filter(|text| !text.trim().is_empty());
                        frame.shown(words.unwrap_or(scope.value))
                    })
                    .collect(),
            },
        }
    }
}

fn account_key(scope: &str) -> Option<&'static str> {
    match scope {
        "profile" => Some("scope-profile"),
        "email" => Some("scope-email"),
        "address" => Some("scope-address"),
        "phone" => Some("scope-phone"),
        "offline_access" => Some("scope-offline-access"),
        _ => None,
    }
}

#[derive(Template)]
#[template(path = "consent.html")]
struct View<'a> {
    frame: &'a Frame<'a>,
    page: &'a Consent<'a>,
    groups: Vec<Group>,
}

impl Consent<'_> {
    fn return_text(&self, frame: &Frame<'_>) -> String {
        frame.text_with("returnText", &[("returnsTo", self.returns_to)])
    }
}

impl Page for Consent<'_> {
    fn screen(&self) -> Screen {
        Screen::new("consent", "consent")
    }

    fn document(&self, frame: &Frame<'_>) -> askama::Result<String> {
        let groups = self
            .groups
            .iter()
            .map(|group| Group::of(group, frame))
            .filter(|group| !group.lines.is_empty())
            .collect();
        let page = self;
        View {
            frame,
            page,
            groups,
        }
        .render()
    }

    fn client(&self) -> Option<ClientFace<'_>> {
        Some(self.client)
    }
}
