//! The first start: our own API, and a client for automation only if somebody asked for one.

use std::collections::BTreeSet;

use keystead_server::begin;
use keystead_store::{
    Deletion, apis, clients,
    connections::{self, Connection},
};
use serde_json::json;

use crate::{
    actors::{App, ISSUER, Shows},
    house::{Engine, House, on_both},
};

const SECRET: &str = "a-secret-of-the-operators-own";

async fn with_bootstrap(engine: Engine) -> House {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("secret");
    std::fs::write(&file, format!("{SECRET}\n")).unwrap();
    let file = file.to_str().unwrap();
    House::begun_with(
        engine,
        &[
            ("BOOTSTRAP__CLIENT_ID", "terraform"),
            ("BOOTSTRAP__CLIENT_SECRET_FILE", file),
        ],
    )
    .await
}

async fn clients_of(house: &House) -> Vec<String> {
    let listed = house
        .services
        .store
        .read(|tx| clients::list(tx, None, 10))
        .await
        .unwrap();
    listed.iter().map(|client| client.id.to_string()).collect()
}

fn terraform(house: &House) -> App {
    house.stranger("terraform", Shows::Post(SECRET.to_owned()))
}

#[tokio::test]
async fn the_first_start_makes_the_client_and_the_second_does_not() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        if !engine.is_here() {
            continue;
        }
        let house = with_bootstrap(engine).await;
        let audience = format!("{ISSUER}api/v2/");
        let form = || json!({ "grant_type": "client_credentials", "audience": audience });
        let answer = terraform(&house).asks(form()).await;
        let granted = answer.text("scope");
        let identifier = audience.as_str().try_into().unwrap();
        let api = house
            .services
            .store
            .read(move |tx| apis::by_identifier(tx, &identifier))
            .await
            .unwrap()
            .unwrap();
        assert!(api.is_system);
        assert_eq!(api.name.as_deref(), Some("Auth0 Management API"));
        let defined: BTreeSet<_> = api
            .scopes
            .iter()
            .map(|scope| scope.value.as_str())
            .collect();
        assert_eq!(granted.split(' ').collect::<BTreeSet<_>>(), defined);
        assert!(defined.contains("create:clients") && defined.contains("update:tenant_settings"));

        // Deleted, it stays deleted, as long as any other client is left.
        house.machine("other").await;
        let now = house.now();
        house
            .writes(move |tx| clients::delete(tx, &"terraform".try_into().unwrap(), now).map(drop))
            .await;
        begin(&house.services).await.unwrap();
        house.hears().await;
        assert_eq!(clients_of(&house).await, ["other"]);
        assert_eq!(
            terraform(&house).asks(form()).await.refusal(),
            "401 invalid_client"
        );
    }
}

on_both! {
    async fn unasked_there_is_an_api_but_no_client(house) {
        assert_eq!(clients_of(&house).await, Vec::<String>::new());
        let listed = house.services.store.read(|tx| apis::list(tx, None, 10)).await.unwrap();
        let identifiers: Vec<_> = listed.iter().map(|api| api.identifier.as_str()).collect();
        assert_eq!(identifiers, [format!("{ISSUER}api/v2/")]);
        // A second server finds it there.
        let neighbour = house.neighbour().await;
        let listed = neighbour.services.store.read(|tx| apis::list(tx, None, 10)).await.unwrap();
        assert_eq!(listed.len(), 1);
    }

    async fn users_have_a_database_and_administrators_one_that_nobody_sees(house) {
        async fn names(house: &House) -> (Vec<String>, Vec<String>) {
            let read = house.services.store.read(|tx| {
                let name = |connection: &Connection| connection.name.clone();
                let listed = connections::list(tx, None, 10)?.iter().map(name).collect();
                let system = connections::system(tx)?.iter().map(name).collect();
                Ok::<_, keystead_store::Fault>((listed, system))
            });
            read.await.unwrap()
        }
        let administrators = vec!["keystead-administrators".to_owned()];
        let users = vec!["Username-Password-Authentication".to_owned()];
        assert_eq!(names(&house).await, (users.clone(), administrators.clone()));
        begin(&house.services).await.unwrap();
        assert_eq!(names(&house).await, (users, administrators.clone()));
        // Deleted, the one stays deleted; the other cannot be.
        let now = house.now();
        let (one, other) = house
            .writes(move |tx| {
                let users = connections::list(tx, None, 1)?.remove(0).id;
                let administrators = connections::system(tx)?.remove(0).id;
                Ok((connections::delete(tx, &users, now)?, connections::delete(tx, &administrators, now)?))
            })
            .await;
        assert_eq!((one, other), (Deletion::Done, Deletion::System));
        begin(&house.services).await.unwrap();
        assert_eq!(names(&house).await, (vec![], administrators));
    }

    async fn what_another_node_changes_is_in_force_when_the_feed_was_read(house) {
        let api = house.api("https://api.example/", |_| {}).await;
        let machine = house.machine("robot").await;
        let grant = house.grants(&machine, &api, "read:messages").await;
        let neighbour = house.neighbour().await;
        let there = neighbour.same_app(&machine);
        let form = || json!({ "grant_type": "client_credentials", "audience": "https://api.example/" });
        assert_eq!(there.asks(form()).await.text("scope"), "read:messages");

        let now = house.now();
        house.writes(move |tx| keystead_store::client_grants::delete(tx, &grant, now).map(drop)).await;
        assert_eq!(machine.asks(form()).await.refusal(), "403 access_denied");
        neighbour.hears().await;
        assert_eq!(there.asks(form()).await.refusal(), "403 access_denied", "and the loss is remembered as long");
        house.grants(&machine, &api, "write:messages").await;
        neighbour.hears().await;
        assert_eq!(there.asks(form()).await.text("scope"), "write:messages");

        let id = machine.client_id();
        house.writes(move |tx| clients::delete(tx, &id, now).map(drop)).await;
        neighbour.hears().await;
        assert_eq!(there.asks(form()).await.refusal(), "401 invalid_client");
    }
}

#[tokio::test]
async fn without_its_database_a_server_believes_what_it_knows_for_half_a_minute() {
    let house = House::begun(Engine::Sqlite).await;
    let api = house.api("https://api.example/", |_| {}).await;
    let machine = house.machine("robot").await;
    house.grants(&machine, &api, "read:messages").await;
    let form = || json!({ "grant_type": "client_credentials", "audience": "https://api.example/" });
    assert_eq!(machine.asks(form()).await.status, 200);
    house.services.store.close();
    house.clock.advance(std::time::Duration::from_secs(30));
    assert_eq!(machine.asks(form()).await.status, 200);
    house.clock.advance(std::time::Duration::from_secs(1));
    let answer = machine.asks(form()).await;
    assert_eq!(
        (answer.refusal().as_str(), answer.header("retry-after")),
        ("503 temporarily_unavailable", "1")
    );
}
