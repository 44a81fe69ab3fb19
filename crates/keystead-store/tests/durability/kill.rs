//! `kill -9` at random moments: whatever was acknowledged before is there afterwards, and nothing by half.

use std::time::Duration;

use rand_chacha::{ChaCha20Rng, rand_core::Rng as _};
use tempfile::TempDir;

use crate::{
    Case,
    cluster::Cluster,
    needs::Need,
    pairs::{Found, Ledger},
    writer::Writer,
};

pub const CASES: &[Case] = &[
    (
        "what SQLite acknowledged outlives 50 deaths of the writing process",
        &[],
        the_process_dies,
    ),
    (
        "what PostgreSQL acknowledged outlives 50 deaths of the server, and the store goes on by itself",
        &[Need::Cluster],
        the_server_dies,
    ),
];

const DEATHS: u64 = 50;
/// How long a writer or a server may take to come back.
const PATIENCE: Duration = Duration::from_secs(20);

/// From 5 to 150 ms.
fn a_while(rng: &mut ChaCha20Rng) -> Duration {
    Duration::from_millis(5 + u64::from(rng.next_u32() % 146))
}

fn the_process_dies() {
    let mut rng = crate::seeded();
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("keystead.db");
    let (mut ledger, mut found) = (Ledger::default(), Found::default());
    for life in 0..DEATHS {
        let writer = Writer::start(file.to_str().unwrap(), life * 1_000_000..u64::MAX);
        writer.acknowledges(&mut ledger, PATIENCE);
        std::thread::sleep(a_while(&mut rng));
        writer.kill(&mut ledger);
        found = Found::in_sqlite(&file);
        ledger.check(&found);
    }
    assert!(
        ledger.undone.is_empty() && ledger.unknown.is_empty(),
        "{ledger:?}"
    );
    let (kept, count) = (ledger.kept.len(), found.count());
    note!("{DEATHS} deaths: {kept} pairs acknowledged, {count} found");
}

fn the_server_dies() {
    let mut rng = crate::seeded();
    let mut cluster = Cluster::start_new(&[]);
    let url = cluster.url("postgres");
    let mut ledger = Ledger::default();
    let writer = Writer::start(&url, 0..u64::MAX);
    for _ in 0..DEATHS {
        writer.acknowledges(&mut ledger, PATIENCE);
        std::thread::sleep(a_while(&mut rng));
        cluster.kill();
        cluster.start();
        // It cannot have been acknowledged anything since, so the next one comes from the new server.
        writer.tell(&mut ledger);
        ledger.check(&Found::in_postgres(&url));
    }
    writer.acknowledges(&mut ledger, PATIENCE);
    writer.kill(&mut ledger);
    let found = Found::in_postgres(&url);
    ledger.check(&found);
    let (kept, undone, unknown) = (ledger.kept.len(), ledger.undone.len(), ledger.unknown.len());
    let risen = ledger.unknown.keys().filter(|n| found.has(**n)).count();
    note!(
        "{DEATHS} deaths: {kept} pairs acknowledged, {undone} undone, {unknown} unknown ({risen} of them kept), {} found",
        found.count()
    );
}
