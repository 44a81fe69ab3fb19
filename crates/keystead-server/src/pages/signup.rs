//! The sign-up page, and how the rules for passwords are shown.

use askama::Template;
use axum::http::StatusCode;

use super::{ClientFace, Frame, Page, Screen};

/// The sign-up page, posted to `/u/signup`. The rules for the password stand beside its field from the beginning.
#[derive(Debug, Clone)]
pub struct Signup<'a> {
    /// The journey, as it goes into the form.
    pub state: &'a str,
    /// The client that asks.
    pub client: ClientFace<'a>,
    /// What stands in the e-mail field at first.
    pub email: &'a str,
    /// Whether a user name is asked for as well.
    pub username: UsernameField<'a>,
    /// The rules that a password must keep, and how the last one fared.
    pub rules: &'a [PasswordRule],
    /// What was wrong with the last attempt.
    pub problem: Option<SignupProblem>,
}

/// Whether a connection wants a user name beside the e-mail address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UsernameField<'a> {
    /// It does not.
    Absent,
    /// It does; and what stands in the field at first.
    Required(&'a str),
}

/// One rule for passwords, in the terms of Auth0's policies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PasswordRule {
    /// At least so many characters.
    LengthAtLeast(u32, Verdict),
    /// Characters of at least `n` of these classes; of all of them, when `n` is their number.
    ContainsAtLeast(u32, Vec<(CharacterClass, Verdict)>, Verdict),
    /// No more than so many equal characters in a row.
    IdenticalChars(u32, Verdict),
    /// Not one of the passwords that everybody tries.
    NotCommon(Verdict),
    /// Nothing of what the account says about its user.
    NoUserInformation(Verdict),
}

/// A class of characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CharacterClass {
    /// `a-z`
    LowerCase,
    /// `A-Z`
    UpperCase,
    /// `0-9`
    Numbers,
    /// Anything else that can be typed.
    SpecialCharacters,
}

/// How a rule fared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// No password has been tried yet.
    Open,
    /// It was kept.
    Met,
    /// It was broken.
    Broken,
}

/// What was wrong with an attempt to sign up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignupProblem {
    /// No e-mail address was sent.
    NoEmail,
    /// What was sent is no e-mail address.
    BadEmail,
    /// No user name was sent.
    NoUsername,
    /// What was sent can be no user name here.
    BadUsername,
    /// No password was sent.
    NoPassword,
    /// The password breaks a rule; the rules say which.
    WeakPassword,
    /// The account cannot be opened, and it is not said why: most often it exists.
    NotPossible,
    /// Somebody has this user name.
    UsernameTaken,
    /// Too many attempts; answered 429.
    TooMany {
        /// Seconds until the next one counts.
        retry_after: u32,
    },
}

impl SignupProblem {
    fn key(self) -> &'static str {
        match self {
            Self::NoEmail => "no-email",
            Self::BadEmail => "invalid-email-format",
            Self::NoUsername => "no-username",
            Self::BadUsername => "invalid-username",
            Self::NoPassword => "no-password",
            Self::WeakPassword => "password-policy-not-conformant",
            Self::NotPossible => "signup-not-possible",
            Self::UsernameTaken => "username-taken",
            Self::TooMany { .. } => "too-many-attempts",
        }
    }

    fn field(self) -> &'static str {
        match self {
            Self::NoEmail | Self::BadEmail => "email",
            Self::NoUsername | Self::BadUsername | Self::UsernameTaken => "username",
            Self::NoPassword | Self::WeakPassword => "password",
            Self::NotPossible | Self::TooMany { .. } => "",
        }
    }
}

/// A rule as the templates show it: its line, how it fared, and what stands below it.
pub(super) struct RuleLine {
    pub(super) key: &'static str,
    pub(super) text: String,
    /// The number in it that a script can check as one types.
    pub(super) number: Option<u32>,
    pub(super) verdict: Verdict,
    pub(super) items: Vec<RuleLine>,
}

impl RuleLine {
    /// The rules in the words of `frame`.
    pub(super) fn of(rules: &[PasswordRule], frame: &Frame<'_>) -> Vec<Self> {
        rules.iter().map(|rule| Self::one(rule, frame)).collect()
    }

