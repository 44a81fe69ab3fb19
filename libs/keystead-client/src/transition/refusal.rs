//! The provider's errors, in redirects and in documents, as ours.

use serde::Deserialize;

use crate::{Error, LoginReason};

#[derive(Deserialize)]
struct Failure {
    error: String,
    #[serde(default)]
    error_description: String,
}

/// Why an endpoint that answers with this status did not do what was asked (RFC 6749 §5.2, RFC 7009 §2.2.1).
pub(crate) fn failure(status: u16, body: &[u8]) -> Error {
    match status {
        408 | 429 | 500.. => Error::Unavailable {
            status,
            retry_after: None,
        },
        _ => match serde_json::from_slice::<Failure>(body) {
            Ok(why) => refused(&why.error, &why.error_description),
            Err(_) => Error::Answer("it refuses without saying why"),
        },
    }
}

/// An error of the provider's (RFC 6749 §4.1.2.1, §5.2; OpenID Connect Core §3.1.2.6) as ours.
pub(super) fn refused(code: &str, description: &str) -> Error {
    match code {
        "access_denied" => Error::Denied(plain(description)),
        "login_required"
        | "interaction_required"
        | "consent_required"
        | "account_selection_required"
        | "mfa_required" => LoginReason::Interaction.into(),
        "temporarily_unavailable" => Error::Unavailable {
            status: 503,
            retry_after: None,
        },
        code => Error::Refused {
            code: plain(code),
            description: plain(description),
        },
    }
}

/// A stranger's text, short and without what a terminal would obey.
fn plain(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(300).collect()
}
