//! What an administrator sets for the whole installation and every endpoint reads.

use std::time::Duration;

use keystead_protocol::{ids::Audience, logout::LogoutUrls};
use keystead_store::settings::Setting;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The settings of this installation, named as in Auth0's Management API where it has them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Tenant {
    /// What the installation is called on its pages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub friendly_name: Option<String>,
    /// The languages of its pages, the usual one first; all that there are if nothing is said.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub enabled_locales: Vec<String>,
    /// The API of requests that name none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_audience: Option<Audience>,
    /// The database of users of requests that name no connection.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_directory: Option<String>,
    /// Where users may go who log out without naming a client.
    pub allowed_logout_urls: LogoutUrls,
    /// How long a session lasts at most, in hours; 168 if nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_lifetime: Option<f64>,
    /// How long a session lasts that is not used, in hours; 72 if nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idle_session_lifetime: Option<f64>,
    /// Members that nothing here acts on.
    #[serde(flatten)]
    pub others: Map<String, Value>,
}

impl Tenant {
    /// How long a session lasts at most.
    pub fn session_lifetime(&self) -> Duration {
        hours(self.session_lifetime, 168)
    }

    /// Whether one of the installation's flags is on.
    pub fn flag(&self, name: &str) -> bool {
        let flags = self.others.get("flags");
        flags.and_then(|flags| flags.get(name)?.as_bool()) == Some(true)
    }

    /// How long a session lasts that is not used.
    pub fn idle_session_lifetime(&self) -> Duration {
        hours(self.idle_session_lifetime, 72)
    }
}

/// A number of hours, or the usual one where the number is none that a clock could count.
fn hours(set: Option<f64>, usual: u64) -> Duration {
    set.and_then(|hours| Duration::try_from_secs_f64(hours * 3_600.0).ok())
        .filter(|span| !span.is_zero())
        .unwrap_or(Duration::from_secs(usual * 3_600))
}

impl Setting for Tenant {
    const NAME: &'static str = "tenant";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_that_make_no_sense_are_the_usual_ones() {
        let day = Duration::from_secs(86_400);
        for (set, want) in [
            (None, day),
            (Some(24.0), day),
            (Some(0.5), Duration::from_secs(1_800)),
            (Some(0.0), day),
            (Some(-1.0), day),
            (Some(f64::NAN), day),
            (Some(f64::INFINITY), day),
        ] {
            assert_eq!(hours(set, 24), want, "{set:?}");
        }
    }
}
