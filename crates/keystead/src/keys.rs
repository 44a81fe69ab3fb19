//! `keystead keys`: which keys sign tokens, putting new ones in their place, and sealing every secret anew.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use keystead_protocol::{ids::KeyId, jwk::Algorithm, time::Timestamp};
use keystead_server::{
    config::Config,
    keys::{self, Rotated},
    services::{Clock, Entropy},
};
use keystead_store::{Effect, Fault, Store, keys::SigningKeyRecord, seal::Keyring};
use serde_json::json;

use crate::output::{self, Shape};

/// A store that is open for one command.
struct Opened {
    store: Store,
    keyring: Keyring,
    runtime: tokio::runtime::Runtime,
    now: Timestamp,
}

impl Opened {
    fn of(config: &Config) -> anyhow::Result<Self> {
        ensure!(
            keystead_store::schema_number(&config.database)? > 0,
            "there is no database yet; `keystead serve` makes it, and the first key"
        );
        Ok(Self {
            store: Store::open(&config.database)?,
            keyring: Keyring::load(&config.sealing_key_file)?,
            runtime: tokio::runtime::Builder::new_multi_thread()
                .worker_threads(1)
                .build()?,
            now: Clock::system().now(),
        })
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        self.store.close();
    }
}

/// `keystead keys list`.
pub(crate) fn list(config: &Config, shape: Shape) -> anyhow::Result<()> {
    let opened = Opened::of(config)?;
    let found = opened
        .runtime
        .block_on(opened.store.read(keystead_store::keys::list))?;
    let rows: Vec<_> = found
        .iter()
        .map(|key| (key, state(key, opened.now)))
        .collect();
    match shape {
        Shape::Json => output::print_json(&json!({
            "keys": rows.iter().map(|(key, state)| json!({
                "kid": key.id, "alg": key.algorithm, "state": state, "created_at": key.created_at.as_secs(),
                "signs_from": key.signs_from.as_secs(),
                "signs_until": key.signs_until.map(Timestamp::as_secs),
                "published_until": key.published_until.map(Timestamp::as_secs),
                "revoked_at": key.revoked_at.map(Timestamp::as_secs),
            })).collect::<Vec<_>>()
        })),
        Shape::Text => {
            let line = |(key, state): &(&SigningKeyRecord, &str)| {
                format!("{:<9} {:<6} {}\n", state, key.algorithm, key.id)
            };
            output::print(&rows.iter().map(line).collect::<String>())
        }
    }
}

/// `keystead keys rotate`.
pub(crate) fn rotate(
    config: &Config,
    algorithm: Algorithm,
    lead: Duration,
    shape: Shape,
) -> anyhow::Result<()> {
    let opened = Opened::of(config)?;
    let Opened {
        store,
        keyring,
        runtime,
        now,
    } = &opened;
    let mut rng = Entropy::system();
    let rotated = keys::rotate(algorithm, lead, store, keyring, &mut rng, *now);
    let (next, previous, signs_from) = match runtime.block_on(rotated)? {
        Rotated::Done {
            next,
            previous,
            signs_from,
        } => (next, previous, signs_from),
        Rotated::Already => anyhow::bail!("another rotation was first; see: keystead keys list"),
    };
    match shape {
        Shape::Json => output::print_json(&json!({
            "next": next, "previous": previous, "signs_from": signs_from.as_secs(),
        })),
        Shape::Text => {
            let when = match lead.is_zero() {
                true => "signs from now on".to_owned(),
                false => format!(
                    "is published now and signs in {} minutes",
                    lead.as_secs() / 60
                ),
            };
            let old = previous.map_or(String::new(), |old| {
                format!("{old} signs until then, and stays published until the last of its tokens is dead.\n")
            });
            output::print(&format!("{next} ({algorithm}) {when}.\n{old}"))
        }
    }
}

/// `keystead keys revoke`.
pub(crate) fn revoke(config: &Config, id: &KeyId, shape: Shape) -> anyhow::Result<()> {
    let opened = Opened::of(config)?;
    let (wanted, now) = (id.clone(), opened.now);
    let revoked = opened
        .store
        .write(move |tx| keystead_store::keys::revoke(tx, &wanted, now));
    let revoked: Effect = opened.runtime.block_on(revoked)?;
    ensure!(
        revoked == Effect::Done,
        "there is no key {id}; see: keystead keys list"
    );
    match shape {
        Shape::Json => output::print_json(&json!({ "revoked": id })),
        Shape::Text => output::print(&format!(
            "{id} has left the key set: no server signs or accepts with it any more, and resource servers will not once they \
             read the key set again. A new key is made when the next token needs one.\n"
        )),
    }
}

/// `keystead keys reseal`.
pub(crate) fn reseal(config: &Config, shape: Shape) -> anyhow::Result<()> {
    let opened = Opened::of(config)?;
    let file = &config.sealing_key_file;
    let mut rng = Entropy::system();
    let keyring = Keyring::add_key(file, &mut rng)?;
    let again = keystead_store::reseal::reseal_all(&opened.store, &keyring, &mut rng, opened.now);
    let count = opened
        .runtime
        .block_on(again)
        .map_err(|fault: Fault| anyhow::anyhow!(fault))
        .with_context(|| {
            format!(
                "{} holds the new key and the old ones; what was not sealed again yet still opens",
                file.display()
            )
        })?;
    Keyring::drop_old_keys(file)?;
    match shape {
        Shape::Json => output::print_json(&json!({ "resealed": count })),
        Shape::Text => output::print(&format!(
            "Sealed {count} secrets with a new key. Copy {} to every node and to where you keep backups of it, then start \
             the servers.\n",
            file.display()
        )),
    }
}

fn state(key: &SigningKeyRecord, now: Timestamp) -> &'static str {
    match (key.revoked_at, key.signs_until, key.published_until) {
        (Some(_), ..) => "revoked",
        (None, _, Some(until)) if until <= now => "gone",
        (None, Some(until), _) if until <= now => "previous",
        (None, ..) if key.signs_from > now => "next",
        (None, ..) => "current",
    }
}
