//! The keys: their names, types and documentation, in one table from which everything else about them is made.

use keystead_protocol::secret::Secret;
use toml::de::DeValue;

use super::problem::Source;

/// A value as it was given, and where.
pub(super) struct Given<T> {
    pub(super) value: T,
    pub(super) source: Source,
}

/// What a person may know about a key.
pub(super) struct Key {
    pub(super) path: &'static str,
    pub(super) kind: &'static str,
    pub(super) docs: &'static [&'static str],
    pub(super) default: &'static str,
    pub(super) example: &'static str,
    pub(super) flag: Option<&'static str>,
}

impl Key {
    /// The variable that sets this key.
    pub(super) fn variable(&self) -> String {
        format!("KEYSTEAD_{}", self.path.replace('.', "__").to_uppercase())
    }
}

/// A type that a key may have.
pub(super) trait Value: Sized {
    /// Its name in messages and in the reference.
    const KIND: &'static str;

    /// Reads a value of the file; nothing if it is of another type.
    fn from_toml(value: &DeValue<'_>) -> Option<Self>;

    /// Reads a variable or a flag.
    fn from_text(text: &str) -> Option<Self>;
}

impl Value for String {
    const KIND: &'static str = "text";

    fn from_toml(value: &DeValue<'_>) -> Option<Self> {
        value.as_str().map(Self::from)
    }

    fn from_text(text: &str) -> Option<Self> {
        Some(text.into())
    }
}

impl Value for Secret {
    const KIND: &'static str = "secret text";

    fn from_toml(value: &DeValue<'_>) -> Option<Self> {
        value.as_str().map(Self::from)
    }

    fn from_text(text: &str) -> Option<Self> {
        Some(text.into())
    }
}

impl Value for u32 {
    const KIND: &'static str = "whole number";

    fn from_toml(value: &DeValue<'_>) -> Option<Self> {
        let number = value.as_integer()?;
        Self::from_str_radix(number.as_str(), number.radix()).ok()
    }

    fn from_text(text: &str) -> Option<Self> {
        text.trim().parse().ok()
    }
}

impl Value for Vec<String> {
    const KIND: &'static str = "list of texts";

    fn from_toml(value: &DeValue<'_>) -> Option<Self> {
        value
            .as_array()?
            .iter()
            .map(|item| item.get_ref().as_str().map(String::from))
            .collect()
    }

