//! What is registered about a client for browsers, and read where it is needed: these members are carried, not judged.

use serde_json::Value;

use super::{ClientMetadata, WebOrigins};
use crate::redirect::RegisteredRedirect;

impl ClientMetadata {
    /// Whether a page of this origin may have answers by message: Auth0's `web_origins`.
    pub fn has_web_origin(&self, origin: &str) -> bool {
        self.listed("web_origins")
            .collect::<WebOrigins>()
            .admit(origin)
    }

    /// What is registered of where its pages are: `allowed_origins`, `web_origins`, and its callbacks, as with Auth0. Each
    /// is an origin or a URL that has one.
    pub fn pages(&self) -> impl Iterator<Item = &str> {
        let callbacks = self.redirect_uris.iter().flat_map(|uris| uris.iter());
        self.listed("allowed_origins")
            .chain(self.listed("web_origins"))
            .chain(callbacks.map(RegisteredRedirect::as_str))
    }

    fn listed(&self, member: &str) -> impl Iterator<Item = &str> {
        let registered = self.other.get(member).and_then(Value::as_array);
        registered.into_iter().flatten().filter_map(Value::as_str)
    }

    /// Whether nobody has to confirm that the app is the one meant, where its redirect URI cannot prove it; `None` leaves
    /// it to the installation. Auth0's `skip_non_verifiable_callback_uri_confirmation_prompt`.
    pub fn skips_confirmation(&self) -> Option<bool> {
        self.other
            .get("skip_non_verifiable_callback_uri_confirmation_prompt")
            .and_then(Value::as_bool)
    }

    /// Whether the client was registered to push its authorization requests (RFC 9126 §6).
    pub fn must_push(&self) -> bool {
        self.other
            .get("require_pushed_authorization_requests")
            .and_then(Value::as_bool)
            .unwrap_or(false)
    }
}
