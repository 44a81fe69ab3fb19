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

mod access_tokens;
mod accounts;
mod apis;
mod attempts;
mod blocking;
mod cleanup;
mod client_grants;
mod clients;
mod codes;
mod connections;
mod consents;
mod contents;
mod engine;
mod feed;
mod grants;
mod house;
mod jobs;
mod journeys;
mod keys;
mod known_addresses;
mod log;
mod nul;
mod nul_accounts;
mod passwords;
mod people;
mod replays;
mod reseal;
mod restored;
mod revocations;
mod roles;
mod rotation;
mod schema;
mod sessions;
mod settings;
mod tickets;
mod users;

use house::{Engine, House};
use libtest_mimic::{Arguments, Trial};

/// A sentence that holds on both databases.
type Case = (&'static str, fn(&House));

fn main() {
    // One line a room; rooms in the order of their names.
    let rooms: &[(&str, &[Case])] = &[
        ("access_tokens", access_tokens::CASES),
        ("apis", apis::CASES),
        ("attempts", attempts::CASES),
        ("blocking", blocking::CASES),
        ("cleanup", cleanup::CASES),
        ("client_grants", client_grants::CASES),
        ("clients", clients::CASES),
        ("codes", codes::CASES),
        ("connections", connections::CASES),
        ("consents", consents::CASES),
        ("engine", engine::CASES),
        ("feed", feed::CASES),
        ("grants", grants::CASES),
        ("jobs", jobs::CASES),
        ("journeys", journeys::CASES),
        ("keys", keys::CASES),
        ("known_addresses", known_addresses::CASES),
        ("log", log::CASES),
        ("nul", nul::CASES),
        ("nul_accounts", nul_accounts::CASES),
        ("passwords", passwords::CASES),
        ("replays", replays::CASES),
        ("reseal", reseal::CASES),
        ("restored", restored::CASES),
        ("revocations", revocations::CASES),
        ("roles", roles::CASES),
        ("rotation", rotation::CASES),
        ("sessions", sessions::CASES),
        ("settings", settings::CASES),
        ("tickets", tickets::CASES),
        ("users", users::CASES),
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
