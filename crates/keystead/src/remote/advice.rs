//! What to type next: each error of the terminal's app, with the command that mends it.

use anyhow::anyhow;
use keystead_client::{Error, Scope};

use super::target::Target;
use crate::typed::{program, quoted};

/// An error that ends with what to type.
pub(super) fn next_step(why: Error, target: &Target) -> anyhow::Error {
    let program = program();
    let next = match &why {
        Error::LoginRequired(_) | Error::OtherUser => format!("to sign in: {program} login"),
        Error::Denied(_) | Error::TimedOut | Error::IdToken(_) | Error::Stopped => {
            format!("to try again: {program} login")
        }
        Error::BadUrl(_) | Error::Discovery { .. } => {
            format!("to name another issuer: {program} login --issuer URL --client-id ID")
        }
        Error::Refused { .. } => {
            format!("to name another application: {program} login --client-id ID")
        }
        Error::Network { .. } if target.is_on_this_machine() => {
            format!("if it is not running: {program} serve, or {program} demo")
        }
        Error::Vault(_) => format!("to throw away what is kept: {program} logout"),
        // These say what to do, and it is not for this program to do.
        _ => return why.into(),
    };
    anyhow!("{why}\n  {next}")
}

/// The command that asks for a scope too which an API found missing.
pub(super) fn more_scope(challenge: &str, target: &Target) -> String {
    let missing = missing(challenge).unwrap_or_default();
    let had: Scope = target.scope.parse().unwrap_or_default();
    let all = had.union(&missing).to_string();
    let scope = if missing.is_empty() {
        "SCOPES".into()
    } else {
        quoted(&all)
    };
    format!("to ask for more: {} login --scope {scope}", program())
}

/// The `scope` of a challenge (RFC 6750 §3).
fn missing(challenge: &str) -> Option<Scope> {
    let (_, rest) = challenge.split_once("scope=\"")?;
    rest.split_once('"')?.0.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_asked_for_beside_what_there_was() {
        let target = |scope: &str| Target {
            issuer: "https://id.example.com/".to_owned(),
            client_id: "app".to_owned(),
            audience: None,
            scope: scope.to_owned(),
        };
        for (challenge, had, want) in [
            (
                r#"Bearer error="insufficient_scope", scope="write""#,
                "read",
                "login --scope 'read write'",
            ),
            (
                r#"Bearer scope="write", error="insufficient_scope""#,
                "",
                "login --scope write",
            ),
            (
                "Bearer error=\"insufficient_scope\"",
                "read",
                "login --scope SCOPES",
            ),
            ("Bearer scope=\"\u{e9}\"", "read", "login --scope SCOPES"),
        ] {
            let said = more_scope(challenge, &target(had));
            assert!(said.ends_with(want), "{said}");
        }
    }
}
