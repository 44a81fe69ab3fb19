//! What a group of writes owes its members: each keeps or loses only its own, and the answer comes after the sync.

use std::{path::Path, sync::mpsc, time::Duration};

use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::*;

/// A store with one scratch table, so that these tests can write SQL of their own.
struct Scratch {
    store: Store,
    runtime: Runtime,
    folder: TempDir,
}

impl Scratch {
    fn open() -> Self {
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("scratch.db");
        make_table(&file);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .build()
            .unwrap();
        Self {
            store: Store::open(&Database::sqlite(file)).unwrap(),
            runtime,
            folder,
        }
    }

    fn kept(&self) -> Vec<i64> {
        let rows = self.runtime.block_on(self.store.read(|tx| {
            tx.rows("SELECT n FROM scratch ORDER BY n", &[])?
                .into_iter()
                .map(|mut row| row.take())
                .collect()
        }));
        rows.unwrap_or_else(|fault: Fault| panic!("{fault}"))
    }

    /// Holds the writer inside a closure until the sender is used, so that what follows queues up into one group.
    fn hold_writer(&self) -> (mpsc::Sender<()>, tokio::task::JoinHandle<Result<(), Fault>>) {
        let (release, wait) = mpsc::channel::<()>();
        let (entered, inside) = mpsc::channel::<()>();
        let store = self.store.clone();
        let held = self.runtime.spawn(async move {
            store
                .write(move |_| {
                    let _ = entered.send(());
                    let _ = wait.recv_timeout(Duration::from_secs(10));
                    Ok(())
                })
                .await
        });
        inside.recv().unwrap();
        (release, held)
    }

    fn start<T: Send + 'static>(
        &self,
        work: impl FnMut(&mut Tx<'_>) -> Result<T, Fault> + Send + 'static,
    ) -> tokio::task::JoinHandle<Result<T, Fault>> {
        let store = self.store.clone();
        let started = self.runtime.spawn(async move { store.write(work).await });
        // Members join in the order in which they were queued.
        std::thread::sleep(Duration::from_millis(20));
        started
    }

    fn queue_is_full(&self) -> bool {
        match &*self.store.lanes.lock().unwrap() {
            Some(Lanes::Sqlite { prompt, .. }) => prompt.is_full(),
            Some(Lanes::Postgres { .. }) | None => false,
        }
    }

    fn end<T>(&self, task: tokio::task::JoinHandle<Result<T, Fault>>) -> Result<T, Fault> {
        self.runtime.block_on(task).unwrap()
    }
}

fn make_table(file: &Path) {
    let connection = sqlite::open(file, Use::Write).unwrap();
    connection
        .execute_batch("CREATE TABLE scratch (n INTEGER NOT NULL PRIMARY KEY, t TEXT) STRICT")
        .unwrap();
}

#[cfg(unix)]
fn mode(file: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(file).unwrap().permissions().mode() & 0o777
}

#[cfg(unix)]
#[test]
fn a_new_database_and_its_copy_are_for_their_owner_alone() {
    let house = Scratch::open();
    house.end(house.start(|tx| insert(tx, 1))).unwrap();
    let file = |name: &str| house.folder.path().join(name);
    copy_sqlite(&file("scratch.db"), &file("copy.db")).unwrap();
    for name in ["scratch.db", "scratch.db-wal", "scratch.db-shm", "copy.db"] {
        assert_eq!(mode(&file(name)), 0o600, "{name}");
    }
}

#[cfg(unix)]
#[test]
fn a_database_that_others_may_read_is_served_as_it_is() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("old.db");
    make_table(&file);
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).unwrap();
    Store::open(&Database::sqlite(&file)).unwrap().close();
    assert_eq!(mode(&file), 0o640);
}

fn insert(tx: &mut Tx<'_>, n: i64) -> Result<u64, Fault> {
    tx.run("INSERT INTO scratch (n) VALUES ($1)", &[&n])
}

#[test]
fn a_members_refusal_panic_or_broken_rule_harms_nobody_else() {
    let house = Scratch::open();
    let (release, held) = house.hold_writer();
    let first = house.start(|tx| insert(tx, 1));
    let refused = house.start(|tx| insert(tx, 2).and(Err::<(), _>(Fault::Nul)));
    let panicked = house.start(|tx| -> Result<(), Fault> {
        insert(tx, 3)?;
        panic!("a member panics");
    });
    let clashed = house.start(|tx| insert(tx, 4).and_then(|_| insert(tx, 1)));
    let last = house.start(|tx| insert(tx, 5));
    release.send(()).unwrap();

    assert_eq!(house.end(held), Ok(()));
    assert_eq!(house.end(first), Ok(1));
    assert_eq!(house.end(refused), Err(Fault::Nul));
    assert_eq!(house.end(panicked), Err(Fault::Panicked));
    assert!(matches!(house.end(clashed), Err(Fault::Constraint(_))));
    assert_eq!(house.end(last), Ok(1));
    assert_eq!(house.kept(), [1, 5]);
}

#[test]
fn a_later_member_sees_an_earlier_one_and_a_reader_sees_neither_before_the_commit() {
    let house = Scratch::open();
    let (release, held) = house.hold_writer();
    let first = house.start(|tx| insert(tx, 1));
    let second = house.start(|tx| {
        let mut row = tx
            .row("SELECT count(*) FROM scratch", &[])?
            .ok_or(Fault::Nul)?;
        row.take::<i64>()
    });
    assert!(house.kept().is_empty());
    release.send(()).unwrap();
    assert_eq!(house.end(held), Ok(()));
    assert_eq!((house.end(first), house.end(second)), (Ok(1), Ok(1)));
    assert_eq!(house.kept(), [1]);
}

