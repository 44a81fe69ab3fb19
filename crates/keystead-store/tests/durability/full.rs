//! A full disk: everyone concerned hears that it is full, nothing of theirs is kept, and room is all that it needs.

use std::{
    future::poll_fn,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicU64, Ordering},
        mpsc,
    },
    task::Poll,
    time::Duration,
};

use keystead_store::{Fault, Store, Tx, feed, revocations};
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

    /// Puts a closure into the writer's queue; what it answers can be waited for.
    fn queue(
        &self,
        work: impl FnMut(&mut Tx<'_>) -> Result<(), Refused> + Send + 'static,
    ) -> Pin<Box<dyn Future<Output = Result<(), Refused>>>> {
        let store = self.store.clone();
        let mut member = Box::pin(async move { store.write(work).await });
        self.runtime.block_on(poll_fn(|cx| {
            assert!(member.as_mut().poll(cx).is_pending());
            Poll::Ready(())
        }));
        member
    }

    fn fills_up(&mut self) {
        let faults = self.write(2_000);
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

/// Three members of one group: one writes, one refuses because of what the first wrote, one only looks. Whether they
/// failed; if the machine was so busy that they did not come into one group, they count as one that did not.
fn a_group_fails_whole(house: &mut House) -> bool {
    let number = house.next.fetch_add(1, Ordering::Relaxed);
    let seen = Arc::new(AtomicU32::new(0));
    let look = || {
        let seen = Arc::clone(&seen);
        move |tx: &mut Tx<'_>| {
            let id = pairs::name(number, 'b').try_into();
            let is_there = revocations::is_denied(tx, &id.map_err(|_| Fault::Nul)?)?;
            seen.fetch_add(u32::from(is_there), Ordering::Relaxed);
            Ok::<_, Fault>(is_there)
        }
    };
    let (release, released) = mpsc::channel::<()>();
    // The writer is held for longer than a group gathers, so the others meet in the next one.
    let held = house.queue(move |_| {
        let _ = released.recv_timeout(Duration::from_secs(10));
        std::thread::sleep(Duration::from_millis(10));
        Ok(())
    });
    let writes = house.queue(move |tx| Ok(pairs::put(tx, number)?));
    let sees = look();
    let refuses = house.queue(move |tx| {
        if sees(tx)? {
            Err(Refused::SeenEarlier)
        } else {
            Ok(())
        }
    });
    let sees = look();
    let looks = house.queue(move |tx| Ok(sees(tx).map(drop)?));
    release.send(()).unwrap();

    let end = |member| house.runtime.block_on(member);
    assert_eq!(end(held), Ok(()), "there is always room for no change");
    let answers = [end(writes), end(refuses), end(looks)];
    let outcome = match &answers[0] {
        Ok(()) => Outcome::Kept,
        Err(_) => Outcome::Undone("its group had no room".to_owned()),
    };
    house.ledger.note(number, outcome);
    if seen.load(Ordering::Relaxed) < 2 || answers == [Ok(()), Err(Refused::SeenEarlier), Ok(())] {
        return false;
    }
    let is_full = |answer: &_| matches!(answer, Err(Refused::Fault(Fault::Full(_))));
    assert!(answers.iter().all(is_full), "{answers:?}");
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
    // Otherwise it sets room aside for its log.
    cluster::sql(&url, &["ALTER SYSTEM SET wal_recycle = off"]);
    cluster.stop();
    cluster.start();
    let mut house = House::open(&url);
    for left in [0, 512 * 1024] {
        assert_eq!(house.write(10), []);
        cluster::sql(&url, &["CHECKPOINT"]);
        disk.fill(left);
        let faults = house.write(2_000);
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
