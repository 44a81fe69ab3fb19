//! The same program on PostgreSQL.

use std::process::{Command, Stdio};

use crate::{
    keeping::{SECRET, is_active, published, stop, token, within_a_second},
    program::{Folder, free_port},
};

/// A database of its own on the server of the tests.
pub struct Database {
    server: String,
    name: String,
}

impl Database {
    /// Nothing without a server, unless one is required.
    #[expect(
        clippy::print_stderr,
        reason = "a case that is not run is said to be so"
    )]
    pub fn new(name: &str) -> Option<Self> {
        let Ok(server) = std::env::var("KEYSTEAD_TEST_POSTGRES") else {
            assert!(
                std::env::var("KEYSTEAD_TEST_REQUIRE").is_err(),
                "KEYSTEAD_TEST_POSTGRES is not set"
            );
            eprintln!("not run: KEYSTEAD_TEST_POSTGRES is not set; cargo xtask test sets it");
            return None;
        };
        let name = format!("keystead_{name}_{}", std::process::id());
        let made = Self { server, name };
        made.psql(&format!("CREATE DATABASE {}", made.name));
        Some(made)
    }

    fn psql(&self, statement: &str) {
        let done = Command::new("psql")
            .args([&self.server, "-qc", statement])
            .stdin(Stdio::null())
            .status()
            .unwrap();
        assert!(done.success(), "{statement}");
    }

    /// Where it is.
    pub fn url(&self) -> String {
        let (start, end) = self.server.split_once('?').unwrap_or((&self.server, ""));
        let (start, _) = start.rsplit_once('/').unwrap();
        format!("{start}/{}?{end}", self.name)
    }

    /// A folder whose configuration names this database.
    fn folder(&self, more: &str) -> Folder {
        let folder = Folder::new();
        folder.puts("url", &self.url());
        let database = "[database]\nurl_file = 'url'\npool_size = 2\n";
        folder.puts("keystead.toml", &format!("{database}{more}"));
        folder
    }

    /// The same with a client for automation, on a database that is migrated.
    pub fn automated(&self) -> Folder {
        let bootstrap = "[bootstrap]\nclient_id = 'automation'\nclient_secret_file = 'secret'\n";
        let folder = self.folder(bootstrap);
        folder.puts("secret", SECRET);
        assert_eq!(folder.runs(&["migrate"]).0, 0);
        folder
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        self.psql(&format!(
            "DROP DATABASE IF EXISTS {} WITH (FORCE)",
            self.name
        ));
    }
}

#[test]
fn postgres_is_migrated_first_and_then_served() {
    let Some(database) = Database::new("binary") else {
        return;
    };
    let folder = database.folder("");
    let (code, _, said) = folder.runs(&["serve"]);
    let too_old = "the database's schema is number 0";
    assert!(
        code == 1 && said.contains(too_old) && said.contains("keystead migrate"),
        "{said}"
    );
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
}

#[test]
fn two_nodes_share_a_database_and_its_dump_comes_back_without_what_was_revoked() {
    let Some(database) = Database::new("nodes") else {
        return;
    };
    let folder = database.automated();
    let (one, two) = (free_port(), free_port());
    let issuer = format!("http://localhost:{one}/");
    let nodes = [
        folder.serves(one, &["--issuer", &issuer]),
        folder.serves(two, &["--issuer", &issuer]),
    ];
    let (old, kid) = token(two, &issuer);
    assert!(is_active(one, &old));
    within_a_second("both nodes publish one key", || {
        published(one) == published(two) && published(one) == [kid.clone()]
    });
    let (code, said, complaint) = folder.runs(&["backup", "saved"]);
    assert_eq!(code, 0, "{said}{complaint}");
    assert_eq!(folder.runs(&["keys", "revoke", &kid]).0, 0);
    within_a_second("the key has left both nodes", || {
        published(one).is_empty() && published(two).is_empty()
    });
    nodes.into_iter().for_each(stop);

    let (code, _, complaint) = folder.runs(&["restore", "saved"]);
    assert!(code == 1 && complaint.contains("--replace"), "{complaint}");
    let (code, said, complaint) = folder.runs(&["restore", "--replace", "saved"]);
    assert_eq!(code, 0, "{said}{complaint}");
    let node = folder.serves(one, &["--issuer", &issuer]);
    assert!(
        !published(one).contains(&kid),
        "a key that was revoked since the backup is good again"
    );
    assert!(
        !is_active(one, &old),
        "a token of before the restore is good again"
    );
    stop(node);
}
