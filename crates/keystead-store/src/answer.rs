//! How a change of a record ended, in the words that the verbs of all records share.

use crate::{
    db::{Param, Tx},
    fault::Fault,
};

/// How an insertion ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Insert {
    /// The record is there.
    Done,
    /// Another record has its id or its unique name. Nothing changed.
    Taken,
}

impl Insert {
    /// The answer of an `INSERT … ON CONFLICT DO NOTHING` that inserted so many rows.
    pub(crate) fn of(inserted: u64) -> Self {
        if inserted == 0 {
            Self::Taken
        } else {
            Self::Done
        }
    }
}

/// How a change ended that was guarded by the version its maker had read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "a stale update has changed nothing"]
pub enum Update {
    /// The record is as it was asked to be, and its version is one higher.
    Done,
    /// Somebody changed the record since it was read. Nothing changed: read it again.
    Stale,
    /// There is no such record.
    Unknown,
}

impl Update {
    /// The answer of a guarded `UPDATE` that changed so many rows; `probe` finds the record whatever its version.
    ///
    /// # Errors
    /// A [`Fault`] of the database.
    pub(crate) fn of(
        changed: u64,
        tx: &mut Tx<'_>,
        probe: &'static str,
        id: &dyn Param,
    ) -> Result<Self, Fault> {
        Ok(match changed {
            0 if tx.row(probe, &[id])?.is_some() => Self::Stale,
            0 => Self::Unknown,
            _ => Self::Done,
        })
    }
}

/// How a change ended that needs no version, because it sets one fact and reads none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Effect {
    /// The record is as it was asked to be.
    Done,
    /// There is no such record.
    Unknown,
}

impl Effect {
    /// The answer of a statement that changed so many rows.
    pub(crate) fn of(changed: u64) -> Self {
        if changed == 0 {
            Self::Unknown
        } else {
            Self::Done
        }
    }
}

/// How the deletion of a record that may be built in ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Deletion {
    /// It is gone, with all that depended on it.
    Done,
    /// It is built in and stays.
    System,
    /// There is no such record.
    Unknown,
}

impl Deletion {
    /// The answer of a `DELETE … AND NOT is_system` that deleted so many rows; `probe` finds the record in any case.
    ///
    /// # Errors
    /// A [`Fault`] of the database.
    pub(crate) fn of(
        deleted: u64,
        tx: &mut Tx<'_>,
        probe: &'static str,
        id: &dyn Param,
    ) -> Result<Self, Fault> {
        Ok(match deleted {
            0 if tx.row(probe, &[id])?.is_some() => Self::System,
            0 => Self::Unknown,
            _ => Self::Done,
        })
    }
}
