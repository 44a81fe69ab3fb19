//! Class 15, at the token endpoint: whatever is switched off is off for every grant, refresh and inspection. Sessions are
//! beside it.

use keystead_protocol::ids::{ClientGrantId, KeyId};
use keystead_store::{
    apis,
    client_grants::{self, SubjectType},
    clients, keys,
    users::{self, User},
};
use serde_json::json;

use crate::{
    actors::{Agreed, App, REDIRECT, VERIFIER, part},
    house::{House, on_both},
};

const API: &str = "https://api.example/";

/// What a client and its user had before something was switched off.
struct Before {
    app: App,
    /// With `openid`, and without.
    codes: [String; 2],
    refresh_tokens: [String; 2],
    users: String,
    opaque: String,
    machines: String,
}

/// What the client was granted: for itself, and for its users.
type Grants = [ClientGrantId; 2];

async fn before(house: &House, id: &str, api: &apis::Api) -> (Before, User, Grants) {
    let grants = json!(["client_credentials", "authorization_code", "refresh_token"]);
    let app = house.client(id, json!({ "grant_types": grants })).await;
    let granted = [
        house.grants(&app, api, "read:messages").await,
        house
            .grants_for(SubjectType::User, &app, api, "read:messages")
            .await,
    ];
    let user = house.user(id).await;
    let agreed = |audience| Agreed {
        scope: "openid offline_access read:messages",
        audience,
        ..Agreed::default()
    };
    let identifier = api.identifier.as_str();
    let given = app
        .redeems(&house.code(&app, &user, agreed(Some(identifier))).await)
        .await;
    let userinfo = app
        .redeems(&house.code(&app, &user, agreed(None)).await)
        .await;
    let machines = app
        .asks(json!({ "grant_type": "client_credentials", "audience": identifier }))
        .await;
    let plain = || Agreed {
        scope: "offline_access read:messages",
        ..agreed(Some(identifier))
    };
    let without = app.redeems(&house.code(&app, &user, plain()).await).await;
    let before = Before {
        codes: [
            house.code(&app, &user, agreed(Some(identifier))).await,
            house.code(&app, &user, plain()).await,
        ],
        refresh_tokens: [&given, &without].map(|given| given.text("refresh_token")),
        users: given.text("access_token"),
        opaque: userinfo.text("access_token"),
        machines: machines.text("access_token"),
        app,
    };
    (before, user, granted)
}

/// What still works: its own grant, the code, the refresh token, and each access token at introspection and userinfo.
async fn works(house: &House, before: &Before, api: &str, reader: &App) -> [bool; 7] {
    let machine = before
        .app
        .asks(json!({ "grant_type": "client_credentials", "audience": api }))
        .await;
    let (mut redeemed, mut refreshed) = (vec![], vec![]);
    for (code, refresh_token) in before.codes.iter().zip(&before.refresh_tokens) {
        let code = before.app.asks(json!({
            "grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT, "code_verifier": VERIFIER,
        }));
        redeemed.push(code.await.status == 200);
        refreshed.push(before.app.refreshes(refresh_token).await.status == 200);
    }
    assert_eq!(redeemed[0], redeemed[1], "with an ID token and without");
    assert_eq!(refreshed[0], refreshed[1], "with an ID token and without");
    let mut works = vec![machine.status == 200, redeemed[0], refreshed[0]];
    for token in [&before.machines, &before.users, &before.opaque] {
        works.push(reader.introspects(token).await["active"] == true);
    }
    let visitor = house.visitor();
    let users = visitor.shows(&before.users).await;
    let want = if works[4] {
        "200 "
    } else {
        "401 invalid_token"
    };
    assert_eq!(
        users.refusal(),
        want,
        "userinfo hears what introspection does"
    );
    works.push(visitor.shows(&before.opaque).await.status == 200);
    works.try_into().unwrap()
}

