//! The conformance suite: every verb of the store, each case on SQLite and on PostgreSQL.
//!
//! `KEYSTEAD_TEST_POSTGRES` names a server where databases may be made and dropped; without it the PostgreSQL cases are
//! listed as ignored, unless `KEYSTEAD_TEST_REQUIRE` is set: then they fail. `cargo xtask test` sets both.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a panic in a test is a failure with a line number"
)]

mod clients;
mod contents;
mod engine;
mod house;
mod people;

use house::{Engine, House};
use libtest_mimic::{Arguments, Trial};

/// A sentence that holds on both databases.
type Case = (&'static str, fn(&House));

fn main() {
    // One line a room; rooms in the order of their names.
    let rooms: &[(&str, &[Case])] = &[("clients", clients::CASES), ("engine", engine::CASES)];
    let mut trials = Vec::new();
    for (room, cases) in rooms {
        for &(sentence, case) in *cases {
            for engine in Engine::BOTH {
                let name = format!("{room}: {sentence} [{engine:?}]");
                let trial = Trial::test(name, move || {
                    case(&House::open(engine)?);
                    Ok(())
                });
                trials.push(trial.with_ignored_flag(!engine.wanted()));
            }
        }
    }
    libtest_mimic::run(&Arguments::from_args(), trials).exit();
}
