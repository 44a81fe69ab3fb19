//! Jobs: one worker at a time, none lost to a worker that vanishes, none done by one that was too late.

use std::{collections::BTreeSet, time::Duration};

use keystead_protocol::ids::JobId;
use keystead_store::{
    Tx,
    jobs::{self, Claim, Hold, Job, Stage},
};
use serde_json::json;

use crate::{
    Case,
    accounts::{DAY, HOUR, MINUTE},
    house::House,
};

const TICK: Duration = Duration::from_millis(1);

pub const CASES: &[Case] = &[
    (
        "a job goes from waiting over claimed to finished",
        |house| {
            let (job, now) = (queue(house, Duration::ZERO), house.now());
            let progress = found(house, &job.id);
            assert_eq!((progress.job, progress.attempts), (job.clone(), 0));
            assert_eq!((progress.stage, progress.outcome), (Stage::Waiting, None));
            assert_eq!(progress.created_at, now);

            let claim = claim(house, "a").unwrap();
            assert_eq!((&claim.job, claim.attempt), (&job, 1));
            let stage = Stage::Claimed {
                by: "a".to_owned(),
                until: now + MINUTE,
            };
            assert_eq!(found(house, &job.id).stage, stage);

            house.advance(TICK);
            assert_eq!(finish(house, &claim), Hold::Good);
            let progress = found(house, &job.id);
            assert_eq!(progress.stage, Stage::Finished { at: house.now() });
            assert_eq!(progress.outcome, Some(json!({"done": 1})));
            assert_eq!(self::claim(house, "b"), None);
            assert_eq!(finish(house, &claim), Hold::Lost);
            assert_eq!(fail(house, &claim), Hold::Lost);
        },
    ),
    (
        "what is due longest comes first, and nothing before it is due",
        |house| {
            let late = queue(house, 2 * MINUTE);
            let early = queue(house, MINUTE);
            house.advance(MINUTE - TICK);
            assert_eq!(claim(house, "a"), None);
            house.advance(TICK);
            assert_eq!(claim(house, "a").unwrap().job, early);
            assert_eq!(claim(house, "a"), None);
            house.advance(2 * MINUTE);
            // The claim on the first has lapsed, and it is still the one that has been due longest.
            assert_eq!(claim(house, "a").unwrap().job, early);
            assert_eq!(claim(house, "a").unwrap().job, late);
        },
    ),
    (
        "a claim that lapses can be claimed again, and the late worker is told",
        |house| {
            let job = queue(house, Duration::ZERO);
            let first = claim(house, "a").unwrap();
            house.advance(MINUTE - TICK);
            assert_eq!(claim(house, "b"), None);
            house.advance(TICK);
            let second = claim(house, "a").unwrap();
            assert_eq!((&second.job, second.attempt), (&job, 2));
            // Even of the same name: the attempt tells them apart.
            assert_eq!(finish(house, &first), Hold::Lost);
            assert_eq!(fail(house, &first), Hold::Lost);
            assert_eq!(finish(house, &second), Hold::Good);
        },
    ),
    (
        "a claim that lapsed and that nobody took is still good",
        |house| {
            queue(house, Duration::ZERO);
            let claim = claim(house, "a").unwrap();
            house.advance(HOUR);
            assert_eq!(finish(house, &claim), Hold::Good);
        },
    ),
    (
        "a failed job waits for its retry, with what went wrong",
        |house| {
            let job = queue(house, Duration::ZERO);
            let first = claim(house, "a").unwrap();
            assert_eq!(fail(house, &first), Hold::Good);
            let progress = found(house, &job.id);
            assert_eq!((progress.stage, progress.attempts), (Stage::Waiting, 1));
            assert_eq!(progress.outcome, Some(json!({"error": "no"})));
            assert_eq!(finish(house, &first), Hold::Lost);
            house.advance(HOUR - TICK);
            assert_eq!(claim(house, "a"), None);
            house.advance(TICK);
            assert_eq!(claim(house, "a").unwrap().attempt, 2);
        },
    ),
    ("an expired job is not begun any more", |house| {
        queue(house, Duration::ZERO);
        house.advance(DAY);
        assert_eq!(claim(house, "a"), None);
    }),
    ("one job and sixteen workers: one has it", |house| {
        queue(house, Duration::ZERO);
        let claims = race(house, 16);
        assert_eq!(claims.len(), 1, "{claims:?}");
    }),
    (
        "forty jobs and sixteen workers: each job is claimed once",
        |house| {
            for _ in 0..40 {
                queue(house, Duration::ZERO);
            }
            let mut claimed = BTreeSet::new();
            for _ in 0..80 {
                for claim in race(house, 16) {
                    assert_eq!(claim.attempt, 1);
                    assert!(claimed.insert(claim.job.id.to_string()), "{claim:?}");
                }
            }
            assert_eq!(claimed.len(), 40);
        },
    ),
];

fn queue(house: &House, due_in: Duration) -> Job {
    let now = house.now();
    let job = Job {
        id: JobId::generate(&mut *house.rng.borrow_mut()),
        kind: "users_import".to_owned(),
        payload: json!({"rows": [1, "é"]}),
        due_at: now + due_in,
        expires_at: now + DAY,
    };
    let queued = job.clone();
    house
        .write(move |tx| jobs::enqueue(tx, &queued, now))
        .unwrap();
    job
}

fn found(house: &House, id: &JobId) -> jobs::Progress {
    let id = id.clone();
    house.read(move |tx| jobs::find(tx, &id)).unwrap().unwrap()
}

fn claim(house: &House, worker: &'static str) -> Option<Claim> {
    let now = house.now();
    house
        .write(move |tx| jobs::claim(tx, worker, now + MINUTE, now))
        .unwrap()
}

fn race(house: &House, workers: usize) -> Vec<Claim> {
    let now = house.now();
    let answers = house.race((0..workers).map(|n| {
        let worker = n.to_string();
        move |tx: &mut Tx<'_>| jobs::claim(tx, &worker, now + MINUTE, now)
    }));
    answers.into_iter().filter_map(Result::unwrap).collect()
}

fn finish(house: &House, claim: &Claim) -> Hold {
    let (claim, now) = (claim.clone(), house.now());
    house
        .write(move |tx| jobs::finish(tx, &claim, &json!({"done": 1}), now))
        .unwrap()
}

fn fail(house: &House, claim: &Claim) -> Hold {
    let (claim, now) = (claim.clone(), house.now());
    house
        .write(move |tx| jobs::fail(tx, &claim, &json!({"error": "no"}), now + HOUR))
        .unwrap()
}
