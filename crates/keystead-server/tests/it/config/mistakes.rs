//! Every mistake, with its place.

use keystead_server::config::{Source, load};

use super::{Desk, lines};

#[test]
fn each_mistake_is_named_with_its_place() {
    for (file, want) in [
        (
            "issuer = 'https://id.example.com/auth'",
            "issuer (keystead.toml line 1): has a path",
        ),
        (
            "\nissuer = 7",
            "issuer (keystead.toml line 2): must be a text, not this integer",
        ),
        (
            "listen = 'localhost:3000'",
            "listen (keystead.toml line 1): is not an address and port",
        ),
        (
            "listen = '0.0.0.0:3000'",
            "issuer (not set): must be given, because it cannot be guessed when listening on 0.0.0.0:3000",
        ),
        (
            "listen = '127.0.0.1:0'",
            "issuer (not set): must be given, because it cannot be guessed when listening on 127.0.0.1:0",
        ),
        (
            "data_dir = 'keystead.toml'",
            "data_dir (keystead.toml line 1): … is not a folder",
        ),
        (
            "trusted_proxies = '10.0.0.1'",
            "trusted_proxies (keystead.toml line 1): must be a list of texts, not this string",
        ),
        (
            "trusted_proxies = ['proxy.example']",
            "trusted_proxies (keystead.toml line 1): \"proxy.example\" is neither an address nor a network",
        ),
        (
            "trusted_proxies = ['0.0.0.0/0']",
            "trusted_proxies (keystead.toml line 1): \"0.0.0.0/0\" is everybody: any caller could invent an address for itself",
        ),
        (
            "trusted_proxies = ['::/0']",
            "trusted_proxies (keystead.toml line 1): \"::/0\" is everybody: any caller could invent an address for itself",
        ),
        (
            "[database]\nurl = 'mysql://root:hunter2@db/x'",
            "database.url (keystead.toml line 2): is neither sqlite: nor postgres://",
        ),
        (
            "[database]\nurl = 'sqlite:'",
            "database.url (keystead.toml line 2): does not name a file",
        ),
        (
            "[database]\nurl = 'sqlite::memory:'",
            "database.url (keystead.toml line 2): does not name a file",
        ),
        (
            "[database]\nurl = 'sqlite://data/keystead.db'",
            "database.url (keystead.toml line 2): names a host",
        ),
        (
            "[database]\nurl_file = 'nowhere'",
            "database.url_file (keystead.toml line 2): … cannot be read: No such file or directory (os error 2)",
        ),
        (
            "[database]\nurl = 'sqlite:x'\nurl_file = 'y'",
            "database.url_file (keystead.toml line 3): is given beside database.url",
        ),
        (
            "[database]\npool_size = 0",
            "database.pool_size (keystead.toml line 2): must be from 1 to 200",
        ),
        (
            "[database]\npool_size = -1",
            "database.pool_size (keystead.toml line 2): must be a whole number, not this integer",
        ),
        (
            "[database]\npool_size = '8'",
            "database.pool_size (keystead.toml line 2): must be a whole number, not this string",
        ),
        (
            "[database]\nca_file = 'nowhere'",
            "database.ca_file (keystead.toml line 2): … cannot be read: No such file or directory (os error 2)",
        ),
        (
            "[bootstrap]\nclient_id = 'x'",
            "bootstrap.client_id (keystead.toml line 2): comes without a secret",
        ),
        (
            "[bootstrap]\nclient_secret_file = 'x'",
            "bootstrap.client_secret_file (keystead.toml line 2): comes without an id",
        ),
        (
            "[bootstrap]\nclient_id = ''\nclient_secret_file = 'long'",
            "bootstrap.client_id (keystead.toml line 2): is not a client identifier",
        ),
        (
            "[bootstrap]\nclient_id = 'x'\nclient_secret_file = 'short'",
            "bootstrap.client_secret_file (keystead.toml line 3): holds fewer than 22 characters",
        ),
        (
            "[metrics]\nlisten = '9464'",
            "metrics.listen (keystead.toml line 2): is not an address and port",
        ),
        (
            "[metrics]\nlisten = '127.0.0.1:3000'",
            "metrics.listen (keystead.toml line 2): is the address that listen has",
        ),
        (
            "[tls]\ncert_file = 'long'",
            "tls.cert_file (keystead.toml line 2): comes without a key",
        ),
        (
            "[tls]\nkey_file = 'long'",
            "tls.key_file (keystead.toml line 2): comes without a certificate",
        ),
        (
            "[tls]\ncert_file = 'long'\nkey_file = 'nowhere'",
            "tls.key_file (keystead.toml line 3): … cannot be read: No such file or directory (os error 2)",
        ),
        (
            "issuer = 'http://localhost/'\n[tls]\ncert_file = 'long'\nkey_file = 'long'",
            "issuer (keystead.toml line 1): is http, but TLS is on",
        ),
        (
            "[log]\nlevel = 'INFO'",
            "log.level (keystead.toml line 2): is not a level",
        ),
        (
            "[log]\nformat = 'xml'",
            "log.format (keystead.toml line 2): is not a format",
        ),
        ("isuer = 'x'", "isuer (keystead.toml line 1): no such key"),
        (
            "database = 'x'",
            "database (keystead.toml line 1): no such key",
        ),
        (
            "[databse]\nurl = 'x'",
            "databse.url (keystead.toml line 2): no such key",
        ),
        ("[extra]", "extra (keystead.toml line 1): no such key"),
    ] {
        let desk = Desk::new();
        desk.puts("short", "hunter2");
        desk.puts("long", "correct-horse-battery-staple");
        let problems = desk.loads(file, &[], &[]).unwrap_err();
        let place = desk.path().display().to_string();
        let said: Vec<_> = lines(&problems.0)
            .into_iter()
            .map(|line| match (line.find(&place), line.rfind(&place)) {
                (Some(start), Some(last)) => {
                    let end = line[last..]
                        .find(' ')
                        .map_or(line.len(), |length| last + length);
                    format!("{}…{}", &line[..start], &line[end..])
                }
                _ => line,
            })
            .collect();
        assert_eq!(said, [want], "{file}");
        assert!(problems.0.iter().all(|p| {
            p.fix
                .ends_with(|c: char| c == '.' || c == '/' || c.is_ascii_alphanumeric())
        }));
        assert!(!problems.to_string().contains("hunter2"), "{problems}");
    }
}

