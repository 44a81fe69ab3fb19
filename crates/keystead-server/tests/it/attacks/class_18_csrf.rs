//! Class 18: another site makes somebody's browser sign in, sign out, sign up or agree.

use axum::{body::Body, extract::Request};
use keystead_server::identity::owners;

use crate::{
    actors::{Begun, PASSWORD, email},
    house::on_both,
};

on_both! {
    async fn no_form_of_ours_can_be_sent_from_elsewhere(house) {
        let app = house.shop("app").await;
        let ada = house.account("ada").await;
        let browser = house.browser();
        let page = browser.comes_from(&app, &[]).await;
        let state = page.field("state");
        let link = owners::invite(&house.services).await.unwrap().unwrap();
        let ticket = link.expose().split_once("ticket=").unwrap().1;
        let signed_in = house.signed_in(&ada).await;
        let question = signed_in.opens("/oidc/logout").await.to().unwrap();
        let asked = question.split_once("state=").unwrap().1;
        for begun in [Begun::Elsewhere, Begun::Typed] {
            for (path, pairs) in [
                ("/u/login", vec![("state", state.as_str()), ("username", email(&ada)), ("password", PASSWORD)]),
                ("/u/login", vec![("state", state.as_str()), ("action", "cancel")]),
                ("/u/signup", vec![("state", state.as_str()), ("email", "eve@example.com"), ("password", "Tr1ckier than it looks")]),
                ("/u/consent", vec![("state", state.as_str()), ("action", "allow")]),
                ("/u/confirm", vec![("state", state.as_str()), ("action", "submit")]),
                ("/u/setup", vec![("ticket", ticket), ("email", "eve@example.com"), ("password", "Tr1ckier than it looks")]),
            ] {
                let answer = browser.posts(path, &pairs, begun).await;
                assert_eq!(answer.status, 403, "{path} {begun:?}: {}", answer.short());
                assert!(answer.shows("error-page"), "{path}");
                assert_eq!(answer.header("set-cookie"), "", "{path}");
            }
            let answer = signed_in.posts("/u/logout", &[("state", asked), ("action", "yes")], begun).await;
            assert_eq!(answer.status, 403);
        }
        assert_eq!(house.sessions(&ada).await.len(), 1);
        assert!(owners::invite(&house.services).await.unwrap().is_some(), "nobody became the owner");
        assert!(house.lines("ss").await.is_empty() && house.lines("s").await.is_empty());
    }

    async fn a_page_that_hides_whose_it_is_is_not_ours(house) {
        let app = house.shop("app").await;
        let ada = house.account("ada").await;
        let browser = house.browser();
        let page = browser.comes_from(&app, &[]).await;
        let form = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs([("state", &*page.field("state")), ("username", email(&ada)), ("password", PASSWORD)])
            .finish();
        // A stranger's name that leads here is same-origin with itself.
        for (origin, status) in [("null", 403), ("http://evil.example:3000", 403), ("http://localhost:3000", 303)] {
            let request = Request::post("/u/login")
                .header("content-type", "application/x-www-form-urlencoded")
                .header("origin", origin);
            let answer = browser.sends(request, Begun::Here, Body::from(form.clone())).await;
            assert_eq!(answer.status, status, "{origin}: {}", answer.short());
        }
    }

    async fn nobody_is_signed_in_as_the_attacker(house) {
        let app = house.shop("app").await;
        let mallory = house.account("mallory").await;
        let attacker = house.browser();
        // The attacker's own page, and the way on from it, opened in somebody else's browser.
        let page = attacker.comes_from(&app, &[]).await;
        let state = page.field("state");
        let victim = house.browser();
        for _ in 0..2 {
            let answer = victim.visits(&format!("/u/login?state={state}")).await;
            assert_eq!(answer.status, 403, "{}", answer.short());
            let answer = victim.types(&page, email(&mallory), PASSWORD).await;
            assert_eq!(answer.status, 403);
            assert_eq!(victim.cookie("keystead"), None);
            // Once more, as a browser that has a journey of its own.
            victim.comes_from(&app, &[]).await;
        }
        let sent = attacker.types(&page, email(&mallory), PASSWORD).await;
        let resume = sent.to().unwrap();
        let answer = victim.visits(&resume).await;
        assert!(answer.status.is_client_error(), "{}", answer.short());
        assert_eq!((answer.sent("code"), victim.cookie("keystead")), (None, None));
        // Nor does it lead on for somebody who is signed in.
        let ada = house.account("ada").await;
        let hers = house.browser();
        hers.arrives(&app, &ada).await;
        assert_eq!(hers.visits(&resume).await.sent("code"), None);
        assert_eq!(house.sessions(&ada).await.len(), 1);
    }

    async fn signing_out_from_elsewhere_is_asked_first_unless_the_app_vouches(house) {
        let app = house.shop("app").await;
        let ada = house.account("ada").await;
        let browser = house.browser();
        browser.arrives(&app, &ada).await;
        let address = "/oidc/logout?client_id=app&post_logout_redirect_uri=https%3A%2F%2Fapp.example%2Fbye";
        let asked = browser.gets(address, Begun::Elsewhere).await;
        assert!(asked.header("location").starts_with("/u/logout?state="));
        assert_eq!(house.sessions(&ada).await.len(), 1);
        // Auth0's address signs out at once, from wherever: that is what it is for.
        browser.gets("/v2/logout", Begun::Elsewhere).await;
        assert!(house.sessions(&ada).await.is_empty());
    }
}
