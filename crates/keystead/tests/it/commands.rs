//! The short commands and what they leave in the exit code.

use std::fs;

use crate::program::{Folder, free_port};

#[test]
fn config_check_tells_by_its_exit_code() {
    let folder = Folder::new();
    let (code, said, _) = folder.runs(&["config", "check"]);
    assert_eq!(code, 0, "{said}");
    assert!(
        said.contains("the issuer is http://localhost:3000/"),
        "{said}"
    );
    assert!(said.starts_with("warn  issuer (not set)"), "{said}");

    folder.puts("keystead.toml", "isuer = 'x'\nlisten = 'x'\n");
    let (code, said, _) = folder.runs(&["config", "check"]);
    assert_eq!(code, 1);
    assert!(
        said.contains("Did you mean `issuer`?")
            && said.contains("fail  listen (keystead.toml line 2)"),
        "{said}"
    );

    let (code, said, _) = folder.runs(&["config", "check", "--json"]);
    assert_eq!(code, 1);
    let report: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!(report["ok"], false);
    assert_eq!(report["problems"].as_array().unwrap().len(), 2);
    assert_eq!(report["problems"][1]["source"], "keystead.toml line 2");
    assert_eq!(
        fs::read_dir(folder.path()).unwrap().count(),
        1,
        "nothing was made"
    );
}

#[test]
fn variables_and_flags_reach_the_configuration() {
    let folder = Folder::new();
    let variables = [
        ("KEYSTEAD_ISSUER", "https://id.example.com"),
        ("KEYSTEAD_TRUSTED_PROXIES", "10.0.0.1"),
    ];
    let (code, said, _) = folder.runs_with(&["config", "check"], &variables);
    assert_eq!(
        (code, said.as_str()),
        (
            0,
            "ok    the configuration can be served with; the issuer is https://id.example.com/\n"
        )
    );
    let flags = [
        "config",
        "check",
        "--issuer",
        "https://flag.example",
        "--listen",
        "x",
        "--data-dir",
        "x",
        "--log-level",
        "x",
        "--log-format",
        "x",
    ];
    let (_, said, _) = folder.runs_with(&flags, &variables);
    for flag in [
        "listen (flag --listen)",
        "log.level (flag --log-level)",
        "log.format (flag --log-format)",
    ] {
        assert!(said.contains(flag), "{flag} in {said}");
    }
}

#[test]
fn a_bad_configuration_does_not_start() {
    let folder = Folder::new();
    folder.puts("keystead.toml", "issuer = 'http://id.example.com'\n");
    let (code, _, said) = folder.runs(&["serve"]);
    assert_eq!(code, 1);
    assert!(
        said.contains("issuer (keystead.toml line 1): is http, and not on this machine"),
        "{said}"
    );
    assert_eq!(
        fs::read_dir(folder.path()).unwrap().count(),
        1,
        "nothing was made"
    );
}

#[test]
fn the_example_can_be_used_as_it_is() {
    let folder = Folder::new();
    let (code, example, _) = folder.runs(&["config", "example"]);
    assert_eq!(code, 0);
    folder.puts("keystead.toml", &example);
    assert_eq!(folder.runs(&["config", "check"]).0, 0);
    let (code, reference, _) = folder.runs(&["config", "reference"]);
    assert_eq!(code, 0);
    assert!(
        reference.contains("## `database.url`") && reference.contains("`KEYSTEAD_DATABASE__URL`"),
        "{reference}"
    );
}

#[test]
fn migrate_does_its_work_once() {
    let folder = Folder::new();
    let (code, said, _) = folder.runs(&["migrate", "--json"]);
    assert_eq!(code, 0, "{said}");
    let report: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!(report["applied"][0]["number"], 1, "{said}");
    let (code, said, _) = folder.runs(&["migrate"]);
    assert_eq!(
        (code, said.as_str()),
        (0, "The schema is up to date; nothing to do.\n")
    );
}

#[test]
fn an_unreachable_database_is_told_without_its_password() {
    let folder = Folder::new();
    let url = format!(
        "postgres://keystead:hunter2@127.0.0.1:{}/keystead",
        free_port()
    );
    for arguments in [&["migrate"][..], &["serve"], &["doctor"]] {
        let (code, out, err) = folder.runs_with(arguments, &[("KEYSTEAD_DATABASE__URL", &url)]);
        assert_eq!(code, 1, "{arguments:?} {out} {err}");
        assert!(
            !out.contains("hunter2") && !err.contains("hunter2"),
            "{arguments:?} {out} {err}"
        );
        assert!((out + &err).contains("cannot be reached"), "{arguments:?}");
    }
}

