//! What a new password must be: Auth0's policies, and a report on which rules are kept.

use std::net::IpAddr;

use keystead_protocol::secret::Secret;
use keystead_store::users::{Profile, UserMetadata};
use serde::Serialize;
use serde_json::{Value, json};

use super::database::{DatabaseOptions, PasswordPolicy};
use crate::{error::Fault, password::Passwords};

/// The longest password that is accepted, in bytes: 128 characters of any script. Nothing is ever cut off.
pub const LONGEST: usize = 512;
/// What a guesser tries first: as many passwords are refused as common.
const COMMON: u64 = 10_000;
/// Characters of a password that the search for common ones looks at. A longer one is not among the first that a guesser
/// tries, and a hostile one would cost: 32 characters like `4@8({[<369` as much as two hashes, 100 as much as fifty.
const LOOKED_AT: usize = 32;
/// A part of a name must have as many characters to count.
const NAME_PART: usize = 3;

/// The rules for the passwords of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    length: usize,
    kinds: Option<Kinds>,
    identical: Option<usize>,
    /// Words that are refused beside the common ones; `None` if those are not refused either.
    dictionary: Option<Vec<String>>,
    personal_info: bool,
    history: u32,
}

/// Which kinds of characters must be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kinds {
    /// Small letters, capitals and digits.
    LettersAndDigits,
    /// So many of the four kinds.
    AtLeast(usize),
}

/// Whose password it would be.
#[derive(Debug, Clone, Copy)]
pub struct Person<'a> {
    /// E-mail address.
    pub email: &'a str,
    /// User name.
    pub username: Option<&'a str>,
    /// Names.
    pub profile: &'a Profile,
    /// More names.
    pub user_metadata: &'a UserMetadata,
}

/// Why a password is refused.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Weakness {
    /// It breaks a rule of the policy.
    #[error("too weak")]
    Strength(Report),
    /// It is among the first that a guesser tries.
    #[error("too common")]
    Dictionary,
    /// It names its owner.
    #[error("names its owner")]
    PersonalInfo,
    /// It was the password before.
    #[error("used before")]
    History,
}

/// The rules of a policy, and which of them a password keeps: what Auth0's libraries render.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    rules: Vec<Rule>,
    verified: bool,
}

/// One rule.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Rule {
    /// What Auth0's libraries call it.
    pub code: &'static str,
    /// What it says, in English, with places for `format`.
    pub message: &'static str,
    /// Its numbers, and for `identicalChars` an example of what is too much.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub format: Vec<Value>,
    /// The kinds of characters that it is about.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub items: Vec<Rule>,
    /// Whether it is kept.
    pub verified: bool,
}

impl Policy {
    /// The rules that the options of a connection ask for; Auth0's `good` if they name none.
    pub fn of(options: &DatabaseOptions) -> Self {
        use PasswordPolicy as P;
        let named = options.password_policy.unwrap_or(P::Good);
        let (length, kinds, identical) = match named {
            P::None => (1, None, None),
            P::Low => (6, None, None),
            P::Fair => (8, Some(Kinds::LettersAndDigits), None),
            P::Good => (8, Some(Kinds::AtLeast(3)), None),
            P::Excellent => (10, Some(Kinds::AtLeast(3)), Some(2)),
        };
        let own = options.password_complexity_options.unwrap_or_default();
        let own = own.min_length.and_then(|least| usize::try_from(least).ok());
        let history = options.password_history.unwrap_or_default();
        let dictionary = options.password_dictionary.clone().unwrap_or_default();
        let personal = options.password_no_personal_info.unwrap_or_default();
        let kept = history.enable.unwrap_or(false);
        Self {
            length: own.unwrap_or(length).clamp(1, 128),
            kinds,
            identical,
            dictionary: dictionary
                .enable
                .unwrap_or(false)
                .then(|| dictionary.dictionary.unwrap_or_default()),
            personal_info: personal.enable.unwrap_or(false),
            history: if kept {
                history.size.unwrap_or(5).min(24)
            } else {
                0
            },
        }
    }

    /// How many passwords may not come again, the present one among them.
    pub fn history(&self) -> u32 {
        self.history
    }

    /// Looks at everything that a password shows by itself.
    ///
    /// # Errors
    /// The first [`Weakness`] found. Does not look for common passwords ([`judge_common`](Self::judge_common)) nor for
    /// earlier ones ([`judge_history`](Self::judge_history)).
    pub fn judge_alone(&self, password: &Secret, person: &Person<'_>) -> Result<(), Weakness> {
        let report = self.report(password.expose());
        if !report.verified {
            return Err(Weakness::Strength(report));
        }
        if self.personal_info && names_its_owner(password.expose(), person) {
            return Err(Weakness::PersonalInfo);
        }
        Ok(())
    }

    /// Looks whether a password is among the first that a guesser tries, if the policy cares. That takes up to some
    /// milliseconds, so it is done where hashes are.
    ///
    /// # Errors
    /// The inner one is the [`Weakness`]; a [`Fault`] if too many are asking.
    pub async fn judge_common(
        &self,
        passwords: &Passwords,
        address: IpAddr,
        password: &Secret,
    ) -> Result<Result<(), Weakness>, Fault> {
        let Some(words) = &self.dictionary else {
            return Ok(Ok(()));
        };
        let folded = password.expose().to_lowercase();
        if words.iter().any(|word| word.to_lowercase() == folded) {
            return Ok(Err(Weakness::Dictionary));
        }
        if password.expose().chars().count() > LOOKED_AT {
            return Ok(Ok(()));
        }
        let given = password.clone();
        let guesses = move || zxcvbn::zxcvbn(given.expose(), &[]).guesses();
        let guesses = passwords.ponder(address, guesses).await?;
        Ok(if guesses <= COMMON {
            Err(Weakness::Dictionary)
        } else {
            Ok(())
        })
    }

