//! The conformance suite: every verb of the store, each case on SQLite and on PostgreSQL.
//!
//! `KEYSTEAD_TEST_POSTGRES` names a server where databases may be made and dropped; without it the PostgreSQL cases are
//! listed as ignored, unless `KEYSTEAD_TEST_REQUIRE` is set: then they fail. `cargo xtask test` sets both.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a panic in a test is a failure with a line number"
)]

mod apis;
mod client_grants;
mod clients;
mod connections;
mod contents;
mod engine;
mod feed;
mod house;
mod keys;
mod nul;
mod people;
mod reseal;
mod schema;
mod settings;

use house::{Engine, House};
use libtest_mimic::{Arguments, Trial};

/// A sentence that holds on both databases.
type Case = (&'static str, fn(&House));

fn main() {
    // One line a room; rooms in the order of their names.
    let rooms: &[(&str, &[Case])] = &[
        ("apis", apis::CASES),
        ("client_grants", client_grants::CASES),
        ("clients", clients::CASES),
        ("connections", connections::CASES),
        ("engine", engine::CASES),
        ("feed", feed::CASES),
        ("keys", keys::CASES),
        ("nul", nul::CASES),
        ("reseal", reseal::CASES),
        ("settings", settings::CASES),
    ];
    let mut trials = vec![schema::trial()];
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
