//! The one place that says how long whatever a request can fill the database with stays there, and sweeps out the rest.

use std::{collections::BTreeSet, time::Duration};

use keystead_protocol::{ids::GrantId, time::Timestamp};

use crate::{
    db::{Priority, Store, Tx},
    fault::Fault,
    feed,
    log::{self, LogId},
};

/// How long what was used up stays as evidence, so that its second use is known for what it is.
const EVIDENCE: Duration = Duration::from_secs(24 * 3_600);
/// How long a guard outlives what it guards against, because the clocks of nodes differ.
const MARGIN: Duration = Duration::from_secs(3_600);
/// How long an access token can live at most.
const LONGEST_ACCESS: Duration = Duration::from_secs(30 * 24 * 3_600);
/// Rows of each table that one transaction of [`sweep_all`] deletes at most, so that others need not wait for it.
const BATCH: u32 = 100;

/// What one sweep goes by.
#[derive(Debug, Clone)]
pub struct Sweep {
    /// When it is.
    pub now: Timestamp,
    /// Log lines before this one go.
    pub log_from: LogId,
    /// How many rows of each table may go.
    pub batch: u32,
}

/// The lifetime of a table's rows.
#[derive(Debug)]
pub struct Rule {
    /// The table.
    pub table: &'static str,
    /// How long its rows stay, for people.
    pub lifetime: &'static str,
    sweep: fn(&mut Tx<'_>, &Sweep) -> Result<u64, Fault>,
}

/// A rule for rows that expire. The condition stands twice, because a row may be put off while PostgreSQL waits for it,
/// and then only the outer one is checked again.
macro_rules! expired {
    ($table:literal, $key:literal, $grace:expr, $lifetime:literal) => {
        Rule {
            table: $table,
            lifetime: $lifetime,
            sweep: |tx, sweep| {
                tx.run(
                    concat!(
                        "DELETE FROM ",
                        $table,
                        " WHERE expires_at <= $1 AND (",
                        $key,
                        ") IN (SELECT ",
                        $key,
                        " FROM ",
                        $table,
                        " WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)"
                    ),
                    &[&(sweep.now - $grace), &sweep.batch],
                )
            },
        }
    };
}

/// Every table that requests can fill.
pub const RULES: &[Rule] = &[
    Rule {
        table: "refresh_tokens",
        lifetime: "a day after they have died of not being used",
        sweep: refresh_tokens,
    },
    expired!(
        "access_tokens",
        "key",
        EVIDENCE,
        "a day after they have expired"
    ),
    expired!("grants", "id", EVIDENCE, "a day after they have expired"),
    expired!(
        "codes",
        "key",
        EVIDENCE,
        "a day after they have expired, used or not"
    ),
    expired!(
        "journeys",
        "key",
        EVIDENCE,
        "a day after they have expired, ended or not"
    ),
    expired!(
        "sessions",
        "key",
        EVIDENCE,
        "a day after they have expired, ended or not"
    ),
    expired!(
        "tickets",
        "key",
        EVIDENCE,
        "a day after they have expired, used or not"
    ),
    expired!(
        "denied_tokens",
        "id",
        MARGIN,
        "an hour after the token has expired"
    ),
    expired!(
        "cutoffs",
        "kind, id",
        MARGIN,
        "an hour after the last token concerned has expired"
    ),
    expired!(
        "replays",
        "purpose, digest",
        MARGIN,
        "an hour after a replay would be too old"
    ),
    expired!(
        "attempts",
        "kind, digest",
        Duration::ZERO,
        "until the last of them is forgotten"
    ),
    expired!(
        "known_addresses",
        "user_id, address",
        Duration::ZERO,
        "until nobody has logged in from there for long"
    ),
    expired!(
        "jobs",
        "id",
        Duration::ZERO,
        "until they expire, done or not"
    ),
    Rule {
        table: "changes",
        lifetime: "a day",
        sweep: |tx, sweep| feed::prune(tx, sweep.now - EVIDENCE, sweep.batch),
    },
    Rule {
        table: "log",
        lifetime: "as long and as many as the settings say",
        sweep: |tx, sweep| log::prune(tx, &sweep.log_from, sweep.batch),
    },
];

/// Every other table, and why it needs no rule.
pub const KEPT: &[(&str, &str)] = &[
    ("api_scopes", "configuration"),
    ("apis", "configuration"),
    ("change_counter", "one row"),
    ("client_grants", "configuration"),
    ("clients", "configuration"),
    ("connection_clients", "configuration"),
    ("connections", "configuration"),
    (
        "consents",
        "one for each user, client and API; they go with any of them",
    ),
    (
        "former_passwords",
        "a few for each user; they go with the user",
    ),
    ("passwords", "one for each user; it goes with the user"),
    ("refinery_schema_history", "one for each migration"),
    ("role_permissions", "configuration"),
    ("roles", "configuration"),
    ("session_clients", "they go with the session"),
    ("settings", "configuration"),
    ("signing_keys", "configuration"),
    ("user_permissions", "configuration"),
    ("user_roles", "configuration"),
    ("users", "accounts, which people delete"),
];

/// What a sweep deleted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Swept {
    /// Tables that lost rows, and how many.
    pub rows: Vec<(&'static str, u64)>,
    /// Whether some table had a whole batch of them, and so may have more.
    pub more: bool,
}

/// Deletes one small batch of what is no longer needed from each table.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn sweep(tx: &mut Tx<'_>, sweep: &Sweep) -> Result<Swept, Fault> {
    let mut swept = Swept::default();
    for rule in RULES {
        let rows = (rule.sweep)(tx, sweep)?;
        swept.more |= rows >= u64::from(sweep.batch);
        if rows > 0 {
            swept.rows.push((rule.table, rows));
        }
    }
    Ok(swept)
}

