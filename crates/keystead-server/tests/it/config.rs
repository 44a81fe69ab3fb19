//! Configuration as an operator writes it: every key, every source, every mistake, all at once.

use std::{fs, path::Path};

use keystead_server::config::{Checked, Inputs, LogFormat, Problems, Tls, load};
use keystead_store::Database;
use tempfile::TempDir;

use crate::house::empty;

mod docs;
mod mistakes;

/// A folder to configure in.
struct Desk(TempDir);

impl Desk {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn puts(&self, name: &str, content: &str) {
        fs::write(self.path().join(name), content).unwrap();
    }

    fn inputs(
        &self,
        file: &str,
        variables: &[(&str, &str)],
        flags: &[(&'static str, &str)],
    ) -> Inputs {
        if !file.is_empty() {
            self.puts("keystead.toml", file);
        }
        let mut inputs = empty(self.path().into());
        inputs.variables = variables
            .iter()
            .map(|(name, value)| (name.into(), value.into()))
            .collect();
        inputs.flags = flags
            .iter()
            .map(|(flag, value)| (*flag, (*value).to_owned()))
            .collect();
        inputs
    }

    fn loads(
        &self,
        file: &str,
        variables: &[(&str, &str)],
        flags: &[(&'static str, &str)],
    ) -> Result<Checked, Problems> {
        load(&self.inputs(file, variables, flags))
    }
}

/// Each problem or warning as `key (source): what`.
fn lines(problems: &[keystead_server::config::Problem]) -> Vec<String> {
    problems
        .iter()
        .map(|p| format!("{} ({}): {}", p.key, p.source, p.problem))
        .collect()
}

#[test]
fn an_empty_folder_is_a_valid_configuration() {
    let desk = Desk::new();
    let Checked { config, warnings } = desk.loads("", &[], &[]).unwrap();
    assert_eq!(config.issuer.as_str(), "http://localhost:3000/");
    assert_eq!(config.listen.to_string(), "127.0.0.1:3000");
    assert_eq!(config.data_dir, desk.path().join("keystead-data"));
    assert_eq!(
        config.sealing_key_file,
        desk.path().join("keystead-data/sealing.key")
    );
    assert!(
        matches!(config.database, Database::Sqlite { file } if file == desk.path().join("keystead-data/keystead.db"))
    );
    assert!(
        config.bootstrap.is_none() && config.metrics.is_none() && config.trusted_proxies.is_empty()
    );
    assert_eq!((config.tls, config.log.format), (Tls::Off, LogFormat::Auto));
    assert_eq!(
        lines(&warnings),
        ["issuer (not set): using http://localhost:3000/, which only this machine can open"]
    );
    assert_eq!(
        fs::read_dir(desk.path()).unwrap().count(),
        0,
        "checking writes nothing"
    );
}

#[test]
fn flags_win_over_variables_and_variables_over_the_file() {
    let desk = Desk::new();
    let file = "issuer = 'https://file.example'\nlisten = '127.0.0.1:1'\ndata_dir = 'file'\n[log]\nlevel = 'warn'\n";
    let config = desk
        .loads(
            file,
            &[
                ("KEYSTEAD_LISTEN", "127.0.0.1:2"),
                ("KEYSTEAD_DATA_DIR", "variable"),
                ("KEYSTEAD_LOG__LEVEL", "debug"),
            ],
            &[("--listen", "127.0.0.1:3"), ("--log-level", "trace")],
        )
        .unwrap()
        .config;
    assert_eq!(config.issuer.as_str(), "https://file.example/");
    assert_eq!(config.data_dir, desk.path().join("variable"));
    assert_eq!(config.listen.port(), 3);
    assert_eq!(config.log.level, tracing::Level::TRACE);
}

#[test]
fn every_key_is_understood() {
    let desk = Desk::new();
    for name in ["cert.pem", "key.pem", "ca.pem"] {
        desk.puts(name, "");
    }
    desk.puts("secret", "correct-horse-battery-staple\n");
    desk.puts("url", "postgres://k:pw@db/keystead\r\n");
    let file = "
        issuer = 'https://id.example.com'
        listen = '0.0.0.0:443'
        data_dir = '/srv/keystead'
        trusted_proxies = ['10.1.2.3/8', '::1', '::ffff:192.0.2.7']
        sealing_key_file = 'keys/seal'
        [database]
        url_file = 'url'
        pool_size = 0x10
        ca_file = 'ca.pem'
        [bootstrap]
        client_id = 'setup'
        client_secret_file = 'secret'
        [metrics]
        listen = '127.0.0.1:9464'
        [tls]
        cert_file = 'cert.pem'
        key_file = 'key.pem'
        [log]
        level = 'error'
        format = 'json'
    ";
    let config = desk.loads(file, &[], &[]).unwrap().config;
    assert_eq!(config.listen.to_string(), "0.0.0.0:443");
    assert_eq!(config.sealing_key_file, desk.path().join("keys/seal"));
    for (address, want) in [
        ("10.9.9.9", true),
        ("192.0.2.7", true),
        ("::1", true),
        ("::ffff:10.0.0.1", true),
        ("192.0.2.8", false),
    ] {
        assert_eq!(
            config.trusted_proxies.contains(address.parse().unwrap()),
            want,
            "{address}"
        );
    }
    let Database::Postgres {
        url,
        ca_file,
        pool_size,
    } = &config.database
    else {
        panic!("{:?}", config.database)
    };
    assert_eq!(
        (url.expose(), *pool_size),
        ("postgres://k:pw@db/keystead", 16),
        "without the line end"
    );
    assert_eq!(
        ca_file.as_deref(),
        Some(desk.path().join("ca.pem").as_path())
    );
    let bootstrap = config.bootstrap.as_ref().unwrap();
    assert_eq!(
        (
            bootstrap.client_id.as_str(),
            bootstrap.client_secret.expose()
        ),
        ("setup", "correct-horse-battery-staple")
    );
    assert_eq!(config.metrics.unwrap().port(), 9464);
    assert_eq!(
        config.tls,
        Tls::Files {
            cert_file: desk.path().join("cert.pem"),
            key_file: desk.path().join("key.pem")
        }
    );
    assert_eq!(
        (config.log.level, config.log.format),
        (tracing::Level::ERROR, LogFormat::Json)
    );
    let shown = format!("{config:?}");
    assert!(!shown.contains("pw") && !shown.contains("horse"), "{shown}");
}

#[test]
fn variables_that_are_not_ours_are_left_alone() {
    let kubernetes = [
        ("KEYSTEAD_SERVICE_HOST", "10.0.0.1"),
        ("KEYSTEAD_SERVICE_PORT_HTTP", "1"),
        ("KEYSTEAD_PORT", "tcp://x"),
        ("KEYSTEAD_PORT_3000_TCP_ADDR", "x"),
    ];
    assert!(Desk::new().loads("", &kubernetes, &[]).is_ok());
    assert!(
        Desk::new()
            .loads("", &[("LISTEN", "x"), ("OTHER_KEYSTEAD_X", "y")], &[])
            .is_ok()
    );
}

#[test]
fn a_number_given_as_a_text_stays_one() {
    let desk = Desk::new();
    desk.puts("00123", "correct-horse-battery-staple");
    let variables = [
        ("KEYSTEAD_BOOTSTRAP__CLIENT_ID", "007"),
        ("KEYSTEAD_BOOTSTRAP__CLIENT_SECRET_FILE", "00123"),
    ];
    assert_eq!(
        desk.loads("", &variables, &[])
            .unwrap()
            .config
            .bootstrap
            .unwrap()
            .client_id
            .as_str(),
        "007"
    );
}

#[test]
fn what_is_risky_is_warned_of() {
    for (file, want) in [
        (
            "issuer = 'https://id.example.com'",
            "listen (not set): accepts clear text, and no proxy that encrypts is known",
        ),
        (
            "issuer = 'http://localhost:3000'\nlisten = '0.0.0.0:3000'",
            "listen (keystead.toml line 2): accepts clear text, and no proxy that encrypts is known",
        ),
        (
            "issuer = 'http://localhost:3000'\n[metrics]\nlisten = '0.0.0.0:9464'",
            "metrics.listen (keystead.toml line 3): shows metrics to whoever can connect from other machines",
        ),
    ] {
        assert_eq!(
            lines(&Desk::new().loads(file, &[], &[]).unwrap().warnings),
            [want],
            "{file}"
        );
    }
    let proxied = "issuer = 'https://id.example.com'\ntrusted_proxies = ['10.0.0.1']";
    assert!(
        Desk::new()
            .loads(proxied, &[], &[])
            .unwrap()
            .warnings
            .is_empty()
    );
}

#[cfg(unix)]
#[test]
fn a_secret_that_everybody_may_read_is_warned_of() {
    use std::os::unix::fs::PermissionsExt as _;
    let desk = Desk::new();
    desk.puts("secret", "correct-horse-battery-staple");
    let file = "issuer = 'http://localhost:3000'\n[bootstrap]\nclient_id = 'x'\nclient_secret_file = 'secret'";
    for (mode, warned) in [(0o644, true), (0o640, false), (0o600, false)] {
        fs::set_permissions(desk.path().join("secret"), fs::Permissions::from_mode(mode)).unwrap();
        assert_eq!(
            !desk.loads(file, &[], &[]).unwrap().warnings.is_empty(),
            warned,
            "{mode:o}"
        );
    }
}

#[test]
fn development_tls_changes_the_issuer_and_excludes_files() {
    let desk = Desk::new();
    let mut inputs = desk.inputs("", &[], &[("--listen", "127.0.0.1:8443")]);
    inputs.dev_tls = true;
    let config = load(&inputs).unwrap().config;
    assert_eq!(
        (config.issuer.as_str(), config.tls),
        ("https://localhost:8443/", Tls::Development)
    );
    inputs.flags = vec![("--issuer", "http://localhost:8443/".into())];
    assert_eq!(
        lines(&load(&inputs).unwrap_err().0),
        ["issuer (flag --issuer): is http, but TLS is on"]
    );
    desk.puts("c", "");
    inputs.variables = vec![
        ("KEYSTEAD_TLS__CERT_FILE".into(), "c".into()),
        ("KEYSTEAD_TLS__KEY_FILE".into(), "c".into()),
    ];
    inputs.flags.clear();
    assert_eq!(
        lines(&load(&inputs).unwrap_err().0),
        ["tls.cert_file (variable KEYSTEAD_TLS__CERT_FILE): is given beside --dev-tls"]
    );
}
