//! Class 20: an account that somebody made with another's address becomes, or opens, the other's.

use keystead_server::bootstrap::USERS;
use serde_json::json;

use crate::{
    actors::{PASSWORD, email},
    house::on_both,
};

const HERS: &str = "victim@example.com";
const KNOWN_TO_MALLORY: &str = "Mallory chose 1 this";

on_both! {
    async fn an_account_made_beforehand_is_not_trusted_with_the_address(house) {
        let app = house.shop("app").await;
        let mallory = house.browser();
        let page = mallory.comes_from(&app, &[("screen_hint", "signup"), ("scope", "openid email")]).await;
        let state = page.field("state");
        // Whatever a form may claim, only we verify.
        let pairs = [
            ("state", state.as_str()), ("email", HERS), ("password", KNOWN_TO_MALLORY),
            ("email_verified", "true"), ("app_metadata", "{\"role\":\"owner\"}"), ("blocked", "false"),
            ("user_id", "auth0|000000000000000000000000"), ("connection", "keystead-administrators"),
        ];
        let sent = mallory.submits("/u/signup", &pairs).await;
        let back = mallory.follows(sent).await;
        let tokens = app.redeems(&back.sent("code").unwrap()).await;
        let claims = house.reads(&tokens.text("id_token")).await.claims;
        assert_eq!((&claims["email"], &claims["email_verified"]), (&json!(HERS), &json!(false)));
        assert_ne!(claims["sub"], json!("auth0|000000000000000000000000"));
        // She signs up and is not let into his account, nor told of it; he keeps what is his and gets nothing of hers.
        let victim = house.browser();
        let page = victim.comes_from(&app, &[("screen_hint", "signup")]).await;
        let state = page.field("state");
        let pairs = [("state", state.as_str()), ("email", "Victim@Example.com"), ("password", "Her own 1 choice")];
        assert_eq!(victim.submits("/u/signup", &pairs).await.status, 400);
        assert_eq!(victim.cookie("keystead"), None);
    }

    async fn the_same_address_in_two_connections_is_two_people(house) {
        let app = house.shop("app").await;
        house.database("staff", json!({})).await;
        house.enables("staff", &app).await;
        let (ada, other) = (house.account("ada").await, house.account_in("staff", "ada").await);
        assert_eq!(email(&ada), email(&other));
        let browser = house.browser();
        let page = browser.comes_from(&app, &[("connection", "staff")]).await;
        let back = browser.signs_in(&page, &other).await;
        let tokens = app.redeems(&back.sent("code").unwrap()).await;
        let claims = house.reads(&tokens.text("id_token")).await.claims;
        assert_eq!(claims["sub"], json!(other.id.as_str()));
        assert!(house.sessions(&ada).await.is_empty());
        // And blocking one is not blocking the other, nor unblocking.
        house.blocks(&other).await;
        let page = browser.comes_from(&app, &[("connection", "staff")]).await;
        assert_eq!(browser.types(&page, email(&other), PASSWORD).await.status, 400);
        let hers = house.browser();
        let page = hers.comes_from(&app, &[("connection", USERS)]).await;
        assert!(hers.signs_in(&page, &ada).await.sent("code").is_some());
    }
}
