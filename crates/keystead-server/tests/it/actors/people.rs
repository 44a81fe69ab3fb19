//! People who can log in, where their accounts are, and apps that send them to do so.

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::OnceLock,
};

use keystead_protocol::{ids::UserId, secret::Secret};
use keystead_server::bootstrap::USERS;
use keystead_store::{
    Effect, Insert,
    connections::{self, Connection},
    log::{self, Entry, Whose},
    passwords, sessions,
    users::{self, Insertion, User},
};
use serde_json::{Value, json};

use super::{App, Browser, PASSWORD, REDIRECT};
use crate::house::{Answer, House};

/// The hash of [`PASSWORD`], made once, because making it is slow by design.
static HASH: OnceLock<Secret> = OnceLock::new();

impl House {
    /// A site of ours where users log in, with accounts in the installation's first database.
    pub async fn shop(&self, id: &str) -> App {
        let metadata = json!({
            "grant_types": ["authorization_code", "refresh_token"],
            "callbacks": [REDIRECT],
            "allowed_logout_urls": ["https://app.example/bye"],
        });
        let app = self.client(id, metadata).await;
        self.enables(USERS, &app).await;
        app
    }

    /// Lets an app use a connection.
    pub async fn enables(&self, connection: &'static str, app: &App) {
        let (client, now) = (app.client_id(), self.now());
        let enabled = self.writes(move |tx| {
            let found = connections::by_name(tx, connection)?.unwrap();
            connections::enable_for(tx, &found.id, &client, now)
        });
        assert_eq!(enabled.await, Effect::Done);
    }

    /// A connection by its name.
    pub async fn connection(&self, name: &'static str) -> Connection {
        let read = self
            .services
            .store
            .read(move |tx| connections::by_name(tx, name));
        read.await.unwrap().unwrap()
    }

    /// Another database of users.
    pub async fn database(&self, name: &'static str, options: Value) -> Connection {
        let id = keystead_protocol::ids::ConnectionId::generate(&mut self.services.rng());
        let mut connection = Connection::new(id, name.to_owned(), "auth0".to_owned(), self.now());
        connection.options = serde_json::from_value(options).unwrap();
        let inserted = connection.clone();
        let done = self.writes(move |tx| connections::insert(tx, &inserted));
        assert_eq!(done.await, Insert::Done);
        connection
    }

    /// Changes options of a connection.
    pub async fn sets(&self, connection: &'static str, options: Value) {
        let now = self.now();
        self.writes(move |tx| {
            let mut found = connections::by_name(tx, connection)?.unwrap();
            let more = options.as_object().unwrap().clone();
            found.options.0.extend(more);
            connections::update(tx, &found, now).map(drop)
        })
        .await;
    }

    /// Somebody with an account in the installation's first database and the password [`PASSWORD`].
    pub async fn account(&self, name: &str) -> User {
        self.account_in(USERS, name).await
    }

    pub async fn account_in(&self, connection: &'static str, name: &str) -> User {
        let now = self.now();
        let hash = self.hash().await;
        let connection = self.connection(connection).await;
        let mut user = User::new(
            UserId::generate(&mut self.services.rng()),
            connection.id,
            now,
        );
        user.email = Some(format!("{name}@example.com"));
        user.profile.name = Some(name.to_owned());
        let inserted = user.clone();
        let done = self.writes(move |tx| {
            let done = users::insert(tx, &inserted)?;
            passwords::set(tx, &inserted.id, &hash, now)?;
            Ok(done)
        });
        assert_eq!(done.await, Insertion::Inserted);
        user
    }

    async fn hash(&self) -> Secret {
        if let Some(hash) = HASH.get() {
            return hash.clone();
        }
        let nobody = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let password = Secret::from(PASSWORD);
        let rng = &mut self.services.rng();
        let hash = self.services.passwords.hash(nobody, &password, rng).await;
        HASH.get_or_init(|| hash.unwrap()).clone()
    }

    /// Blocks somebody, who then has no session any more.
    pub async fn blocks(&self, user: &User) {
        let (id, now) = (user.id.clone(), self.now());
        self.writes(move |tx| users::block(tx, &id, now).map(drop))
            .await;
    }

    /// The living sessions of somebody.
    pub async fn sessions(&self, user: &User) -> Vec<sessions::Session> {
        let (id, now) = (user.id.clone(), self.now());
        let read = self
            .services
            .store
            .read(move |tx| sessions::of_user(tx, &id, None, 100, now));
        read.await.unwrap()
    }

    /// The lines of the log of one kind, newest first.
    pub async fn lines(&self, kind: &str) -> Vec<Entry> {
        self.services.logbook.flush().await;
        let read = self
            .services
            .store
            .read(|tx| log::newest(tx, Whose::Everybody, None, 200));
        let mut lines = read.await.unwrap();
        lines.retain(|line| line.kind == kind);
        lines
    }
}

impl Browser {
    /// Comes from an app, as far as a page of ours or back.
    pub async fn comes_from(&self, app: &App, changes: &[(&str, &str)]) -> Answer {
        self.visits(&app.authorizes(changes)).await
    }

    /// Sends the log-in page.
    pub async fn types(&self, page: &Answer, username: &str, password: &str) -> Answer {
        let state = page.field("state");
        let pairs = [
            ("state", state.as_str()),
            ("username", username),
            ("password", password),
            ("action", "submit"),
        ];
        self.submits("/u/login", &pairs).await
    }

    /// Comes from an app, signs in, and goes where that leads.
    pub async fn arrives(&self, app: &App, user: &User) -> Answer {
        let page = self.comes_from(app, &[]).await;
        assert!(page.shows("login-form"), "{}", page.short());
        self.signs_in(&page, user).await
    }
}

/// Somebody's e-mail address.
pub fn email(user: &User) -> &str {
    user.email.as_deref().unwrap()
}