    /// Looks whether a password is one of those that the account had, of which `former` are the hashes, the newest first.
    ///
    /// # Errors
    /// As [`judge_common`](Self::judge_common).
    pub async fn judge_history(
        &self,
        passwords: &Passwords,
        address: IpAddr,
        password: &Secret,
        former: &[Secret],
    ) -> Result<Result<(), Weakness>, Fault> {
        let count = usize::try_from(self.history).unwrap_or(usize::MAX);
        let former = &former[..former.len().min(count)];
        let used = passwords.is_one_of(address, password, former).await?;
        Ok(if used { Err(Weakness::History) } else { Ok(()) })
    }

    /// Which rules a password keeps. The empty one shows them all.
    pub fn report(&self, password: &str) -> Report {
        let mut rules = vec![Rule {
            code: "lengthAtLeast",
            message: "At least %d characters",
            format: vec![json!(self.length)],
            items: vec![],
            verified: password.chars().count() >= self.length,
        }];
        rules.extend(self.kinds.map(|kinds| kinds.rule(password)));
        rules.extend(self.identical.map(|most| Rule {
            code: "identicalChars",
            message: "No more than %d identical characters in a row, so not \"%s\"",
            format: vec![json!(most), json!("a".repeat(most + 1))],
            items: vec![],
            verified: longest_run(password) <= most,
        }));
        // Not one of Auth0's, so it is said only where it is broken.
        if password.len() > LONGEST {
            rules.push(Rule {
                code: "lengthAtMost",
                message: "At most %d bytes",
                format: vec![json!(LONGEST)],
                items: vec![],
                verified: false,
            });
        }
        let verified = rules.iter().all(|rule| rule.verified);
        Report { rules, verified }
    }
}

impl Kinds {
    fn rule(self, password: &str) -> Rule {
        let kind = |code, message, is: fn(char) -> bool| Rule {
            code,
            message,
            format: vec![],
            items: vec![],
            verified: password.chars().any(is),
        };
        let mut items = vec![
            kind("lowerCase", "Lower case letters", char::is_lowercase),
            kind("upperCase", "Upper case letters", char::is_uppercase),
            kind("numbers", "Digits", char::is_numeric),
        ];
        match self {
            Self::LettersAndDigits => Rule {
                code: "shouldContain",
                message: "All of these:",
                format: vec![],
                verified: items.iter().all(|kind| kind.verified),
                items,
            },
            Self::AtLeast(least) => {
                let special = |c: char| !c.is_alphanumeric();
                items.push(kind(
                    "specialCharacters",
                    "Other characters, such as !@#$",
                    special,
                ));
                Rule {
                    code: "containsAtLeast",
                    message: "At least %d of these %d kinds of characters:",
                    format: vec![json!(least), json!(items.len())],
                    verified: items.iter().filter(|kind| kind.verified).count() >= least,
                    items,
                }
            }
        }
    }
}

impl Weakness {
    /// What Auth0 calls the refusal.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Strength(_) => "PasswordStrengthError",
            Self::Dictionary => "PasswordDictionaryError",
            Self::PersonalInfo => "PasswordNoUserInfoError",
            Self::History => "PasswordHistoryError",
        }
    }

    /// What is said of it: the report, or a sentence.
    pub fn description(&self) -> Value {
        match self {
            Self::Strength(report) => serde_json::to_value(report).unwrap_or_default(),
            Self::Dictionary => json!("The password is too common."),
            Self::PersonalInfo => json!("The password contains personal information."),
            Self::History => json!("The password was used before."),
        }
    }
}

impl Report {
    /// Whether every rule is kept.
    pub fn is_verified(&self) -> bool {
        self.verified
    }

    /// The rules, in the order in which they are shown.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }
}

/// How often the most repeated character stands in a row.
fn longest_run(password: &str) -> usize {
    let (mut longest, mut run, mut last) = (0, 0, None);
    for c in password.chars() {
        run = if last == Some(c) { run + 1 } else { 1 };
        last = Some(c);
        longest = longest.max(run);
    }
    longest
}

/// Whether a part of the owner's names, or what stands before the `@` of the address, is in the password.
fn names_its_owner(password: &str, person: &Person<'_>) -> bool {
    let profile = person.profile;
    let metadata = ["name", "first", "last"]
        .into_iter()
        .filter_map(|member| person.user_metadata.0.get(member)?.as_str());
    let names = [
        person.email.rsplit_once('@').map(|(local, _)| local),
        person.username,
        profile.name.as_deref(),
        profile.nickname.as_deref(),
        profile.given_name.as_deref(),
        profile.family_name.as_deref(),
    ];
    let password = password.to_lowercase();
    names
        .into_iter()
        .flatten()
        .chain(metadata)
        .flat_map(|name| name.split(|c: char| !c.is_alphanumeric()))
        .filter(|part| part.chars().count() >= NAME_PART)
        .any(|part| password.contains(&part.to_lowercase()))
}

#[cfg(test)]
mod tests;
