//! The words of `keystead keys …`.

use std::time::Duration;

use clap::Subcommand;
use keystead_protocol::{ids::KeyId, jwk::Algorithm};

use crate::{Settings, keys, output::Shape};

/// What can be done about keys.
#[derive(Subcommand)]
pub(crate) enum KeysCommand {
    /// List the keys that sign tokens: next, current, previous, revoked, gone.
    #[command(after_help = "Examples:\n  keystead keys list\n  keystead keys list --json")]
    List {
        #[command(flatten)]
        settings: Settings,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Put a new key in the place of the one that signs. It is published first, so that every verifier knows it in time.
    #[command(after_help = "\
Examples:
  keystead keys rotate
  keystead keys rotate --algorithm ES256
  keystead keys rotate --now             when the old key may have been stolen; then revoke it")]
    Rotate {
        #[command(flatten)]
        settings: Settings,
        /// Of which algorithm
        #[arg(long, default_value = "RS256", value_name = "ALG", value_parser = algorithm)]
        algorithm: Algorithm,
        /// Sign with the new key at once, although verifiers may not have read it yet
        #[arg(long)]
        now: bool,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Take a key out of the key set at once: no token that it signed is good any more.
    #[command(after_help = "Example:\n  keystead keys revoke pbvgcHgsSzC6YvmQtWWXx")]
    Revoke {
        #[command(flatten)]
        settings: Settings,
        /// Its `kid`
        #[arg(value_parser = key_id)]
        kid: KeyId,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Make a new sealing key and seal every secret of the database with it. Stop the servers first: they know only the
    /// keys that they started with.
    #[command(after_help = "Example:\n  keystead keys reseal")]
    Reseal {
        #[command(flatten)]
        settings: Settings,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

impl KeysCommand {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        match self {
            Self::List { settings, json } => keys::list(&settings.load()?.config, Shape::of(json)),
            Self::Rotate {
                settings,
                algorithm,
                now,
                json,
            } => {
                let lead = if now {
                    Duration::ZERO
                } else {
                    keystead_server::keys::LEAD
                };
                keys::rotate(&settings.load()?.config, algorithm, lead, Shape::of(json))
            }
            Self::Revoke {
                settings,
                kid,
                json,
            } => keys::revoke(&settings.load()?.config, &kid, Shape::of(json)),
            Self::Reseal { settings, json } => {
                keys::reseal(&settings.load()?.config, Shape::of(json))
            }
        }
    }
}

fn algorithm(text: &str) -> Result<Algorithm, String> {
    let known: Option<Algorithm> = text.parse().ok();
    known
        .filter(|alg| !matches!(alg, Algorithm::HS256 | Algorithm::HS384 | Algorithm::HS512))
        .ok_or_else(|| {
            "one of RS256, RS384, RS512, PS256, ES256, EdDSA; HMAC secrets belong to an API"
                .to_owned()
        })
}

fn key_id(text: &str) -> Result<KeyId, String> {
    text.try_into()
        .map_err(|_| "a kid, as `keystead keys list` shows it".to_owned())
}