#[test]
fn the_doctor_finds_what_is_broken() {
    let folder = Folder::new();
    let port = free_port();
    let listen = format!("127.0.0.1:{port}");
    let (code, said, _) = folder.runs(&["doctor", "--listen", &listen]);
    assert_eq!(code, 0, "{said}");
    assert!(
        said.contains(&format!("ok    port          {listen} is free")),
        "{said}"
    );
    assert!(
        fs::read_dir(folder.path()).unwrap().next().is_none(),
        "it only looks"
    );

    let taken = std::net::TcpListener::bind(&listen).unwrap();
    std::thread::spawn(move || {
        use std::io::{Read as _, Write as _};
        for stream in taken.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 1024]);
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
        }
    });
    let (code, said, _) = folder.runs(&["doctor", "--json", "--listen", &listen]);
    assert_eq!(code, 1);
    let report: serde_json::Value = serde_json::from_str(&said).unwrap();
    let port = report["checks"]
        .as_array()
        .unwrap()
        .iter()
        .find(|check| check["name"] == "port")
        .unwrap();
    assert_eq!(port["status"], "fail");
    assert!(
        port["says"].as_str().unwrap().contains("another program"),
        "{port}"
    );
    assert!(port["fix"].as_str().unwrap().contains("ss -ltnp"), "{port}");

    folder.puts("keystead.toml", "nonsense = 1\n");
    let (code, said, _) = folder.runs(&["doctor"]);
    assert_eq!(code, 1);
    assert!(
        said.starts_with("fail  config        nonsense (keystead.toml line 1): no such key"),
        "{said}"
    );
}

#[cfg(unix)]
#[test]
fn the_doctor_looks_at_permissions() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = Folder::new();
    let server = folder.serves(free_port(), &[]);
    server.hears("-TERM");
    server.ends();
    let data = folder.path().join("keystead-data");
    fs::set_permissions(&data, fs::Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(data.join("sealing.key"), fs::Permissions::from_mode(0o640)).unwrap();
    let (code, said, _) =
        folder.runs(&["doctor", "--listen", &format!("127.0.0.1:{}", free_port())]);
    assert_eq!(code, 1, "{said}");
    for wanted in [
        format!(
            "warn  data folder   {} is open to other users",
            data.display()
        ),
        format!("chmod 700 {}", data.display()),
        "fail  sealing key".into(),
        format!("chmod 600 {}", data.join("sealing.key").display()),
        "ok    database".into(),
    ] {
        assert!(said.contains(&wanted), "{wanted}\n{said}");
    }
}

/// The database is elsewhere, and so are two that a restore moved aside.
#[cfg(unix)]
#[test]
fn the_doctor_names_a_database_that_others_can_read_wherever_it_is() {
    use std::os::unix::fs::PermissionsExt as _;
    let (folder, port) = (Folder::new(), free_port());
    folder.puts(
        "keystead.toml",
        "[database]\nurl = 'sqlite:elsewhere/keystead.db'\n",
    );
    fs::create_dir(folder.path().join("elsewhere")).unwrap();
    let server = folder.serves(port, &[]);
    let place = |name: &str| folder.path().join("elsewhere").join(name);
    for name in ["keystead.db", "keystead.db-wal", "keystead.db-shm"] {
        let mode = fs::metadata(place(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    server.hears("-TERM");
    server.ends();
    let listen = format!("127.0.0.1:{port}");
    let looks = || folder.runs(&["doctor", "--listen", &listen]).1;
    let said = looks();
    assert!(said.contains("ok    database"), "{said}");

    let opened = fs::Permissions::from_mode(0o644);
    fs::set_permissions(place("keystead.db"), opened).unwrap();
    for (name, mode) in [
        ("keystead.db.replaced-1", 0o640),
        ("keystead.db.replaced-2", 0o600),
        ("other.db", 0o644),
    ] {
        fs::copy(place("keystead.db"), place(name)).unwrap();
        fs::set_permissions(place(name), fs::Permissions::from_mode(mode)).unwrap();
    }
    // It serves all the same.
    let server = folder.serves(port, &[]);
    server.hears("-TERM");
    assert!(server.ends().0.success());
    let said = looks();
    let shown = |name| place(name).display().to_string();
    let command = format!(
        "chmod 600 {} {}\n",
        shown("keystead.db"),
        shown("keystead.db.replaced-1")
    );
    assert!(
        said.contains("warn  database")
            && said.contains("can be read by others")
            && said.contains(&command),
        "{command}{said}"
    );
    let (program, arguments) = command.trim().split_once(' ').unwrap();
    let done = std::process::Command::new(program)
        .args(arguments.split(' '))
        .status();
    assert!(done.unwrap().success());
    let said = looks();
    assert!(said.contains("ok    database"), "{said}");
}

#[test]
fn help_is_everywhere() {
    let folder = Folder::new();
    for arguments in [
        &["--help"][..],
        &["serve", "--help"],
        &["config", "check", "--help"],
        &["migrate", "--help"],
        &["doctor", "--help"],
    ] {
        let (code, said, _) = folder.runs(arguments);
        assert_eq!(code, 0);
        assert!(said.contains("Examples:\n  keystead "), "{said}");
    }
    assert_eq!(
        folder.runs(&["--version"]).1,
        format!("keystead {}\n", env!("CARGO_PKG_VERSION"))
    );
    assert_eq!(folder.runs(&["nonsense"]).0, 2);
}
