//! The command line: what can be asked of this program, and who answers.

use std::{path::PathBuf, process::ExitCode};

use clap::{Args, Parser, Subcommand};
use keystead_server::config::{Checked, Inputs, load};

mod admin;
mod backup;
mod commands;
mod demo;
mod doctor;
mod keys;
mod logs;
mod output;
mod postgres_tools;
mod remote;
mod serve;
mod typed;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A self-hosted identity server.
#[derive(Parser)]
#[command(
    name = "keystead",
    version,
    arg_required_else_help = true,
    after_help = "\
Examples:
  keystead demo                        see a log-in and a protected API, in one command
  keystead serve                       start in an empty folder, on http://localhost:3000/
  keystead serve --dev-tls             the same on https, with a certificate authority of this machine's own
  keystead config check                tell everything that is wrong with the configuration
  keystead doctor                      examine this installation and say how to mend it"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// See it work: the server, a sample API and a guided page, from a log-in to a protected call. Needs nothing.
    #[command(after_help = "\
Examples:
  keystead demo
  keystead demo --port 4000 --data-dir /tmp/demo
  keystead demo --check                  the same steps without a browser: a line each, exit code 0 or 1
  KEYSTEAD_DATABASE__URL=postgres://… keystead demo --check --json")]
    Demo {
        /// The port of the server on 127.0.0.1; the guided page has the next one
        #[arg(long, default_value_t = 3000, conflicts_with = "check")]
        port: u16,
        /// Where its data is kept, away from any other installation [default: keystead-demo; nothing is kept of a check]
        #[arg(long, value_name = "FOLDER")]
        data_dir: Option<PathBuf>,
        /// Take every step without a browser, say how it went, and end
        #[arg(long)]
        check: bool,
        /// Print JSON.
        #[arg(long, requires = "check")]
        json: bool,
    },
    /// Run the server until SIGTERM or Ctrl-C; a second one stops it at once.
    #[command(after_help = "\
Examples:
  keystead serve
  keystead serve --listen 127.0.0.1:8080 --data-dir /var/lib/keystead
  keystead serve --dev-tls --issuer https://id.test:3000/
  KEYSTEAD_DATABASE__URL=postgres://… keystead serve --config /etc/keystead.toml")]
    Serve {
        #[command(flatten)]
        settings: Settings,
    },
    /// Check the configuration, or print what is known about it.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Bring the database's schema up to date. PostgreSQL needs this before a new release; SQLite does it at start.
    #[command(after_help = "\
