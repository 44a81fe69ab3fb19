//! The options of a database connection that accounts go by, and what its accounts may be called.

use email_address::{EmailAddress, Options};
use keystead_store::connections::Connection;
use serde::Deserialize;
use serde_json::Value;

use crate::error::Fault;

/// An address may not be longer (RFC 5321 §4.5.3.1.3, less the angle brackets).
const LONGEST_EMAIL: usize = 254;

/// The options, by Auth0's names. Those that no rule is about are left where they are.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct DatabaseOptions {
    requires_username: Option<bool>,
    disable_signup: Option<bool>,
    brute_force_protection: Option<bool>,
    validation: Option<Validation>,
    /// Which of Auth0's password policies.
    #[serde(rename = "passwordPolicy")]
    pub password_policy: Option<PasswordPolicy>,
    /// Overrides the policy's minimal length.
    pub password_complexity_options: Option<Complexity>,
    /// Whether earlier passwords are refused.
    pub password_history: Option<History>,
    /// Whether common passwords are refused.
    pub password_dictionary: Option<Dictionary>,
    /// Whether a password may name its owner.
    pub password_no_personal_info: Option<Switch>,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
struct Validation {
    username: Option<Lengths>,
}

#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
struct Lengths {
    min: Option<usize>,
    max: Option<usize>,
}

/// Auth0's password policies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PasswordPolicy {
    /// One character.
    None,
    /// Six.
    Low,
    /// Eight, with small and capital letters and digits.
    Fair,
    /// Eight, of three kinds.
    Good,
    /// Ten, of three kinds, no three alike in a row.
    Excellent,
}

/// `password_complexity_options`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub struct Complexity {
    /// Characters at least.
    pub min_length: Option<u32>,
}

/// `password_history`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub struct History {
    /// Whether it is kept.
    pub enable: Option<bool>,
    /// Of how many passwords, the present one among them; 5 if nothing is said.
    pub size: Option<u32>,
}

/// `password_dictionary`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Dictionary {
    /// Whether common passwords are refused.
    pub enable: Option<bool>,
    /// More words to refuse.
    pub dictionary: Option<Vec<String>>,
}

/// An option with no more to it than on or off.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub struct Switch {
    /// On or off.
    pub enable: Option<bool>,
}

impl DatabaseOptions {
    /// Reads the options of a connection.
    ///
    /// # Errors
    /// [`Fault::Setting`] if one of them has the wrong type: guessing what was meant could open a door.
    pub fn of(connection: &Connection) -> Result<Self, Fault> {
        let all = Value::Object(connection.options.0.clone());
        serde_json::from_value(all).map_err(|why| {
            Fault::Setting(format!(
                "the options of connection {}: {why}",
                connection.name
            ))
        })
    }

    /// Whether an account has a user name beside its e-mail address, and can be found by either.
    pub fn requires_username(&self) -> bool {
        self.requires_username.unwrap_or(false)
    }

    /// Whether nobody may make an account for himself.
    pub fn disable_signup(&self) -> bool {
        self.disable_signup.unwrap_or(false)
    }

    /// Whether attempts are limited for each account beside those from each address. Then one from where the account was
    /// logged in to before counts for that account from that address alone, and not for the address.
    pub fn brute_force_protection(&self) -> bool {
        self.brute_force_protection.unwrap_or(true)
    }

    /// A user name as it will be stored, if it is one: 1 to 15 characters unless the options say otherwise, of ASCII
    /// letters, digits and ``!#$'+-.@^_`~``, and no e-mail address, which could be somebody else's.
    pub fn username(&self, given: &str) -> Option<String> {
        let lengths = self.validation.as_ref().and_then(|v| v.username);
        let least = lengths.and_then(|lengths| lengths.min).unwrap_or(1).max(1);
        let most = lengths
            .and_then(|lengths| lengths.max)
            .unwrap_or(15)
            .min(128);
        let given = given.trim();
        let legal = |c: char| c.is_ascii_alphanumeric() || "!#$'+-.@^_`~".contains(c);
        let fits = (least..=most).contains(&given.len()) && given.chars().all(legal);
        (fits && email(given).is_none()).then(|| given.to_owned())
    }
}