    fn from_text(text: &str) -> Option<Self> {
        Some(
            text.split(',')
                .map(|item| item.trim().to_owned())
                .filter(|item| !item.is_empty())
                .collect(),
        )
    }
}

/// Where a key's value is put while layers are read; a later layer replaces an earlier one's.
pub(super) trait Slot {
    fn set_toml(&mut self, value: &DeValue<'_>, source: Source) -> Result<(), &'static str>;
    fn set_text(&mut self, text: &str, source: Source) -> Result<(), &'static str>;
}

impl<T: Value> Slot for Option<Given<T>> {
    fn set_toml(&mut self, value: &DeValue<'_>, source: Source) -> Result<(), &'static str> {
        *self = Some(Given {
            value: T::from_toml(value).ok_or(T::KIND)?,
            source,
        });
        Ok(())
    }

    fn set_text(&mut self, text: &str, source: Source) -> Result<(), &'static str> {
        *self = Some(Given {
            value: T::from_text(text).ok_or(T::KIND)?,
            source,
        });
        Ok(())
    }
}

macro_rules! keys {
    ($(
        $(#[doc = $doc:literal])+
        $path:literal => $field:ident: $kind:ty {
            default: $default:literal, example: $example:literal $(, flag: $flag:literal)?
        }
    )+) => {
        /// The configuration as written, before any of it was understood.
        #[derive(Default)]
        pub(super) struct RawConfig {
            $($(#[doc = $doc])+ pub(super) $field: Option<Given<$kind>>,)+
        }

        impl RawConfig {
            /// The slot of a key, if there is such a key.
            pub(super) fn slot(&mut self, path: &str) -> Option<&mut dyn Slot> {
                match path {
                    $($path => Some(&mut self.$field),)+
                    _ => None,
                }
            }
        }

        /// Every key, in the order of the reference.
        pub(super) const KEYS: &[Key] = &[$(Key {
            path: $path,
            kind: <$kind as Value>::KIND,
            docs: &[$($doc),+],
            default: $default,
            example: $example,
            flag: { let flag: &[&'static str] = &[$($flag)?]; flag.first().copied() },
        }),+];
    };
}

keys! {
    /// The public address of this server: what browsers and apps open, and the `iss` of every token. Changing it later
    /// makes every token and every app's configuration invalid.
    ///
    /// An https URL of a host alone: no path, query or user. `http` is accepted for loopback hosts only.
    "issuer" => issuer: String {
        default: "`http://localhost:PORT/`, or `https://…` with `--dev-tls`; none if `listen` is not a loopback address",
        example: r#""https://id.example.com/""#, flag: "--issuer"
    }
    /// The address and port on which connections are accepted. `127.0.0.1` is this machine alone; `0.0.0.0` or `[::]` is
    /// every network that this machine is in.
    "listen" => listen: String {
        default: "`127.0.0.1:3000`", example: r#""127.0.0.1:3000""#, flag: "--listen"
    }
    /// The folder for what the server itself writes: the SQLite database, the sealing key, development certificates.
    /// Made with access for its owner alone.
    "data_dir" => data_dir: String {
        default: "`keystead-data` in the working directory", example: r#""/var/lib/keystead""#, flag: "--data-dir"
    }
    /// The proxies whose `Forwarded`, `X-Forwarded-For`, `-Proto`, `-Host` and `X-Request-Id` headers are believed, as
    /// addresses or networks. From anybody else these headers are removed.
    ///
    /// Each of them must append to such headers or overwrite them. Variables separate the entries with commas.
    "trusted_proxies" => trusted_proxies: Vec<String> {
        default: "nobody", example: r#"["10.0.0.0/8", "::1"]"#
    }
    /// Where records are kept: `sqlite:FILE` or `postgres://USER:PASSWORD@HOST/DATABASE`.
    "database.url" => database_url: Secret {
        default: "the SQLite file `keystead.db` in `data_dir`",
        example: r#""postgres://keystead@db.internal/keystead?sslmode=require""#
    }
    /// A file that holds `database.url`, which may contain a password.
    "database.url_file" => database_url_file: String {
        default: "none", example: r#""/run/secrets/database-url""#
    }
    /// Connections to PostgreSQL, 1 to 200. SQLite ignores it.
    "database.pool_size" => database_pool_size: u32 {
        default: "`8`", example: "8"
    }
    /// The certificate authority of the PostgreSQL server, as a PEM file, if it is not a public one.
    "database.ca_file" => database_ca_file: String {
        default: "public authorities", example: r#""/etc/keystead/db-ca.pem""#
    }
    /// The key with which secrets in the database are sealed; made at the first start. Whoever has the database without
    /// this file has no signing keys; whoever loses it must make new ones. Keep a copy apart from the database's backups.
    "sealing_key_file" => sealing_key_file: String {
        default: "`sealing.key` in `data_dir`", example: r#""/etc/keystead/sealing.key""#
    }
    /// The identifier of a machine client that exists from the first start and may use the whole Management API, for
    /// setting a server up without a person.
    "bootstrap.client_id" => bootstrap_client_id: String {
        default: "none", example: r#""bootstrap""#
    }
    /// A file that holds the bootstrap client's secret, at least 22 characters. There is no default secret.
    "bootstrap.client_secret_file" => bootstrap_client_secret_file: String {
        default: "none", example: r#""/run/secrets/bootstrap-client-secret""#
    }
    /// How many requests a second one address may send to the OAuth endpoints; five times as many at once. 0 is no limit.
    ///
    /// Behind a proxy that is not among `trusted_proxies`, all callers have the proxy's address and share one limit.
    "limits.requests_per_second" => limits_requests_per_second: u32 {
        default: "`200`", example: "200"
    }
    /// How many times a second one address may show a wrong secret, code or token; five times as many at once. Whoever
    /// goes on is refused before anything is looked at. 0 is no limit.
    "limits.failures_per_second" => limits_failures_per_second: u32 {
        default: "`10`", example: "10"
    }
    /// An address of its own for `GET /metrics` in Prometheus' format. Whoever can connect to it may read it.
    "metrics.listen" => metrics_listen: String {
        default: "off", example: r#""127.0.0.1:9464""#
    }
    /// The certificate chain in PEM form, the server's own first. Read again when the file changes and on SIGHUP.
    "tls.cert_file" => tls_cert_file: String {
        default: "no TLS", example: r#""/etc/keystead/tls/fullchain.pem""#
    }
    /// The private key of that certificate, in PEM form.
    "tls.key_file" => tls_key_file: String {
        default: "no TLS", example: r#""/etc/keystead/tls/privkey.pem""#
    }
    /// The least important messages that are written: `error`, `warn`, `info`, `debug` or `trace`.
    "log.level" => log_level: String {
        default: "`info`", example: r#""info""#, flag: "--log-level"
    }
    /// The shape of a log line: `json`, `text`, or `auto` for text on a terminal and JSON elsewhere.
    "log.format" => log_format: String {
        default: "`auto`", example: r#""auto""#, flag: "--log-format"
    }
}
