//! People, their log-ins and what comes of them, for the cases that start from there.

use std::time::Duration;

use keystead_protocol::{
    ids::{ClientId, SessionId, UserId},
    scope::Scope,
    secret::Secret,
    time::Timestamp,
};
use keystead_store::{
    codes::{self, Code},
    connections::Connection,
    grants::{self, Grant, Terms},
    sessions::{self, Method, Session},
    token_key::{Purpose, TokenKey},
    users::{self, Insertion, User},
};

use crate::{
    house::House,
    people::{audience, client_id},
};

pub const MINUTE: Duration = Duration::from_secs(60);
pub const HOUR: Duration = Duration::from_secs(3_600);
pub const DAY: Duration = Duration::from_secs(24 * 3_600);

/// A client, a user, and the session in which they met.
#[derive(Debug, Clone)]
pub struct Meeting {
    pub client: ClientId,
    pub user: UserId,
    pub session: SessionId,
    pub cookie: TokenKey,
}

impl House {
    /// A user of a connection, who has an e-mail address and nothing else.
    pub fn user(&self, connection: &Connection, email: &str) -> User {
        let user = self.new_user(connection, email);
        let inserted = user.clone();
        assert_eq!(
            self.write(move |tx| users::insert(tx, &inserted)),
            Ok(Insertion::Inserted)
        );
        user
    }

    /// A user who is not inserted.
    pub fn new_user(&self, connection: &Connection, email: &str) -> User {
        let id = UserId::generate(&mut *self.rng.borrow_mut());
        let mut user = User::new(id, connection.id.clone(), self.now());
        user.email = Some(email.to_owned());
        user
    }

    /// Ada, of a connection of her own.
    pub fn ada(&self) -> User {
        let connection = self.connection("Username-Password-Authentication");
        self.user(&connection, "ada@example.org")
    }

    /// The key of a fresh value.
    pub fn key(&self, purpose: Purpose) -> TokenKey {
        TokenKey::draw(purpose, self.now(), &mut *self.rng.borrow_mut()).1
    }

    /// A session that is not started: it may idle for an hour and lives for a day.
    pub fn new_session(&self, user: &UserId) -> Session {
        let now = self.now();
        Session {
            id: SessionId::generate(&mut *self.rng.borrow_mut()),
            user: user.clone(),
            methods: vec![Method {
                name: "pwd".to_owned(),
                at: now.as_secs(),
            }],
            authenticated_at: now,
            seen_at: now,
            idle_until: now + HOUR,
            expires_at: now + DAY,
            created_at: now,
        }
    }

    /// A session and the key of its cookie.
    pub fn session(&self, user: &UserId) -> (TokenKey, Session) {
        let session = self.new_session(user);
        let (key, started) = (self.key(Purpose::Session), session.clone());
        assert_eq!(
            self.write(move |tx| sessions::start(tx, &key, &started)),
            Ok(())
        );
        (key, session)
    }

    /// Ada logs in at a client named `app`.
    pub fn meeting(&self) -> Meeting {
        let (client, user) = (self.client("app").id, self.ada().id);
        let (cookie, session) = self.session(&user);
        Meeting {
            client,
            user,
            session: session.id,
            cookie,
        }
    }

    /// A code that is not issued.
    pub fn unissued_code(&self, meeting: &Meeting) -> (TokenKey, Code) {
        let (key, now) = (self.key(Purpose::Code), self.now());
        let code = Code {
            grant: grants::fresh_id(now, &mut *self.rng.borrow_mut()).unwrap(),
            client: meeting.client.clone(),
            user: meeting.user.clone(),
            session: Some(meeting.session.clone()),
            redirect_uri: "https://app.example/callback?a=b".to_owned(),
            challenge: Some("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM".to_owned()),
            terms: terms(now),
        };
        (key, code)
    }

    /// A code that lives for a minute.
    pub fn code(&self, meeting: &Meeting) -> (TokenKey, Code) {
        let ((key, code), now) = (self.unissued_code(meeting), self.now());
        let issued = code.clone();
        assert_eq!(
            self.write(move |tx| codes::issue(tx, &key, &issued, now, now + MINUTE)),
            Ok(())
        );
        (key, code)
    }

    /// A token family that has not begun, for thirty days.
    pub fn unbegun_grant(&self, meeting: &Meeting) -> Grant {
        let now = self.now();
        let terms = terms(now);
        Grant {
            id: grants::fresh_id(now, &mut *self.rng.borrow_mut()).unwrap(),
            client: meeting.client.clone(),
            user: meeting.user.clone(),
            session: Some(meeting.session.clone()),
            audience: terms.audience.clone(),
            scope: terms.scope.clone(),
            terms,
            expires_at: now + 30 * DAY,
        }
    }

    /// A token family.
    pub fn grant(&self, meeting: &Meeting) -> Grant {
        let (grant, now) = (self.unbegun_grant(meeting), self.now());
        let begun = grant.clone();
        assert_eq!(self.write(move |tx| grants::begin(tx, &begun, now)), Ok(()));
        grant
    }

    /// A refresh token of a family, which may idle for a day.
    pub fn refresh_token(&self, grant: &Grant) -> TokenKey {
        let (key, id, now) = (
            self.key(Purpose::RefreshToken),
            grant.id.clone(),
            self.now(),
        );
        assert_eq!(
            self.write(move |tx| grants::add_token(tx, &id, &key, now + DAY, now)),
            Ok(())
        );
        key
    }
}

pub fn scope(text: &str) -> Scope {
    text.parse().unwrap()
}

pub fn terms(now: Timestamp) -> Terms {
    Terms {
        scope: scope("openid read:messages"),
        audience: Some(audience("https://api.example")),
        nonce: Some("n-0S6_WzA2Mj".to_owned()),
        authenticated_at: now.as_secs(),
        methods: vec!["pwd".to_owned()],
        extra: serde_json::Map::new(),
    }
}

pub fn secret(text: &str) -> Secret {
    Secret::from(text)
}

pub fn another_client(house: &House) -> ClientId {
    house.client("other");
    client_id("other")
}
