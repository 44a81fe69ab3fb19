//! What the certification of OpenID providers looks at and no other case shows. Each case begins with its rule's letter and
//! number: metadata (a), keys (b), authorization (c), redemption (e), ID tokens (f), logging out (h), pages (l).
//!
//! Shown elsewhere: callbacks (c12) in `attacks::class_01`, `response_modes` and `authorize`; a missing `response_type` (c13)
//! and what cannot be answered (l4) in `authorize` and `error_page`; silent log-ins (c18) and hints (c20) in `steps`; refusals
//! of the user (c26) in `login`, `signup`, `consent` and `steps`; codes (e36) in `attacks::class_07`; `sid` (f46) in `login`;
//! logging out (h50) in `logout`; forms that answer (l6) in `response_modes`. In a browser, by the e2e suite: pages without
//! scripts (l1, l6) in its room "scripts off", their addresses (l2) in "pages"; their ids (l3) in the server's `pages::tests`.

use std::collections::BTreeSet;

use keystead_store::users::User;
use serde_json::json;

use crate::{
    actors::{App, Browser},
    house::{Answer, House},
};

mod answers;
mod claims;
mod metadata;
mod requests;
mod steps;

const BYE: &str = "https://app.example/bye";

fn words(text: &str) -> BTreeSet<&str> {
    text.split(' ').collect()
}

/// What a code brings, asked for with changes and without a page.
async fn tokens(app: &App, browser: &Browser, changes: &[(&str, &str)]) -> Answer {
    let answer = browser.opens(&app.authorizes(changes)).await;
    let code = answer.sent("code");
    app.redeems(&code.unwrap_or_else(|| panic!("{changes:?}: {:?}", answer.to())))
        .await
}

/// A strict site of Ada's.
async fn strict(house: &House, ada: &User) -> App {
    let more = json!({ "security_profile": "oidc", "allowed_logout_urls": [BYE] });
    house.asker("strict", ada, more).await
}
