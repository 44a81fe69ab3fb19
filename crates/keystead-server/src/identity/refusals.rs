//! Why nobody is logged in and why there is no account: the reasons, what the log calls them, and what the asker hears.

use std::time::Duration;

use keystead_protocol::ids::UserId;
use serde_json::{Value, json};

use super::{lockout::Limit, policy::Weakness};

/// A log-in that did not happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// Whose account was meant, for the log alone: it says that there is one.
    pub user: Option<UserId>,
    /// Why not.
    pub why: Why,
}

/// Why a check failed. The first two must be told the same.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Why {
    /// There is no such account.
    #[error("no such user")]
    UnknownUser,
    /// There is, and its password is another; or it has none.
    #[error("wrong password")]
    WrongPassword,
    /// The password is right, and an administrator has blocked the account.
    #[error("user is blocked")]
    Blocked,
    /// Somebody was wrong too often. Nothing was hashed, and nothing is said about this password.
    #[error("too many attempts: {by}")]
    TooManyAttempts {
        /// Which limit this is.
        by: Limit,
        /// How long until one more attempt.
        wait: Duration,
    },
}

impl Why {
    /// What Auth0's log calls it.
    pub fn log_code(&self) -> &'static str {
        match self {
            Self::UnknownUser => "fu",
            Self::WrongPassword => "fp",
            Self::Blocked => "f",
            Self::TooManyAttempts { by, .. } => by.log_code(),
        }
    }
}

/// A sign-up that did not happen.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SignUpRefusal {
    /// Accounts of this connection are made by others.
    #[error("sign-up is disabled")]
    Disabled,
    /// That is no e-mail address.
    #[error("not an e-mail address")]
    BadEmail,
    /// That is no user name here, or there is none.
    #[error("not a user name")]
    BadUsername,
    /// Somebody has that e-mail address.
    #[error("the e-mail address is taken")]
    EmailTaken,
    /// Somebody has that user name.
    #[error("the user name is taken")]
    UsernameTaken,
    /// The password is not strong enough.
    #[error("the password is refused: {0}")]
    Weak(Weakness),
    /// Too many sign-ups from that address.
    #[error("too many sign-ups from one address")]
    TooMany {
        /// How long until one more.
        wait: Duration,
    },
}

/// Whether a stranger may learn that an account exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disclosure {
    /// Yes (Auth0's flag `enable_public_signup_user_exists_error`).
    Told,
    /// No.
    Withheld,
}

/// A refusal as `/dbconnections/signup` says it.
#[derive(Debug, Clone, PartialEq)]
pub struct PublicRefusal {
    /// The HTTP status.
    pub status: u16,
    /// The `code` that libraries match.
    pub code: &'static str,
    /// The `name` beside the code of a password's refusal.
    pub name: Option<&'static str>,
    /// The `description`: a sentence, or the rules and which of them are kept.
    pub description: Value,
}

impl SignUpRefusal {
    /// What Auth0's log calls it.
    pub fn log_code(&self) -> &'static str {
        match self {
            Self::TooMany { .. } => "limit_mu",
            Self::Disabled
            | Self::BadEmail
            | Self::BadUsername
            | Self::EmailTaken
            | Self::UsernameTaken
            | Self::Weak(_) => "fs",
        }
    }

    /// What the asker hears.
    pub fn public(&self, disclosure: Disclosure) -> PublicRefusal {
        let plain = |status, code, text: &str| PublicRefusal {
            status,
            code,
            name: None,
            description: json!(text),
        };
        match (self, disclosure) {
            (Self::Disabled, _) => plain(400, "not_found", "public signup is disabled"),
            (Self::BadEmail, _) => plain(400, "invalid_signup", "The e-mail address is not valid."),
            (Self::BadUsername, _) => plain(400, "invalid_signup", "The user name is not valid."),
            (Self::EmailTaken, Disclosure::Told) => {
                plain(400, "user_exists", "The user already exists.")
            }
            (Self::UsernameTaken, Disclosure::Told) => {
                plain(400, "username_exists", "The user name already exists.")
            }
            (Self::EmailTaken | Self::UsernameTaken, Disclosure::Withheld) => {
                plain(400, "invalid_signup", "Invalid sign up")
            }
            (Self::Weak(weakness), _) => PublicRefusal {
                status: 400,
                code: "invalid_password",
                name: Some(weakness.name()),
                description: weakness.description(),
            },
            (Self::TooMany { .. }, _) => plain(
                429,
                "too_many_requests",
                "Too many sign-ups from this address. Try again later.",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_not_be_told_is_told_alike() {
        let faces: Vec<_> = [SignUpRefusal::EmailTaken, SignUpRefusal::UsernameTaken]
            .iter()
            .flat_map(|why| {
                [
                    why.public(Disclosure::Withheld),
                    why.public(Disclosure::Told),
                ]
            })
            .map(|face| face.code)
            .collect();
        assert_eq!(
            faces,
            [
                "invalid_signup",
                "user_exists",
                "invalid_signup",
                "username_exists"
            ]
        );
    }
}
