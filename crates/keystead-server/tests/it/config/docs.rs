//! The documentation that is made from the keys.

use std::{fs, path::Path};

use keystead_server::config::{example, reference};

use super::Desk;

#[test]
fn the_committed_documentation_is_current() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    for (file, made) in [
        ("docs/configuration.md", reference()),
        ("keystead.example.toml", example()),
    ] {
        let committed = fs::read_to_string(root.join(file)).unwrap_or_default();
        assert!(
            committed == made,
            "{file} is not what `keystead config` prints; print it again"
        );
    }
}

#[test]
fn the_example_is_itself_a_configuration() {
    let desk = Desk::new();
    assert!(
        desk.loads(&example(), &[], &[]).is_ok(),
        "as printed, with every key commented out"
    );
    let every: String = example()
        .lines()
        .map(|line| {
            line.strip_prefix('#')
                .filter(|rest| !rest.starts_with(' '))
                .unwrap_or(line)
                .to_owned()
                + "\n"
        })
        .collect();
    let problems = desk.loads(&every, &[], &[]).unwrap_err();
    let keys: Vec<_> = problems
        .0
        .iter()
        .map(|problem| problem.key.as_str())
        .collect();
    // Files that do not exist here, and the two ways to give a URL; every key was understood.
    assert_eq!(
        keys,
        [
            "tls.cert_file",
            "tls.key_file",
            "database.ca_file",
            "database.url_file",
            "bootstrap.client_secret_file"
        ],
        "{problems}"
    );
}
