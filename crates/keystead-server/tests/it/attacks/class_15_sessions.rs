//! Class 15, in a browser: a session resumes nothing for whom or what was switched off, and nothing comes back by itself.

use std::{pin::pin, sync::mpsc, time::Duration};

use keystead_store::{Fault, apis, clients, connections, users};
use serde_json::json;

use crate::{
    actors::{App, Browser},
    house::on_both,
};

const API: &str = "https://api.example/";

/// What a silent request is answered, and one that may show a page.
async fn resumes(browser: &Browser, app: &App) -> (String, String) {
    let asks = |prompt| {
        app.authorizes(&[
            ("prompt", prompt),
            ("audience", API),
            ("scope", "openid read:messages"),
        ])
    };
    let mut said = vec![];
    for prompt in ["none", ""] {
        let answer = browser.visits(&asks(prompt)).await;
        said.push(if answer.sent("code").is_some() {
            "a code".to_owned()
        } else if answer.shows("login-form") {
            "the log-in page".to_owned()
        } else if answer.shows("error-page") {
            format!("a page with {}", answer.status.as_u16())
        } else {
            answer.sent("error").unwrap_or_else(|| answer.short())
        });
    }
    said.try_into()
        .map(|[silent, loud]: [String; 2]| (silent, loud))
        .unwrap()
}

on_both! {
    /// The block has done its work and is not committed when the session is read: what is answered waits for its end.
    async fn nothing_is_issued_in_a_session_that_a_block_is_ending(house) {
        house.api(API, |api| api.settings.skip_consent_for_verifiable_first_party_clients = true).await;
        for (kind, issued) in [("code", "code"), ("token", "access_token"), ("id_token", "id_token")] {
            let user = house.user(&kind.replace('_', "-")).await;
            let app = house.asker(&user.id.as_str().replace('|', "-"), &user, json!({})).await;
            let asks = app.authorizes(&[("prompt", "none"), ("response_type", kind), ("audience", API)]);
            let browser = house.signed_in(&user).await;
            assert!(browser.opens(&asks).await.sent(issued).is_some(), "{kind}");

            let (now, store) = (house.now(), house.services.store.clone());
            let (worked, has_worked) = mpsc::channel();
            let (release, released) = mpsc::channel::<()>();
            let block = tokio::spawn(async move {
                store.write(move |tx| {
                    users::block(tx, &user.id, now)?;
                    let _ = worked.send(());
                    let _ = released.recv_timeout(Duration::from_secs(10));
                    Ok::<_, Fault>(())
                }).await
            });
            tokio::task::spawn_blocking(move || has_worked.recv()).await.unwrap().unwrap();
            let mut answer = pin!(browser.opens(&asks));
            let early = tokio::time::timeout(Duration::from_millis(300), &mut answer).await;
            release.send(()).unwrap();
            block.await.unwrap().unwrap();
            let answer = match early {
                Ok(early) => early,
                Err(_) => answer.await,
            };
            assert_eq!(answer.sent(issued), None, "{kind}");
            assert_eq!((answer.status.as_u16(), answer.shows("error-page")), (403, true), "{kind}: {}", answer.short());
        }
    }

    async fn a_session_resumes_nothing_that_was_switched_off(house) {
        const CODE: &str = "a code";
        const LOGIN: &str = "the log-in page";
        const UNKNOWN: &str = "a page with 403";
        for (what, silent, loud) in [
            ("nothing", CODE, CODE),
            ("client disabled", UNKNOWN, UNKNOWN),
            ("client deleted", UNKNOWN, UNKNOWN),
            ("user blocked", "login_required", LOGIN),
            ("user blocked and let in again", "login_required", LOGIN),
            ("user deleted", "login_required", LOGIN),
            ("connection disabled", "login_required", "invalid_request"),
            ("connection taken from the client", "login_required", "invalid_request"),
            ("API deleted", "access_denied", "access_denied"),
            ("users not served by the API", "access_denied", "access_denied"),
        ] {
            let name = what.replace(' ', "-");
            let user = house.user(&name).await;
            let app = house.asker(&name, &user, json!({})).await;
            let api = house.api(API, |api| api.settings.skip_consent_for_verifiable_first_party_clients = true).await;
            let browser = house.signed_in(&user).await;
            assert_eq!(resumes(&browser, &app).await, (CODE.into(), CODE.into()), "before: {what}");
            let (now, client, mut changed) = (house.now(), app.client_id(), api.clone());
            house.writes(move |tx| {
                match what {
                    "nothing" => Ok(()),
                    "client disabled" => clients::set_enabled(tx, &client, false, now).map(drop),
                    "client deleted" => clients::delete(tx, &client, now).map(drop),
                    "user blocked" => users::block(tx, &user.id, now).map(drop),
                    "user blocked and let in again" => {
                        users::block(tx, &user.id, now)?;
                        users::unblock(tx, &user.id, now).map(drop)
                    }
                    "user deleted" => users::delete(tx, &user.id).map(drop),
                    "connection disabled" => connections::set_enabled(tx, &user.connection, false, now).map(drop),
                    "connection taken from the client" => connections::disable_for(tx, &user.connection, &client, now).map(drop),
                    "API deleted" => apis::delete(tx, &changed.id, now).map(drop),
                    "users not served by the API" => {
                        changed.settings.subject_type_authorization.user.policy = apis::UserPolicy::DenyAll;
                        apis::update(tx, &changed, now).map(drop)
                    }
                    other => panic!("{other}: nobody does that"),
                }
            }).await;
            assert_eq!(resumes(&browser, &app).await, (silent.into(), loud.into()), "{what}");
            house.writes(move |tx| apis::delete(tx, &api.id, now).map(drop)).await;
        }
    }
}
