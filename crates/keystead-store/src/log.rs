//! The tenant log: who did what, when and how it ended; appended one by one or in batches, read by page, pruned in batches.

mod id;
mod text;

use std::sync::LazyLock;

use keystead_protocol::{
    ids::{ClientId, ConnectionId, UserId},
    time::Timestamp,
};
use serde_json::{Map, Value};

use crate::{
    db::{Json, Param, Row, Tx},
    fault::Fault,
};

pub use self::id::{BadLogId, LogId};
use self::text::Fitting;

/// One line of the log.
///
/// A line is never refused for its texts, so that nobody can keep himself out of the log: what is longer than said here
/// is cut at a character, and U+0000 becomes U+FFFD.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Its place in the order of time.
    pub id: LogId,
    /// When it happened.
    pub at: Timestamp,
    /// The code of what happened, such as `seacft`; at most 64 bytes.
    pub kind: String,
    /// The client that asked.
    pub client: Option<ClientId>,
    /// The user concerned.
    pub user: Option<UserId>,
    /// The connection that was used.
    pub connection: Option<ConnectionId>,
    /// The network address that the request came from; at most 64 bytes.
    pub address: Option<String>,
    /// A sentence; at most 1,000 bytes.
    pub description: Option<String>,
    /// The rest; at most 16 KiB of JSON. Members beyond that are dropped, and `truncated` says so.
    pub details: Map<String, Value>,
    /// How many alike events this line stands for.
    pub occurrences: u32,
}

/// How many lines one statement of a batch inserts.
const BATCH: usize = 32;
const COLUMNS: usize = 10;

static INSERT_ONE: LazyLock<String> = LazyLock::new(|| insert(1));
static INSERT_BATCH: LazyLock<String> = LazyLock::new(|| insert(BATCH));

/// The one place that lists the columns of an insertion; its texts are made once, so each stays prepared.
fn insert(rows: usize) -> String {
    let row = |row: usize| {
        let numbers: Vec<String> = (1..=COLUMNS)
            .map(|column| format!("${}", row * COLUMNS + column))
            .collect();
        format!("({})", numbers.join(", "))
    };
    let rows: Vec<String> = (0..rows).map(row).collect();
    format!(
        "INSERT INTO log
           (id, at, kind, client_id, user_id, connection_id, address, description, details, occurrences)
         VALUES {}",
        rows.join(", ")
    )
}

/// Appends one line.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn append(tx: &mut Tx<'_>, entry: &Entry) -> Result<(), Fault> {
    append_all(tx, std::slice::from_ref(entry))
}

/// Appends many lines, in as few statements as their number allows.
///
/// # Errors
/// A [`Fault`] of the database; then none of them is there.
pub fn append_all(tx: &mut Tx<'_>, entries: &[Entry]) -> Result<(), Fault> {
    let (batches, rest) = entries.as_chunks::<BATCH>();
    for batch in batches {
        write(tx, &INSERT_BATCH, batch)?;
    }
    for entry in rest {
        write(tx, &INSERT_ONE, std::slice::from_ref(entry))?;
    }
    Ok(())
}

fn write(tx: &mut Tx<'_>, sql: &'static str, entries: &[Entry]) -> Result<(), Fault> {
    let fitting: Vec<Fitting> = entries.iter().map(Fitting::of).collect();
    let mut params: Vec<&dyn Param> = Vec::with_capacity(entries.len() * COLUMNS);
    for (entry, fitting) in entries.iter().zip(&fitting) {
        params.extend([
            &entry.id as &dyn Param,
            &entry.at,
            &fitting.kind,
            &entry.client,
            &entry.user,
            &entry.connection,
            &fitting.address,
            &fitting.description,
            &fitting.details,
            &entry.occurrences,
        ]);
    }
    tx.run(sql, &params).map(drop)
}

/// Whose lines to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose<'a> {
    /// Everybody's.
    Everybody,
    /// One user's.
    User(&'a UserId),
}

macro_rules! select_lines {
    ($rest:literal) => {
        concat!(
            "SELECT id, at, kind, client_id, user_id, connection_id, address, description, details, occurrences
             FROM log ",
            $rest
        )
    };
}

/// Finds a line.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn find(tx: &mut Tx<'_>, id: &LogId) -> Result<Option<Entry>, Fault> {
    let row = tx.row(select_lines!("WHERE id = $1"), &[id])?;
    row.map(record).transpose()
}

/// The newest lines, newest first, at most `limit`; those before `before`, if it is given.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn newest(
    tx: &mut Tx<'_>,
    whose: Whose<'_>,
    before: Option<&LogId>,
    limit: u32,
) -> Result<Vec<Entry>, Fault> {
    // A colon sorts after every digit.
    let before = before.map_or(":", LogId::as_str);
    match whose {
        Whose::Everybody => tx.rows(
            select_lines!("WHERE id < $1 ORDER BY id DESC LIMIT $2"),
            &[&before, &limit],
        ),
        Whose::User(user) => tx.rows(
            select_lines!("WHERE user_id = $3 AND id < $1 ORDER BY id DESC LIMIT $2"),
            &[&before, &limit, user],
        ),
    }?
    .into_iter()
    .map(record)
    .collect()
}

/// The lines after a checkpoint, oldest first, at most `limit`.
///
/// Lines of `settled` or later are held back: buffered batches of several nodes commit out of order, and a line that
/// arrives behind the checkpoint would never be read.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn after(
    tx: &mut Tx<'_>,
    whose: Whose<'_>,
    checkpoint: Option<&LogId>,
    settled: Timestamp,
    limit: u32,
) -> Result<Vec<Entry>, Fault> {
    let (checkpoint, bound) = (
        checkpoint.map_or("", LogId::as_str),
        LogId::lowest_of(settled),
    );
    match whose {
        Whose::Everybody => tx.rows(
            select_lines!("WHERE id > $1 AND id < $2 ORDER BY id LIMIT $3"),
            &[&checkpoint, &bound, &limit],
        ),
        Whose::User(user) => tx.rows(
            select_lines!("WHERE user_id = $4 AND id > $1 AND id < $2 ORDER BY id LIMIT $3"),
            &[&checkpoint, &bound, &limit, user],
        ),
    }?
    .into_iter()
    .map(record)
    .collect()
}

/// The oldest line that stays when only the `keep` newest do; `None` if there are not more than that. Reads as many
/// keys as it keeps, so ask seldom, and in a read.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn oldest_of_newest(tx: &mut Tx<'_>, keep: u32) -> Result<Option<LogId>, Fault> {
    let row = tx.row(
        "SELECT id FROM log ORDER BY id DESC LIMIT 1 OFFSET $1",
        &[&keep.saturating_sub(1)],
    )?;
    row.map(|mut row| row.take()).transpose()
}

/// Deletes lines before `bound`, the oldest first, at most `limit`, and says how many.
///
/// # Errors
/// A [`Fault`] of the database.
pub(crate) fn prune(tx: &mut Tx<'_>, bound: &LogId, limit: u32) -> Result<u64, Fault> {
    tx.run(
        "DELETE FROM log WHERE id IN (SELECT id FROM log WHERE id < $1 ORDER BY id LIMIT $2)",
        &[bound, &limit],
    )
}

fn record(mut row: Row) -> Result<Entry, Fault> {
    Ok(Entry {
        id: row.take()?,
        at: row.take()?,
        kind: row.take()?,
        client: row.take()?,
        user: row.take()?,
        connection: row.take()?,
        address: row.take()?,
        description: row.take()?,
        details: row.take().map(|Json(details)| details)?,
        occurrences: row.take()?,
    })
}
