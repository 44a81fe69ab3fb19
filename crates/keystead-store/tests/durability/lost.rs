//! PostgreSQL goes away: writes are whole or nothing, nobody waits for long, and the same store goes on afterwards.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
    },
    time::Duration,
};

use keystead_store::{Fault, Store, feed};
use tokio::{runtime::Runtime, task::JoinHandle};

use crate::{
    Case,
    cluster::{self, Cluster, Scratch},
    needs::Need,
    pairs::{self, Found, Ledger, Outcome},
    writer::database,
};

pub const CASES: &[Case] = &[
    (
        "a write whose connection is ended is whole, often by another try",
        &[Need::Server],
        connections_are_ended,
    ),
    (
        "a connection that the server ended while it was idle is replaced unnoticed",
        &[Need::Server],
        idle_connections_are_ended,
    ),
    (
        "a stopped server is unavailable at once, and used again when it is back",
        &[Need::Cluster],
        the_server_stops,
    ),
];

/// The longest that anybody may wait for an answer while there is no server.
const BOUND: Duration = Duration::from_secs(10);

/// Sixteen tasks that write pairs until they are told to stop.
struct Load {
    stop: Arc<AtomicBool>,
    tasks: Vec<JoinHandle<Vec<Written>>>,
}

/// How one write went.
struct Written {
    number: u64,
    answer: Result<(), Fault>,
    /// How often its closure ran.
    runs: u32,
    took: Duration,
}

impl Load {
    fn start(runtime: &Runtime, store: &Store) -> Self {
        let (stop, next) = (
            Arc::new(AtomicBool::new(false)),
            Arc::new(AtomicU64::new(0)),
        );
        let task = |_| {
            let (store, stop, next) = (store.clone(), Arc::clone(&stop), Arc::clone(&next));
            runtime.spawn(async move {
                let mut written = Vec::new();
                while !stop.load(Ordering::Relaxed) {
                    written.push(write_slowly(&store, next.fetch_add(1, Ordering::Relaxed)).await);
                    if written.last().is_some_and(|w: &Written| w.answer.is_err()) {
                        tokio::time::sleep(Duration::from_millis(10)).await;
                    }
                }
                written
            })
        };
        Self {
            tasks: (0..16).map(task).collect(),
            stop,
        }
    }

    fn stop(self, runtime: &Runtime) -> Vec<Written> {
        self.stop.store(true, Ordering::Relaxed);
        let tasks = self.tasks.into_iter();
        tasks
            .flat_map(|task| runtime.block_on(task).unwrap())
            .collect()
    }
}

/// Writes a pair in a transaction that stays open for a while.
async fn write_slowly(store: &Store, number: u64) -> Written {
    let (began, runs) = (crate::now(), Arc::new(AtomicU32::new(0)));
    let count = Arc::clone(&runs);
    let answer = store
        .write(move |tx| {
            count.fetch_add(1, Ordering::Relaxed);
            pairs::put(tx, number)?;
            std::thread::sleep(Duration::from_millis(2));
            Ok(())
        })
        .await;
    Written {
        number,
        answer,
        runs: runs.load(Ordering::Relaxed),
        took: began.elapsed(),
    }
}

/// Holds what was promised against what is there, and says how the writes went.
fn account(written: &[Written], url: &str) {
    let mut ledger = Ledger::default();
    for Written { number, answer, .. } in written {
        if let Err(fault) = answer {
            let expected = matches!(fault, Fault::Unavailable(_) | Fault::CommitUnknown(_));
            assert!(expected, "{fault:?}");
        }
        ledger.note(*number, Outcome::from(answer));
    }
    let found = Found::in_postgres(url);
    ledger.check(&found);
    note!(
        "{} pairs kept ({} at a later try), {} undone, {} unknown, {} found",
        ledger.kept.len(),
        retried(written),
        ledger.undone.len(),
        ledger.unknown.len(),
        found.count()
    );
}

fn retried(written: &[Written]) -> usize {
    written
        .iter()
        .filter(|w| w.answer.is_ok() && w.runs > 1)
        .count()
}

fn connections_are_ended() {
    let scratch = Scratch::new("ended");
    let runtime = crate::runtime();
    let store = Store::open(&database(&scratch.url())).unwrap();
    let mut administrator = postgres::Client::connect(scratch.server(), postgres::NoTls).unwrap();
    let load = Load::start(&runtime, &store);
    let mut ended = 0;
    for _ in 0..40 {
        std::thread::sleep(Duration::from_millis(50));
        ended += administrator
            .execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                 WHERE datname = $1 AND application_name = 'keystead'",
                &[&scratch.name()],
            )
            .unwrap();
    }
    let written = load.stop(&runtime);
    note!("{ended} connections ended");
    account(&written, &scratch.url());
    assert!(ended > 40 && retried(&written) > 0);
    store.close();
}

fn idle_connections_are_ended() {
    let scratch = Scratch::new("idle");
    let end_soon = format!(
        "ALTER DATABASE {} SET idle_session_timeout = '200ms'",
        scratch.name()
    );
    cluster::sql(scratch.server(), &[&end_soon]);
    let runtime = crate::runtime();
    let store = Store::open(&database(&scratch.url())).unwrap();
    for number in 0..4 {
        std::thread::sleep(Duration::from_millis(400));
        assert_eq!(runtime.block_on(pairs::write(&store, number)), Ok(()));
        std::thread::sleep(Duration::from_millis(400));
        assert_eq!(runtime.block_on(store.ping()), Ok(()));
    }
    note!("4 writes and 4 reads on connections that had ended");
    store.close();
}

fn the_server_stops() {
    let mut cluster = Cluster::start_new(&[]);
    let url = cluster.url("postgres");
    let runtime = crate::runtime();
    let store = Store::open(&database(&url)).unwrap();
    let load = Load::start(&runtime, &store);
    for _ in 0..2 {
        std::thread::sleep(Duration::from_millis(300));
        cluster.stop();
        for _ in 0..20 {
            let began = crate::now();
            let heard = runtime.block_on(store.read(feed::newest));
            assert!(matches!(heard, Err(Fault::Unavailable(_))), "{heard:?}");
            let heard = runtime.block_on(store.ping());
            assert!(matches!(heard, Err(Fault::Unavailable(_))), "{heard:?}");
            assert!(began.elapsed() < BOUND);
        }
        cluster.start();
        runtime.block_on(store.read(feed::newest)).unwrap();
    }
    std::thread::sleep(Duration::from_millis(300));
    let written = load.stop(&runtime);
    account(&written, &url);
    let refused = written
        .iter()
        .filter(|w| matches!(w.answer, Err(Fault::Unavailable(_))))
        .count();
    let longest = written.iter().map(|w| w.took).max().unwrap();
    note!("{refused} writes heard that the server was away; the longest answer took {longest:?}");
    assert!(refused > 0 && longest < BOUND);
    let last = written.iter().max_by_key(|w| w.number).unwrap();
    assert_eq!(
        last.answer,
        Ok(()),
        "the store goes on after the server is back"
    );
    store.close();
}