Examples:
  keystead migrate
  keystead migrate --config /etc/keystead.toml --json")]
    Migrate {
        #[command(flatten)]
        settings: Settings,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Copy database and sealing key to a new folder, while the server runs or not.
    #[command(after_help = "\
Examples:
  keystead backup /backups/keystead-2026-11-22
  keystead backup --without-key /backups/keystead-2026-11-22")]
    Backup {
        #[command(flatten)]
        settings: Settings,
        /// The folder to make
        folder: PathBuf,
        /// Leave the sealing key out: keep it elsewhere, or the backup opens no secret
        #[arg(long)]
        without_key: bool,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Bring a backup back. Stop the server first. Every session and refresh token of before ends, and every signing key is replaced.
    #[command(after_help = "\
Examples:
  keystead restore /backups/keystead-2026-11-22
  keystead restore --replace /backups/keystead-2026-11-22
  keystead restore --keep-sessions /backups/made-a-minute-ago")]
    Restore {
        #[command(flatten)]
        settings: Settings,
        /// The folder that `keystead backup` made
        folder: PathBuf,
        /// Replace the database that is there; a SQLite file is kept under another name
        #[arg(long)]
        replace: bool,
        /// Let sessions, refresh tokens and signing keys live on: what was revoked after the backup comes back to life
        #[arg(long)]
        keep_sessions: bool,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    #[command(flatten)]
    Remote(remote::RemoteCommand),
    /// The keys that sign tokens and the key that seals secrets.
    #[command(subcommand)]
    Keys(commands::KeysCommand),
    /// Examine the installation: each line says ok, warn or fail, and what mends it. Exit code 1 if anything fails.
    #[command(after_help = "\
Examples:
  keystead doctor
  keystead doctor --json | jq '.checks[] | select(.status != \"ok\")'")]
    Doctor {
        #[command(flatten)]
        settings: Settings,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

#[derive(Subcommand)]
enum ConfigCommand {
    /// Tell everything that is wrong with the configuration, at once. Exit code 1 if anything is.
    #[command(after_help = "\
Examples:
  keystead config check
  keystead config check --config /etc/keystead.toml --json")]
    Check {
        #[command(flatten)]
        settings: Settings,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Print a configuration file that explains every key.
    #[command(after_help = "Example:\n  keystead config example > keystead.toml")]
    Example,
    /// Print the reference of every key, in Markdown.
    #[command(after_help = "Example:\n  keystead config reference > docs/configuration.md")]
    Reference,
}

/// Where the configuration comes from. Every other key is set in the file or by variables: see `keystead config example`.
#[derive(Args)]
struct Settings {
    /// The configuration file [default: keystead.toml, if there is one]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The public address of the server
    #[arg(long, value_name = "URL")]
    issuer: Option<String>,
    /// The address and port to accept connections on [default: 127.0.0.1:3000]
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<String>,
    /// The folder for database and keys [default: keystead-data]
    #[arg(long, value_name = "FOLDER")]
    data_dir: Option<String>,
    /// error, warn, info, debug or trace [default: info]
    #[arg(long, value_name = "LEVEL")]
    log_level: Option<String>,
    /// json, text or auto [default: auto]
    #[arg(long, value_name = "FORMAT")]
    log_format: Option<String>,
    /// Serve https with a certificate authority of this machine's own, made at the first start
    #[arg(long)]
    dev_tls: bool,
}

impl Settings {
    /// Reads and checks the configuration; its problems are the error.
    fn load(self) -> anyhow::Result<Checked> {
        let mut inputs = Inputs::of_process()?;
        inputs.file = self.config;
        inputs.dev_tls = self.dev_tls;
        inputs.flags = [
            ("--issuer", self.issuer),
            ("--listen", self.listen),
            ("--data-dir", self.data_dir),
            ("--log-level", self.log_level),
            ("--log-format", self.log_format),
        ]
        .into_iter()
        .filter_map(|(flag, value)| Some((flag, value?)))
        .collect();
        Ok(load(&inputs)?)
    }
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Demo {
            port,
            data_dir: folder,
            check,
            json,
        } => demo::run(if check {
            let shape = output::Shape::of(json);
            demo::Demo::Check { folder, shape }
        } else {
            demo::Demo::Show { folder, port }
        }),
        Command::Serve { settings } => settings
            .load()
            .and_then(serve::serve)
            .map(|()| ExitCode::SUCCESS),
        Command::Config(ConfigCommand::Check { settings, json }) => {
            admin::check_config(settings.load(), output::Shape::of(json))
        }
        Command::Config(ConfigCommand::Example) => {
            output::print(&keystead_server::config::example()).map(|()| ExitCode::SUCCESS)
        }
        Command::Config(ConfigCommand::Reference) => {
            output::print(&keystead_server::config::reference()).map(|()| ExitCode::SUCCESS)
        }
        Command::Migrate { settings, json } => settings
            .load()
            .and_then(|checked| admin::migrate(&checked.config, output::Shape::of(json)))
            .map(|()| ExitCode::SUCCESS),
        Command::Backup {
            settings,
            folder,
            without_key,
            json,
        } => {
            let key = if without_key {
                backup::Key::LeaveOut
            } else {
                backup::Key::Include
            };
            settings
                .load()
                .and_then(|checked| {
                    backup::backup(&checked.config, &folder, key, output::Shape::of(json))
                })
                .map(|()| ExitCode::SUCCESS)
        }
        Command::Restore {
            settings,
            folder,
            replace,
            keep_sessions,
            json,
        } => {
            let existing = if replace {
                backup::Existing::Replace
            } else {
                backup::Existing::Keep
            };
            let sessions = if keep_sessions {
                backup::Sessions::Keep
            } else {
                backup::Sessions::End
            };
            settings
                .load()
                .and_then(|checked| {
                    backup::restore(
                        &checked.config,
                        &folder,
                        existing,
                        sessions,
                        output::Shape::of(json),
                    )
                })
                .map(|()| ExitCode::SUCCESS)
        }
        Command::Remote(command) => command.run(),
        Command::Keys(command) => command.run().map(|()| ExitCode::SUCCESS),
        Command::Doctor { settings, json } => {
            doctor::examine(settings.load(), output::Shape::of(json))
        }
    };
    outcome.unwrap_or_else(|why| {
        output::complain(&why);
        ExitCode::FAILURE
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    /// Every command shows how it is used.
    #[test]
    fn every_command_has_an_example() {
        fn check(command: &clap::Command) {
            let help = command
                .get_after_help()
                .map(ToString::to_string)
                .unwrap_or_default();
            assert!(
                command.has_subcommands() || help.contains("keystead "),
                "{}",
                command.get_name()
            );
            command.get_subcommands().for_each(check);
        }
        check(&Cli::command());
    }
}
