//! How a page is to look to this reader: the language, the name and the colours of the house.

use std::sync::Arc;

use axum::http::{HeaderMap, header::ACCEPT_LANGUAGE};

use super::{Branding, Locale};
use crate::tenant::Tenant;

/// What a request says about its reader.
#[derive(Debug, Clone, Copy, Default)]
pub struct Reader<'a> {
    /// `ui_locales` of the authorization or log-out request.
    pub ui_locales: Option<&'a str>,
    /// `Accept-Language` of the browser.
    pub accept_language: Option<&'a str>,
}

impl<'a> Reader<'a> {
    /// What the browser says, and `ui_locales` where the request has one.
    pub fn of(headers: &'a HeaderMap, ui_locales: Option<&'a str>) -> Self {
        Self {
            ui_locales,
            accept_language: headers
                .get(ACCEPT_LANGUAGE)
                .and_then(|value| value.to_str().ok()),
        }
    }
}

/// How a page is to look. Cheap to make, once for each request.
#[derive(Debug, Clone)]
pub struct Look {
    pub(super) locale: Locale,
    pub(super) name: String,
    pub(super) branding: Arc<Branding>,
}

impl Look {
    /// The look that `tenant` and `branding` give to a reader.
    pub fn new(asked: Reader<'_>, tenant: &Tenant, branding: Arc<Branding>) -> Self {
        let enabled: Vec<Locale> = tenant
            .enabled_locales
            .iter()
            .filter_map(|tag| Locale::of_range(tag))
            .collect();
        let name = tenant.friendly_name.as_deref().map(str::trim);
        Self {
            locale: Locale::negotiate(asked.ui_locales, asked.accept_language, &enabled),
            name: name
                .filter(|name| !name.is_empty())
                .unwrap_or(NAMELESS)
                .to_owned(),
            branding,
        }
    }

    /// The language that the reader gets.
    pub fn locale(&self) -> Locale {
        self.locale
    }
}

/// What an installation is called until somebody names it.
const NAMELESS: &str = "Keystead";
