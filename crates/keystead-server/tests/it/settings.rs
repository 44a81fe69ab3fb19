//! The installation's settings, when what is stored is not what this version can read.

use std::time::Duration;

use keystead_store::settings::{self, Setting};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::house::on_both;

#[derive(Serialize, Deserialize)]
struct FromAnotherVersion {
    colors: String,
}

impl Setting for FromAnotherVersion {
    const NAME: &'static str = "branding";
}

on_both! {
    async fn settings_that_cannot_be_read_leave_those_from_before_in_force(house) {
        const API: &str = "https://api.example/";
        let api = house.api(API, |_| {}).await;
        let robot = house.machine("robot").await;
        house.grants(&robot, &api, "read:messages").await;
        let now = house.now();
        let other = FromAnotherVersion { colors: "night".to_owned() };
        house.writes(move |tx| settings::put(tx, &other, now)).await;
        // Longer than anything is believed that cannot be kept true.
        house.waits(Duration::from_secs(60)).await;
        let wanted = json!({ "grant_type": "client_credentials", "audience": API });
        assert_eq!(robot.asks(wanted).await.status, 200);
        assert_eq!(house.browser().opens("/u/logged-out").await.status, 200);
    }
}
