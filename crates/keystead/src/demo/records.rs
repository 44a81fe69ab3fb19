//! What the demo needs in an installation: an API with two scopes, an app, a machine and somebody who can sign in.

use std::{fs, io, net::IpAddr, path::Path};

use anyhow::{Context as _, bail};
use keystead_protocol::{
    ids::{ApiId, Audience, ClientGrantId, ClientId, UserId},
    scope::{Scope, ScopeToken},
    secret::Secret,
};
use keystead_server::{
    bootstrap,
    services::{Entropy, Parts, Services},
};
use keystead_store::{
    Effect, Insert, Update,
    apis::{self, Api, DefinedScope},
    client_grants::{self, ClientGrant},
    clients::{self, Client},
    connections, passwords,
    seal::{Place, Slot},
    users::{self, Insertion, User},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// What tokens for the sample API carry as `aud`: the identifier that the tutorials use.
pub(super) const AUDIENCE: &str = "https://api.mysite.com";
pub(super) const READ: &str = "read:messages";
pub(super) const WRITE: &str = "write:messages";
const EMAIL: &str = "ada@example.com";
const FILE: &str = "demo.json";

/// Who is in the demo, and what they know. Kept in the demo's folder, for its owner alone.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Cast {
    pub(super) native: ClientId,
    pub(super) machine: ClientId,
    #[serde(with = "shown")]
    pub(super) machine_secret: Secret,
    pub(super) email: String,
    #[serde(with = "shown")]
    pub(super) password: Secret,
}

