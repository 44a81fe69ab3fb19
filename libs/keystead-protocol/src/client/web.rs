//! What is registered about a client for browsers, and read where it is needed: these members are carried, not judged.

use serde_json::Value;

use super::ClientMetadata;

impl ClientMetadata {
    /// Whether a page of this origin may have answers by message: Auth0's `web_origins`. Scheme and host are compared
    /// without regard to case; a slash at the end of what was registered is forgiven.
    pub fn has_web_origin(&self, origin: &str) -> bool {
        let registered = self.other.get("web_origins").and_then(Value::as_array);
        registered
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .any(|own| {
                let own = own.strip_suffix('/').unwrap_or(own);
                !own.is_empty() && own.eq_ignore_ascii_case(origin)
            })
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
