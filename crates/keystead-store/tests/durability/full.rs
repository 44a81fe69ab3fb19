//! A full disk: everyone concerned hears that it is full, nothing of theirs is kept, and room is all that it needs.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    time::Duration,
};

use keystead_store::{Fault, Store, feed, revocations};
use tokio::runtime::Runtime;

use crate::{
    Case,
    cluster::{self, Cluster},
    disk::SmallDisk,
    needs::Need,
    pairs::{self, Found, Ledger, Outcome},
    writer::database,
};

pub const CASES: &[Case] = &[
    (
        "SQLite without room fails whole groups, says so, and recovers",
        &[Need::Mount],
        sqlite_without_room,
    ),
    (
        "PostgreSQL without room fails whole, says so, and recovers",
        &[Need::Mount, Need::Cluster],
        postgres_without_room,
    ),
    (
        "PostgreSQL whose log has no room stops, says nothing untrue, and recovers",
        &[Need::Mount, Need::Cluster],
        postgres_log_without_room,
    ),
];

/// A store on a small disk, and what it has promised.
struct House {
    runtime: Runtime,
    store: Store,
    next: Arc<AtomicU64>,
    ledger: Ledger,
}

impl House {
    fn open(place: &str) -> Self {
        Self {
            runtime: crate::runtime(),
            store: Store::open(&database(place)).unwrap(),
            next: Arc::default(),
            ledger: Ledger::default(),
        }
    }

    /// Sixteen tasks write until each has failed, or has written so many pairs. Gives the faults.
    fn write(&mut self, at_most: u64) -> Vec<Fault> {
        let task = |_| {
            let (store, next) = (self.store.clone(), Arc::clone(&self.next));
            self.runtime.spawn(async move {
                let mut answers = Vec::new();
                for _ in 0..at_most {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let answer = pairs::write(&store, number).await;
                    let failed = answer.is_err();
                    answers.push((number, answer));
                    if failed {
                        break;
                    }
                }
                answers
            })
        };
        let mut faults = Vec::new();
        for task in (0..16).map(task).collect::<Vec<_>>() {
            for (number, answer) in self.runtime.block_on(task).unwrap() {
                self.ledger.note(number, Outcome::from(&answer));
                faults.extend(answer.err());
            }
        }
        faults
    }

    fn fills_up(&mut self) {
        let faults = self.write(100_000);
        assert_eq!(faults.len(), 16, "the disk did not fill up");
        let other: Vec<_> = faults
            .iter()
            .filter(|f| !matches!(f, Fault::Full(_)))
            .collect();
        assert!(other.is_empty(), "{other:?}");
        note!(
            "{} pairs until the disk was full: {}",
            self.ledger.kept.len(),
            faults[0]
        );
        self.runtime
            .block_on(self.store.read(feed::newest))
            .unwrap();
    }

    fn goes_on(&mut self) {
        assert_eq!(self.write(20), [], "there is room again");
    }
}

fn sqlite_without_room() {
    let disk = SmallDisk::mount();
    let file = disk.path().join("keystead.db");
    let mut house = House::open(file.to_str().unwrap());
    for left in [0, 4096, 256 * 1024] {
        assert_eq!(house.write(10), []);
        disk.fill(left);
        house.fills_up();
        // A failed group leaves its room in the log to a smaller one.
        while !a_group_fails_whole(&mut house) {}
        house.ledger.check(&Found::in_sqlite(&file));
        disk.make_room();
        house.goes_on();
    }
    house.ledger.check(&Found::in_sqlite(&file));
    house.store.close();
    house.ledger.check(&Found::in_sqlite(&file));
}

/// How a member of a group that refuses its caller ends.
#[derive(Debug, PartialEq, Eq)]
enum Refused {
    SeenEarlier,
    Fault(Fault),
}

