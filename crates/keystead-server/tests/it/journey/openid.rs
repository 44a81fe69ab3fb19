//! What the certification of OpenID providers looks at and no other case shows. Each case begins with its rule's letter and
//! number: metadata (a), keys (b), authorization (c), redemption (e), ID tokens (f), logging out (h), pages (l).

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
