//! What an administrator sets for the whole installation and every endpoint reads.

use keystead_protocol::ids::Audience;
use keystead_store::settings::Setting;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The settings of this installation, named as in Auth0's Management API where it has them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Tenant {
    /// The API of requests that name none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_audience: Option<Audience>,
    /// Members that nothing here acts on.
    #[serde(flatten)]
    pub others: Map<String, Value>,
}

impl Setting for Tenant {
    const NAME: &'static str = "tenant";
}