/// A secret in a file of the owner's.
mod shown {
    use keystead_protocol::secret::Secret;
    use serde::{Deserialize as _, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(secret: &Secret, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(secret.expose())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Secret, D::Error> {
        String::deserialize(from).map(Secret::from)
    }
}

impl Cast {
    /// Whether a demo has been in this folder.
    pub(super) fn is_in(folder: &Path) -> bool {
        folder.join(FILE).exists()
    }

    /// The cast of an earlier start, or a new one.
    pub(super) fn find_or_draw(folder: &Path) -> anyhow::Result<Self> {
        let file = folder.join(FILE);
        match fs::read_to_string(&file) {
            Ok(text) => {
                return serde_json::from_str(&text)
                    .with_context(|| format!("{} cannot be read", file.display()));
            }
            Err(why) if why.kind() == io::ErrorKind::NotFound => {}
            Err(why) => return Err(why).with_context(|| format!("cannot read {}", file.display())),
        }
        let rng = &mut Entropy::system();
        let cast = Self {
            native: ClientId::generate(rng),
            machine: ClientId::generate(rng),
            machine_secret: Secret::generate(rng),
            email: EMAIL.to_owned(),
            password: typeable(&Secret::generate(rng)),
        };
        write_private(&file, &(serde_json::to_string_pretty(&cast)? + "\n"))
            .with_context(|| format!("cannot write {}", file.display()))?;
        Ok(cast)
    }

    /// Makes whatever of it is not there yet. `site` is where the guided page stands.
    pub(super) async fn appear(&self, services: &Services, site: &str) -> anyhow::Result<()> {
        let Parts {
            store,
            keyring,
            passwords: hashing,
            ..
        } = &**services;
        let (now, rng) = (services.clock.now(), &mut services.rng());
        let here = IpAddr::from([127, 0, 0, 1]);
        let hash = hashing.hash(here, &self.password, rng).await?;
        let (native, machine) = (self.app(services, site)?, self.machine_client(services)?);
        let place = Place {
            slot: Slot::ClientSecret,
            id: self.machine.as_str(),
        };
        let machine = Client {
            secret: Some(keyring.seal(place, self.machine_secret.expose().as_bytes(), rng)?),
            ..machine
        };
        let api = sample_api(ApiId::generate(rng), services)?;
        let (grant, user) = (ClientGrantId::generate(rng), UserId::generate(rng));
        let (email, all) = (self.email.clone(), scopes()?);
        let made = store.write(move |tx| {
            let api = match apis::insert(tx, &api)? {
                Insert::Done => api.id.clone(),
                Insert::Taken => {
                    let known = apis::by_identifier(tx, &api.identifier)?;
                    known.map_or_else(|| api.id.clone(), |known| known.id)
                }
            };
            let Some(people) = connections::by_name(tx, bootstrap::USERS)? else {
                return Ok(false);
            };
            if clients::insert(tx, &native)? == Insert::Taken
                && let Some(mut known) = clients::find(tx, &native.id)?
            {
                // The page may stand elsewhere than last time.
                known.metadata = native.metadata.clone();
                let _: Update = clients::update(tx, &known, now)?;
            }
            let _: Effect = connections::enable_for(tx, &people.id, &native.id, now)?;
            if clients::insert(tx, &machine)? == Insert::Done {
                let grant =
                    ClientGrant::new(grant.clone(), machine.id.clone(), api, all.clone(), now);
                let _: Insert = client_grants::insert(tx, &grant)?;
            }
            let user = match users::by_email(tx, &people.id, &email)? {
                Some(known) => known.id,
                None => {
                    let mut ada = User::new(user.clone(), people.id, now);
                    ada.email = Some(email.clone());
                    ada.email_verified = true;
                    ada.profile.name = Some("Ada Lovelace".to_owned());
                    match users::insert(tx, &ada)? {
                        Insertion::Inserted => {}
                        Insertion::EmailTaken | Insertion::UsernameTaken | Insertion::IdTaken => {
                            return Ok(false);
                        }
                    }
                    ada.id
                }
            };
            passwords::set(tx, &user, &hash, now)?;
            Ok::<_, keystead_store::Fault>(true)
        });
        if !made.await? {
            bail!(
                "the connection {} is gone from this database",
                bootstrap::USERS
            );
        }
        Ok(())
    }

    fn app(&self, services: &Services, site: &str) -> anyhow::Result<Client> {
        let host = services.config.issuer.host();
        client(
            &self.native,
            "Demo app",
            json!({
                "app_type": "native",
                "token_endpoint_auth_method": "none",
                "grant_types": ["authorization_code", "refresh_token"],
                "callbacks": [
                    "http://127.0.0.1/callback",
                    format!("{site}callback"),
                    format!("demo://{host}/android/com.example.demo/callback"),
                ],
                "allowed_logout_urls": [site],
                "oidc_conformant": true,
                "is_first_party": true,
            }),
            services,
        )
    }

    fn machine_client(&self, services: &Services) -> anyhow::Result<Client> {
        client(
            &self.machine,
            "Demo machine",
            json!({
                "app_type": "non_interactive",
                "token_endpoint_auth_method": "client_secret_post",
                "grant_types": ["client_credentials"],
                "oidc_conformant": true,
                "is_first_party": true,
            }),
            services,
        )
    }
}

fn client(
    id: &ClientId,
    name: &str,
    metadata: Value,
    services: &Services,
) -> anyhow::Result<Client> {
    let mut client = Client::new(id.clone(), name.to_owned(), services.clock.now());
    client.metadata = serde_json::from_value(metadata)?;
    Ok(client)
}

fn sample_api(id: ApiId, services: &Services) -> anyhow::Result<Api> {
    let mut api = Api::new(id, Audience::try_from(AUDIENCE)?, services.clock.now());
    api.name = Some("My site's messages".to_owned());
    api.settings.allow_offline_access = true;
    api.settings.skip_consent_for_verifiable_first_party_clients = true;
    for (value, description) in [
        (READ, "Read your messages"),
        (WRITE, "Write messages in your name"),
    ] {
        api.scopes.push(DefinedScope {
            value: ScopeToken::try_from(value)?,
            description: Some(description.to_owned()),
        });
    }
    Ok(api)
}

fn scopes() -> anyhow::Result<Scope> {
    Ok(format!("{READ} {WRITE}").parse()?)
}

/// The first 96 bits: enough against any number of guesses, and short enough to be typed.
fn typeable(secret: &Secret) -> Secret {
    secret.expose().chars().take(16).collect::<String>().into()
}

/// Writes a file that nobody else can read.
fn write_private(file: &Path, text: &str) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    io::Write::write_all(&mut options.open(file)?, text.as_bytes())
}
