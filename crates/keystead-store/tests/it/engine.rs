//! What holds for any transaction, whichever verbs it calls.

use std::{
    future::poll_fn,
    panic::resume_unwind,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
        mpsc,
    },
    task::Poll,
    time::Duration,
};

use keystead_protocol::time::Timestamp;
use keystead_store::{Dialect, Fault, Tx, feed, grants, grants::Grant, revocations};

use crate::{Case, accounts::HOUR, house::House};

pub const CASES: &[Case] = &[
    ("a read is answered", |house| {
        assert_eq!(house.read(feed::newest), Ok(0));
    }),
    ("after closing, callers hear that it is closed", |house| {
        house.store.close();
        assert_eq!(house.write(|_| Ok(())), Err(Fault::Closed));
    }),
    (
        "of eighty at once, those that refuse, panic or break a rule harm nobody else",
        |house| {
            let (meeting, now) = (house.meeting(), house.now());
            let answers = house.race((0..80).map(|n| {
                let orphan = Grant {
                    user: "auth0|nobody".try_into().unwrap(),
                    ..house.unbegun_grant(&meeting)
                };
                move |tx: &mut Tx<'_>| {
                    deny(tx, n, now)?;
                    match n % 4 {
                        0 => Ok(()),
                        1 => Err(Fault::Busy),
                        // A panic that prints nothing.
                        2 => resume_unwind(Box::new("a member panics")),
                        _ => grants::begin(tx, &orphan, now),
                    }
                }
            }));
            for (n, answer) in answers.iter().enumerate() {
                let is_as_expected = match n % 4 {
                    0 => *answer == Ok(()),
                    1 => *answer == Err(Fault::Busy),
                    2 => *answer == Err(Fault::Panicked),
                    _ => matches!(answer, Err(Fault::Constraint(_))),
                };
                assert!(is_as_expected, "{n}: {answer:?}");
            }
            assert_eq!(denied(house), (0..80).step_by(4).collect::<Vec<_>>());
            // Nor does it harm who comes later: more writes than there are connections.
            let later = house.race((80..100).map(|n| move |tx: &mut Tx<'_>| deny(tx, n, now)));
            assert_eq!(later, vec![Ok(()); 20]);
        },
    ),
    (
        "two who wait for each other are both done, one of them at a later try",
        |house| {
            let (now, runs) = (house.now(), Arc::new(AtomicU32::new(0)));
            let ((one, other), (meets_one, meets_other)) = {
                let (a, b) = (mpsc::channel::<()>(), mpsc::channel::<()>());
                ((a.0, b.0), (a.1, b.1))
            };
            let sides = [(0, 1, one, meets_other), (1, 0, other, meets_one)];
            let answers = house.race(sides.map(|(mine, theirs, here, met)| {
                let runs = Arc::clone(&runs);
                move |tx: &mut Tx<'_>| {
                    runs.fetch_add(1, Ordering::Relaxed);
                    deny(tx, mine, now)?;
                    // Each has its own row before it asks for the other's. SQLite lets one in at a time: nobody comes.
                    let _ = here.send(());
                    let _ = met.recv_timeout(Duration::from_millis(500));
                    deny(tx, theirs, now)
                }
            }));
            assert_eq!(answers, [Ok(()), Ok(())]);
            let runs = runs.load(Ordering::Relaxed);
            let expected = match house.store.dialect() {
                Dialect::Sqlite => runs == 2,
                Dialect::Postgres => runs > 2,
            };
            assert!(expected, "{runs} runs");
            assert_eq!(denied(house), [0, 1]);
        },
    ),
    ("the work of callers who have gone away is done", |house| {
        let now = house.now();
        let mut callers = Vec::new();
        let mut held = Vec::new();
        for n in 0..5 {
            let (release, released) = mpsc::channel::<()>();
            let store = house.store.clone();
            let mut caller = Box::pin(async move {
                let write = store.write(move |tx| {
                    // Nothing is ever sent: it ends when the other end goes.
                    let _ = released.recv_timeout(Duration::from_secs(10));
                    deny(tx, n, now)
                });
                write.await
            });
            let waits = house.wait(poll_fn(|cx| {
                Poll::Ready(caller.as_mut().poll(cx).is_pending())
            }));
            assert!(waits);
            callers.push(caller);
            held.push(release);
        }
        drop(callers);
        drop(held);
        house.store.close();
        assert_eq!(denied(house), [0, 1, 2, 3, 4]);
    }),
];

/// Leaves a row that tells who wrote it.
fn deny(tx: &mut Tx<'_>, n: i64, now: Timestamp) -> Result<(), Fault> {
    let id = format!("t{n}").as_str().try_into();
    let until = now + HOUR + Duration::from_millis(n.unsigned_abs());
    revocations::deny(tx, &id.map_err(|_| Fault::Nul)?, until)
}

/// Whose rows are there.
fn denied(house: &House) -> Vec<i64> {
    let from = (house.now() + HOUR).as_millis();
    let mut left = house.integers("SELECT expires_at FROM denied_tokens");
    left.iter_mut().for_each(|until| *until -= from);
    left.sort_unstable();
    left
}
