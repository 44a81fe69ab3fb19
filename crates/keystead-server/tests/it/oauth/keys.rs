//! Keys over time: published before they sign, and until their tokens are dead.

use std::time::Duration;

use keystead_protocol::{ids::KeyId, jwk::Algorithm};
use keystead_server::keys::{LEAD, REMAINS, Rotated, rotate};
use keystead_store::keys;
use serde_json::{Value, json};

use crate::{
    actors::{App, part},
    house::{Engine, House, on_both},
};

const API: &str = "https://api.example/";

async fn published(house: &House) -> Vec<String> {
    let set = house.visitor().gets("/.well-known/jwks.json").await.json();
    let keys = set["keys"].as_array().unwrap();
    keys.iter()
        .map(|key| key["kid"].as_str().unwrap().to_owned())
        .collect()
}

async fn robot(house: &House) -> App {
    let api = house
        .api(API, |api| api.settings.token_lifetime = 2_592_000)
        .await;
    let machine = house.machine("robot").await;
    house.grants(&machine, &api, "read:messages").await;
    machine
}

async fn token(machine: &App) -> String {
    machine
        .asks(json!({ "grant_type": "client_credentials", "audience": API }))
        .await
        .text("access_token")
}

async fn rotated(house: &House) -> (KeyId, KeyId) {
    let (services, mut rng) = (&house.services, house.services.rng());
    let done = rotate(
        Algorithm::RS256,
        LEAD,
        &services.store,
        &services.keyring,
        &mut rng,
        house.now(),
    );
    let Rotated::Done {
        next,
        previous,
        signs_from,
    } = done.await.unwrap()
    else {
        panic!("nobody else rotates");
    };
    assert_eq!(signs_from, house.now() + LEAD);
    house.hears().await;
    (previous.unwrap(), next)
}

on_both! {
    async fn the_next_key_is_published_before_it_signs_and_the_previous_one_stays(house) {
        let machine = robot(&house).await;
        let before = token(&machine).await;
        let (previous, next) = rotated(&house).await;
        let (previous, next) = (previous.as_str(), next.as_str());
        let signer = |token: &str| part(token, 0)["kid"].as_str().unwrap().to_owned();
        assert_eq!(published(&house).await, [previous, next], "who takes the first takes the one that signs");
        assert_eq!(signer(&token(&machine).await), previous);

        house.waits(LEAD - Duration::from_secs(1)).await;
        let last = token(&machine).await;
        assert_eq!(signer(&last), previous);
        house.waits(Duration::from_secs(1)).await;
        assert_eq!(signer(&token(&machine).await), next);
        assert_eq!(published(&house).await, [next, previous]);

        // The last token of the previous key, in the last second of its long life.
        house.waits(REMAINS - Duration::from_secs(2)).await;
        assert_eq!(machine.introspects(&last).await["active"], true);
        assert_eq!(machine.introspects(&before).await["active"], false);
        assert_eq!(house.reads(&last).await.claims["azp"], "robot");
        house.waits(Duration::from_secs(2)).await;
        assert_eq!(published(&house).await, [next]);
    }

    async fn a_revoked_key_is_worth_nothing_from_then_on(house) {
        let machine = robot(&house).await;
        let stolen = token(&machine).await;
        let kid = KeyId::try_from(part(&stolen, 0)["kid"].as_str().unwrap()).unwrap();
        let (id, now) = (kid.clone(), house.now());
        house.writes(move |tx| keys::revoke(tx, &id, now).map(drop)).await;
        assert_eq!(machine.introspects(&stolen).await, json!({ "active": false }));
        assert_eq!(published(&house).await, Vec::<String>::new());
        // Another is made when it is needed.
        let fresh = token(&machine).await;
        assert_ne!(part(&fresh, 0)["kid"], kid.as_str());
        assert_eq!(machine.introspects(&fresh).await["active"], true);
    }

    async fn two_servers_sign_with_one_key(house) {
        let neighbour = house.neighbour().await;
        let machine = robot(&house).await;
        let there = neighbour.same_app(&machine);
        neighbour.hears().await;
        let (one, two) = (token(&machine).await, token(&there).await);
        assert_eq!(part(&one, 0)["kid"], part(&two, 0)["kid"]);
        assert_eq!(there.introspects(&one).await["active"], true);
        let (_, next) = rotated(&house).await;
        neighbour.hears().await;
        assert_eq!(published(&neighbour).await, published(&house).await);
        house.clock.advance(LEAD);
        house.hears().await;
        neighbour.hears().await;
        assert_eq!(part(&token(&there).await, 0)["kid"], next.as_str());
    }
}

#[tokio::test]
async fn the_set_is_public_typed_and_begins_with_rsa() {
    let house = House::begun(Engine::Sqlite).await;
    let machine = house.machine("robot").await;
    for alg in ["EdDSA", "ES256", "PS256", "RS512"] {
        let identifier = format!("https://{alg}.example");
        let api = house
            .api(&identifier, |api| {
                api.settings.signing_alg = alg.parse().unwrap();
            })
            .await;
        house.grants(&machine, &api, "read:messages").await;
        let form = json!({ "grant_type": "client_credentials", "audience": identifier });
        assert_eq!(machine.asks(form).await.status, 200);
    }
    let answer = house.visitor().gets("/.well-known/jwks.json").await;
    assert_eq!(answer.header("cache-control"), "public, max-age=300");
    let set = answer.json();
    let keys = set["keys"].as_array().unwrap();
    let algs: Vec<&Value> = keys.iter().map(|key| &key["alg"]).collect();
    assert_eq!(
        (algs[0], &algs[3..]),
        (&json!("RS256"), &[&json!("ES256"), &json!("EdDSA")][..])
    );
    for key in keys {
        assert_eq!(key["use"], "sig");
        for secret in ["d", "p", "q", "dp", "dq", "qi", "k"] {
            assert_eq!(key.get(secret), None, "{secret}");
        }
    }
    let distinct: std::collections::BTreeSet<_> = keys
        .iter()
        .map(|key| key["kid"].as_str().unwrap())
        .collect();
    assert_eq!(distinct.len(), 5);
}
