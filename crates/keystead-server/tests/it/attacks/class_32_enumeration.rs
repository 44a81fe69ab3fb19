//! Class 32: no answer tells whether a client, a code, a token or an account exists, nor does what it costs.

use std::time::{Duration, Instant};

use keystead_server::identity::{
    accounts::{Checked, SignedUp},
    lockout::Limit,
    refusals::{Disclosure, Rejection, Why},
};
use keystead_store::{clients, users};
use serde_json::json;

use crate::{
    actors::{Agreed, Shows},
    house::{Answer, Engine, House},
    identity::{HOME, PASSWORD, Town},
};

/// Everything of an answer that could tell something, but for what differs in each.
fn face(answer: &Answer) -> (u16, String, Vec<(String, String)>) {
    let differs = [
        "x-request-id",
        "x-ratelimit-remaining",
        "x-ratelimit-reset",
        "date",
    ];
    let headers = answer
        .headers
        .iter()
        .filter(|(name, _)| !differs.contains(&name.as_str()));
    let headers =
        headers.map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()));
    (
        answer.status.as_u16(),
        answer.body.clone(),
        headers.collect(),
    )
}

fn all_alike(answers: &[(&str, Answer)]) {
    for (about, answer) in answers {
        assert_eq!(
            face(answer),
            face(&answers[0].1),
            "{about} is told from {}",
            answers[0].0
        );
    }
}

#[tokio::test]
async fn no_client_is_told_from_another() {
    let house = House::begun(Engine::Sqlite).await;
    let form = || json!({ "grant_type": "client_credentials", "audience": "https://api.example/" });
    let (real, off) = (house.machine("real").await, house.machine("off").await);
    let (id, now) = (off.client_id(), house.now());
    house
        .writes(move |tx| clients::set_enabled(tx, &id, false, now).map(drop))
        .await;
    let phone = house.native("phone").await;
    let signer = house
        .client(
            "signer",
            json!({ "token_endpoint_auth_method": "private_key_jwt" }),
        )
        .await;
    let guess = |id: &str| house.stranger(id, Shows::Post("a guess".to_owned()));
    let assertion = |id: &str| house.stranger(id, signer.shows.clone());
    all_alike(&[
        ("nobody", guess("nobody").asks(form()).await),
        ("a client", guess("real").asks(form()).await),
        ("a client that is off", guess("off").asks(form()).await),
        (
            "a client that is off, with its secret",
            off.asks(form()).await,
        ),
        ("a public client", guess("phone").asks(form()).await),
        ("a client that signs", guess("signer").asks(form()).await),
        ("nobody, signing", assertion("nobody").asks(form()).await),
        ("a client, signing", assertion("real").asks(form()).await),
        (
            "a client without its secret",
            real.showing(Shows::Nothing).asks(form()).await,
        ),
        (
            "nobody without a secret",
            house.stranger("nobody", Shows::Nothing).asks(form()).await,
        ),
    ]);
    assert_eq!(
        phone.asks(form()).await.refusal(),
        "403 unauthorized_client",
        "who is public has nothing to hide"
    );
}

#[tokio::test]
async fn no_code_or_token_is_told_from_one_that_never_was() {
    let house = House::begun(Engine::Sqlite).await;
    let (app, thief) = (house.native("phone").await, house.native("thief").await);
    let ada = house.user("ada").await;
    let agreed = || Agreed {
        scope: "openid offline_access",
        ..Agreed::default()
    };
    let code = house.code(&app, &ada, agreed()).await;
    let used = house.code(&app, &ada, agreed()).await;
    let start = app.redeems(&used).await;
    let never = "A".repeat(code.len() - 1) + "A";
    all_alike(&[
        ("a code that never was", thief.redeems(&never).await),
        ("no code at all", thief.redeems("x").await),
        ("another's code", thief.redeems(&code).await),
        ("another's used code", thief.redeems(&used).await),
    ]);
    let other = app.redeems(&code).await;
    let revoked = other.text("refresh_token");
    assert_eq!(app.revokes(&revoked).await.status, 200);
    all_alike(&[
        (
            "a refresh token that never was",
            thief.refreshes(&never).await,
        ),
        ("no refresh token at all", thief.refreshes("x").await),
        (
            "another's",
            thief.refreshes(&start.text("refresh_token")).await,
        ),
        ("another's, revoked", thief.refreshes(&revoked).await),
        ("its own, revoked", app.refreshes(&revoked).await),
    ]);
    all_alike(&[
        (
            "an access token that never was",
            house.visitor().shows(&never).await,
        ),
        ("no access token at all", house.visitor().shows("x").await),
        (
            "one that was revoked",
            house.visitor().shows(&other.text("access_token")).await,
        ),
    ]);
    all_alike(&[
        ("revoking nothing", thief.revokes(&never).await),
        (
            "revoking another's",
            thief.revokes(&start.text("refresh_token")).await,
        ),
    ]);
}

