//! What a user record says about a person.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The standard claims (OpenID Connect Core §5.1) that have no column of their own, and any others that an upstream
/// provider or an import brought along. `updated_at` is not among them: it is the record's.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Profile {
    /// Full name, for display.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// First names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub given_name: Option<String>,
    /// Last names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub family_name: Option<String>,
    /// Middle names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub middle_name: Option<String>,
    /// Casual name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nickname: Option<String>,
    /// What the person wants to be called at a client. Need not be unique.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preferred_username: Option<String>,
    /// URL of a profile page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// URL of a picture.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub picture: Option<String>,
    /// URL of a home page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub website: Option<String>,
    /// Gender.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gender: Option<String>,
    /// `YYYY-MM-DD`, `0000-MM-DD` or `YYYY`. Not checked here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub birthdate: Option<String>,
    /// A time zone's name, such as `Europe/Paris`. Not checked here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zoneinfo: Option<String>,
    /// A language tag (BCP 47). Not checked here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub locale: Option<String>,
    /// Postal address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<Address>,
    /// Telephone number (E.164). Not checked here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone_number: Option<String>,
    /// Whether the person was shown to hold that number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone_number_verified: Option<bool>,
    /// Members that are none of the above.
    #[serde(flatten)]
    pub others: Map<String, Value>,
}

/// A postal address (OpenID Connect Core §5.1.1).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Address {
    /// All of it, with line breaks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub formatted: Option<String>,
    /// Street and number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub street_address: Option<String>,
    /// City.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub locality: Option<String>,
    /// State or province.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Postal code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub postal_code: Option<String>,
    /// Country.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    /// Members that are none of the above.
    #[serde(flatten)]
    pub others: Map<String, Value>,
}

/// What users may say of themselves and change.
#[derive(Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UserMetadata(pub Map<String, Value>);

/// What administrators say of users; users can neither read nor change it.
#[derive(Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AppMetadata(pub Map<String, Value>);

/// The members' names only.
impl fmt::Debug for UserMetadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// The members' names only.
impl fmt::Debug for AppMetadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_profile_gives_back_what_it_was_given() {
        for (name, given) in [
            ("nothing", json!({})),
            (
                "every standard claim",
                json!({
                    "name": "a", "given_name": "b", "family_name": "c", "middle_name": "d", "nickname": "e",
                    "preferred_username": "f", "profile": "g", "picture": "h", "website": "i", "gender": "j",
                    "birthdate": "k", "zoneinfo": "l", "locale": "m", "phone_number": "n",
                    "phone_number_verified": false,
                    "address": {"formatted": "1", "street_address": "2", "locality": "3", "region": "4",
                                "postal_code": "5", "country": "6", "planet": "7"},
                }),
            ),
            (
                "members that nobody knows",
                json!({"shoe_size": 38, "tags": ["x", null], "name": "a"}),
            ),
        ] {
            let profile: Profile = serde_json::from_value(given.clone()).unwrap();
            assert_eq!(serde_json::to_value(&profile).unwrap(), given, "{name}");
        }
    }

    #[test]
    fn a_standard_claim_of_the_wrong_type_is_refused() {
        assert!(serde_json::from_value::<Profile>(json!({"name": 1})).is_err());
    }
}
