//! The one SQLite writer: takes what has queued up, runs each member in its own savepoint, syncs once, answers all.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, RecvTimeoutError, select};
use rusqlite::Connection;

use crate::fault::Fault;

use super::{
    job::{Job, Verdict},
    sqlite::{self, Open, Use},
    tx::Tx,
};

/// A group is closed after this many members …
const MEMBERS: usize = 64;
/// … or after gathering for this long.
const GATHER: Duration = Duration::from_millis(5);

/// The queues that feed the writer.
pub(super) struct Lanes {
    /// What a person or a program waits for.
    pub(super) prompt: Receiver<Box<dyn Job>>,
    /// Imports and clean-up: at most one member joins each group.
    pub(super) bulk: Receiver<Box<dyn Job>>,
}

/// Runs until every sender of both lanes is gone and both are empty. `groups` counts the commits.
pub(super) fn run(connection: &Connection, lanes: &Lanes, groups: &AtomicU64) {
    while let Some(first) = next(lanes) {
        group(connection, first, lanes);
        groups.fetch_add(1, Ordering::Relaxed);
    }
}

/// Waits for work, preferring the prompt lane. `None` once both lanes are closed and empty.
fn next(lanes: &Lanes) -> Option<Box<dyn Job>> {
    if let Ok(job) = lanes.prompt.try_recv() {
        return Some(job);
    }
    select! {
        recv(lanes.prompt) -> job => job.ok().or_else(|| lanes.bulk.recv().ok()),
        recv(lanes.bulk) -> job => job.ok().or_else(|| lanes.prompt.recv().ok()),
    }
}

/// One physical transaction.
fn group(connection: &Connection, first: Box<dyn Job>, lanes: &Lanes) {
    #[expect(
        clippy::disallowed_methods,
        reason = "a group's gathering time is a deadline, not a date"
    )]
    let began = Instant::now();
    let mut answered: Vec<Box<dyn Job>> = Vec::with_capacity(MEMBERS);
    let mut waiting = Some(first);
    let mut bulk_joined = false;
    let mut broken = connection
        .execute_batch("BEGIN IMMEDIATE")
        .map_err(sqlite::fault)
        .err();

    while let Some(mut job) = waiting.take() {
        if broken.is_none() {
            broken = member(connection, job.as_mut()).err();
        }
        answered.push(job);
        if broken.is_some() || answered.len() == MEMBERS || began.elapsed() >= GATHER {
            break;
        }
        waiting = lanes.prompt.try_recv().ok();
        if waiting.is_none() && !bulk_joined {
            waiting = lanes.bulk.try_recv().ok();
            bulk_joined = true;
        }
    }

    let broken = broken.or_else(|| {
        connection
            .execute_batch("COMMIT")
            .map_err(sqlite::commit_fault)
            .err()
    });
    if broken.is_some() && !connection.is_autocommit() {
        // Rolling back can only fail if SQLite has done so already.
        let _ = connection.execute_batch("ROLLBACK");
    }
    for job in answered {
        job.answer(broken.clone());
    }
}

/// Runs one member in its savepoint. `Err` means that the physical transaction is gone, and with it every member.
fn member(connection: &Connection, job: &mut dyn Job) -> Result<(), Fault> {
    sqlite::control(connection, "SAVEPOINT member")?;
    let mut open = Open { connection };
    let mut tx = Tx::new(&mut open);
    let verdict = job.attempt(&mut tx);
    let spoiled = tx.spoiled().cloned();
    if connection.is_autocommit() {
        // SQLite rolls the whole transaction back by itself on some errors, such as a full disk.
        return Err(
            spoiled.unwrap_or_else(|| Fault::Sql("SQLite ended the transaction".to_owned()))
        );
    }
    if verdict == Verdict::Undo {
        sqlite::control(connection, "ROLLBACK TO member")?;
    }
    sqlite::control(connection, "RELEASE member")
}

/// Checkpoints when the writer has paused, so that a commit seldom has to, until `stop` has no sender.
pub(super) fn checkpoint_when_idle(file: PathBuf, groups: Arc<AtomicU64>, stop: Receiver<()>) {
    let Ok(connection) = sqlite::open(&file, Use::Write) else {
        return;
    };
    let (mut seen, mut done) = (0, 0);
    while let Err(RecvTimeoutError::Timeout) = stop.recv_timeout(Duration::from_millis(500)) {
        let now = groups.load(Ordering::Relaxed);
        if now == seen && now != done {
            match connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(())) {
                Ok(()) => done = now,
                Err(why) => tracing::warn!(%why, "checkpoint failed; it will be tried again"),
            }
        }
        seen = now;
    }
}
