//! The parameter `claims` (OpenID Connect Core §5.5): single claims that a client asks for.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::scope::Scope;

/// Which claims a client asks for, where they are to be delivered, and the demands that must not be overheard.
///
/// Everything else is a wish that may remain one, so what cannot be read is left out and never an error.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AskedClaims {
    /// By name, in the ID token.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub id_token: Vec<String>,
    /// By name, at userinfo.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub userinfo: Vec<String>,
    /// Who alone may be answered about: each value that a `sub` has, once. Two of them are a contradiction.
    #[serde(skip)]
    pub subjects: Vec<String>,
    /// An `acr` without which the client does not want an answer.
    #[serde(skip)]
    pub essential_acr: bool,
}

/// The claims that a scope releases (OpenID Connect Core §5.4).
const OF_SCOPES: [(&str, &[&str]); 4] = [
    (
        "profile",
        &[
            "name",
            "family_name",
            "given_name",
            "middle_name",
            "nickname",
            "preferred_username",
            "profile",
            "picture",
            "website",
            "gender",
            "birthdate",
            "zoneinfo",
            "locale",
            "updated_at",
        ],
    ),
    ("email", &["email", "email_verified"]),
    ("address", &["address"]),
    ("phone", &["phone_number", "phone_number_verified"]),
];

impl AskedClaims {
    /// Reads the parameter. Names that no scope releases are left out: we have nothing to say about them.
    pub(super) fn read(text: Option<&str>) -> Self {
        let asked: Map<String, Value> = text
            .and_then(|text| serde_json::from_str(text).ok())
            .unwrap_or_default();
        let member = |name: &str| asked.get(name).and_then(Value::as_object);
        let names = |name: &str| {
            let names = member(name).into_iter().flat_map(Map::keys);
            names
                .filter(|name| scope_of(name).is_some())
                .cloned()
                .collect()
        };
        let of = |place: &str, claim: &str| member(place)?.get(claim)?.as_object();
        let mut subjects: Vec<String> = ["id_token", "userinfo"]
            .iter()
            .filter_map(|place| of(place, "sub")?.get("value")?.as_str())
            .map(str::to_owned)
            .collect();
        subjects.dedup();
        Self {
            id_token: names("id_token"),
            userinfo: names("userinfo"),
            subjects,
            essential_acr: of("id_token", "acr")
                .and_then(|acr| acr.get("essential")?.as_bool())
                .unwrap_or(false),
        }
    }

    /// Whether nothing is asked for.
    pub fn is_empty(&self) -> bool {
        self.id_token.is_empty() && self.userinfo.is_empty()
    }

    /// The scopes that would release what is asked for: what a user has to agree to.
    pub fn scope(&self) -> Scope {
        let names = self.id_token.iter().chain(&self.userinfo);
        names
            .filter_map(|name| scope_of(name)?.parse::<Scope>().ok())
            .fold(Scope::default(), |all, one| all.union(&one))
    }
}

fn scope_of(claim: &str) -> Option<&'static str> {
    let mut all = OF_SCOPES.into_iter();
    all.find_map(|(scope, claims)| claims.contains(&claim).then_some(scope))
}
