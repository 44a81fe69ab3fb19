//! Logging out: the session always ends where it should, and the browser goes only where it may.

use std::time::Duration;

use keystead_protocol::jwt::Typ;
use keystead_server::bootstrap::USERS;
use keystead_store::users::User;
use serde_json::{Value, json};

use crate::{
    actors::{App, Begun, ISSUER, REDIRECT},
    house::{Answer, House, on_both},
};

const BYE: &str = "https://app.example/bye";

/// A site whose users may go to some places after logging out.
async fn site(house: &House, id: &str) -> App {
    let metadata = json!({
        "grant_types": ["authorization_code"],
        "allowed_logout_urls": [BYE, "https://*.tenants.example/out", "com.example.app://localhost/ios/com.example.app/callback"],
    });
    house.client(id, metadata).await
}

async fn living(house: &House, user: &User) -> usize {
    house.sessions(user).await.len()
}

/// An ID token of ours, with claims of its own; `null` takes one away.
async fn hint(house: &House, app: &App, user: &User, sid: &str, claims: Value) -> String {
    let now = house.now().as_secs();
    let mut all = json!({
        "iss": ISSUER, "aud": app.id, "sub": user.id.as_str(), "sid": sid, "iat": now, "exp": now + 36_000,
    });
    let members = all.as_object_mut().unwrap();
    members.extend(claims.as_object().unwrap().clone());
    members.retain(|_, value| !value.is_null());
    let keys = &house.services.catalogue.keys;
    let key = keys
        .signing(keystead_protocol::jwk::Algorithm::RS256, house.now())
        .unwrap();
    key.encode(Typ::Jwt, all.to_string().as_bytes()).unwrap()
}

async fn sid(house: &House, user: &User) -> String {
    house.sessions(user).await[0].id.to_string()
}

fn forgets(answer: &Answer) -> bool {
    let cookies = answer.headers.get_all("set-cookie").iter();
    cookies
        .filter_map(|line| line.to_str().ok())
        .any(|line| line.starts_with("keystead=;") && line.contains("Max-Age=0"))
}

fn query(pairs: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(pairs)
        .finish()
}