/// How much of the log stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogRetention {
    /// For how long.
    pub age: Duration,
    /// And how many lines at most; at least one stays.
    pub lines: u32,
}

/// Sweeps batch by batch, behind everything that somebody waits for, until nothing is left to delete. Answers how many
/// rows each table lost.
///
/// Several nodes may do this at once. Run it every few minutes; after a crash it simply goes on.
///
/// # Errors
/// A [`Fault`] of the database; what was swept before it stays swept.
pub async fn sweep_all(
    store: &Store,
    log: LogRetention,
    now: Timestamp,
) -> Result<Vec<(&'static str, u64)>, Fault> {
    let by_count = store
        .read(move |tx| log::oldest_of_newest(tx, log.lines))
        .await?;
    let by_age = LogId::lowest_of(now - log.age);
    let order = Sweep {
        now,
        log_from: by_count.map_or(by_age.clone(), |id| id.max(by_age)),
        batch: BATCH,
    };
    let mut total: Vec<(&'static str, u64)> = Vec::new();
    loop {
        let order = order.clone();
        let swept = store
            .write_as(Priority::Bulk, move |tx| sweep(tx, &order))
            .await?;
        for (table, rows) in swept.rows {
            match total.iter_mut().find(|(known, _)| *known == table) {
                Some((_, sum)) => *sum += rows,
                None => total.push((table, rows)),
            }
        }
        if !swept.more {
            return Ok(total);
        }
    }
}

/// Deletes dead refresh tokens. A family that has lost its last one can mint nothing more: it is made to expire when its
/// last access token has, or else a family without an absolute end would stay for ever.
fn refresh_tokens(tx: &mut Tx<'_>, sweep: &Sweep) -> Result<u64, Fault> {
    let rows = tx.rows(
        "DELETE FROM refresh_tokens
         WHERE key IN (SELECT key FROM refresh_tokens WHERE idle_until <= $1 ORDER BY idle_until LIMIT $2)
           AND idle_until <= $1
         RETURNING grant_id",
        &[&(sweep.now - EVIDENCE), &sweep.batch],
    )?;
    let deleted = rows.len() as u64;
    let families = rows
        .into_iter()
        .map(|mut row| row.take())
        .collect::<Result<BTreeSet<GrantId>, _>>()?;
    for family in families {
        tx.run(
            "UPDATE grants SET expires_at = $2
             WHERE id = $1 AND expires_at > $2 AND NOT EXISTS (SELECT 1 FROM refresh_tokens WHERE grant_id = $1)",
            &[&family, &(sweep.now + LONGEST_ACCESS)],
        )?;
    }
    Ok(deleted)
}
