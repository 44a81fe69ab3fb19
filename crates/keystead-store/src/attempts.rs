//! Attempts that may fail, counted before they are looked at, so that nobody has more of them than a limit allows.
//!
//! A counter is one moment: when it will have drained. Each attempt puts it off by a step, each step of time brings one
//! attempt back, and a counter that has drained counts for nothing until its row is swept. So one number is count, window and
//! expiry.

use std::time::Duration;

use keystead_protocol::{secret::Digest, time::Timestamp};

use crate::{db::Tx, fault::Fault};

/// What is counted. The same digest has a counter for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Of {
    /// Attempts against an account from an address.
    AccountAndAddress,
    /// Attempts from an address.
    Address,
    /// Attempts against an account.
    Account,
    /// Sign-ups from an address.
    SignUps,
}

impl Of {
    fn name(self) -> &'static str {
        match self {
            Self::AccountAndAddress => "account_and_address",
            Self::Address => "address",
            Self::Account => "account",
            Self::SignUps => "sign_ups",
        }
    }
}

/// How much a counter allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance {
    /// So many attempts at once, at least one.
    pub at_once: u32,
    /// And one more each time this has passed.
    pub one_back_in: Duration,
}

/// What became of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Attempt {
    /// It is counted, and may be looked at.
    Counted,
    /// It is not: the limit is reached.
    Refused {
        /// From when on one more is allowed, if nobody is faster.
        until: Timestamp,
    },
}

/// Counts an attempt unless the limit is reached. One statement decides, so that of however many at once, on however many
/// nodes, no more are counted than are allowed.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn count(
    tx: &mut Tx<'_>,
    of: Of,
    digest: &Digest,
    allowance: Allowance,
    now: Timestamp,
) -> Result<Attempt, Fault> {
    let Allowance {
        at_once,
        one_back_in,
    } = allowance;
    let room = one_back_in.saturating_mul(at_once.saturating_sub(1));
    let counted = tx.run(
        "INSERT INTO attempts (kind, digest, expires_at) VALUES ($1, $2, $3)
         ON CONFLICT (kind, digest) DO UPDATE SET expires_at =
           CASE WHEN attempts.expires_at > $4 THEN attempts.expires_at + $5 ELSE excluded.expires_at END
         WHERE attempts.expires_at <= $6",
        &[
            &of.name(),
            &digest.as_bytes().as_slice(),
            &(now + one_back_in),
            &now,
            &millis(one_back_in),
            &(now + room),
        ],
    )?;
    if counted > 0 {
        return Ok(Attempt::Counted);
    }
    let row = tx.row(
        "SELECT expires_at FROM attempts WHERE kind = $1 AND digest = $2",
        &[&of.name(), &digest.as_bytes().as_slice()],
    )?;
    let drained = row.map(|mut row| row.take::<Timestamp>()).transpose()?;
    Ok(Attempt::Refused {
        until: drained.map_or(now, |at| at - room),
    })
}

/// Takes back an attempt that was counted: it was right, or nobody looked at it.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn take_back(
    tx: &mut Tx<'_>,
    of: Of,
    digest: &Digest,
    allowance: Allowance,
) -> Result<(), Fault> {
    tx.run(
        "UPDATE attempts SET expires_at = expires_at - $3 WHERE kind = $1 AND digest = $2",
        &[
            &of.name(),
            &digest.as_bytes().as_slice(),
            &millis(allowance.one_back_in),
        ],
    )
    .map(drop)
}

/// Forgets every attempt of a counter.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn forgive(tx: &mut Tx<'_>, of: Of, digest: &Digest) -> Result<(), Fault> {
    tx.run(
        "DELETE FROM attempts WHERE kind = $1 AND digest = $2",
        &[&of.name(), &digest.as_bytes().as_slice()],
    )
    .map(drop)
}

fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}
