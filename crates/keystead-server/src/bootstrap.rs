//! The first start: our own API, a database for users, another for administrators, and a client for automation if the
//! operator asked for one.

use keystead_protocol::{
    client::{ApplicationType, ClientMetadata},
    grant_type::GrantType,
    ids::{ApiId, Audience, ClientGrantId, ClientId, ConnectionId},
    scope::{Scope, ScopeToken},
    time::Timestamp,
};
use keystead_store::{
    Insert, Tx, Update,
    apis::{self, Api, DefinedScope},
    client_grants::{self, ClientGrant},
    clients::{self, Client},
    connections::{self, Connection},
    seal::{Place, Slot},
};
use serde_json::{Value, json};
use tracing::info;

use crate::{error::Fault, services::Services};

/// The name by which Auth0's tools know our own API.
const NAME: &str = "Auth0 Management API";

/// The database of users that an installation begins with, by the name that Auth0 gives to a tenant's first.
pub const USERS: &str = "Username-Password-Authentication";

/// The database where administrators live: built in, and closed to sign-up.
pub const ADMINISTRATORS: &str = "keystead-administrators";

/// The scopes of our own API: for the records that exist, by Auth0's names, in Auth0's order.
const SCOPES: &[(&[&str], &[&str])] = &[
    (
        &["read", "create", "update", "delete"],
        &[
            "client_grants",
            "users",
            "users_app_metadata",
            "clients",
            "client_keys",
            "connections",
            "resource_servers",
            "roles",
            "client_credentials",
        ],
    ),
    (
        &["read", "update", "delete"],
        &["sessions", "refresh_tokens"],
    ),
    (&["blacklist"], &["tokens"]),
    (&["read"], &["logs", "logs_users"]),
    (&["read", "update"], &["tenant_settings"]),
    (&["read", "delete"], &["grants"]),
    (&["read", "create", "update"], &["signing_keys"]),
];

/// Makes sure that our own API exists with every scope it has in this version and that administrators have a place to
/// live, and makes the client that the configuration names if there is no client at all yet. With the API, so at the very
/// first start, comes the database of users: deleted, it stays deleted.
///
/// # Errors
/// A [`Fault`] of the store.
pub async fn ensure(services: &Services) -> Result<(), Fault> {
    let now = services.clock.now();
    let rng = &mut services.rng();
    let identifier = system_audience(services)?;
    let fresh = Api {
        name: Some(NAME.to_owned()),
        is_system: true,
        scopes: scopes(),
        ..Api::new(ApiId::generate(rng), identifier, now)
    };
    let client = services.config.bootstrap.as_ref().map(|wanted| {
        let id = &wanted.client_id;
        let place = Place {
            slot: Slot::ClientSecret,
            id: id.as_str(),
        };
        let sealed = services
            .keyring
            .seal(place, wanted.client_secret.expose().as_bytes(), rng)?;
        Ok::<_, Fault>((
            Client {
                secret: Some(sealed),
                ..automation(id.clone(), now)
            },
            ClientGrantId::generate(rng),
        ))
    });
    let client = client.transpose()?;
    let users = database(USERS, json!({}), ConnectionId::generate(rng), now);
    let closed = json!({ "disable_signup": true });
    let administrators = Connection {
        is_system: true,
        ..database(ADMINISTRATORS, closed, ConnectionId::generate(rng), now)
    };
    let made = services.store.write(move |tx| {
        let first = apis::by_identifier(tx, &fresh.identifier)?.is_none();
        let api = our_api(tx, &fresh, now)?;
        if first {
            let _: Insert = connections::insert(tx, &users)?;
        }
        if connections::system(tx)?.is_empty() {
            let _: Insert = connections::insert(tx, &administrators)?;
        }
        let Some((client, grant)) = &client else {
            return Ok(false);
        };
        if !clients::list(tx, None, 1)?.is_empty() {
            return Ok(false);
        }
        let _: Insert = clients::insert(tx, client)?;
        let mut grant =
            ClientGrant::new(grant.clone(), client.id.clone(), api, Scope::default(), now);
        grant.all_scopes = true;
        let _: Insert = client_grants::insert(tx, &grant)?;
        Ok::<_, keystead_store::Fault>(true)
    });
    if made.await? {
        info!("made the client of bootstrap.client_id, with every scope of the Management API");
    }
    Ok(())
}

