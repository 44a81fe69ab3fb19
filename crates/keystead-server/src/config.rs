//! What must be known before the database opens: read from a file, variables and flags, checked once, then parsed types.

use std::{
    env,
    ffi::OsString,
    net::{IpAddr, SocketAddr},
    path::PathBuf,
};

use ipnet::IpNet;
use keystead_protocol::{ids::ClientId, secret::Secret};
use keystead_store::Database;

mod check;
mod docs;
mod issuer;
mod layers;
mod problem;
mod raw;

pub use self::{
    docs::{example, reference},
    issuer::Issuer,
    problem::{Problem, Problems, Source},
};

/// The checked configuration. What an administrator changes while the server runs is data and not here.
#[derive(Debug, Clone)]
pub struct Config {
    /// The server's public address, the `iss` of every token.
    pub issuer: Issuer,
    /// Where connections are accepted.
    pub listen: SocketAddr,
    /// What the server writes: database, sealing key, development certificates.
    pub data_dir: PathBuf,
    /// Whose forwarding headers count.
    pub trusted_proxies: TrustedProxies,
    /// Where records are kept.
    pub database: Database,
    /// The key that seals secrets in the database.
    pub sealing_key_file: PathBuf,
    /// A first client for the Management API.
    pub bootstrap: Option<Bootstrap>,
    /// How fast one address may ask.
    pub limits: Limits,
    /// Where metrics are served, if at all.
    pub metrics: Option<SocketAddr>,
    /// How connections are encrypted.
    pub tls: Tls,
    /// What is logged, and how.
    pub log: Log,
}

/// A client that exists from the first start, so that a machine can set the rest up.
#[derive(Debug, Clone)]
pub struct Bootstrap {
    /// Its identifier.
    pub client_id: ClientId,
    /// Its secret.
    pub client_secret: Secret,
}

/// How fast one address may ask; 0 is as fast as it likes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Requests a second to the OAuth endpoints, and five times as many at once.
    pub requests_per_second: u32,
    /// Failed attempts a second to show credentials, and five times as many at once.
    pub failures_per_second: u32,
}

/// How connections are encrypted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tls {
    /// Not here: a proxy does it, or nobody beyond this machine connects.
    Off,
    /// With these PEM files.
    Files {
        /// The chain, the server's own certificate first.
        cert_file: PathBuf,
        /// Its private key.
        key_file: PathBuf,
    },
    /// With a certificate authority of this machine's own.
    Development,
}

/// What is logged, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Log {
    /// The least important level that is written.
    pub level: tracing::Level,
    /// The shape of a line.
    pub format: LogFormat,
}

/// The shape of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// Text on a terminal, JSON elsewhere.
    Auto,
    /// One JSON object per line.
    Json,
    /// For people.
    Text,
}

/// The machines whose forwarding headers count. Nobody, unless configured.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrustedProxies(Vec<IpNet>);

impl TrustedProxies {
    /// Whether the machine at this address is one of them. An IPv4 address written as IPv6 is the same machine.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|net| net.contains(&address))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<IpNet> for TrustedProxies {
    fn from_iter<I: IntoIterator<Item = IpNet>>(nets: I) -> Self {
        Self(nets.into_iter().collect())
    }
}

/// Everything that configuration is made from; nothing else is read.
#[derive(Debug, Clone)]
pub struct Inputs {
    /// The folder that relative paths start from.
    pub folder: PathBuf,
    /// The file named by `--config`. Without it `keystead.toml` in `folder` is read if it exists.
    pub file: Option<PathBuf>,
    /// The environment; only names that begin with `KEYSTEAD_` are looked at.
    pub variables: Vec<(OsString, OsString)>,
    /// Flags as typed: `("--listen", "127.0.0.1:3000")`. They win over variables, and variables over the file.
    pub flags: Vec<(&'static str, String)>,
    /// Whether `--dev-tls` was given.
    pub dev_tls: bool,
}

impl Inputs {
    /// The working directory and environment of this process.
    ///
    /// # Errors
    /// If the working directory is gone.
    pub fn of_process() -> std::io::Result<Self> {
        #[expect(
            clippy::disallowed_methods,
            reason = "this is the one place where configuration is read from the environment"
        )]
        let variables = env::vars_os().collect();
        Ok(Self {
            folder: env::current_dir()?,
            file: None,
            variables,
            flags: Vec::new(),
            dev_tls: false,
        })
    }
}

/// A configuration that can be served with, and what its operator should know about it.
#[derive(Debug)]
pub struct Checked {
    /// The configuration.
    pub config: Config,
    /// What works but is probably not what is wanted in production.
    pub warnings: Vec<Problem>,
}

/// Reads and checks the whole configuration. Secrets' files are read here; nothing is written or connected to.
///
/// # Errors
/// All problems at once, each with its key, where its value came from, and what to do.
pub fn load(inputs: &Inputs) -> Result<Checked, Problems> {
    let (raw, problems) = layers::read(inputs);
    check::check(raw, inputs, problems)
}
