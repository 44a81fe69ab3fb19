//! Work for later: queued once, held by one worker at a time, tried again when a worker fails or vanishes.

use keystead_protocol::{ids::JobId, time::Timestamp};
use serde_json::Value;

use crate::{
    db::{Json, Row, Tx},
    fault::Fault,
};

/// A piece of work.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// Its id.
    pub id: JobId,
    /// What is to be done.
    pub kind: String,
    /// With what.
    pub payload: Value,
    /// Not before this.
    pub due_at: Timestamp,
    /// After this it is deleted, done or not.
    pub expires_at: Timestamp,
}

/// Queues a job.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn enqueue(tx: &mut Tx<'_>, job: &Job, now: Timestamp) -> Result<(), Fault> {
    tx.run(
        "INSERT INTO jobs (id, kind, payload, due_at, attempts, expires_at, created_at)
         VALUES ($1, $2, $3, $4, 0, $5, $6)",
        &[
            &job.id,
            &job.kind,
            &Json(&job.payload),
            &job.due_at,
            &job.expires_at,
            &now,
        ],
    )
    .map(drop)
}

/// A worker's hold on a job. Worth nothing once it has lapsed and another has taken the job.
#[derive(Debug, Clone, PartialEq)]
pub struct Claim {
    /// The job.
    pub job: Job,
    /// Which attempt this is, from 1. It tells this hold from every other of the same job.
    pub attempt: u32,
}

/// Takes hold of the job that has been due longest: one guarded statement decides who has it.
///
/// The hold lapses at `until`; then the job can be claimed again. `None` says that nothing is due, or that another worker
/// was quicker this time.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn claim(
    tx: &mut Tx<'_>,
    worker: &str,
    until: Timestamp,
    now: Timestamp,
) -> Result<Option<Claim>, Fault> {
    // The guard stands twice: PostgreSQL checks only the outer one again after waiting for another worker's commit.
    let row = tx.row(
        "UPDATE jobs SET claimed_by = $1, claimed_until = $2, attempts = attempts + 1
         WHERE id = (SELECT id FROM jobs
                     WHERE finished_at IS NULL AND due_at <= $3 AND expires_at > $3
                       AND (claimed_until IS NULL OR claimed_until <= $3)
                     ORDER BY due_at, id LIMIT 1)
           AND finished_at IS NULL AND due_at <= $3 AND (claimed_until IS NULL OR claimed_until <= $3)
         RETURNING id, kind, payload, due_at, expires_at, attempts",
        &[&worker, &until, &now],
    )?;
    row.map(|mut row| {
        Ok(Claim {
            job: record(&mut row)?,
            attempt: row.take()?,
        })
    })
    .transpose()
}

/// Whether a claim still held when it was used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Hold {
    /// Yes.
    Good,
    /// No: another worker has taken the job, or it was finished, given back or deleted. Nothing changed.
    Lost,
}

impl Hold {
    fn of(changed: u64) -> Self {
        if changed == 0 { Self::Lost } else { Self::Good }
    }
}

/// Ends a job with its outcome.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn finish(
    tx: &mut Tx<'_>,
    claim: &Claim,
    outcome: &Value,
    now: Timestamp,
) -> Result<Hold, Fault> {
    tx.run(
        "UPDATE jobs SET finished_at = $3, outcome = $4, claimed_by = NULL, claimed_until = NULL
         WHERE id = $1 AND attempts = $2 AND claimed_by IS NOT NULL",
        &[&claim.job.id, &claim.attempt, &now, &Json(outcome)],
    )
    .map(Hold::of)
}

/// Gives a job back, to be tried again from `retry_at` on, with what went wrong.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn fail(
    tx: &mut Tx<'_>,
    claim: &Claim,
    outcome: &Value,
    retry_at: Timestamp,
) -> Result<Hold, Fault> {
    tx.run(
        "UPDATE jobs SET due_at = $3, outcome = $4, claimed_by = NULL, claimed_until = NULL
         WHERE id = $1 AND attempts = $2 AND claimed_by IS NOT NULL",
        &[&claim.job.id, &claim.attempt, &retry_at, &Json(outcome)],
    )
    .map(Hold::of)
}

/// Where a job stands.
#[derive(Debug, Clone, PartialEq)]
pub enum Stage {
    /// It waits for a worker.
    Waiting,
    /// A worker has, or had, hold of it.
    Claimed {
        /// Which.
        by: String,
        /// Until when.
        until: Timestamp,
    },
    /// It is over.
    Finished {
        /// Since when.
        at: Timestamp,
    },
}

/// What is known of a job.
#[derive(Debug, Clone, PartialEq)]
pub struct Progress {
    /// The job.
    pub job: Job,
    /// How often it was claimed.
    pub attempts: u32,
    /// Where it stands.
    pub stage: Stage,
    /// What came of the last attempt that ended.
    pub outcome: Option<Value>,
    /// When it was queued.
    pub created_at: Timestamp,
}

/// Finds a job.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn find(tx: &mut Tx<'_>, id: &JobId) -> Result<Option<Progress>, Fault> {
    let row = tx.row(
        "SELECT id, kind, payload, due_at, expires_at,
                attempts, claimed_by, claimed_until, finished_at, outcome, created_at
         FROM jobs WHERE id = $1",
        &[id],
    )?;
    row.map(|mut row| {
        let (job, attempts) = (record(&mut row)?, row.take()?);
        let claimed: (Option<String>, Option<Timestamp>) = (row.take()?, row.take()?);
        let stage = match (row.take()?, claimed) {
            (Some(at), _) => Stage::Finished { at },
            (None, (Some(by), Some(until))) => Stage::Claimed { by, until },
            (None, _) => Stage::Waiting,
        };
        Ok(Progress {
            job,
            attempts,
            stage,
            outcome: row.take::<Option<_>>()?.map(|Json(outcome)| outcome),
            created_at: row.take()?,
        })
    })
    .transpose()
}

fn record(row: &mut Row) -> Result<Job, Fault> {
    Ok(Job {
        id: row.take()?,
        kind: row.take()?,
        payload: row.take().map(|Json(payload)| payload)?,
        due_at: row.take()?,
        expires_at: row.take()?,
    })
}
