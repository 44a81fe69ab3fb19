//! What people and scripts read on the terminal: calm lines, or JSON.

use std::{
    io::{self, Write as _},
    net::SocketAddr,
    path::Path,
};

use keystead_protocol::secret::Secret;
use keystead_server::{
    config::{Config, Tls},
    tls::dev,
};
use keystead_store::Database;
use serde::Serialize;

/// For whom a command prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// A person.
    Text,
    /// A program.
    Json,
}

impl Shape {
    pub(crate) fn of(json: bool) -> Self {
        if json { Self::Json } else { Self::Text }
    }
}

/// Writes to standard output. A reader who has seen enough (`| head`) is no failure.
pub(crate) fn print(text: &str) -> anyhow::Result<()> {
    match io::stdout()
        .write_all(text.as_bytes())
        .and_then(|()| io::stdout().flush())
    {
        Err(why) if why.kind() != io::ErrorKind::BrokenPipe => Err(why.into()),
        _ => Ok(()),
    }
}

/// Writes a value as indented JSON.
pub(crate) fn print_json(value: &impl Serialize) -> anyhow::Result<()> {
    print(&(serde_json::to_string_pretty(value)? + "\n"))
}

/// Says on standard error why a command did not do what it was asked.
pub(crate) fn complain(why: &anyhow::Error) {
    // With standard error gone there is nobody left to tell.
    let _ = writeln!(io::stderr(), "keystead: {why:#}");
}

/// Where records are kept, without passwords.
pub(crate) fn database(config: &Config) -> String {
    match &config.database {
        Database::Sqlite { file } => format!("SQLite, {}", file.display()),
        Database::Postgres { pool_size, .. } => format!("PostgreSQL, {pool_size} connections"),
    }
}

/// What a person needs to know when the server has started. `listening` is the address that was bound, `setup` the link by
/// which the first owner comes in.
pub(crate) fn welcome(
    config: &Config,
    listening: SocketAddr,
    authority: Option<&Path>,
    setup: Option<&Secret>,
) -> String {
    let issuer = &config.issuer;
    let scheme = if config.tls == Tls::Off {
        "http"
    } else {
        "https"
    };
    let mut text = format!(
        "\nKeystead {} is ready.\n\n  Issuer     {issuer}\n  Listening  {scheme}://{listening}\n  Data       {}\n  Database   {}\n",
        env!("CARGO_PKG_VERSION"),
        config.data_dir.display(),
        database(config),
    );
    if let Some(metrics) = config.metrics {
        text += &format!("  Metrics    http://{metrics}/metrics\n");
    }
    let mut curl = String::from("curl");
    if let Some(authority) = authority {
        let lines = dev::how_to_trust(authority)
            .lines()
            .map(|line| format!("    {line}\n"))
            .collect::<String>();
        text += &format!("\n  To trust this machine's certificate authority, once:\n\n{lines}");
        curl += &format!(" --cacert {}", authority.display());
    }
    if let Some(link) = setup {
        text += &format!(
            "\n  Nobody administers this installation yet. This link makes its first owner, once, within a day:\n\n    {}\n",
            link.expose()
        );
    }
    text += &format!(
        "\n  Next       {curl} {issuer}readyz\n             keystead doctor\n\n  Ctrl-C stops the server.\n\n"
    );
    text
}