#[test]
fn the_work_of_a_caller_who_has_gone_away_completes() {
    let house = Scratch::open();
    let (release, held) = house.hold_writer();
    let gone = house.start(|tx| insert(tx, 1));
    gone.abort();
    let next = house.start(|tx| insert(tx, 2));
    release.send(()).unwrap();
    assert_eq!((house.end(held), house.end(next)), (Ok(()), Ok(1)));
    assert_eq!(house.kept(), [1, 2]);
}

#[test]
fn a_failed_statement_spoils_the_closure_even_if_it_answers_ok() {
    let house = Scratch::open();
    let hidden = house.start(|tx| {
        insert(tx, 1)?;
        let _ = insert(tx, 1);
        let repeated = insert(tx, 2).unwrap_err();
        assert!(matches!(repeated, Fault::Constraint(_)), "{repeated}");
        Ok(())
    });
    assert!(matches!(house.end(hidden), Err(Fault::Constraint(_))));
    assert!(house.kept().is_empty());
}

#[test]
fn parameters_bind_by_number_whatever_their_order_in_the_text() {
    let house = Scratch::open();
    let swapped = house.start(|tx| {
        tx.run(
            "INSERT INTO scratch (t, n) VALUES ($2, $1)",
            &[&7_i64, &"seven"],
        )
    });
    assert_eq!(house.end(swapped), Ok(1));
    assert_eq!(house.kept(), [7]);
    let missing = house.start(|tx| tx.run("INSERT INTO scratch (n) VALUES ($2)", &[&1_i64]));
    assert!(matches!(house.end(missing), Err(Fault::Sql(_))));
}

#[test]
fn a_reader_cannot_write() {
    let house = Scratch::open();
    let tried = house.runtime.block_on(house.store.read(|tx| insert(tx, 1)));
    assert!(tried.is_err(), "{tried:?}");
    assert!(house.kept().is_empty());
}

#[test]
fn a_full_queue_refuses_at_once_and_what_was_queued_is_kept_at_closing() {
    let house = Scratch::open();
    let (release, held) = house.hold_writer();
    let write = |n: i64| {
        let store = house.store.clone();
        house
            .runtime
            .spawn(async move { store.write(move |tx| insert(tx, n)).await })
    };
    let queued: Vec<_> = (0..QUEUE as i64).map(write).collect();
    while !house.queue_is_full() {
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(house.end(write(-2)), Err(Fault::Busy));
    release.send(()).unwrap();
    house.end(held).unwrap();
    assert!(queued.into_iter().all(|task| house.end(task) == Ok(1)));
    assert_eq!(house.kept().len(), QUEUE);

    let slow = house.start(|tx| {
        std::thread::sleep(Duration::from_millis(100));
        insert(tx, -1)
    });
    house.store.close();
    assert_eq!(house.end(slow), Ok(1));
}

#[test]
fn a_bulk_member_joins_a_busy_group_but_only_one() {
    let house = Scratch::open();
    let (release, held) = house.hold_writer();
    let bulk: Vec<_> = (100..103)
        .map(|n| {
            let store = house.store.clone();
            house.runtime.spawn(async move {
                store
                    .write_as(Priority::Bulk, move |tx| insert(tx, n))
                    .await
            })
        })
        .collect();
    std::thread::sleep(Duration::from_millis(50));
    // The prompt member was queued last and still sees no more than one bulk row: it runs before or with the first.
    let prompt = house.start(|tx| {
        let mut row = tx
            .row("SELECT count(*) FROM scratch", &[])?
            .ok_or(Fault::Nul)?;
        row.take::<i64>()
    });
    release.send(()).unwrap();
    house.end(held).unwrap();
    assert!(house.end(prompt).unwrap() <= 1);
    assert_eq!(
        bulk.into_iter()
            .map(|task| house.end(task))
            .collect::<Vec<_>>(),
        [Ok(1), Ok(1), Ok(1)]
    );
}

#[test]
fn eight_at_once_make_one_file_together() {
    for _ in 0..10 {
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("new.db");
        let opened: Vec<_> = std::thread::scope(|scope| {
            let starts: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| prepare_sqlite(&file).map(drop)))
                .collect();
            starts
                .into_iter()
                .map(|start| start.join().unwrap())
                .collect()
        });
        assert_eq!(opened, vec![Ok(()); 8]);
    }
}

#[test]
fn a_statement_is_parsed_once_whatever_is_bound_to_it() {
    let folder = tempfile::tempdir().unwrap();
    let connection =
        super::sqlite::open(&folder.path().join("plans.db"), super::sqlite::Use::Write).unwrap();
    connection
        .execute_batch(
            "CREATE TABLE t (a INTEGER, b INTEGER); CREATE INDEX only_one ON t (b) WHERE a = 1;",
        )
        .unwrap();
    // Whether the index can be used depends on the value, so that the planner would like to know it.
    let mut statement = connection
        .prepare("SELECT b FROM t WHERE a = $1 AND b > 0")
        .unwrap();
    for value in [1, 2, 1, 3] {
        assert!(!statement.exists([value]).unwrap());
    }
    let again = statement.get_status(rusqlite::StatementStatus::RePrepare);
    assert_eq!(again, 0, "parsed again {again} times");
}
