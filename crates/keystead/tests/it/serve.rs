//! `keystead serve`, from an empty folder to a clean end.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path, process::Command};

use crate::program::{Folder, free_port, get, post};

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn an_empty_folder_becomes_a_server_twice() {
    let folder = Folder::new();
    let key = folder.path().join("keystead-data/sealing.key");
    let mut first_key = None;
    for _ in 0..2 {
        let server = folder.serves(free_port(), &[]);
        assert!(server.answers("/healthz").ends_with(r#"{"status":"ok"}"#));
        assert!(server.answers("/readyz").ends_with(r#"{"status":"ready"}"#));
        server.hears("-TERM");
        let (status, stdout, log) = server.ends();
        assert!(status.success(), "{status} {log:#?}");
        assert_eq!(stdout, "", "JSON logs: nothing for people");
        assert!(log.last().unwrap().contains("stopped"), "{log:#?}");

        let now = fs::read(&key).unwrap();
        assert_eq!(
            *first_key.get_or_insert_with(|| now.clone()),
            now,
            "the key stays"
        );
    }
    assert_eq!(mode(&key), 0o600);
    assert_eq!(mode(&folder.path().join("keystead-data")), 0o700);
}

#[test]
fn people_are_told_where_things_are() {
    let folder = Folder::new();
    let port = free_port();
    let server = folder.serves(port, &["--log-format", "text"]);
    server.hears("-INT");
    let (status, stdout, _) = server.ends();
    assert!(status.success());
    let data = folder.path().join("keystead-data");
    for wanted in [
        format!("Issuer     http://localhost:{port}/"),
        format!("Listening  http://127.0.0.1:{port}"),
        format!("Data       {}", data.display()),
        format!("Database   SQLite, {}", data.join("keystead.db").display()),
        format!("curl http://localhost:{port}/readyz"),
        "keystead doctor".into(),
    ] {
        assert!(stdout.contains(&wanted), "{wanted}\n{stdout}");
    }
}

#[test]
fn whoever_starts_it_may_make_the_first_owner() {
    let folder = Folder::new();
    let mut links: Vec<String> = vec![];
    for format in ["text", "json"] {
        let mut server = folder.serves(free_port(), &["--log-format", format]);
        if format == "json" {
            server.waits_for("/u/setup?ticket=");
        }
        // An answer comes after what people read was written.
        server.answers("/readyz");
        if let Some(old) = links.first() {
            let answer = server.answers(old);
            assert!(
                answer.starts_with("HTTP/1.1 403"),
                "a newer one was made: {answer}"
            );
            let link = link_in(server.log.last().unwrap());
            assert!(server.answers(&link).starts_with("HTTP/1.1 200"), "{link}");
        }
        server.hears("-TERM");
        let (_, stdout, log) = server.ends();
        links.push(link_in(&(stdout + &log.concat())));
    }
    assert_ne!(links[0], links[1]);
}

/// The path of the set-up link in what was said.
fn link_in(said: &str) -> String {
    let (_, rest) = said.split_once("/u/setup?ticket=").unwrap();
    let end = |c: char| !(c.is_ascii_alphanumeric() || "-_".contains(c));
    let ticket = rest.split(end).next().unwrap();
    format!("/u/setup?ticket={ticket}")
}

#[test]
fn each_request_leaves_a_line_without_its_query() {
    let folder = Folder::new();
    let mut server = folder.serves(free_port(), &[]);
    let answer = server.answers("/healthz?code=secret");
    server.waits_for("keystead::access");
    let line = server.log.last().unwrap().clone();
    let id = answer
        .lines()
        .find_map(|line| line.strip_prefix("x-request-id: "))
        .unwrap();
    for wanted in [
        &format!(r#""request":"{id}""#),
        r#""method":"GET""#,
        r#""path":"/healthz""#,
        r#""status":200"#,
        r#""client":"127.0.0.1""#,
        r#""ms":"#,
        r#""timestamp":"#,
    ] {
        assert!(line.contains(wanted), "{wanted} in {line}");
    }
    assert!(!line.contains("secret"), "{line}");
}

#[test]
fn what_is_said_during_a_request_names_it() {
    for format in ["json", "text"] {
        let folder = Folder::new();
        let port = free_port();
        let mut server = folder.serves(port, &["--log-format", format]);
        let answer = post(port, "/oauth/token", "grant_type=client_credentials");
        let id = answer
            .lines()
            .find_map(|line| line.strip_prefix("x-request-id: "))
            .unwrap();
        server.waits_for("refused");
        let line = server.log.last().unwrap();
        let wanted = match format {
            "json" => format!(r#","target":"keystead_server::oauth::refusal","request":"{id}"}}"#),
            _ => format!(r#" request="{id}""#),
        };
        assert!(line.contains(&wanted), "{wanted} in {line}");
    }
}

#[test]
fn metrics_have_a_listener_of_their_own() {
    let folder = Folder::new();
    let (port, metrics) = (free_port(), free_port());
    folder.puts(
        "keystead.toml",
        &format!("[metrics]\nlisten = '127.0.0.1:{metrics}'\n"),
    );
    let server = folder.serves(port, &[]);
    server.answers("/version");
    let scraped = get(metrics, "/metrics");
    assert!(
        scraped.contains(
            r#"keystead_http_requests_total{method="GET",route="/version",status="200"} 1"#
        ),
        "{scraped}"
    );
    assert!(server.answers("/metrics").starts_with("HTTP/1.1 404"));
}

#[test]
fn development_tls_is_trusted_by_whom_was_told_to() {
    let folder = Folder::new();
    let port = free_port();
    let server = folder.serves(port, &["--dev-tls", "--log-format", "text"]);
    let authority = folder.path().join("keystead-data/dev-tls/localhost/ca.pem");
    assert_eq!(mode(&authority.with_extension("key")), 0o600);
    let (code, said, _) = folder.runs(&[
        "doctor",
        "--dev-tls",
        "--listen",
        &format!("127.0.0.1:{port}"),
    ]);
    assert!(
        said.contains(&format!(
            "ok    port          Keystead runs on 127.0.0.1:{port} and is ready"
        )),
        "{said}"
    );
    assert_eq!(code, 0, "{said}");

    if let Ok(output) = Command::new("curl")
        .args(["-sS", "--cacert"])
        .arg(&authority)
        .arg(format!("https://localhost:{port}/healthz"))
        .output()
    {
        assert_eq!(
            String::from_utf8_lossy(&output.stdout),
            r#"{"status":"ok"}"#,
            "{output:?}"
        );
    }
    server.hears("-TERM");
    let (_, stdout, _) = server.ends();
    assert!(
        stdout.contains(&format!("https://localhost:{port}/"))
            && stdout.contains("sudo trust anchor"),
        "{stdout}"
    );
}

#[test]
fn a_second_server_on_the_port_says_so() {
    let folder = Folder::new();
    let port = free_port();
    let _server = folder.serves(port, &[]);
    let (code, _, said) = Folder::new().runs(&["serve", "--listen", &format!("127.0.0.1:{port}")]);
    assert_eq!(code, 1);
    assert!(
        said.contains(&format!("cannot listen on 127.0.0.1:{port}")),
        "{said}"
    );
}

#[test]
fn a_lost_sealing_key_is_not_replaced() {
    let folder = Folder::new();
    let server = folder.serves(free_port(), &[]);
    server.hears("-TERM");
    server.ends();
    let key = folder.path().join("keystead-data/sealing.key");
    fs::remove_file(&key).unwrap();
    let (code, _, said) = folder.runs(&["serve", "--listen", "127.0.0.1:1"]);
    assert_eq!(code, 1);
    assert!(said.contains("restore it from your backup"), "{said}");
    assert!(!key.exists());
    let (code, said, _) = folder.runs(&["doctor"]);
    assert_eq!(code, 1);
    assert!(said.contains("fail  sealing key"), "{said}");
}
