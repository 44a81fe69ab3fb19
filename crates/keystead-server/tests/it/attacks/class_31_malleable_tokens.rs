//! Class 31: a token that still works when cut, extended or changed.

use serde_json::json;

use crate::{
    actors::{Agreed, REDIRECT, VERIFIER},
    house::{Engine, House},
};

const API: &str = "https://api.example/";

/// Every way to be wrong by a little: each character changed, cuts at both ends, additions, other spellings.
fn neighbours(token: &str) -> Vec<String> {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut all = vec![];
    for (index, byte) in token.bytes().enumerate() {
        let Some(place) = ALPHABET.iter().position(|letter| *letter == byte) else {
            continue;
        };
        // The lowest bit of a last character is one that a decoder may drop; the highest never is.
        for flipped in [place ^ 1, place ^ 32] {
            let mut changed = token.as_bytes().to_vec();
            changed[index] = ALPHABET[flipped];
            all.push(String::from_utf8(changed).unwrap());
        }
    }
    let half = token.len() / 2;
    all.extend([
        token[1..].to_owned(),
        token[..token.len() - 1].to_owned(),
        token[..half].to_owned(),
        token[half..].to_owned(),
        format!("{token}A"),
        format!("A{token}"),
        format!("{token}="),
        format!("{token}=="),
        format!("{token}."),
        format!("{token}{token}"),
        format!("{token}\u{a0}"),
        token.replace(['-', '_'], "+"),
        token.to_lowercase(),
    ]);
    all.retain(|other| other != token);
    all
}

#[tokio::test]
async fn only_the_token_itself_is_the_token() {
    let off = [
        ("LIMITS__REQUESTS_PER_SECOND", "0"),
        ("LIMITS__FAILURES_PER_SECOND", "0"),
    ];
    let house = House::begun_with(Engine::Sqlite, &off).await;
    house.api(API, |_| {}).await;
    let (app, ada) = (house.native("phone").await, house.user("ada").await);
    let reader = house.machine("reader").await;
    let agreed = |audience| Agreed {
        scope: "openid offline_access",
        audience,
        ..Agreed::default()
    };
    let code = house.code(&app, &ada, agreed(None)).await;
    let jwt = app
        .redeems(&house.code(&app, &ada, agreed(Some(API))).await)
        .await;
    let opaque = app
        .redeems(&house.code(&app, &ada, agreed(None)).await)
        .await;
    for other in neighbours(&code) {
        let form = json!({
            "grant_type": "authorization_code", "code": other, "redirect_uri": REDIRECT, "code_verifier": VERIFIER,
        });
        assert_eq!(
            app.asks(form).await.refusal(),
            "403 invalid_grant",
            "{other}"
        );
    }
    let refresh_token = opaque.text("refresh_token");
    for other in neighbours(&refresh_token) {
        assert_eq!(
            app.refreshes(&other).await.refusal(),
            "403 invalid_grant",
            "{other}"
        );
    }
    for token in [opaque.text("access_token"), jwt.text("access_token")] {
        for other in neighbours(&token) {
            assert_eq!(
                reader.introspects(&other).await,
                json!({ "active": false }),
                "{other}"
            );
            if other.is_ascii() {
                assert_eq!(house.visitor().shows(&other).await.status, 401, "{other}");
            }
        }
        assert_eq!(house.visitor().shows(&token).await.status, 200);
    }
    assert_eq!(
        app.refreshes(&refresh_token).await.status,
        200,
        "nothing was revoked by it"
    );
    assert_eq!(app.redeems(&code).await.status, 200);
}
