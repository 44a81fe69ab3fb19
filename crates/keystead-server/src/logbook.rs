//! Log lines that nobody waits for: gathered, written in batches within a second, merged when there are too many or when they
//! are refusals of strangers.

use std::{
    collections::{HashMap, hash_map::Entry as Slot},
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use keystead_store::{
    Priority, Store,
    log::{self, Entry},
};
use tokio::sync::{mpsc, oneshot};

use crate::limits::household;

/// How many lines may wait before alike ones are merged.
const WAITING: usize = 4096;
/// A batch is written when it has this many lines …
const BATCH: usize = 128;
/// … or this long after its first: what a crash can lose.
const WITHIN: Duration = Duration::from_millis(500);
/// How many different lines are kept while the queue is full; beyond that only their number is known.
const KINDS: usize = 256;

/// Where lines go that may be written a moment later: tokens for machines, refusals. What must not be lost is written by
/// whoever changes something, in the same transaction.
#[derive(Clone)]
pub struct Logbook {
    lines: mpsc::Sender<Note>,
    waiting: Arc<Mutex<Option<mpsc::Receiver<Note>>>>,
    merged: Merged,
}

/// What stands in the queue.
enum Note {
    Line(Box<Entry>),
    /// Whoever waits here is told when everything before it is written.
    Flush(oneshot::Sender<()>),
}

/// Lines that found the queue full.
type Merged = Arc<Mutex<HashMap<Alike, Entry>>>;

/// What makes lines count as one when there are too many.
#[derive(PartialEq, Eq, Hash)]
struct Alike(String, Option<String>, Option<String>);

impl Default for Logbook {
    fn default() -> Self {
        let (lines, waiting) = mpsc::channel(WAITING);
        Self {
            lines,
            waiting: Arc::new(Mutex::new(Some(waiting))),
            merged: Arc::default(),
        }
    }
}

impl Logbook {
    /// Starts the writer; what was noted before is written too. A second call does nothing.
    pub fn start(&self, store: &Store) {
        let waiting = self
            .waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(waiting) = waiting {
            tokio::spawn(write(store.clone(), waiting, Arc::clone(&self.merged)));
        }
    }

    /// Waits until everything that was noted is written, or given up.
    pub async fn flush(&self) {
        let (written, told) = oneshot::channel();
        if self.lines.send(Note::Flush(written)).await.is_ok() {
            let _ = told.await;
        }
    }

    /// Notes a line. Never waits and never refuses: when the queue is full, lines of the same kind, client and
    /// description become one that counts them.
    pub fn note(&self, line: Entry) {
        let note = self.lines.try_send(Note::Line(Box::new(line)));
        if let Err(mpsc::error::TrySendError::Full(Note::Line(line))) = note {
            let mut merged = self.merged.lock().unwrap_or_else(PoisonError::into_inner);
            let client = line.client.as_ref().map(ToString::to_string);
            let room = merged.len() < KINDS;
            match merged.entry(Alike(line.kind.clone(), client, line.description.clone())) {
                Slot::Occupied(first) => {
                    let first = first.into_mut();
                    first.occurrences = first.occurrences.saturating_add(line.occurrences);
                }
                Slot::Vacant(place) if room => drop(place.insert(*line)),
                Slot::Vacant(_) => metrics::counter!("keystead_log_lines_dropped").increment(1),
            }
        }
    }
}

async fn write(store: Store, mut waiting: mpsc::Receiver<Note>, merged: Merged) {
    while let Some(first) = waiting.recv().await {
        let mut batch = Vec::with_capacity(BATCH);
        let mut flushed = None;
        let gather = async {
            let mut next = Some(first);
            while let Some(note) = next {
                match note {
                    Note::Line(line) => batch.push(*line),
                    Note::Flush(told) => {
                        flushed = Some(told);
                        break;
                    }
                }
                next = if batch.len() < BATCH {
                    waiting.recv().await
                } else {
                    None
                };
            }
        };
        // Running out of time is how a small batch ends.
        let _ = tokio::time::timeout(WITHIN, gather).await;
        batch.extend(
            merged
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .drain()
                .map(|(_, line)| line),
        );
        keep(&store, count_strangers(batch)).await;
        if let Some(told) = flushed {
            let _ = told.send(());
        }
    }
}

/// Of refusals that no user stands behind, one in a batch is kept for each kind, client and household, and counts the others.
/// The log has a bounded length: one stranger, who may name any client, should not push other people's lines out of it
/// within the hour.
fn count_strangers(batch: Vec<Entry>) -> Vec<Entry> {
    let mut kept: Vec<Entry> = Vec::with_capacity(batch.len());
    for line in batch {
        let refused = line.user.is_none() && line.kind.starts_with('f');
        let alike = refused.then(|| {
            kept.iter_mut().find(|first| {
                (&first.kind, &first.client, &first.user) == (&line.kind, &line.client, &line.user)
                    && household_of(first) == household_of(&line)
            })
        });
        match alike.flatten() {
            Some(first) => first.occurrences = first.occurrences.saturating_add(line.occurrences),
            None => kept.push(line),
        }
    }
    kept
}

fn household_of(line: &Entry) -> Option<IpAddr> {
    let address = line.address.as_ref()?.parse().ok()?;
    Some(household(address))
}

/// Writes a batch, trying again while the database is away for a moment.
async fn keep(store: &Store, batch: Vec<Entry>) {
    let lines = Arc::new(batch);
    for pause in [
        Duration::from_millis(200),
        Duration::from_secs(1),
        Duration::from_secs(5),
        Duration::ZERO,
    ] {
        let these = Arc::clone(&lines);
        let written = store
            .write_as(Priority::Bulk, move |tx| log::append_all(tx, &these))
            .await;
        match written {
            Ok(()) => return,
            Err(fault) if fault.is_temporary() && !pause.is_zero() => {
                tokio::time::sleep(pause).await;
            }
            Err(fault) => {
                metrics::counter!("keystead_log_lines_dropped").increment(lines.len() as u64);
                tracing::error!(%fault, lines = lines.len(), "log lines are lost");
                return;
            }
        }
    }
}
