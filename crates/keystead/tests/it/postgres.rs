//! The same program on PostgreSQL.

use std::process::{Command, Stdio};

use crate::program::{Folder, free_port};

#[expect(
    clippy::print_stderr,
    reason = "a case that is not run is said to be so"
)]
#[test]
fn postgres_is_migrated_first_and_then_served() {
    let Ok(server) = std::env::var("KEYSTEAD_TEST_POSTGRES") else {
        assert!(
            std::env::var("KEYSTEAD_TEST_REQUIRE").is_err(),
            "KEYSTEAD_TEST_POSTGRES is not set"
        );
        eprintln!("not run: KEYSTEAD_TEST_POSTGRES is not set; cargo xtask test sets it");
        return;
    };
    let name = format!("keystead_binary_{}", std::process::id());
    let psql = |statement: String| {
        let done = Command::new("psql")
            .args([&server, "-qc", &statement])
            .stdin(Stdio::null())
            .status()
            .unwrap();
        assert!(done.success(), "{statement}");
    };
    psql(format!("CREATE DATABASE {name}"));
    let (start, end) = server.split_once('?').unwrap_or((&server, ""));
    let url = format!("{}/{name}?{end}", start.rsplit_once('/').unwrap().0);

    let folder = Folder::new();
    folder.puts("url", &url);
    folder.puts(
        "keystead.toml",
        "[database]\nurl_file = 'url'\npool_size = 2\n",
    );
    let (code, _, said) = folder.runs(&["serve"]);
    assert!(code == 1 && said.contains("keystead migrate"), "{said}");
    let (code, said, _) = folder.runs(&["doctor"]);
    assert!(code == 1 && said.contains("fail  database"), "{said}");

    let (code, said, _) = folder.runs(&["migrate"]);
    assert!(code == 0 && said.starts_with("applied 001 "), "{said}");
    assert_eq!(
        folder.runs(&["migrate"]).1,
        "The schema is up to date; nothing to do.\n"
    );

    let port = free_port();
    let running = folder.serves(port, &[]);
    assert!(
        running
            .answers("/readyz")
            .ends_with(r#"{"status":"ready"}"#)
    );
    let (_, said, _) = folder.runs(&["doctor", "--listen", &format!("127.0.0.1:{port}")]);
    assert!(
        said.contains("ok    database      PostgreSQL, 2 connections"),
        "{said}"
    );
    running.hears("-TERM");
    let (status, _, log) = running.ends();
    assert!(status.success(), "{log:#?}");
    psql(format!("DROP DATABASE {name} WITH (FORCE)"));
}
