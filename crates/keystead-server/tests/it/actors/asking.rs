//! Authorization requests as apps send them through a browser, and people who answer them.

use axum::http::{HeaderMap, header::SET_COOKIE};
use keystead_protocol::secret::Secret;
use keystead_server::{identity::sessions, tenant::Tenant};
use keystead_store::{Effect, clients, connections, passwords, settings, users::User};
use serde_json::{Value, json};
use url::form_urlencoded;

use super::{App, Browser, CHALLENGE, REDIRECT};
use crate::house::{Answer, House};

pub const PASSWORD: &str = "correct horse battery staple";

/// What a site is registered with that may ask for everything.
pub fn registered(more: Value) -> Value {
    let mut metadata = json!({
        "callbacks": [REDIRECT, "https://app.example/other?shop=1", "demo://app.example/callback"],
        "grant_types": ["authorization_code", "refresh_token", "implicit"],
        "web_origins": ["https://app.example"],
    });
    let members = metadata.as_object_mut().unwrap();
    members.extend(more.as_object().unwrap().clone());
    metadata
}

impl App {
    /// Where a browser is sent to be asked: for a code with S256 and `openid` alone, changed by what is given. An empty
    /// value takes a parameter away.
    pub fn authorizes(&self, changes: &[(&str, &str)]) -> String {
        let mut pairs = vec![
            ("client_id", self.id.as_str()),
            ("response_type", "code"),
            ("redirect_uri", REDIRECT),
            ("scope", "openid"),
            ("state", "s-1"),
            ("nonce", "n-1"),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
        ];
        for (name, value) in changes {
            pairs.retain(|(own, _)| own != name);
            if !value.is_empty() {
                pairs.push((name, value));
            }
        }
        let query = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(pairs)
            .finish();
        format!("/authorize?{query}")
    }
}

impl House {
    /// A site whose users are `user` and whoever shares their connection.
    pub async fn asker(&self, id: &str, user: &User, more: Value) -> App {
        let app = self.client(id, registered(more)).await;
        self.opens(user, &app).await;
        app
    }

    /// Lets the users of a connection sign in to an app.
    pub async fn opens(&self, user: &User, app: &App) {
        let (connection, client, now) = (user.connection.clone(), app.client_id(), self.now());
        let done = self
            .writes(move |tx| connections::enable_for(tx, &connection, &client, now))
            .await;
        assert_eq!(done, Effect::Done);
    }

    /// Switches a client off.
    pub async fn disables(&self, app: &App) {
        let (id, now) = (app.client_id(), self.now());
        let done = self
            .writes(move |tx| clients::set_enabled(tx, &id, false, now))
            .await;
        assert_eq!(done, Effect::Done);
    }

    /// Puts the installation's settings.
    pub async fn tenant_is(&self, tenant: Value) {
        let tenant: Tenant = serde_json::from_value(tenant).unwrap();
        let now = self.now();
        self.writes(move |tx| settings::put(tx, &tenant, now)).await;
    }

    /// Gives a user the password [`PASSWORD`].
    pub async fn gives_password(&self, user: &User) {
        let passwords = &self.services.passwords;
        let address = "203.0.113.9".parse().unwrap();
        let secret = Secret::from(PASSWORD);
        let hash = passwords
            .hash(address, &secret, &mut self.services.rng())
            .await
            .unwrap();
        let (id, now) = (user.id.clone(), self.now());
        self.writes(move |tx| passwords::set(tx, &id, &hash, now))
            .await;
    }

    /// A browser in which somebody has signed in a moment ago.
    pub async fn signed_in(&self, user: &User) -> Browser {
        let browser = self.browser();
        let fresh = sessions::draw(&self.services, &user.id, &["pwd"], self.now());
        let (entering, now) = (fresh.clone(), self.now());
        self.writes(move |tx| entering.enter(tx, None, now)).await;
        let mut headers = HeaderMap::new();
        fresh.cookie().put(&mut headers);
        let line = headers[SET_COOKIE].to_str().unwrap();
        let pair = line.split_once(';').unwrap().0;
        let (name, value) = pair.split_once('=').unwrap();
        browser.plants(name, Some(value));
        browser
    }
}

impl Browser {
    /// Signs in on a log-in page with [`PASSWORD`], and follows where that leads.
    pub async fn signs_in(&self, page: &Answer, user: &User) -> Answer {
        let pairs = [
            ("state", page.field("state")),
            ("username", user.email.clone().unwrap()),
            ("password", PASSWORD.to_owned()),
            ("action", "submit".to_owned()),
        ];
        self.answers("/u/login", &pairs).await
    }

    /// Presses a button of a page that asks something, and follows where that leads.
    pub async fn presses(&self, path: &str, page: &Answer, action: &str) -> Answer {
        let mut pairs = vec![
            ("state", page.field("state")),
            ("action", action.to_owned()),
        ];
        if page.shows("consent-form") {
            pairs.push(("shown", page.field("shown")));
        }
        self.answers(path, &pairs).await
    }

    async fn answers(&self, path: &str, pairs: &[(&str, String)]) -> Answer {
        let pairs: Vec<_> = pairs.iter().map(|(n, v)| (*n, v.as_str())).collect();
        let answer = self.submits(path, &pairs).await;
        self.follows(answer).await
    }
}
