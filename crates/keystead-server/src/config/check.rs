//! From what was written to what is meant: every value parsed, every contradiction found.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use keystead_protocol::secret::Secret;
use tracing::Level;

use super::{
    Checked, Config, Inputs, Limits, Log, LogFormat, Problem, Problems, Source,
    raw::{Given, RawConfig},
};

mod network;
mod storage;

/// What is wrong, and what to do.
type Wrong = (String, String);

pub(super) fn check(
    raw: RawConfig,
    inputs: &Inputs,
    problems: Vec<Problem>,
) -> Result<Checked, Problems> {
    let mut check = Check {
        inputs,
        problems,
        warnings: Vec::new(),
    };
    let config = check.config(raw);
    match config {
        Some(config) if check.problems.is_empty() => Ok(Checked {
            config,
            warnings: check.warnings,
        }),
        _ => Err(Problems(check.problems)),
    }
}

struct Check<'i> {
    inputs: &'i Inputs,
    problems: Vec<Problem>,
    warnings: Vec<Problem>,
}

impl Check<'_> {
    /// Nothing if there is a problem; but first every value is looked at.
    fn config(&mut self, raw: RawConfig) -> Option<Config> {
        let listen_source = source_of(raw.listen.as_ref());
        let listen = self.parsed(
            "listen",
            raw.listen,
            SocketAddr::from(([127, 0, 0, 1], 3000)),
            address,
        );
        let tls = self.tls(raw.tls_cert_file, raw.tls_key_file);
        let issuer = self.issuer(raw.issuer, listen, tls.as_ref());
        let data_dir = self.data_dir(raw.data_dir);
        let trusted_proxies = self.trusted_proxies(raw.trusted_proxies);
        let database = self.database(
            (raw.database_url, raw.database_url_file),
            (raw.database_pool_size, raw.database_ca_file),
            data_dir.as_deref(),
        );
        let sealing_key_file = match raw.sealing_key_file {
            Some(given) => Some(self.inputs.folder.join(given.value)),
            None => data_dir.as_ref().map(|dir| dir.join("sealing.key")),
        };
        let bootstrap = self.bootstrap(raw.bootstrap_client_id, raw.bootstrap_client_secret_file);
        let limits = Limits {
            requests_per_second: raw
                .limits_requests_per_second
                .map_or(200, |given| given.value),
            failures_per_second: raw
                .limits_failures_per_second
                .map_or(10, |given| given.value),
        };
        let metrics = self.metrics(raw.metrics_listen, listen);
        let level = self.parsed("log.level", raw.log_level, Level::INFO, level);
        let format = self.parsed("log.format", raw.log_format, LogFormat::Auto, format);
        self.clear_text(
            listen,
            listen_source,
            issuer.as_ref(),
            tls.as_ref(),
            trusted_proxies.as_ref(),
        );
        Some(Config {
            issuer: issuer?,
            listen: listen?,
            data_dir: data_dir?,
            trusted_proxies: trusted_proxies?,
            database: database?,
            sealing_key_file: sealing_key_file?,
            bootstrap: bootstrap?,
            limits,
            metrics: metrics?,
            tls: tls?,
            log: Log {
                level: level?,
                format: format?,
            },
        })
    }

    fn data_dir(&mut self, given: Option<Given<String>>) -> Option<PathBuf> {
        let source = source_of(given.as_ref());
        let path = self
            .inputs
            .folder
            .join(given.map_or_else(|| "keystead-data".into(), |given| given.value));
        if path.exists() && !path.is_dir() {
            self.wrong(
                "data_dir",
                source,
                (
                    format!("{} is not a folder", path.display()),
                    "Name a folder; it is made if it does not exist.".into(),
                ),
            );
            return None;
        }
        Some(path)
    }

    fn parsed<T>(
        &mut self,
        key: &str,
        given: Option<Given<String>>,
        default: T,
        parse: impl FnOnce(&str) -> Result<T, Wrong>,
    ) -> Option<T> {
        let Some(Given { value, source }) = given else {
            return Some(default);
        };
        parse(value.trim())
            .map_err(|wrong| self.wrong(key, source, wrong))
            .ok()
    }

    fn readable(&mut self, key: &str, given: Given<String>) -> Option<PathBuf> {
        let path = self.inputs.folder.join(given.value);
        match fs::File::open(&path) {
            Ok(_) => Some(path),
            Err(why) => {
                self.unreadable(key, given.source, &path, &why);
                None
            }
        }
    }

    /// The content of a secret's file, without the line end that editors add.
    fn secret(&mut self, key: &str, given: Given<String>) -> Option<Secret> {
        let path = self.inputs.folder.join(given.value);
        match fs::read_to_string(&path) {
            Ok(text) => {
                if is_open_to_all(&path) {
                    self.warn(
                        key,
                        given.source,
                        (
                            format!("every user of this machine may read {}", path.display()),
                            format!("chmod 600 {}", path.display()),
                        ),
                    );
                }
                Some(text.trim_end_matches(['\r', '\n']).into())
            }
            Err(why) => {
                self.unreadable(key, given.source, &path, &why);
                None
            }
        }
    }

    fn unreadable(&mut self, key: &str, source: Source, path: &Path, why: &std::io::Error) {
        let what = format!("{} cannot be read: {why}", path.display());
        self.wrong(
            key,
            source,
            (what, "Name a file that the server's user may read.".into()),
        );
    }

    fn wrong(&mut self, key: &str, source: Source, (problem, fix): Wrong) {
        self.problems.push(Problem {
            key: key.into(),
            source,
            problem,
            fix,
        });
    }

    fn warn(&mut self, key: &str, source: Source, (problem, fix): Wrong) {
        self.warnings.push(Problem {
            key: key.into(),
            source,
            problem,
            fix,
        });
    }
}

fn source_of<T>(given: Option<&Given<T>>) -> Source {
    given.map_or(Source::Unset, |given| given.source.clone())
}

fn address(text: &str) -> Result<SocketAddr, Wrong> {
    text.parse().map_err(|_| {
        (
            "is not an address and port".into(),
            "Write it like 127.0.0.1:3000 or [::1]:3000".into(),
        )
    })
}

fn level(text: &str) -> Result<Level, Wrong> {
    match text {
        "error" => Ok(Level::ERROR),
        "warn" => Ok(Level::WARN),
        "info" => Ok(Level::INFO),
        "debug" => Ok(Level::DEBUG),
        "trace" => Ok(Level::TRACE),
        _ => Err((
            "is not a level".into(),
            "Choose error, warn, info, debug or trace.".into(),
        )),
    }
}

fn format(text: &str) -> Result<LogFormat, Wrong> {
    match text {
        "auto" => Ok(LogFormat::Auto),
        "json" => Ok(LogFormat::Json),
        "text" => Ok(LogFormat::Text),
        _ => Err((
            "is not a format".into(),
            "Choose auto, json or text.".into(),
        )),
    }
}

#[cfg(unix)]
fn is_open_to_all(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    fs::metadata(path).is_ok_and(|file| file.permissions().mode() & 0o004 != 0)
}

#[cfg(not(unix))]
fn is_open_to_all(_: &Path) -> bool {
    false
}
