//! `cargo xtask test`: everything that must hold before a change lands, in the order in which it fails fastest.

use std::path::Path;
use std::process::{Command, ExitCode};

use crate::postgres::{Cluster, Durability};
use crate::steps::{self, Steps};
use crate::{install, tidy};

#[derive(Default)]
pub(crate) struct Options {
    /// One package instead of all of them.
    pub(crate) only: Option<String>,
    /// Trust that everything needed is installed.
    pub(crate) skip_install: bool,
}

/// Runs every step, prints a table of them and the sum of all tests; the exit code is a failure if any step did.
pub(crate) fn run(root: &Path, options: &Options) -> ExitCode {
    let mut steps = Steps::default();
    if !options.skip_install {
        steps.step("install", |_| install::debian());
        steps.step("npm", |_| install::npm(root));
    }
    // Kept until the end of this function: dropping it stops the server.
    let cluster = steps.step("postgres", |_| {
        Cluster::start(root, "test", Durability::None)
    });
    let cargo = |command: &str| {
        let mut cargo = Command::new("cargo");
        cargo.arg(command).current_dir(root);
        cargo
    };
    let scope = |cargo: &mut Command| {
        match &options.only {
            Some(package) => cargo.args(["--package", package]),
            None => cargo.arg("--workspace"),
        };
        cargo.arg("--locked");
    };

    steps.step("format", |_| {
        let mut format = cargo("fmt");
        match &options.only {
            Some(package) => format.args(["--package", package]),
            None => format.arg("--all"),
        };
        steps::run(format.arg("--check"))
    });
    steps.step("tidy", |_| tidy::run(root));
    steps.step("clippy", |_| {
        let mut clippy = cargo("clippy");
        scope(&mut clippy);
        if options.only.is_none() {
            // What nothing else here is built with.
            clippy.args(["--features", "keystead/keychain"]);
        }
        steps::run(clippy.args(["--all-targets", "--", "-D", "warnings"]))
    });
    steps.step("test", |tally| {
        let mut test = cargo("test");
        scope(&mut test);
        test.arg("--no-fail-fast").env("KEYSTEAD_TEST_REQUIRE", "1");
        if let Some(cluster) = &cluster {
            test.env("KEYSTEAD_TEST_POSTGRES", cluster.url());
        }
        if options.only.is_none() {
            // Built by this very command before any test runs; by itself the end-to-end suite would build it once more.
            test.env("KEYSTEAD_TEST_BINARY", root.join("target/debug/keystead"));
        }
        steps::run_counting(&mut test, tally)
    });
    steps.step("doc", |_| {
        let mut doc = cargo("doc");
        scope(&mut doc);
        steps::run(doc.arg("--no-deps").env("RUSTDOCFLAGS", "-D warnings"))
    });
    if options.only.is_none() {
        let program = match install::find_cargo_deny(root) {
            None if !options.skip_install => {
                steps.step("install cargo-deny", |_| install::cargo_deny(root))
            }
            found => found,
        };
        if let Some(program) = program {
            // Not `advisories`: their database is a git repository that a closed network does not reach.
            let mut deny = Command::new(program);
            deny.args(["--locked", "check", "licenses", "bans", "sources"])
                .current_dir(root);
            steps.step("deny", |_| steps::run(&mut deny));
        }
    }
    drop(cluster);
    steps.close()
}
