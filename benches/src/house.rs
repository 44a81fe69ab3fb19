//! A Keystead to measure: its records, written through the store's own verbs, and the program in a process of its own.

use std::{collections::VecDeque, time::Duration};

use anyhow::Result;
use keystead_protocol::{
    client::{ApplicationType, ClientMetadata},
    grant_type::GrantType,
    ids::{ApiId, Audience, ClientGrantId, ClientId, ConnectionId, UserId},
    jwk::Algorithm,
    scope::Scope,
    secret::Secret,
    time::Timestamp,
};
use keystead_store::{
    Database, Effect, Fault, Insert, Store, Tx,
    apis::{self, Api, DefinedScope},
    client_grants::{self, ClientGrant},
    clients::{self, Client},
    connections::{self, Connection},
    grants::{self, Grant, Terms},
    passwords,
    seal::{Keyring, Place, Slot},
    token_key::{Purpose, TokenKey},
    users::{self, Insertion, User},
};
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng as _};
use tempfile::TempDir;

use crate::{postgres::Scratch, server::Server};

/// A client that authenticates and asks for itself.
pub const MACHINE: &str = "machine";
/// Its secret.
pub const SECRET: &str = "a-secret-of-the-benchmark-and-nobody-else";
/// A client without a secret, whose refresh tokens rotate.
pub const APP: &str = "app";
/// The API whose tokens are signed with RS256; [`ES256`] has the other.
pub const RS256: &str = "https://rs256.example.com";
/// See [`RS256`].
pub const ES256: &str = "https://es256.example.com";

/// What a token asks for.
pub const SCOPE: &str = "read:messages";
/// Where the app's codes are sent, in the form of a query.
pub const CALLBACK: &str = "https%3A%2F%2Fapp.example.com%2Fcallback";
/// Everybody's password.
pub const PASSWORD: &str = "a-password-of-the-benchmark";
const USERS: usize = 64;
const LIFE: Duration = Duration::from_secs(30 * 24 * 3_600);

/// A folder beside the program, so on the disk that it was built on and not in memory.
///
/// # Errors
/// If it cannot be made.
pub fn folder() -> Result<TempDir> {
    let beside = std::env::current_exe()?.with_file_name("bench-data");
    std::fs::create_dir_all(&beside)?;
    Ok(TempDir::new_in(beside)?)
}

/// The records of a Keystead that is not running yet.
pub struct Records {
    folder: TempDir,
    database: Database,
    scratch: Option<Scratch>,
    rng: ChaCha20Rng,
}

impl Records {
    /// Two APIs, two clients and some users, on SQLite, or on a database of its own on the server at `postgres`.
    ///
    /// # Errors
    /// A fault of the store.
    pub fn new(postgres: Option<&str>) -> Result<Self> {
        let folder = folder()?;
        let scratch = postgres.map(Scratch::new).transpose()?;
        let database = scratch.as_ref().map_or_else(
            || Database::sqlite(folder.path().join("keystead.db")),
            Scratch::database,
        );
        keystead_store::migrate(&database)?;
        let mut records = Self {
            folder,
            database,
            scratch,
            rng: ChaCha20Rng::seed_from_u64(1),
        };
        let keyring =
            Keyring::load_or_create(&records.folder.path().join("sealing.key"), &mut records.rng)?;
        let place = Place {
            slot: Slot::ClientSecret,
            id: MACHINE,
        };
        let secret = keyring.seal(place, SECRET.as_bytes(), &mut records.rng)?;
        let (now, rng) = (now()?, &mut records.rng.clone());
        let scope: Scope = SCOPE.parse()?;
        let apis = [(RS256, Algorithm::RS256), (ES256, Algorithm::ES256)].map(
            |(identifier, algorithm)| {
                let mut api = Api::new(ApiId::generate(rng), Audience::try_from(identifier)?, now);
                api.settings.signing_alg = algorithm;
                api.settings.allow_offline_access = true;
                api.settings.skip_consent_for_verifiable_first_party_clients = true;
                api.scopes = scope
                    .iter()
                    .map(|value| DefinedScope {
                        value: value.clone(),
                        description: None,
                    })
                    .collect();
                Ok::<_, anyhow::Error>((api, ClientGrantId::generate(rng)))
            },
        );
        let apis = apis.into_iter().collect::<Result<Vec<_>>>()?;
        let mut machine = Client::new(ClientId::try_from(MACHINE)?, "Machine".to_owned(), now);
        machine.metadata = metadata(
            ApplicationType::NonInteractive,
            &[GrantType::ClientCredentials],
        );
        machine.secret = Some(secret);
        let mut app = Client::new(ClientId::try_from(APP)?, "App".to_owned(), now);
        app.metadata = ClientMetadata {
            redirect_uris: Some(serde_json::from_str(
                r#"["https://app.example.com/callback"]"#,
            )?),
            ..metadata(
                ApplicationType::Native,
                &[GrantType::AuthorizationCode, GrantType::RefreshToken],
            )
        };
        let connection = Connection::new(
            ConnectionId::generate(rng),
            "people".to_owned(),
            "auth0".to_owned(),
            now,
        );
        let users = (0..USERS).map(|n| {
            let mut user = User::new(user_id(n)?, connection.id.clone(), now);
            user.email = Some(user_email(n));
            user.email_verified = true;
            Ok::<_, anyhow::Error>(user)
        });
        let users = users.collect::<Result<Vec<_>>>()?;
        records.write(move |tx| {
            let _: Insert = clients::insert(tx, &machine)?;
            let _: Insert = clients::insert(tx, &app)?;
            let _: Insert = connections::insert(tx, &connection)?;
            let _: Effect = connections::enable_for(tx, &connection.id, &app.id, now)?;
            for (api, grant) in &apis {
                let _: Insert = apis::insert(tx, api)?;
                let grant = ClientGrant::new(
                    grant.clone(),
                    machine.id.clone(),
                    api.id.clone(),
                    scope.clone(),
                    now,
                );
                let _: Insert = client_grants::insert(tx, &grant)?;
            }
            for user in &users {
                let _: Insertion = users::insert(tx, user)?;
            }
            Ok(())
        })?;
        Ok(records)
    }

