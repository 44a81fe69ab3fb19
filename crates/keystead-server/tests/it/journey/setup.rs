//! The first owner: one link, one account, once.

use std::time::Duration;

use keystead_protocol::ids::ConnectionId;
use keystead_server::{bootstrap::ADMINISTRATORS, identity::owners};
use keystead_store::{roles, users};

use crate::{
    actors::{Begun, Browser},
    house::{Answer, House, on_both},
};

const PASSWORD: &str = "Tr1ckier than it looks";

async fn link(house: &House) -> String {
    let link = owners::invite(&house.services).await.unwrap();
    link.expect("there is no owner").expose().to_owned()
}

fn ticket(link: &str) -> &str {
    link.split_once("ticket=").unwrap().1
}

async fn sends(browser: &Browser, ticket: &str, email: &str, password: &str) -> Answer {
    let pairs = [("ticket", ticket), ("email", email), ("password", password)];
    browser.submits("/u/setup", &pairs).await
}

async fn home(house: &House) -> ConnectionId {
    house.connection(ADMINISTRATORS).await.id
}

async fn owners_of(house: &House) -> Vec<String> {
    let home = home(house).await;
    let read = house.services.store.read(move |tx| {
        let users = users::list(tx, &home, None, 10)?;
        let mut found = vec![];
        for user in users {
            for role in roles::of_user(tx, &user.id)? {
                found.push(format!(
                    "{} {}",
                    user.email.clone().unwrap_or_default(),
                    role.name
                ));
            }
        }
        Ok::<_, keystead_store::Fault>(found)
    });
    read.await.unwrap()
}

on_both! {
    async fn the_link_makes_the_first_owner_once(house) {
        let link = link(&house).await;
        assert!(link.starts_with("http://localhost:3000/u/setup?ticket="), "{link}");
        let browser = house.browser();
        let page = browser.opens(&link).await;
        assert_eq!(page.status, 200);
        assert!(page.shows("setup-form") && page.shows("password-rules"));
        assert_eq!(page.field("ticket"), ticket(&link));
        // Looking does not use it.
        assert_eq!(browser.opens(&link).await.status, 200);
        let done = sends(&browser, ticket(&link), "owner@example.com", PASSWORD).await;
        assert_eq!(done.status, 200, "{}", done.body);
        assert!(done.body.contains("http://localhost:3000/"));
        assert_eq!(owners_of(&house).await, ["owner@example.com owner"]);
        assert_eq!(house.lines("ss").await.len(), 1);
        // Never again, and no other link is made.
        let again = sends(&browser, ticket(&link), "second@example.com", PASSWORD).await;
        assert_eq!(again.status, 403);
        assert!(again.shows("error-page"));
        assert_eq!(browser.opens(&link).await.status, 403);
        assert_eq!(owners::invite(&house.services).await.unwrap(), None);
        assert_eq!(owners_of(&house).await.len(), 1);
    }

    async fn a_restart_makes_another_and_the_old_one_is_dead(house) {
        let old = link(&house).await;
        let neighbour = house.neighbour().await;
        let new = link(&neighbour).await;
        let browser = house.browser();
        assert_eq!(browser.opens(&old).await.status, 403);
        assert_eq!(sends(&browser, ticket(&old), "a@example.com", PASSWORD).await.status, 403);
        assert_eq!(browser.opens(&new).await.status, 200);
        house.waits(Duration::from_secs(24 * 3_600)).await;
        assert_eq!(browser.opens(&new).await.status, 403, "a day is over");
        assert!(owners_of(&house).await.is_empty());
    }

    async fn what_is_wrong_is_said_and_the_link_stays_good(house) {
        let link = link(&house).await;
        let browser = house.browser();
        for (email, password) in [("", PASSWORD), ("nobody", PASSWORD), ("a@example.com", ""), ("a@example.com", "short")] {
            let answer = sends(&browser, ticket(&link), email, password).await;
            assert_eq!(answer.status, 400, "{email:?} {password:?}");
            assert!(answer.shows("form-error") && answer.shows("setup-form"));
            assert_eq!(answer.field("email"), email);
        }
        for begun in [Begun::Elsewhere, Begun::Typed] {
            let pairs = [("ticket", ticket(&link)), ("email", "a@example.com"), ("password", PASSWORD)];
            assert_eq!(browser.posts("/u/setup", &pairs, begun).await.status, 403);
        }
        assert!(owners_of(&house).await.is_empty());
        assert_eq!(sends(&browser, ticket(&link), "a@example.com", PASSWORD).await.status, 200);
    }

    async fn of_many_who_use_it_at_once_one_is_the_owner(house) {
        let link = link(&house).await;
        let browsers: Vec<Browser> = (0..8).map(|_| house.browser()).collect();
        let emails: Vec<String> = (0..8).map(|n| format!("owner{n}@example.com")).collect();
        let mut all = tokio::task::JoinSet::new();
        let local = tokio::task::LocalSet::new();
        let ticket = ticket(&link).to_owned();
        for (browser, email) in browsers.into_iter().zip(emails) {
            let ticket = ticket.clone();
            all.spawn_local_on(async move { sends(&browser, &ticket, &email, PASSWORD).await.status }, &local);
        }
        let statuses = local.run_until(async { all.join_all().await }).await;
        let made = statuses.iter().filter(|status| status.as_u16() == 200).count();
        assert_eq!(made, 1, "{statuses:?}");
        assert_eq!(owners_of(&house).await.len(), 1);
    }

    async fn administrators_are_not_users(house) {
        let link = link(&house).await;
        let browser = house.browser();
        sends(&browser, ticket(&link), "owner@example.com", PASSWORD).await;
        let app = house.shop("app").await;
        let page = browser.comes_from(&app, &[]).await;
        assert_eq!(browser.types(&page, "owner@example.com", PASSWORD).await.status, 400);
    }
}