on_both! {
    async fn what_is_switched_off_stays_off(house) {
        let reader = house.machine("reader").await;
        const YES: bool = true;
        const NO: bool = false;
        for (what, want) in [
            ("nothing", [YES; 7]),
            ("client disabled", [NO; 7]),
            ("client deleted", [NO; 7]),
            ("user blocked", [YES, NO, NO, YES, NO, NO, NO]),
            ("user deleted", [YES, NO, NO, YES, NO, NO, NO]),
            ("connection disabled", [YES, NO, NO, YES, NO, NO, NO]),
            ("connection deleted", [YES, NO, NO, YES, NO, NO, NO]),
            ("client grant deleted", [NO, YES, YES, NO, YES, YES, YES]),
            ("client grant for users deleted", [YES, NO, NO, YES, NO, YES, YES]),
            ("API deleted", [NO, NO, NO, NO, NO, YES, YES]),
            ("users not served by the API", [YES, NO, NO, YES, NO, YES, YES]),
            ("clients not served by the API", [NO, YES, YES, NO, YES, YES, YES]),
            // How a token may be had from now on; those that were had go on.
            ("grant types taken from the client", [NO, NO, NO, YES, YES, YES, YES]),
            // Another key is made for what is new.
            ("key revoked", [YES, YES, YES, NO, NO, YES, YES]),
        ] {
            let identifier = format!("{API}{}", what.replace(' ', "-"));
            let api = house.api(&identifier, |api| {
                api.settings.subject_type_authorization.user.policy = apis::UserPolicy::RequireClientGrant;
            }).await;
            let (before, user, [grant, users_grant]) = before(&house, &what.replace(' ', "-"), &api).await;
            house.waits(std::time::Duration::from_secs(1)).await;
            let (now, client, mut changed) = (house.now(), before.app.client_id(), api.clone());
            let kid = KeyId::try_from(part(&before.users, 0)["kid"].as_str().unwrap()).unwrap();
            house.writes(move |tx| {
                let policy = &mut changed.settings.subject_type_authorization;
                match what {
                    "nothing" => {}
                    "client disabled" => { let _ = clients::set_enabled(tx, &client, false, now)?; }
                    "client deleted" => { let _ = clients::delete(tx, &client, now)?; }
                    "user blocked" => { let _ = users::block(tx, &user.id, now)?; }
                    "user deleted" => { let _ = users::delete(tx, &user.id)?; }
                    "connection disabled" => { let _ = keystead_store::connections::set_enabled(tx, &user.connection, false, now)?; }
                    "connection deleted" => { let _ = keystead_store::connections::delete(tx, &user.connection, now)?; }
                    "client grant deleted" => { let _ = client_grants::delete(tx, &grant, now)?; }
                    "client grant for users deleted" => { let _ = client_grants::delete(tx, &users_grant, now)?; }
                    "key revoked" => { let _ = keys::revoke(tx, &kid, now)?; }
                    "API deleted" => { let _ = apis::delete(tx, &changed.id, now)?; }
                    "users not served by the API" => {
                        policy.user.policy = apis::UserPolicy::DenyAll;
                        let _ = apis::update(tx, &changed, now)?;
                    }
                    "clients not served by the API" => {
                        policy.client.policy = apis::ClientPolicy::DenyAll;
                        let _ = apis::update(tx, &changed, now)?;
                    }
                    "grant types taken from the client" => {
                        let mut found = clients::find(tx, &client)?.unwrap();
                        found.metadata.grant_types = Some(vec![]);
                        let _ = clients::update(tx, &found, now)?;
                    }
                    other => panic!("{other}: nobody does that"),
                }
                Ok(())
            }).await;
            assert_eq!(works(&house, &before, &identifier, &reader).await, want, "{what}");
        }
    }

    async fn who_is_let_in_again_starts_anew(house) {
        let api = house.api(API, |_| {}).await;
        let reader = house.machine("reader").await;
        let (before, user, _) = before(&house, "app", &api).await;
        house.waits(std::time::Duration::from_secs(1)).await;
        let now = house.now();
        house.writes(move |tx| {
            let _ = users::block(tx, &user.id, now)?;
            users::unblock(tx, &user.id, now).map(drop)
        }).await;
        let want = [true, false, false, true, false, false, false];
        assert_eq!(works(&house, &before, API, &reader).await, want);
    }
}
