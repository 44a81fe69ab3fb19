//! After a restore: what must not come back is ended, unless the operator keeps it.

use std::fmt;

use keystead_protocol::{ids::KeyId, time::Timestamp};
use keystead_server::{config::Config, keys::REMAINS};
use keystead_store::{
    Fault, Store, keys,
    restored::{self, Quieted},
    seal::{Keyring, Place, Slot},
};
use serde_json::{Value, json};

use super::Sessions;

/// What became of what a backup brought back.
pub(super) enum Settled {
    Ended(Quieted),
    /// All of it is as it was, these keys of the key set too.
    Kept(Vec<KeyId>),
}

impl Settled {
    pub(super) fn ended(&self) -> Option<Value> {
        match self {
            Self::Ended(quieted) => Some(json!({
                "sessions": quieted.sessions, "token_families": quieted.families,
                "under_way": quieted.under_way, "signing_keys": quieted.keys,
            })),
            Self::Kept(_) => None,
        }
    }

    pub(super) fn kept(&self) -> Option<Value> {
        match self {
            Self::Ended(_) => None,
            Self::Kept(keys) => Some(json!({ "signing_keys": keys })),
        }
    }
}

impl fmt::Display for Settled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ended(quieted) => write!(
                f,
                "Ended {} sessions and {} token families: everybody logs in again.\n\
                 Revoked {} signing keys: the server makes new ones.\n",
                quieted.sessions, quieted.families, quieted.keys
            ),
            Self::Kept(keys) => {
                f.write_str("Sessions and refresh tokens live on as they were in the backup.\n")?;
                if !keys.is_empty() {
                    f.write_str("So do signing keys: one that was revoked since the backup is good again. To revoke it again:\n")?;
                }
                keys.iter()
                    .try_for_each(|key| writeln!(f, "  keystead keys revoke {key}"))
            }
        }
    }
}

/// Opens what was restored: the sealing key must fit it, and what must not come back is ended.
pub(super) fn settle(
    config: &Config,
    sessions: Sessions,
    now: Timestamp,
) -> anyhow::Result<Settled> {
    let keyring = Keyring::load(&config.sealing_key_file)?;
    let store = Store::open(&config.database)?;
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let settled = runtime.block_on(async {
        for key in store.read(keys::list).await? {
            keyring.open(
                Place {
                    slot: Slot::SigningKey,
                    id: key.id.as_str(),
                },
                &key.private_key,
            )?;
        }
        let dead_at = now + REMAINS;
        let settled = store.write(move |tx| {
            keystead_store::feed::leap(tx)?;
            match sessions {
                Sessions::Keep => {
                    let published = keys::published(tx, now)?;
                    let ids = published.into_iter().map(|key| key.id);
                    Ok(Settled::Kept(ids.collect()))
                }
                Sessions::End => restored::quiet(tx, now, dead_at).map(Settled::Ended),
            }
        });
        settled.await
    });
    store.close();
    settled.map_err(|fault: Fault| match fault {
        Fault::Sealed(_) => anyhow::anyhow!(
            "{} is not the key that this backup was sealed with; put the right one there and restore again with --replace",
            config.sealing_key_file.display()
        ),
        other => other.into(),
    })
}
