//! What a house knows: registered clients, APIs and what they may, people and what they agreed to.

use std::sync::Arc;

use keystead_protocol::{
    ids::{ApiId, ClientGrantId, ConnectionId, GrantId, SessionId, UserId},
    jwk::{Algorithm, JwkSet, SigningKey, VerifyingKeys},
    jwt::{Signer, Token},
    scope::Scope,
    time::Timestamp,
};
use keystead_store::{
    Insert, access_tokens,
    apis::{self, Api, DefinedScope},
    client_grants::{self, ClientGrant, SubjectType},
    clients::{self, Client},
    codes::{self, Code},
    connections::{self, Connection},
    grants::{self, Terms},
    seal::{Place, Slot},
    token_key::{Purpose, TokenKey},
    users::{self, Insertion, User},
};
use serde_json::{Map, Value, json};

use super::{Agreed, App, REDIRECT, Read, Shows, part};
use crate::house::House;

impl House {
    /// Registers a client. It authenticates as `token_endpoint_auth_method` says, by default with a secret in the body;
    /// for `private_key_jwt` it makes a key of `assertion_alg`, by default ES256.
    pub async fn client(&self, id: &str, mut metadata: Value) -> App {
        let now = self.clock.now();
        let members = metadata.as_object_mut().unwrap();
        members.entry("oidc_conformant").or_insert(json!(true));
        let secret = format!("the-secret-of-{id}-0123456789");
        let alg = members.remove("assertion_alg");
        let alg = alg
            .as_ref()
            .and_then(Value::as_str)
            .unwrap_or("ES256")
            .parse::<Algorithm>();
        let shows = match members
            .get("token_endpoint_auth_method")
            .and_then(Value::as_str)
        {
            Some("none") => Shows::Nothing,
            Some("client_secret_basic") => Shows::Basic(secret.clone()),
            Some("private_key_jwt") => {
                let pair = SigningKey::generate(alg.unwrap()).unwrap();
                let jwks: JwkSet = [&pair].into_iter().collect();
                members.insert("jwks".to_owned(), serde_json::to_value(&jwks).unwrap());
                Shows::Signs(Arc::new(Signer::new(pair)))
            }
            _ => Shows::Post(secret.clone()),
        };
        let mut client = Client::new(id.try_into().unwrap(), format!("The app {id}"), now);
        client.metadata = serde_json::from_value(metadata).unwrap();
        if let Shows::Post(_) | Shows::Basic(_) = shows {
            let place = Place {
                slot: Slot::ClientSecret,
                id,
            };
            let sealed =
                self.services
                    .keyring
                    .seal(place, secret.as_bytes(), &mut self.services.rng());
            client.secret = Some(sealed.unwrap());
        }
        assert_eq!(
            self.writes(move |tx| clients::insert(tx, &client)).await,
            Insert::Done
        );
        App {
            id: id.to_owned(),
            shows,
            visitor: self.visitor(),
            clock: self.clock.clone(),
        }
    }

    /// An app that is installed on this house's neighbour too.
    pub fn same_app(&self, app: &App) -> App {
        App {
            id: app.id.clone(),
            shows: app.shows.clone(),
            visitor: self.visitor(),
            clock: self.clock.clone(),
        }
    }

    /// A program that claims to be a client, registered or not.
    pub fn stranger(&self, id: &str, shows: Shows) -> App {
        App {
            id: id.to_owned(),
            shows,
            visitor: self.visitor(),
            clock: self.clock.clone(),
        }
    }

    /// A machine that may use its own grant.
    pub async fn machine(&self, id: &str) -> App {
        self.client(id, json!({ "grant_types": ["client_credentials"] }))
            .await
    }

    /// A site that signs users in.
    pub async fn site(&self, id: &str) -> App {
        self.client(
            id,
            json!({ "grant_types": ["authorization_code", "refresh_token"] }),
        )
        .await
    }

    /// An app on a phone, whose refresh tokens rotate with a leeway of ten seconds.
    pub async fn native(&self, id: &str) -> App {
        let metadata = json!({
            "grant_types": ["authorization_code", "refresh_token"], "token_endpoint_auth_method": "none",
            "refresh_token": { "rotation_type": "rotating", "expiration_type": "expiring", "leeway": 10 },
        });
        self.client(id, metadata).await
    }

    /// An API with the scopes `read:messages`, `write:messages` and `delete:messages`.
    pub async fn api(&self, identifier: &str, change: impl FnOnce(&mut Api)) -> Api {
        let id = ApiId::generate(&mut self.services.rng());
        let mut api = Api::new(id, identifier.try_into().unwrap(), self.clock.now());
        let scopes = ["read:messages", "write:messages", "delete:messages"];
        api.scopes = scopes
            .map(|value| DefinedScope {
                value: value.try_into().unwrap(),
                description: None,
            })
            .into();
        api.settings.allow_offline_access = true;
        change(&mut api);
        let inserted = api.clone();
        assert_eq!(
            self.writes(move |tx| apis::insert(tx, &inserted)).await,
            Insert::Done
        );
        api
    }

