//! PostgreSQL's own programs: `pg_dump` and `pg_restore`, told where to go without a password on their command line.

use std::{path::Path, process::Command};

use anyhow::{Context as _, bail, ensure};
use url::Url;

/// Writes the whole database to a file, as of one moment.
pub(crate) fn dump(url: &str, ca_file: Option<&Path>, to: &Path) -> anyhow::Result<()> {
    let mut command = program("pg_dump", url, ca_file)?;
    command
        .args(["--format=custom", "--no-owner", "--no-privileges", "--file"])
        .arg(to);
    run(command)
}

/// Reads a dump back, dropping what it replaces, all or nothing.
pub(crate) fn restore(url: &str, ca_file: Option<&Path>, from: &Path) -> anyhow::Result<()> {
    let mut command = program("pg_restore", url, ca_file)?;
    let named = command.get_envs().find(|(name, _)| *name == "PGDATABASE");
    let database = named
        .and_then(|(_, value)| value)
        .unwrap_or_default()
        .to_owned();
    command
        .args(["--clean", "--if-exists", "--no-owner", "--no-privileges"])
        .args(["--single-transaction", "--exit-on-error", "--dbname"])
        .arg(database)
        .arg(from);
    run(command)
}

/// Other users of a machine can read command lines, but not another user's environment.
fn program(name: &str, url: &str, ca_file: Option<&Path>) -> anyhow::Result<Command> {
    let url = Url::parse(url)
        .ok()
        .context("database.url is not a URL that PostgreSQL's programs can be given")?;
    let decoded = |text: &str| {
        percent_encoding::percent_decode_str(text)
            .decode_utf8_lossy()
            .into_owned()
    };
    let mut command = Command::new(name);
    let mut set = |variable: &str, value: Option<String>| {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            command.env(variable, value);
        }
    };
    set(
        "PGHOST",
        url.host_str()
            .map(|host| decoded(host).trim_matches(['[', ']']).to_owned()),
    );
    set("PGPORT", url.port().map(|port| port.to_string()));
    set("PGUSER", Some(decoded(url.username())));
    set("PGPASSWORD", url.password().map(decoded));
    set(
        "PGDATABASE",
        Some(decoded(url.path().trim_start_matches('/'))),
    );
    if let Some(file) = ca_file {
        set("PGSSLROOTCERT", Some(file.to_string_lossy().into_owned()));
    }
    for (key, value) in url.query_pairs() {
        match &*key {
            "host" => set("PGHOST", Some(value.into_owned())),
            "port" => set("PGPORT", Some(value.into_owned())),
            // What we call `require`, they call `verify-full`; their `require` would trust anybody.
            "sslmode" if value == "require" && ca_file.is_some() => {
                set("PGSSLMODE", Some("verify-full".to_owned()));
            }
            "sslmode" => set("PGSSLMODE", Some(value.into_owned())),
            _ => {}
        }
    }
    Ok(command)
}

fn run(mut command: Command) -> anyhow::Result<()> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = match command.output() {
        Err(why) if why.kind() == std::io::ErrorKind::NotFound => {
            bail!("{name} is not installed; on Debian: apt-get install postgresql-client")
        }
        other => other.with_context(|| format!("cannot run {name}"))?,
    };
    ensure!(
        output.status.success(),
        "{name} failed: {}",
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_told_where_to_go_by_its_environment_alone() {
        let ca = Path::new("/etc/ca.pem");
        for (name, url, ca_file, want) in [
            (
                "everything",
                "postgres://k%40y:p%2Fw@db.internal:5433/id%20s?sslmode=require",
                None,
                "PGDATABASE=id s PGHOST=db.internal PGPASSWORD=p/w PGPORT=5433 PGSSLMODE=require PGUSER=k@y",
            ),
            (
                "a certificate authority of one's own is asked for the host's name",
                "postgres://k@db/ids?sslmode=require",
                Some(ca),
                "PGDATABASE=ids PGHOST=db PGSSLMODE=verify-full PGSSLROOTCERT=/etc/ca.pem PGUSER=k",
            ),
            (
                "an IPv6 address",
                "postgres://k@[::1]/ids",
                None,
                "PGDATABASE=ids PGHOST=::1 PGUSER=k",
            ),
            (
                "a socket",
                "postgres:///ids?host=/run/postgresql&port=5433",
                None,
                "PGDATABASE=ids PGHOST=/run/postgresql PGPORT=5433",
            ),
        ] {
            let command = program("pg_dump", url, ca_file).unwrap();
            let mut told: Vec<String> = command
                .get_envs()
                .map(|(name, value)| {
                    let text = |text: &std::ffi::OsStr| text.to_string_lossy().into_owned();
                    format!("{}={}", text(name), value.map(text).unwrap_or_default())
                })
                .collect();
            told.sort();
            assert_eq!(told.join(" "), want, "{name}");
            assert_eq!(command.get_args().count(), 0, "{name}");
        }
    }
}