#[test]
fn a_slip_is_answered_with_the_nearest_key() {
    let desk = Desk::new();
    for (file, want) in [
        ("isuer = 'x'", "issuer"),
        ("trusted_proxy = []", "trusted_proxies"),
        ("[databse]\nurl = 'x'", "database.url"),
        ("[tls]\ncert = 'x'", "tls.cert_file"),
        ("[log]\nlvl = 'x'", "log.level"),
    ] {
        let problems = desk.loads(file, &[], &[]).unwrap_err();
        assert!(
            problems.0[0]
                .fix
                .starts_with(&format!("Did you mean `{want}`?")),
            "{file}: {}",
            problems.0[0].fix
        );
    }
}

#[test]
fn each_source_is_named() {
    let desk = Desk::new();
    for (variables, flags, want) in [
        (
            &[("KEYSTEAD_LISTEN", "x")][..],
            &[][..],
            "listen (variable KEYSTEAD_LISTEN): is not an address and port",
        ),
        (
            &[("KEYSTEAD_DATABASE__POOL_SIZE", "x")],
            &[],
            "database.pool_size (variable KEYSTEAD_DATABASE__POOL_SIZE): must be a whole number",
        ),
        (
            &[("KEYSTEAD_ISSUER", "")],
            &[],
            "issuer (variable KEYSTEAD_ISSUER): is empty",
        ),
        (
            &[("KEYSTEAD_ISSUR", "x")],
            &[],
            "issur (variable KEYSTEAD_ISSUR): no such key",
        ),
        (
            &[("KEYSTEAD_issuer", "x")],
            &[],
            "issuer (variable KEYSTEAD_issuer): no such key",
        ),
        (
            &[("KEYSTEAD_DATABASE_URL", "x")],
            &[],
            "database_url (variable KEYSTEAD_DATABASE_URL): no such key",
        ),
        (
            &[("KEYSTEAD_BOOTSTRAP__CLIENT_SECRET", "hunter2")],
            &[],
            "bootstrap.client_secret (variable KEYSTEAD_BOOTSTRAP__CLIENT_SECRET): no such key",
        ),
        (
            &[],
            &[("--listen", "x")],
            "listen (flag --listen): is not an address and port",
        ),
        (
            &[],
            &[("--issuer", "x")],
            "issuer (flag --issuer): is not a URL",
        ),
        (
            &[],
            &[("--nonsense", "x")],
            "--nonsense (flag --nonsense): no such flag",
        ),
    ] {
        let problems = desk.loads("", variables, flags).unwrap_err();
        assert_eq!(lines(&problems.0), [want]);
        assert!(!problems.to_string().contains("hunter2"));
    }
    let problems = desk
        .loads("", &[("KEYSTEAD_DATABASE_URL", "x")], &[])
        .unwrap_err();
    assert!(
        problems.0[0].fix.contains("KEYSTEAD_DATABASE__URL"),
        "{}",
        problems.0[0].fix
    );
}

#[test]
fn all_problems_are_told_at_once() {
    let desk = Desk::new();
    let file = "issuer = 'http://id.example.com'\nisuer = 1\n[database]\npool_size = 'many'\n[tls]\nkey_file = 'nowhere'\n";
    let problems = desk
        .loads(
            file,
            &[("KEYSTEAD_LOG__LEVEL", "loud"), ("KEYSTEAD_X", "1")],
            &[("--listen", "everywhere")],
        )
        .unwrap_err();
    let mut keys: Vec<_> = problems
        .0
        .iter()
        .map(|problem| problem.key.as_str())
        .collect();
    keys.sort_unstable();
    assert_eq!(
        keys,
        [
            "database.pool_size",
            "issuer",
            "isuer",
            "listen",
            "log.level",
            "tls.key_file",
            "x"
        ]
    );
    assert!(
        problems
            .to_string()
            .starts_with("The configuration has 7 problems:"),
        "{problems}"
    );
}

#[test]
fn a_file_that_is_not_toml_is_told_by_line() {
    let desk = Desk::new();
    let problems = desk
        .loads(
            "listen = '127.0.0.1:1'\nissuer = https://id.example.com\n",
            &[],
            &[],
        )
        .unwrap_err();
    assert!(
        matches!(&problems.0[0].source, Source::File { line: 2, .. }),
        "{problems}"
    );
    assert!(problems.0[0].problem.starts_with("not TOML"), "{problems}");
}

#[test]
fn a_named_file_must_exist() {
    let desk = Desk::new();
    let mut inputs = desk.inputs("", &[], &[]);
    inputs.file = Some("other.toml".into());
    let problems = load(&inputs).unwrap_err();
    assert_eq!(
        lines(&problems.0),
        [
            "other.toml (flag --config): the file cannot be read: No such file or directory (os error 2)"
        ]
    );
    desk.puts("other.toml", "listen = '127.0.0.1:5'");
    desk.puts("keystead.toml", "nonsense = 1");
    assert_eq!(load(&inputs).unwrap().config.listen.port(), 5);
}