    /// Seals what an HS256 API shares with us.
    pub fn signing_secret(&self, api: &Api, secret: &[u8]) -> keystead_store::seal::Sealed {
        let place = Place {
            slot: Slot::ApiSigningSecret,
            id: api.id.as_str(),
        };
        self.services
            .keyring
            .seal(place, secret, &mut self.services.rng())
            .unwrap()
    }

    /// Grants scopes of an API to an app, for itself.
    pub async fn grants(&self, app: &App, api: &Api, scope: &str) -> ClientGrantId {
        self.grants_for(SubjectType::Client, app, api, scope).await
    }

    pub async fn grants_for(
        &self,
        kind: SubjectType,
        app: &App,
        api: &Api,
        scope: &str,
    ) -> ClientGrantId {
        let id = ClientGrantId::generate(&mut self.services.rng());
        let scope: Scope = scope.parse().unwrap();
        let mut grant = ClientGrant::new(
            id.clone(),
            app.client_id(),
            api.id.clone(),
            scope,
            self.clock.now(),
        );
        grant.subject_type = kind;
        assert_eq!(
            self.writes(move |tx| client_grants::insert(tx, &grant))
                .await,
            Insert::Done
        );
        id
    }

    /// A user with an e-mail address and a name.
    pub async fn user(&self, name: &str) -> User {
        let now = self.clock.now();
        let id = ConnectionId::generate(&mut self.services.rng());
        let connection = Connection::new(id, format!("users-of-{name}"), "auth0".to_owned(), now);
        let mut user = User::new(
            UserId::generate(&mut self.services.rng()),
            connection.id.clone(),
            now,
        );
        user.email = Some(format!("{name}@example.com"));
        user.email_verified = true;
        user.profile.name = Some(name.to_owned());
        let inserted = user.clone();
        let (one, two) = self
            .writes(move |tx| {
                Ok((
                    connections::insert(tx, &connection)?,
                    users::insert(tx, &inserted)?,
                ))
            })
            .await;
        assert_eq!((one, two), (Insert::Done, Insertion::Inserted));
        user
    }

    /// A code as the authorization endpoint would issue it: the user signed in a minute ago.
    pub async fn code(&self, app: &App, user: &User, agreed: Agreed<'_>) -> String {
        let (rng, now) = (&mut self.services.rng(), self.clock.now());
        let (secret, key) = TokenKey::draw(Purpose::Code, now, rng);
        let code = Code {
            grant: grants::fresh_id(now, rng).unwrap(),
            client: app.client_id(),
            user: user.id.clone(),
            session: Some(session_of(user)),
            redirect_uri: REDIRECT.to_owned(),
            challenge: agreed.challenge.map(str::to_owned),
            terms: Terms {
                scope: agreed.scope.parse().unwrap(),
                audience: agreed.audience.map(|audience| audience.try_into().unwrap()),
                nonce: agreed.nonce.map(str::to_owned),
                authenticated_at: now.as_secs() - 60,
                methods: vec![],
                extra: Map::new(),
            },
        };
        let until = now + std::time::Duration::from_secs(600);
        self.services
            .store
            .write(move |tx| codes::issue(tx, &key, &code, now, until))
            .await
            .unwrap();
        secret.expose().to_owned()
    }

    /// Verifies a token with the key set that the server publishes.
    pub async fn reads(&self, token: &str) -> Read {
        let published = self.visitor().gets("/.well-known/jwks.json").await.body;
        let keys = VerifyingKeys::from_json(&published).unwrap();
        let parsed = Token::parse(token).unwrap();
        let key = parsed
            .key_in(&keys)
            .expect("a published key signed it")
            .clone();
        let verified = parsed.verify(&key).unwrap();
        Read {
            header: part(token, 0),
            claims: serde_json::from_slice(verified.payload()).unwrap(),
        }
    }

    /// The families of access tokens, JWTs or opaque ones.
    pub async fn families(&self, tokens: &[String]) -> Vec<GrantId> {
        let mut families = vec![];
        for token in tokens {
            let family = match TokenKey::of(Purpose::AccessToken, token) {
                None => {
                    let id = part(token, 1)["jti"].as_str().unwrap().to_owned();
                    id.split_once('.').unwrap().0.try_into().unwrap()
                }
                Some(key) => {
                    let now = self.clock.now();
                    let read = self
                        .services
                        .store
                        .read(move |tx| access_tokens::find(tx, &key, now));
                    read.await.unwrap().unwrap().grant
                }
            };
            families.push(family);
        }
        families
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

/// The session in which a user agreed.
pub fn session_of(user: &User) -> SessionId {
    let name = user.profile.name.as_deref().unwrap_or_default();
    format!("session-of-{name}").as_str().try_into().unwrap()
}