    /// Token families of the app, begun by users in turn: their refresh tokens.
    ///
    /// # Errors
    /// A fault of the store.
    pub fn families(
        &mut self,
        count: usize,
        audience: &str,
        scope: &str,
    ) -> Result<VecDeque<String>> {
        let (now, rng) = (now()?, &mut self.rng);
        let (client, audience, scope) = (
            ClientId::try_from(APP)?,
            Audience::try_from(audience)?,
            scope.parse::<Scope>()?,
        );
        let families = (0..count).map(|n| {
            let terms = Terms {
                scope: scope.clone(),
                audience: Some(audience.clone()),
                nonce: None,
                authenticated_at: now.as_secs(),
                methods: Vec::new(),
                extra: serde_json::Map::new(),
            };
            let grant = Grant {
                id: grants::fresh_id(now, rng)?,
                client: client.clone(),
                user: user_id(n % USERS)?,
                session: None,
                audience: Some(audience.clone()),
                scope: scope.clone(),
                terms,
                expires_at: now + LIFE,
            };
            let (token, key) = TokenKey::draw(Purpose::RefreshToken, now, rng);
            Ok::<_, anyhow::Error>((grant, token, key))
        });
        let families = families.collect::<Result<Vec<_>>>()?;
        let tokens = families
            .iter()
            .map(|(_, token, _)| token.expose().to_owned())
            .collect();
        self.write(move |tx| {
            for (grant, _, key) in &families {
                grants::begin(tx, grant, now)?;
                grants::add_token(tx, &grant.id, key, now + LIFE, now)?;
            }
            Ok(())
        })?;
        Ok(tokens)
    }

    /// Gives every user the same password.
    ///
    /// # Errors
    /// A fault of the store.
    pub fn people_have_passwords(&self) -> Result<()> {
        let hash = Secret::from(crate::login::hash()?);
        let now = now()?;
        let users = (0..USERS).map(user_id).collect::<Result<Vec<_>>>()?;
        self.write(move |tx| {
            users
                .iter()
                .try_for_each(|user| passwords::set(tx, user, &hash, now))
        })
    }

    /// Opens the store; the limits are measured on it.
    ///
    /// # Errors
    /// A fault of the store.
    pub fn open(&self) -> Result<Store> {
        Ok(Store::open(&self.database)?)
    }

    fn write(
        &self,
        work: impl FnMut(&mut Tx<'_>) -> Result<(), Fault> + Send + 'static,
    ) -> Result<()> {
        let store = self.open()?;
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        let written = runtime.block_on(store.write(work));
        store.close();
        Ok(written?)
    }

    /// Starts the server on `core`.
    ///
    /// # Errors
    /// If it does not come up.
    pub fn serve(self, core: usize) -> Result<House> {
        let mut server = Server::start(self.folder.path(), core, |command| {
            if let Some(scratch) = &self.scratch {
                command.env("KEYSTEAD_DATABASE__URL", scratch.url());
            }
        })?;
        server.wait()?;
        Ok(House {
            server,
            _records: self,
        })
    }
}

/// A running Keystead and its records; both are gone when this is.
pub struct House {
    /// The process.
    pub server: Server,
    _records: Records,
}

fn metadata(kind: ApplicationType, grants: &[GrantType]) -> ClientMetadata {
    ClientMetadata {
        application_type: Some(kind),
        grant_types: Some(grants.to_vec()),
        is_first_party: true,
        oidc_conformant: true,
        ..ClientMetadata::default()
    }
}

/// A user's address.
pub fn user_email(n: usize) -> String {
    format!("user{n}@example.com")
}

fn user_id(n: usize) -> Result<UserId> {
    Ok(UserId::try_from(format!("auth0|{n:024x}"))?)
}

/// The moment, as the server will read it.
///
/// # Errors
/// If the clock stands before 1970.
pub fn now() -> Result<Timestamp> {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?;
    Ok(Timestamp::from_millis(0) + since)
}
