//! Class 16: a cut-off or a setting that is lost when an object is read, changed and written back.

use keystead_protocol::ids::RoleId;
use keystead_server::tenant::Tenant;
use keystead_store::{
    Insert, Update, apis, client_grants, clients, connections,
    revocations::{self, Reach},
    roles::{self, Addition, Assignment, Permission, Role},
    settings, users,
};
use serde_json::json;

use crate::{
    actors::{Agreed, App},
    house::{House, on_both},
};

const API: &str = "https://api.example/";

/// Renames everything there is, by reading and writing back.
async fn renames_everything(house: &House, app: &App) {
    let (now, client) = (house.now(), app.client_id());
    house
        .writes(move |tx| {
            let mut found = clients::find(tx, &client)?.unwrap();
            found.name = "Another name".to_owned();
            assert_eq!(clients::update(tx, &found, now)?, Update::Done);
            let mut api = apis::by_identifier(tx, &API.try_into().unwrap())?.unwrap();
            api.name = Some("Another name".to_owned());
            assert_eq!(apis::update(tx, &api, now)?, Update::Done);
            for grant in client_grants::of_client(tx, &client, None, 10)? {
                assert_eq!(client_grants::update(tx, &grant, now)?, Update::Done);
            }
            let tenant = settings::get::<Tenant>(tx)?.unwrap().value;
            settings::put(tx, &tenant, now)
        })
        .await;
}

on_both! {
    async fn what_was_switched_off_or_cut_off_survives_a_change(house) {
        let api = house.api(API, |api| {
            api.settings.others.insert("unheard_of".to_owned(), json!(["kept"]));
            api.settings.token_lifetime = 77;
        }).await;
        let grants = json!(["client_credentials", "authorization_code", "refresh_token"]);
        let app = house.client("app", json!({ "grant_types": grants, "unheard_of": { "kept": true } })).await;
        let off = house.client("off", json!({ "grant_types": grants })).await;
        house.grants(&app, &api, "read:messages").await;
        house.grants(&off, &api, "read:messages").await;
        let ada = house.user("ada").await;
        let agreed = Agreed { scope: "openid", audience: Some(API), ..Agreed::default() };
        let token = app.redeems(&house.code(&app, &ada, agreed).await).await.text("access_token");
        house.waits(std::time::Duration::from_secs(1)).await;

        let (now, then) = (house.now(), house.now() + std::time::Duration::from_secs(86_400));
        let (id, user) = (off.client_id(), ada.id.clone());
        house.writes(move |tx| {
            let _ = clients::set_enabled(tx, &id, false, now)?;
            revocations::cut_off(tx, Reach::User(&user), now, then)?;
            // An earlier moment, from somebody who had not heard of the later one.
            revocations::cut_off(tx, Reach::User(&user), now - std::time::Duration::from_secs(100), now)?;
            let others = json!({ "unheard_of": "kept" }).as_object().unwrap().clone();
            settings::put(tx, &Tenant { default_audience: Some(API.try_into().unwrap()), others, ..Tenant::default() }, now)
        }).await;
        let document = async |house: &House| {
            let (client, user) = (app.client_id(), ada.id.clone());
            house.services.store.read(move |tx| {
                let client = clients::find(tx, &client)?.unwrap();
                let api = apis::by_identifier(tx, &API.try_into().unwrap())?.unwrap();
                let grants: Vec<_> = client_grants::of_client(tx, &client.id, None, 10)?
                    .into_iter()
                    .map(|grant| (grant.scope, grant.all_scopes, grant.subject_type, grant.settings))
                    .collect();
                let user = users::find(tx, &user)?.unwrap();
                let tenant = settings::get::<Tenant>(tx)?.unwrap().value;
                Ok::<_, keystead_store::Fault>((client.metadata, client.enabled, client.secret, api.settings, api.scopes, grants, user, tenant))
            }).await.unwrap()
        };
        let before = document(&house).await;
        renames_everything(&house, &app).await;
        renames_everything(&house, &off).await;
        assert_eq!(document(&house).await, before);
        assert_eq!(before.0.other["unheard_of"], json!({ "kept": true }));

        let form = || json!({ "grant_type": "client_credentials" });
        assert_eq!(off.asks(form()).await.refusal(), "401 invalid_client");
        assert_eq!(app.asks(form()).await.json()["expires_in"], 77);
        assert_eq!(house.visitor().shows(&token).await.status, 401);
        assert_eq!(app.introspects(&token).await, json!({ "active": false }));
    }

    async fn a_block_a_closed_connection_and_what_a_role_permits_survive_a_change_too(house) {
        let api = house.api(API, |_| {}).await;
        let ada = house.user("ada").await;
        let (now, rng) = (house.now(), &mut house.services.rng());
        let role = Role {
            id: RoleId::generate(rng),
            name: "reader".to_owned(),
            description: Some("May read".to_owned()),
            created_at: now,
            updated_at: now,
        };
        let (user, held) = (ada.clone(), role.clone());
        let may = Permission { api: api.id.clone(), scope: "read:messages".try_into().unwrap() };
        house.writes(move |tx| {
            assert_eq!(roles::create(tx, &held)?, Insert::Done);
            assert_eq!(roles::add_to_role(tx, &held.id, std::slice::from_ref(&may))?, Addition::Done);
            assert_eq!(roles::assign(tx, &user.id, &held.id)?, Assignment::Done);
            let mut home = connections::find(tx, &user.connection)?.unwrap();
            home.options.0.insert("unheard_of".to_owned(), json!({ "kept": true }));
            home.settings.0.insert("metadata".to_owned(), json!({ "kept": true }));
            assert_eq!(connections::update(tx, &home, now)?, Update::Done);
            let mut known = users::find(tx, &user.id)?.unwrap();
            known.app_metadata = serde_json::from_value(json!({ "plan": { "kept": true } })).unwrap();
            assert_eq!(users::update(tx, &known, now)?, users::Update::Done);
            let _ = connections::set_enabled(tx, &user.connection, false, now)?;
            users::block(tx, &user.id, now).map(drop)
        }).await;
        let documents = async |house: &House| {
            let (user, api) = (ada.clone(), api.id.clone());
            house.services.store.read(move |tx| {
                let home = connections::find(tx, &user.connection)?.unwrap();
                let known = users::find(tx, &user.id)?.unwrap();
                let permitted = roles::permissions_of(tx, &user.id, &api)?;
                Ok::<_, keystead_store::Fault>((
                    home.enabled, home.options, home.settings, known.blocked, known.app_metadata, known.email, permitted,
                ))
            }).await.unwrap()
        };
        let before = documents(&house).await;
        assert_eq!((before.0, before.3), (false, true));
        let user = ada.clone();
        house.writes(move |tx| {
            let home = connections::find(tx, &user.connection)?.unwrap();
            assert_eq!(connections::update(tx, &home, now)?, Update::Done);
            let mut known = users::find(tx, &user.id)?.unwrap();
            known.profile.name = Some("Another name".to_owned());
            assert_eq!(users::update(tx, &known, now)?, users::Update::Done);
            assert_eq!(roles::update(tx, &role.id, "writer", None, now)?, roles::Update::Done);
            Ok(())
        }).await;
        assert_eq!(documents(&house).await, before);
    }
}