on_both! {
    async fn every_way_of_auth0_ends_the_session(house) {
        let app = site(&house, "app").await;
        let ada = house.user("ada").await;
        for (path, status, to) in [
            ("/v2/logout", 302, "/u/logged-out"),
            ("/logout", 302, "/u/logged-out"),
            ("/v2/logout?federated", 302, "/u/logged-out"),
            ("/v2/logout?federated=1&auth0Client=e30&ui_locales=de%20en", 302, "/u/logged-out?ui_locales=de+en"),
            ("/v2/logout?client_id=app", 302, BYE),
            ("/v2/logout?client_id=app&returnTo=https%3A%2F%2Fapp.example%2Fbye%3Fx%3D1", 302, "https://app.example/bye?x=1"),
            ("/v2/logout?client_id=app&returnTo=https%3A%2F%2Facme.tenants.example%2Fout", 302, "https://acme.tenants.example/out"),
            (
                "/v2/logout?federated&client_id=app&returnTo=com.example.app%3A%2F%2Flocalhost%2Fios%2Fcom.example.app%2Fcallback",
                302,
                "com.example.app://localhost/ios/com.example.app/callback",
            ),
            ("/v2/logout?client_id=nobody", 400, ""),
            ("/v2/logout?client_id=a%20b", 400, ""),
            ("/v2/logout?returnTo=https%3A%2F%2Fapp.example%2Fbye", 400, ""),
            ("/v2/logout?client_id=app&returnTo=https%3A%2F%2Fevil.example%2F", 400, ""),
            ("/v2/logout?client_id=app&client_id=app", 400, ""),
            ("/v2/logout?returnTo=%ff", 400, ""),
        ] {
            let browser = house.signed_in(&ada).await;
            let answer = browser.gets(path, Begun::Elsewhere).await;
            assert_eq!((answer.status.as_u16(), answer.header("location")), (status, to), "{path}");
            assert!(forgets(&answer), "{path}");
            assert_eq!(living(&house, &ada).await, 0, "{path}");
            assert_eq!(browser.cookie("keystead"), None, "{path}");
            if to.starts_with("/u/logged-out") {
                let page = browser.opens(to).await;
                assert_eq!((page.status.as_u16(), page.shows("signed-out")), (200, true), "{path}: {}", page.body);
                assert_eq!(page.body.contains("lang=\"de\""), path.contains("=de"), "{path}");
            }
            if status == 400 {
                assert!(answer.shows("error-page"), "{path}: {}", answer.body);
                assert!(answer.header("content-type").starts_with("text/html"), "{path}");
            }
            // The same without a session, and with a cookie that opens nothing.
            browser.plants("keystead", Some("AAAA"));
            let again = browser.opens(path).await;
            assert_eq!((again.status.as_u16(), again.header("location")), (status, to), "{path}");
            assert!(forgets(&again), "{path}");
        }
        let lines = house.lines("slo").await;
        let by_app = lines.iter().filter(|line| line.client == Some(app.client_id())).count();
        assert_eq!((lines.len(), by_app), (14, 5), "and who asked, if that could be read");
        assert!(lines.iter().all(|line| line.user == Some(ada.id.clone())));
        assert!(!house.lines("flo").await.is_empty());
    }

    async fn without_a_client_the_installations_urls_count(house) {
        let set = serde_json::from_value(json!({ "allowed_logout_urls": ["https://home.example/"] })).unwrap();
        let now = house.now();
        house
            .writes(move |tx| keystead_store::settings::put::<keystead_server::tenant::Tenant>(tx, &set, now))
            .await;
        let app = site(&house, "app").await;
        let browser = house.browser();
        let home = query(&[("returnTo", "https://home.example/")]);
        assert_eq!(browser.opens(&format!("/v2/logout?{home}")).await.header("location"), "https://home.example/");
        assert_eq!(browser.opens(&format!("/v2/logout?{home}&client_id={}", app.id)).await.status, 400);
        // Unasked, nobody is sent there.
        assert_eq!(browser.opens("/v2/logout").await.header("location"), "/u/logged-out");
    }

    async fn a_genuine_hint_signs_out_and_leads_back(house) {
        let app = site(&house, "app").await;
        let ada = house.user("ada").await;
        for (name, claims, wait) in [
            ("a fresh one", json!({}), 0),
            ("an expired one", json!({}), 100_000),
            ("of another session of hers", json!({ "sid": "another" }), 0),
            ("without a session", json!({ "sid": null }), 0),
        ] {
            let browser = house.signed_in(&ada).await;
            let token = hint(&house, &app, &ada, &sid(&house, &ada).await, claims).await;
            house.waits(Duration::from_secs(wait)).await;
            let asked = query(&[
                ("id_token_hint", &token),
                ("post_logout_redirect_uri", BYE),
                ("state", "a b&c=d"),
            ]);
            let answer = browser.gets(&format!("/oidc/logout?{asked}"), Begun::Elsewhere).await;
            let to = "https://app.example/bye?state=a%20b%26c%3Dd";
            assert_eq!((answer.status.as_u16(), answer.header("location")), (302, to), "{name}");
            assert!(forgets(&answer), "{name}");
            assert_eq!(living(&house, &ada).await, 0, "{name}");
            // Once more, with nobody there.
            let again = browser.opens(&format!("/oidc/logout?{asked}")).await;
            assert_eq!((again.status.as_u16(), again.header("location")), (302, to), "{name}");
        }
        // As a form, which only differs in its answer's status.
        let browser = house.signed_in(&ada).await;
        let token = hint(&house, &app, &ada, &sid(&house, &ada).await, json!({})).await;
        let pairs = [("id_token_hint", token.as_str()), ("post_logout_redirect_uri", BYE)];
        let answer = browser.posts("/oidc/logout", &pairs, Begun::Typed).await;
        assert_eq!((answer.status.as_u16(), answer.header("location")), (303, BYE));
        assert_eq!(living(&house, &ada).await, 0);
    }

    async fn an_app_signs_out_whom_it_signed_in(house) {
        let ada = house.account("ada").await;
        let app = house.shop("app").await;
        let metadata = json!({
            "grant_types": ["authorization_code"], "callbacks": [REDIRECT], "allowed_logout_urls": [BYE],
            "jwt_configuration": { "alg": "HS256" },
        });
        let shared = house.client("shared", metadata).await;
        house.enables(USERS, &shared).await;
        let mine = |app: &App| [("client_id", app.id.clone()), ("post_logout_redirect_uri", BYE.to_owned())];
        for (app, other) in [(&app, &shared), (&shared, &app)] {
            let browser = house.browser();
            let changes = [("scope", "openid profile email")];
            let page = browser.comes_from(app, &changes).await;
            let back = browser.signs_in(&page, &ada).await;
            let token = app.redeems(&back.sent("code").unwrap()).await.text("id_token");
            // As another client's it is refused; as its own it signs out.
            for (client, status) in [(other, 400), (app, 302)] {
                let pairs = mine(client);
                let mut pairs: Vec<(&str, &str)> = pairs.iter().map(|(n, v)| (*n, v.as_str())).collect();
                pairs.push(("id_token_hint", &token));
                let answer = browser.opens(&format!("/oidc/logout?{}", query(&pairs))).await;
                assert_eq!(answer.status.as_u16(), status, "{}: {}", app.id, answer.short());
            }
            assert_eq!(living(&house, &ada).await, 0, "{}", app.id);
            let silent = browser.comes_from(app, &[("prompt", "none")]).await;
            assert_eq!(silent.sent("error").as_deref(), Some("login_required"));
        }
        // A client that is switched off vouches for nobody.
        let browser = house.browser();
        let back = browser.arrives(&app, &ada).await;
        let token = app.redeems(&back.sent("code").unwrap()).await.text("id_token");
        house.disables(&app).await;
        let asked = query(&[("id_token_hint", &token), ("post_logout_redirect_uri", BYE)]);
        let answer = browser.opens(&format!("/oidc/logout?{asked}")).await;
        assert!(answer.header("location").starts_with("/u/logout?"), "{}", answer.short());
        assert_eq!(living(&house, &ada).await, 1);
    }

    async fn a_genuine_hint_without_a_place_to_go_ends_on_a_page(house) {
        let app = site(&house, "app").await;
        let ada = house.user("ada").await;
        for (place, status) in [
            (None, 200),
            (Some("https://evil.example/"), 400),
            (Some("https://app.example/bye?more"), 400),
            (Some("https://APP.example/bye"), 400),
            (Some("https://acme.tenants.example/out"), 400),
        ] {
            let browser = house.signed_in(&ada).await;
            let token = hint(&house, &app, &ada, &sid(&house, &ada).await, json!({})).await;
            let mut pairs = vec![("id_token_hint", token.as_str()), ("state", "s")];
            pairs.extend(place.map(|place| ("post_logout_redirect_uri", place)));
            let answer = browser.visits(&format!("/oidc/logout?{}", query(&pairs))).await;
            assert_eq!(answer.status.as_u16(), status, "{place:?}");
            let id = if status == 200 { "signed-out" } else { "error-page" };
            assert!(answer.shows(id), "{place:?}: {}", answer.body);
            assert_eq!(living(&house, &ada).await, 0, "{place:?}");
        }
    }

    async fn anything_less_is_asked_first_and_leads_nowhere(house) {
        let app = site(&house, "app").await;
        let (ada, bob) = (house.user("ada").await, house.user("bob").await);
        let browser = house.signed_in(&ada).await;
        let own = sid(&house, &ada).await;
        let good = hint(&house, &app, &ada, &own, json!({})).await;
        let (signed, signature) = good.rsplit_once('.').unwrap();
        let flipped = if signature.starts_with('A') { "B" } else { "A" };
        let unsigned = {
            use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
            let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"JWT"}"#);
            format!("{header}.{}.", signed.split_once('.').unwrap().1)
        };
        let changed = format!("{signed}.{flipped}{}", &signature[1..]);
        for (name, token) in [
            ("no hint", None),
            ("another's signature", Some(changed)),
            ("no signature", Some(unsigned)),
            ("nonsense", Some("nonsense".to_owned())),
            ("another issuer", Some(hint(&house, &app, &ada, &own, json!({ "iss": "https://evil.example/" })).await)),
            ("an unknown client", Some(hint(&house, &app, &ada, &own, json!({ "aud": "nobody" })).await)),
            ("no client", Some(hint(&house, &app, &ada, &own, json!({ "aud": null })).await)),
            ("two clients", Some(hint(&house, &app, &ada, &own, json!({ "aud": ["app", "b"], "azp": "app" })).await)),
            ("an access token", Some(hint(&house, &app, &ada, &own, json!({ "jti": "x", "scope": "openid" })).await)),
            ("a logout token", Some(hint(&house, &app, &ada, &own, json!({ "events": {} })).await)),
            ("from the future", Some(hint(&house, &app, &ada, &own, json!({ "iat": house.now().as_secs() + 9 })).await)),
            ("another user", Some(hint(&house, &app, &bob, &own, json!({})).await)),
        ] {
            let mut pairs = vec![("post_logout_redirect_uri", BYE), ("state", "s")];
            pairs.extend(token.as_ref().map(|token| ("id_token_hint", token.as_str())));
            let answer = browser.opens(&format!("/oidc/logout?{}", query(&pairs))).await;
            let question = answer.to().unwrap_or_else(|| panic!("{name}: {}", answer.short()));
            assert!(question.starts_with("/u/logout?state="), "{name}: {question}");
            assert!(!forgets(&answer), "{name}");
            assert_eq!(living(&house, &ada).await, 1, "{name}");
            // No changes nothing.
            let page = browser.opens(&question).await;
            assert!(page.shows("logout-yes") && page.shows("logout-no"), "{name}: {}", page.body);
            let state = page.field("state");
            let no = browser.submits("/u/logout", &[("state", &state), ("action", "no")]).await;
            assert_eq!(no.status, 303, "{name}");
            let stays = browser.follows(no).await;
            assert_eq!((stays.status.as_u16(), stays.shows("still-signed-in")), (200, true), "{name}");
            assert_eq!(browser.stands(), "/u/still-signed-in", "{name}");
            assert_eq!(living(&house, &ada).await, 1, "{name}");
        }
        // Yes signs out, and goes nowhere else.
        let answer = browser.opens(&format!("/oidc/logout?{}", query(&[("post_logout_redirect_uri", BYE)]))).await;
        let page = browser.follows(answer).await;
        let yes = [("state", page.field("state")), ("action", "yes".to_owned())];
        let yes = [("state", yes[0].1.as_str()), ("action", yes[1].1.as_str())];
        let done = browser.submits("/u/logout", &yes).await;
        assert_eq!((done.status.as_u16(), done.header("location")), (303, "/u/logged-out"));
        assert!(forgets(&done));
        assert_eq!(living(&house, &ada).await, 0);
        assert!(browser.follows(done).await.shows("signed-out"));
        // Who is out is not told that they are still in.
        let late = browser.visits(&format!("/u/still-signed-in?state={}", yes[0].1)).await;
        assert!(late.shows("signed-out"), "{}", late.short());
        // The form sent twice is harmless.
        let again = browser.submits("/u/logout", &yes).await;
        assert_eq!((again.status.as_u16(), again.header("location")), (303, "/u/logged-out"));
        // With nobody there is nothing to ask.
        assert!(browser.visits("/oidc/logout").await.shows("signed-out"));
    }

    async fn a_request_that_contradicts_itself_is_refused_and_changes_nothing(house) {
        let app = site(&house, "app").await;
        site(&house, "other").await;
        let ada = house.user("ada").await;
        let browser = house.signed_in(&ada).await;
        let token = hint(&house, &app, &ada, &sid(&house, &ada).await, json!({})).await;
        for (name, more) in [
            ("another client", ("client_id", "other")),
            ("an unknown client", ("client_id", "nobody")),
            ("another session", ("logout_hint", "another")),
            ("a session that cannot be", ("logout_hint", "a b")),
        ] {
            let pairs = [("id_token_hint", token.as_str()), ("post_logout_redirect_uri", BYE), more];
            let answer = browser.opens(&format!("/oidc/logout?{}", query(&pairs))).await;
            assert_eq!((answer.status.as_u16(), answer.to()), (400, None), "{name}");
            assert!(answer.shows("error-page"), "{name}");
            assert_eq!(living(&house, &ada).await, 1, "{name}");
        }
    }

    async fn a_question_is_about_one_session(house) {
        site(&house, "app").await;
        let (ada, bob) = (house.user("ada").await, house.user("bob").await);
        let browser = house.signed_in(&ada).await;
        let question = browser.opens("/oidc/logout").await.to().unwrap();
        let state = question.split_once('=').unwrap().1.to_owned();
        // Somebody else has signed in since.
        let bobs = house.signed_in(&bob).await;
        let pairs = [("state", state.as_str()), ("action", "yes")];
        assert_eq!(bobs.submits("/u/logout", &pairs).await.status, 403);
        assert_eq!((living(&house, &ada).await, living(&house, &bob).await), (1, 1));
        // From another site, or without saying from where.
        for begun in [Begun::Elsewhere, Begun::Typed] {
            assert_eq!(browser.posts("/u/logout", &pairs, begun).await.status, 403);
        }
        // Changed, cut, and too late.
        for wrong in [&state[1..], &state[..state.len() - 1], "", "AAAA"] {
            let pairs = [("state", wrong), ("action", "yes")];
            assert_eq!(browser.submits("/u/logout", &pairs).await.status, 400, "{wrong}");
        }
        house.waits(Duration::from_secs(3_600)).await;
        assert_eq!(browser.submits("/u/logout", &pairs).await.status, 400);
        assert_eq!(living(&house, &ada).await, 1);
    }
}
