//! Two processes on one database: a change in one is seen by the other within a second, and both may write.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    process::{Command, Stdio},
    sync::mpsc,
    time::{Duration, Instant},
};

use keystead_protocol::time::Timestamp;
use keystead_store::{
    Fault, Store,
    feed::{self, News},
    settings::{self, Setting},
};
use rand_chacha::rand_core::Rng as _;
use serde::{Deserialize, Serialize};
use tempfile::TempDir;

use crate::{
    Case,
    cluster::Scratch,
    needs::Need,
    pairs::{self, Found, Ledger, Outcome},
    writer::{Writer, database},
};

pub const CASES: &[Case] = &[
    (
        "a change by another process on one PostgreSQL is seen within a second",
        &[Need::Server],
        || changes_are_seen(&Scratch::new("neighbours").url()),
    ),
    (
        "a change by another process on one SQLite file is seen within a second",
        &[],
        || {
            let folder = TempDir::new().unwrap();
            changes_are_seen(folder.path().join("keystead.db").to_str().unwrap());
        },
    ),
    (
        "two processes write to one SQLite file without a fault",
        &[],
        both_write,
    ),
];

/// As this program's first argument, it makes it an administrator.
const FLAG: &str = "--as-administrator";
/// How often a server asks for news.
const POLL: Duration = Duration::from_millis(200);
/// Within what time a change is in force everywhere.
const PROMISE: Duration = Duration::from_secs(1);
const CHANGES: u32 = 12;
const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

/// What the administrator changes and the server caches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Motto(u32);

impl Setting for Motto {
    const NAME: &'static str = "motto";
}

pub fn administrator_was_asked_for() -> bool {
    std::env::args().nth(1).as_deref() == Some(FLAG)
}

/// The administrator's process: makes the changes that it reads, and says when each has been acknowledged.
pub fn run_administrator() {
    let store = Store::open(&database(&std::env::args().nth(2).unwrap())).unwrap();
    let runtime = crate::runtime();
    for line in std::io::stdin().lock().lines().map_while(Result::ok) {
        let motto = Motto(line.parse().unwrap());
        runtime
            .block_on(store.write(move |tx| settings::put(tx, &motto, NOW)))
            .unwrap();
        println!("{line}");
    }
}

/// A server: reads again what the feed names, and tells after each look which motto it has, until nobody listens.
fn serve(place: &str, has: &mpsc::Sender<(Option<Motto>, Instant)>) {
    let store = Store::open(&database(place)).unwrap();
    let runtime = crate::runtime();
    let mut after = runtime.block_on(store.read(feed::newest)).unwrap();
    let mut motto = None;
    while has.send((motto.clone(), crate::now())).is_ok() {
        std::thread::sleep(POLL);
        let news = runtime.block_on(store.read(move |tx| feed::since(tx, after)));
        after = match news.unwrap() {
            News::Changes(changes) if changes.is_empty() => continue,
            News::Changes(changes) => changes.last().unwrap().number,
            News::Everything { newest } => newest,
        };
        let stored = runtime.block_on(store.read(settings::get::<Motto>));
        motto = stored.unwrap().map(|stored| stored.value);
    }
    store.close();
}

fn changes_are_seen(place: &str) {
    let mut rng = crate::seeded();
    Store::open(&database(place)).unwrap().close();
    let mut administrator = Command::new(std::env::current_exe().unwrap())
        .args([FLAG, place])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut ask = administrator.stdin.take().unwrap();
    let mut acks = BufReader::new(administrator.stdout.take().unwrap()).lines();
    let slowest = std::thread::scope(|scope| {
        let (has, server) = mpsc::channel();
        scope.spawn(move || serve(place, &has));
        let mut change = |number: u32| {
            // Between two looks of the server, at another moment each time.
            std::thread::sleep(POLL / 2 + Duration::from_millis(u64::from(rng.next_u32() % 200)));
            writeln!(ask, "{number}").unwrap();
            assert_eq!(acks.next().unwrap().unwrap(), number.to_string());
            let acknowledged = crate::now();
            let seen = |(motto, at): &(Option<Motto>, Instant)| {
                *motto == Some(Motto(number))
                    || at.saturating_duration_since(acknowledged) > PROMISE
            };
            let (_, at) = server.iter().find(seen).unwrap();
            at.saturating_duration_since(acknowledged)
        };
        (1..=CHANGES).map(&mut change).max().unwrap()
    });
    drop(ask);
    assert!(administrator.wait().unwrap().success());
    note!(
        "{CHANGES} changes seen, the slowest {} ms after it was acknowledged",
        slowest.as_millis()
    );
    assert!(slowest < PROMISE);
}

fn both_write() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("keystead.db");
    let place = file.to_str().unwrap();
    let (mut theirs, mut ours) = (Ledger::default(), Ledger::default());
    let writer = Writer::start(place, 0..u64::MAX);
    writer.acknowledges(&mut theirs, Duration::from_secs(20));
    let store = Store::open(&database(place)).unwrap();
    let runtime = crate::runtime();
    let until = crate::now() + Duration::from_secs(1);
    let task = |task: u64| {
        let store = store.clone();
        runtime.spawn(async move {
            let mut answers: Vec<(u64, Result<(), Fault>)> = Vec::new();
            let mut number = 5_000_000_000 + task;
            while crate::now() < until {
                answers.push((number, pairs::write(&store, number).await));
                number += 16;
            }
            answers
        })
    };
    for task in (0..16).map(task).collect::<Vec<_>>() {
        for (number, answer) in runtime.block_on(task).unwrap() {
            ours.note(number, Outcome::from(&answer));
        }
    }
    writer.kill(&mut theirs);
    note!(
        "in a second: {} pairs here, {} there",
        ours.kept.len(),
        theirs.kept.len()
    );
    for ledger in [&ours, &theirs] {
        assert!(
            ledger.undone.is_empty() && ledger.unknown.is_empty(),
            "{ledger:?}"
        );
        assert!(ledger.kept.len() > 20, "one process starves the other");
        ledger.check(&Found::in_sqlite(&file));
    }
    store.close();
}