#[tokio::test]
async fn no_account_is_told_from_another_by_what_its_password_costs() {
    let house = House::begun(Engine::Sqlite).await;
    let town = Town::new(house, json!({})).await;
    town.resident("ada@example.org").await;
    town.resident_with("without@example.org", None).await;
    let off = town.resident("off@example.org").await.id;
    let now = town.house.now();
    town.house
        .writes(move |tx| users::block(tx, &off, now).map(drop))
        .await;
    let all = [
        ("somebody", "ada@example.org"),
        ("nobody", "nobody@example.org"),
        ("somebody without a password", "without@example.org"),
        ("somebody who is blocked", "off@example.org"),
    ];
    for (about, email) in all {
        let (_, ours, others) = town.cost(town.tries(email, "a guess", HOME)).await;
        assert_eq!((ours, others), (1, 0), "{about}");
        for _ in 0..9 {
            town.answer(email, "a guess", HOME).await;
        }
        // Limits do not tell either: they are reached as soon, for as long, and then nothing is hashed.
        let (refused, ours, others) = town.cost(town.tries(email, PASSWORD, HOME)).await;
        assert_eq!((ours, others), (0, 0), "{about}");
        let Checked::Rejected(Rejection { why, .. }) = refused else {
            panic!("{about} was let in");
        };
        let wait = Duration::from_secs(900);
        let by = Limit::AccountAndAddress;
        assert_eq!(why, Why::TooManyAttempts { by, wait }, "{about}");
    }
}

#[tokio::test]
async fn no_account_is_told_from_another_by_a_sign_up() {
    let house = House::begun(Engine::Sqlite).await;
    let town = Town::new(house, json!({})).await;
    let (_, free, others) = town
        .cost(town.signs_up("ada@example.org", None, PASSWORD))
        .await;
    let (answer, taken, _) = town
        .cost(town.signs_up("ada@example.org", None, PASSWORD))
        .await;
    assert_eq!((free, taken, others), (1, 1, 0));
    let SignedUp::Refused(why) = answer else {
        panic!("the name was given twice");
    };
    let face = why.public(Disclosure::Withheld);
    assert_eq!((face.status, face.code), (400, "invalid_signup"));
}

/// What the database is asked and what is hashed take as long for nobody as for somebody: the medians of many differ by
/// less than they scatter.
#[tokio::test]
async fn nobody_is_refused_as_slowly_as_somebody() {
    let house = House::begun(Engine::Sqlite).await;
    let town = Town::new(house, json!({ "brute_force_protection": false })).await;
    town.resident("ada@example.org").await;
    let mut times = [vec![], vec![]];
    for round in 0..40 {
        for (which, email) in ["ada@example.org", "nobody@example.org"].iter().enumerate() {
            let from = format!("198.51.100.{round}");
            let begun = Instant::now();
            town.answer(email, "a guess", &from).await;
            times[which].push(begun.elapsed());
        }
    }
    let [somebody, nobody] = times.map(|mut times| {
        times.sort_unstable();
        let spread = times[30] - times[10];
        (times[20], spread)
    });
    let apart = somebody.0.abs_diff(nobody.0);
    let scatter = somebody.1.max(nobody.1).max(somebody.0 / 4);
    assert!(apart < scatter, "{somebody:?} {nobody:?}");
}