    fn one(rule: &PasswordRule, frame: &Frame<'_>) -> Self {
        let (key, numbers, verdict, items) = match rule {
            PasswordRule::LengthAtLeast(min, verdict) => (
                "password-policy-length-at-least",
                vec![("min", *min)],
                *verdict,
                &[][..],
            ),
            PasswordRule::ContainsAtLeast(n, classes, verdict)
                if usize::try_from(*n).is_ok_and(|n| n >= classes.len()) =>
            {
                (
                    "password-policy-contains-all",
                    vec![],
                    *verdict,
                    &classes[..],
                )
            }
            PasswordRule::ContainsAtLeast(n, classes, verdict) => (
                "password-policy-contains-at-least",
                vec![
                    ("min", *n),
                    ("total", u32::try_from(classes.len()).unwrap_or(u32::MAX)),
                ],
                *verdict,
                &classes[..],
            ),
            PasswordRule::IdenticalChars(max, verdict) => (
                "password-policy-identical-chars",
                vec![("max", *max)],
                *verdict,
                &[][..],
            ),
            PasswordRule::NotCommon(verdict) => {
                ("password-policy-not-common", vec![], *verdict, &[][..])
            }
            PasswordRule::NoUserInformation(verdict) => (
                "password-policy-no-user-information",
                vec![],
                *verdict,
                &[][..],
            ),
        };
        let number = numbers.first().map(|(_, number)| *number);
        let numbers: Vec<(&str, String)> = numbers
            .into_iter()
            .map(|(name, number)| (name, number.to_string()))
            .collect();
        let numbers: Vec<(&str, &str)> = numbers.iter().map(|(k, v)| (*k, v.as_str())).collect();
        Self {
            key,
            text: frame.text_with(key, &numbers),
            number,
            verdict,
            items: items
                .iter()
                .map(|(class, verdict)| Self::class(*class, *verdict, frame))
                .collect(),
        }
    }

    fn class(class: CharacterClass, verdict: Verdict, frame: &Frame<'_>) -> Self {
        let key = match class {
            CharacterClass::LowerCase => "password-policy-lower-case",
            CharacterClass::UpperCase => "password-policy-upper-case",
            CharacterClass::Numbers => "password-policy-numbers",
            CharacterClass::SpecialCharacters => "password-policy-special-characters",
        };
        Self {
            key,
            text: frame.text(key),
            number: None,
            verdict,
            items: vec![],
        }
    }

    pub(super) fn name(&self) -> &'static str {
        match self.verdict {
            Verdict::Open => "open",
            Verdict::Met => "met",
            Verdict::Broken => "broken",
        }
    }

    /// What a screen reader says after the rule; nothing before a password was tried.
    pub(super) fn spoken(&self) -> Option<&'static str> {
        match self.verdict {
            Verdict::Open => None,
            Verdict::Met => Some("password-policy-met"),
            Verdict::Broken => Some("password-policy-broken"),
        }
    }
}

/// The ids of what explains a password field: what was wrong with it, and the rules.
pub(super) fn described(wrong: bool, rules: &[PasswordRule]) -> &'static str {
    match (wrong, rules.is_empty()) {
        (true, false) => "form-error password-rules",
        (true, true) => "form-error",
        (false, false) => "password-rules",
        (false, true) => "",
    }
}

#[derive(Template)]
#[template(path = "signup.html")]
struct View<'a> {
    frame: &'a Frame<'a>,
    page: &'a Signup<'a>,
    rules: Vec<RuleLine>,
}

impl Signup<'_> {
    fn wrong(&self, field: &str) -> bool {
        self.problem.is_some_and(|problem| problem.field() == field)
    }

    /// A password manager keeps what the user will type at the next log-in.
    fn email_autocomplete(&self) -> &'static str {
        match self.username {
            UsernameField::Absent => "username",
            UsernameField::Required(_) => "email",
        }
    }

    /// What explains the password field.
    fn described(&self) -> &'static str {
        described(self.wrong("password"), self.rules)
    }

    /// The first field that waits for something.
    fn begins_at(&self, field: &str) -> bool {
        let first = match self.problem {
            Some(problem) if !problem.field().is_empty() => problem.field(),
            _ if self.email.is_empty() => "email",
            _ => match self.username {
                UsernameField::Required("") => "username",
                _ => "password",
            },
        };
        first == field
    }
}

impl Page for Signup<'_> {
    fn screen(&self) -> Screen {
        Screen::new("signup", "signup")
    }

    fn document(&self, frame: &Frame<'_>) -> askama::Result<String> {
        let rules = RuleLine::of(self.rules, frame);
        let page = self;
        View { frame, page, rules }.render()
    }

    fn status(&self) -> StatusCode {
        match self.problem {
            None => StatusCode::OK,
            Some(SignupProblem::TooMany { .. }) => StatusCode::TOO_MANY_REQUESTS,
            Some(_) => StatusCode::BAD_REQUEST,
        }
    }

    fn client(&self) -> Option<ClientFace<'_>> {
        Some(self.client)
    }

    fn retry_after(&self) -> Option<u32> {
        match self.problem {
            Some(SignupProblem::TooMany { retry_after }) => Some(retry_after),
            _ => None,
        }
    }
}
