//! `keystead demo --check`, what `keystead demo` prints, and what it says when it cannot start.

use std::{fs, net::TcpListener, process::Command};

use serde_json::Value;

use crate::{
    postgres::Database,
    program::{Folder, get},
    stage::{Demo, Person, two_free_ports},
};

const STEPS: usize = 9;

fn checks(folder: &Folder, variables: &[(&str, &str)]) {
    let (code, said, complaint) = folder.runs_with(&["demo", "--check", "--json"], variables);
    let report: Value = serde_json::from_str(&said).unwrap_or_else(|_| panic!("{said}{complaint}"));
    assert_eq!(
        (code, &report["ok"]),
        (0, &Value::Bool(true)),
        "{said}{complaint}"
    );
    assert_eq!(report["steps"].as_array().unwrap().len(), STEPS, "{said}");
}

#[test]
fn every_step_goes_through_without_a_person_and_nothing_is_left() {
    let folder = Folder::new();
    checks(&folder, &[]);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    let (code, said, _) = folder.runs(&["demo", "--check", "--data-dir", "kept"]);
    assert!(code == 0 && said.contains("Everything works."), "{said}");
    assert!(folder.path().join("kept/demo.json").is_file());
}

#[test]
fn every_step_goes_through_on_postgres() {
    let Some(database) = Database::new("demo") else {
        return;
    };
    checks(
        &Folder::new(),
        &[("KEYSTEAD_DATABASE__URL", &database.url())],
    );
}

/// Runs what was printed, as whoever copies it does.
fn types(folder: &Folder, lines: &str) -> String {
    let output = Command::new("sh")
        .args(["-c", lines])
        .current_dir(folder.path())
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    text(&output.stdout) + &text(&output.stderr)
}

/// The lines that begin with a command, each with what it goes on with.
fn commands(said: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for line in said.lines() {
        match found.last_mut() {
            Some(last) if last.ends_with('\\') => *last = format!("{last}\n{line}"),
            _ if line.starts_with("    ") => found.push(line.to_owned()),
            _ => {}
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_line_that_is_printed_works_as_it_stands() {
    let folder = Folder::new();
    let demo = Demo::starts(&folder);
    let said = &demo.welcome;
    for wanted in ["email", "password", "native", "machine", "machine_secret"] {
        assert!(said.contains(demo.of(wanted)), "{wanted}\n{said}");
    }
    let links = said
        .split_whitespace()
        .filter(|word| word.starts_with("http://") && !word.contains("/oauth/token"));
    for link in links {
        let page = Person::of(&demo).sends(&link.parse().unwrap(), None).await;
        let expected = match link {
            api if api.contains("/api/messages") => 401,
            // Leads to the guided page.
            issuer if issuer == demo.issuer => 307,
            _ => 200,
        };
        assert_eq!(page.status().as_u16(), expected, "{link}");
    }
    let commands = commands(said);
    let find = |what: &[&str]| {
        let found = commands
            .iter()
            .find(|line| what.iter().all(|what| line.contains(what)));
        found.unwrap_or_else(|| panic!("{what:?} in {commands:#?}"))
    };
    let token = find(&["TOKEN=$(curl", demo.of("machine_secret")]);
    for (name, call, want) in [
        (
            "without a token",
            commands
                .iter()
                .find(|line| line.ends_with("api/messages"))
                .unwrap(),
            "HTTP/1.1 401",
        ),
        (
            "with it",
            find(&["curl -i", "api/messages -H"]),
            "HTTP/1.1 200",
        ),
    ] {
        let answer = types(&folder, &format!("{token}\n{call}"));
        assert!(answer.starts_with(want), "{name}: {answer}");
    }
}

#[test]
fn a_port_that_is_taken_ends_with_a_command_that_works() {
    let (folder, port) = (Folder::new(), two_free_ports());
    for (taken, name) in [(port, "the server's"), (port + 1, "the page's")] {
        let _other = TcpListener::bind(("127.0.0.1", taken)).unwrap();
        let (code, said, complaint) = folder.runs(&["demo", "--port", &port.to_string()]);
        assert!(
            code == 1 && said.is_empty() && complaint.contains(&format!("port {taken} is taken")),
            "{name}: {complaint}"
        );
        let command = complaint.trim_end().rsplit_once(": ").unwrap().1;
        let (_, instead) = command.split_once("keystead demo --port ").unwrap();
        let demo = Demo::starts_at(&folder, instead.parse().unwrap());
        assert!(get(demo.site.port().unwrap(), "/api/public").starts_with("HTTP/1.1 200"));
    }
    assert!(!folder.path().join("keystead-data").exists());
}

#[test]
fn a_folder_that_cannot_be_used_ends_with_what_to_do() {
    fn spoil(folder: &Folder, how: &str) {
        let data = folder.path().join("keystead-demo");
        let file = |name: &str| data.join(name);
        match how {
            "its words are damaged" => fs::write(file("demo.json"), "{").unwrap(),
            "its words are another version's" => {
                fs::write(file("demo.json"), r#"{"version":"of tomorrow"}"#).unwrap();
            }
            "its key is gone" => fs::remove_file(file("sealing.key")).unwrap(),
            "its key is another's" => {
                let other = Folder::new();
                drop(Demo::starts(&other));
                fs::copy(
                    other.path().join("keystead-demo/sealing.key"),
                    file("sealing.key"),
                )
                .unwrap();
            }
            "its database is none" => fs::write(file("keystead.db"), "not a database").unwrap(),
            "it is a file" => {
                fs::remove_dir_all(&data).unwrap();
                fs::write(&data, "").unwrap();
            }
            other => panic!("{other}"),
        }
    }
    for how in [
        "its words are damaged",
        "its words are another version's",
        "its key is gone",
        "its key is another's",
        "its database is none",
        "it is a file",
    ] {
        let folder = Folder::new();
        let (_, status) = {
            let demo = Demo::starts(&folder);
            demo.hears("-TERM");
            let (status, said) = demo.ends();
            (said, status)
        };
        assert!(status.success());
        spoil(&folder, how);
        let port = two_free_ports().to_string();
        let (code, said, complaint) = folder.runs(&["demo", "--port", &port]);
        assert!(code == 1 && said.is_empty(), "{how}: {said}{complaint}");
        if how == "it is a file" {
            assert!(
                complaint.trim_end().ends_with("demo --data-dir FOLDER"),
                "{complaint}"
            );
            continue;
        }
        let (_, command) = complaint
            .trim_end()
            .rsplit_once("begin anew: ")
            .unwrap_or_else(|| panic!("{how}: {complaint}"));
        assert!(command.starts_with("rm -r"), "{how}: {command}");
        types(&folder, command);
        drop(Demo::starts(&folder));
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_place_where_nobody_may_write_is_said_so() {
    let port = two_free_ports().to_string();
    let arguments = ["demo", "--port", &port, "--data-dir", "/proc/keystead"];
    let (code, _, complaint) = Folder::new().runs(&arguments);
    let last = complaint.lines().last().unwrap_or_default();
    assert!(
        code == 1 && last.contains("keystead demo --data-dir"),
        "{complaint}"
    );
}