/// An e-mail address as it will be stored, if it is one (RFC 5322 §3.4.1, without comments, display names and address
/// literals). That somebody reads it is not known.
pub fn email(given: &str) -> Option<String> {
    let given = given.trim();
    let form = Options::default()
        .without_display_text()
        .without_domain_literal();
    let legal = given.len() <= LONGEST_EMAIL
        && !given.chars().any(|c| c.is_control() || c.is_whitespace())
        && EmailAddress::parse_with_options(given, form).is_ok();
    legal.then(|| given.to_owned())
}

#[cfg(test)]
mod tests {
    use keystead_protocol::{ids::ConnectionId, time::Timestamp};
    use keystead_store::connections::Options as Stored;
    use serde_json::json;

    use super::*;

    fn options(options: Value) -> Result<DatabaseOptions, Fault> {
        let id = ConnectionId::try_from("con_0123456789abcdef").unwrap();
        let mut connection = Connection::new(
            id,
            "db".to_owned(),
            "auth0".to_owned(),
            Timestamp::from_secs(0),
        );
        connection.options = Stored(options.as_object().unwrap().clone());
        DatabaseOptions::of(&connection)
    }

    #[test]
    fn what_is_not_said_is_as_auth0_has_it() {
        let defaults = options(json!({ "import_mode": false, "mfa": { "active": true } })).unwrap();
        assert_eq!(defaults, DatabaseOptions::default());
        assert!(!defaults.requires_username());
        assert!(!defaults.disable_signup());
        assert!(defaults.brute_force_protection());
    }

    #[test]
    fn an_option_of_the_wrong_type_is_not_taken_for_its_default() {
        for wrong in [
            json!({ "disable_signup": "true" }),
            json!({ "passwordPolicy": "excelent" }),
            json!({ "password_history": { "enable": 1 } }),
        ] {
            let read = options(wrong.clone());
            assert!(matches!(read, Err(Fault::Setting(_))), "{wrong}: {read:?}");
        }
    }

    #[test]
    fn what_is_an_address_and_what_is_not() {
        for (given, want) in [
            ("ada@example.org", true),
            (" ada@example.org ", true),
            ("ada+tag@sub.example.org", true),
            ("ada@localhost", true),
            ("åda@exämple.org", true),
            ("ada", false),
            ("@example.org", false),
            ("ada@", false),
            ("a@b@c", false),
            ("Ada <ada@example.org>", false),
            ("ada@[127.0.0.1]", false),
            ("ada @example.org", false),
            ("ada@example.org\r\nBcc: all@example.org", false),
            ("ada\0@example.org", false),
            ("", false),
        ] {
            assert_eq!(email(given).is_some(), want, "{given:?}");
        }
        assert_eq!(email(" a@b.c\t").as_deref(), Some("a@b.c"));
        let long = format!("{}@{}.example", "a".repeat(64), "b".repeat(190));
        assert_eq!(email(&long), None);
    }

    #[test]
    fn what_is_a_user_name_and_what_is_not() {
        let usual = DatabaseOptions::default();
        for (given, want) in [
            ("ada", true),
            ("a.d-a_1@!#$'+^`~", false),
            ("a.d-a_1@!#$'+", true),
            ("", false),
            ("  ", false),
            ("0123456789abcde", true),
            ("0123456789abcdef", false),
            ("ada lovelace", false),
            ("äda", false),
            ("a@b.c", false),
            ("a\0b", false),
        ] {
            assert_eq!(usual.username(given).is_some(), want, "{given:?}");
        }
        let own =
            options(json!({ "validation": { "username": { "min": 4, "max": 200 } } })).unwrap();
        assert_eq!(own.username("ada"), None);
        assert!(own.username(&"a".repeat(128)).is_some());
        assert_eq!(own.username(&"a".repeat(129)), None);
    }
}