/// The identifier of our own API.
///
/// # Errors
/// A [`Fault`] if the issuer is longer than an identifier may be.
pub fn system_audience(services: &Services) -> Result<Audience, Fault> {
    let text = format!("{}api/v2/", services.config.issuer.as_str());
    Audience::try_from(text).map_err(|e| Fault::Unwritable(e.to_string()))
}

/// Finds our own API, or inserts it; scopes that a newer version brought are added to it.
fn our_api(tx: &mut Tx<'_>, fresh: &Api, now: Timestamp) -> Result<ApiId, keystead_store::Fault> {
    let Some(mut known) = apis::by_identifier(tx, &fresh.identifier)? else {
        return match apis::insert(tx, fresh)? {
            Insert::Done => Ok(fresh.id.clone()),
            // Another node was first in this very moment.
            Insert::Taken => our_api(tx, fresh, now),
        };
    };
    let missing = |new: &&DefinedScope| known.scopes.iter().all(|old| old.value != new.value);
    let missing: Vec<DefinedScope> = fresh.scopes.iter().filter(missing).cloned().collect();
    if !missing.is_empty() {
        known.scopes.extend(missing);
        // A concurrent change is another node adding the same.
        let _: Update = apis::update(tx, &known, now)?;
    }
    Ok(known.id)
}

/// A database connection with what Auth0 sets for a new one, and `more`.
fn database(name: &str, more: Value, id: ConnectionId, now: Timestamp) -> Connection {
    let mut connection = Connection::new(id, name.to_owned(), "auth0".to_owned(), now);
    let usual = json!({ "passwordPolicy": "good", "brute_force_protection": true });
    for members in [usual, more] {
        if let Value::Object(members) = members {
            connection.options.0.extend(members);
        }
    }
    connection
}

fn automation(id: ClientId, now: Timestamp) -> Client {
    let metadata = ClientMetadata {
        grant_types: Some(vec![GrantType::ClientCredentials]),
        application_type: Some(ApplicationType::NonInteractive),
        oidc_conformant: true,
        ..ClientMetadata::default()
    };
    let mut client = Client::new(id, "Automation".to_owned(), now);
    client.metadata = metadata;
    client
}

fn scopes() -> Vec<DefinedScope> {
    let pairs = SCOPES.iter().flat_map(|(verbs, nouns)| {
        nouns
            .iter()
            .flat_map(move |noun| verbs.iter().map(move |verb| (*verb, *noun)))
    });
    let defined = pairs.filter_map(|(verb, noun)| {
        let value: ScopeToken = format!("{verb}:{noun}").as_str().try_into().ok()?;
        let words = std::iter::once(verb)
            .chain(noun.split('_'))
            .map(capital)
            .collect::<Vec<_>>();
        Some(DefinedScope {
            value,
            description: Some(words.join(" ")),
        })
    });
    defined.collect()
}

fn capital(word: &str) -> String {
    let (first, rest) = word.split_at(word.len().min(1));
    first.to_ascii_uppercase() + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scope_is_legal_named_once_and_described() {
        let all = scopes();
        let written: usize = SCOPES
            .iter()
            .map(|(verbs, nouns)| verbs.len() * nouns.len())
            .sum();
        assert_eq!(all.len(), written);
        let distinct: Scope = all.iter().map(|s| s.value.clone()).collect();
        assert_eq!(distinct.len(), written);
        let first = &all[0];
        assert_eq!(
            (first.value.as_str(), first.description.as_deref()),
            ("read:client_grants", Some("Read Client Grants"))
        );
    }
}
