//! Tracing: no success is sent before it is durable, and yet writes share their syncs.

mod rules;
mod table;

use std::time::Duration;

use rules::{acknowledgements, commits, early_on_postgres, early_on_sqlite, is_log_sync};
use tempfile::TempDir;

use crate::{
    Case,
    cluster::Scratch,
    needs::Need,
    pairs::{Found, Ledger},
    strace::{self, Call},
    writer::Writer,
};

pub const CASES: &[Case] = &[
    (
        "the reader of traces tells a late sync from an early one",
        &[],
        table::holds,
    ),
    (
        "on SQLite no success is sent before the sync of its group, and groups have many members",
        &[Need::Strace],
        sqlite_syncs_first,
    ),
    (
        "on SQLite a sync that fails is no success, and leaves its group in doubt",
        &[Need::Strace],
        a_sync_fails,
    ),
    (
        "on PostgreSQL no success is sent before the server has said that it committed",
        &[Need::Strace, Need::Server],
        postgres_commits_first,
    ),
];

const PAIRS: u64 = 600;

/// Lets a writer write under `strace` to its end.
fn traced(place: &str, calls: &str) -> (Ledger, Vec<Call>) {
    let folder = TempDir::new().unwrap();
    let trace = folder.path().join("trace");
    let mut ledger = Ledger::default();
    let tracer = strace::command(calls, &trace);
    Writer::start_under(Some(tracer), place, 0..PAIRS).finish(&mut ledger);
    let calls = strace::read(&std::fs::read_to_string(trace).unwrap());
    assert_eq!(ledger.kept.len() as u64, PAIRS, "{:?}", ledger.undone);
    assert_eq!(acknowledgements(&calls).count() as u64, PAIRS);
    (ledger, calls)
}

fn sqlite_syncs_first() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("keystead.db");
    let (ledger, calls) = traced(file.to_str().unwrap(), "fsync,fdatasync,write,pwrite64");
    let early = early_on_sqlite(&calls);
    assert!(early.is_empty(), "{} of {PAIRS}: {early:#?}", early.len());
    let syncs = calls.iter().filter(|call| is_log_sync(call)).count();
    note!("{PAIRS} pairs acknowledged after {syncs} syncs of the log");
    assert!(
        syncs * 2 < ledger.kept.len(),
        "writes do not share their syncs"
    );
    ledger.check(&Found::in_sqlite(&file));
}

fn a_sync_fails() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("keystead.db");
    let mut ledger = Ledger::default();
    let tracer = strace::failing_syncs(20, &folder.path().join("trace"));
    let writer = Writer::start_under(Some(tracer), file.to_str().unwrap(), 0..u64::MAX);
    while ledger.unknown.len() + ledger.undone.len() < 50 {
        writer.tell(&mut ledger);
        std::thread::sleep(Duration::from_millis(10));
    }
    writer.abandon(&mut ledger);
    let found = Found::in_sqlite(&file);
    // The pages of the last group, its commit included, are in the log: the next process finds them there.
    let risen = ledger.unknown.keys().filter(|n| found.has(**n)).count();
    let (kept, unknown) = (ledger.kept.len(), ledger.unknown.len());
    note!("{kept} pairs acknowledged, {unknown} unknown, {risen} of these found");
    ledger.check(&found);
    assert!(kept > 0 && unknown > 0);
    assert!(ledger.undone.is_empty(), "{:?}", ledger.undone);
}

fn postgres_commits_first() {
    let scratch = Scratch::new("sync");
    let (ledger, calls) = traced(
        &scratch.url(),
        "write,writev,sendto,sendmsg,read,readv,recvfrom,recvmsg",
    );
    let early = early_on_postgres(&calls);
    assert!(early.is_empty(), "{} of {PAIRS}: {early:#?}", early.len());
    let commits = calls.iter().filter(|call| commits(call)).count();
    note!("{PAIRS} pairs acknowledged after {commits} answers to COMMIT");
    ledger.check(&Found::in_postgres(&scratch.url()));
}