impl From<Fault> for Refused {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// Queues up members behind one that holds the writer, so that they form one group. Whether it failed.
fn a_group_fails_whole(house: &mut House) -> bool {
    let (store, runtime) = (&house.store, &house.runtime);
    let start =
        |store: Store,
         work: Box<dyn FnMut(&mut keystead_store::Tx<'_>) -> Result<(), Refused> + Send>| {
            let task = runtime.spawn(async move { store.write(work).await });
            std::thread::sleep(Duration::from_millis(5));
            task
        };
    let (release, wait) = std::sync::mpsc::channel::<()>();
    let held = start(
        store.clone(),
        Box::new(move |_| {
            let _ = wait.recv_timeout(Duration::from_secs(10));
            Ok(())
        }),
    );
    let number = house.next.fetch_add(1, Ordering::Relaxed);
    let seen = Arc::new(AtomicU32::new(0));
    let writes = start(
        store.clone(),
        Box::new(move |tx| Ok(pairs::put(tx, number)?)),
    );
    let witness = Arc::clone(&seen);
    let refuses = start(
        store.clone(),
        Box::new(move |tx| {
            let id = pairs::name(number, 'b')
                .try_into()
                .map_err(|_| Fault::Nul)?;
            if revocations::is_denied(tx, &id)? {
                witness.fetch_add(1, Ordering::Relaxed);
                return Err(Refused::SeenEarlier);
            }
            Ok(())
        }),
    );
    let reads = start(
        store.clone(),
        Box::new(|tx| Ok(feed::newest(tx).map(drop)?)),
    );
    release.send(()).unwrap();
    // It changed nothing, and there is always room for nothing.
    assert_eq!(runtime.block_on(held).unwrap(), Ok(()));
    let answers = [writes, refuses, reads].map(|member| runtime.block_on(member).unwrap());
    assert_eq!(
        seen.load(Ordering::Relaxed),
        1,
        "the second saw what the first had written"
    );
    if answers == [Ok(()), Err(Refused::SeenEarlier), Ok(())] {
        house.ledger.note(number, Outcome::Kept);
        return false;
    }
    let all_heard = answers
        .iter()
        .all(|a| matches!(a, Err(Refused::Fault(Fault::Full(_)))));
    assert!(all_heard, "{answers:?}");
    house
        .ledger
        .note(number, Outcome::Undone("its group had no room".to_owned()));
    true
}

fn postgres_without_room() {
    let disk = SmallDisk::mount();
    let cluster = Cluster::start_new(&[]);
    // Only the tables stand on the small disk; a log without room is another case.
    cluster::sql(
        &cluster.url("postgres"),
        &[
            &format!("CREATE TABLESPACE small LOCATION '{}'", disk.folder()),
            "CREATE DATABASE keystead TABLESPACE small",
        ],
    );
    let url = cluster.url("keystead");
    cluster::migrate(&url);
    let mut house = House::open(&url);
    for left in [0, 64 * 1024] {
        assert_eq!(house.write(10), []);
        disk.fill(left);
        house.fills_up();
        house.ledger.check(&Found::in_postgres(&url));
        disk.make_room();
        house.goes_on();
    }
    house.ledger.check(&Found::in_postgres(&url));
    house.store.close();
}

fn postgres_log_without_room() {
    let disk = SmallDisk::mount();
    let log = format!("--waldir={}", disk.folder());
    let mut cluster = Cluster::start_new(&[&log, "--wal-segsize=1"]);
    let url = cluster.url("postgres");
    cluster::sql(
        &url,
        &[
            "ALTER SYSTEM SET wal_recycle = off",
            "SELECT pg_reload_conf()",
        ],
    );
    let mut house = House::open(&url);
    for left in [0, 512 * 1024] {
        assert_eq!(house.write(10), []);
        // It removes what was set aside for later.
        cluster::sql(&url, &["CHECKPOINT"]);
        disk.fill(left);
        let faults = house.write(100_000);
        assert_eq!(faults.len(), 16, "the disk did not fill up");
        let is_honest = |f: &Fault| matches!(f, Fault::Unavailable(_) | Fault::CommitUnknown(_));
        assert!(faults.iter().all(is_honest), "{faults:?}");
        // The server has stopped, and could not start again.
        cluster.kill();
        disk.make_room();
        cluster.start();
        let found = Found::in_postgres(&url);
        house.ledger.check(&found);
        let unknown = &house.ledger.unknown;
        note!(
            "{} pairs kept until the server stopped, {} unknown of which {} were kept",
            house.ledger.kept.len(),
            unknown.len(),
            unknown.keys().filter(|n| found.has(**n)).count()
        );
        house.goes_on();
    }
    house.ledger.check(&Found::in_postgres(&url));
    house.store.close();
}
