//! Class 8: PKCE left out or weakened on the way, at the token endpoint and before.

use serde_json::json;

use crate::{
    actors::{Agreed, CHALLENGE, REDIRECT, VERIFIER},
    house::{Engine, House},
};

#[tokio::test]
async fn a_challenge_wants_its_verifier_and_a_verifier_its_challenge() {
    let house = House::begun(Engine::Sqlite).await;
    let (public, confidential) = (house.native("phone").await, house.site("site").await);
    let ada = house.user("ada").await;
    let failed =
        r#"403 {"error":"invalid_grant","error_description":"Failed to verify code verifier"}"#;
    let other = VERIFIER.replace('d', "e");
    for (about, app, challenge, verifier, passes) in [
        (
            "as it should be",
            &public,
            Some(CHALLENGE),
            Some(VERIFIER),
            true,
        ),
        (
            "as it should be, with a secret",
            &confidential,
            Some(CHALLENGE),
            Some(VERIFIER),
            true,
        ),
        ("no verifier", &public, Some(CHALLENGE), None, false),
        (
            "no verifier, but a secret",
            &confidential,
            Some(CHALLENGE),
            None,
            false,
        ),
        (
            "the challenge as its own verifier",
            &public,
            Some(CHALLENGE),
            Some(CHALLENGE),
            false,
        ),
        (
            "another verifier",
            &public,
            Some(CHALLENGE),
            Some(other.as_str()),
            false,
        ),
        ("a stripped challenge", &public, None, Some(VERIFIER), false),
        (
            "a stripped challenge and a secret",
            &confidential,
            None,
            Some(VERIFIER),
            false,
        ),
        ("nothing, and no secret", &public, None, None, false),
        ("nothing but a secret", &confidential, None, None, true),
    ] {
        let code = house
            .code(
                app,
                &ada,
                Agreed {
                    challenge,
                    ..Agreed::default()
                },
            )
            .await;
        let mut form =
            json!({ "grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT });
        if let Some(verifier) = verifier {
            form["code_verifier"] = json!(verifier);
        }
        let answer = app.asks(form).await;
        if passes {
            assert_eq!(answer.status, 200, "{about}: {}", answer.body);
        } else {
            assert_eq!(answer.short(), failed, "{about}");
        }
    }
}

#[tokio::test]
async fn no_public_client_gets_a_code_without_s256() {
    let house = House::begun(Engine::Sqlite).await;
    let ada = house.user("ada").await;
    let more = json!({ "token_endpoint_auth_method": "none", "app_type": "spa" });
    let app = house.asker("app", &ada, more).await;
    let browser = house.signed_in(&ada).await;
    let method = "code_challenge_method";
    for (name, changes) in [
        ("nothing", &[("code_challenge", ""), (method, "")][..]),
        ("a method alone", &[("code_challenge", "")]),
        ("plain", &[(method, "plain")]),
        ("plain by leaving it out", &[(method, "")]),
        ("another case", &[(method, "s256")]),
        ("a short one", &[("code_challenge", "abc")]),
        (
            "a hybrid",
            &[
                ("code_challenge", ""),
                (method, ""),
                ("response_type", "code id_token"),
            ],
        ),
        (
            "silently",
            &[("code_challenge", ""), (method, ""), ("prompt", "none")],
        ),
    ] {
        let answer = browser.opens(&app.authorizes(changes)).await;
        assert_eq!(
            answer.sent("error").as_deref(),
            Some("invalid_request"),
            "{name}"
        );
        assert_eq!(answer.sent("code"), None, "{name}");
    }
    let code = browser
        .opens(&app.authorizes(&[]))
        .await
        .sent("code")
        .unwrap();
    assert_eq!(app.redeems(&code).await.status, 200);
}
