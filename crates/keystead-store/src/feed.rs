//! The change feed: how every process learns within a second what an administrator changed in another.

use keystead_protocol::time::Timestamp;

use crate::{
    db::{Column, FromColumn, Row, Tx},
    fault::Fault,
};

/// What kind of record changed. Only records that processes cache are announced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Entity {
    /// A client, its secret or its metadata. A client that goes takes along whatever is cached for it.
    Client,
    /// A resource server or its scopes. An API that goes takes along the client grants that name it.
    Api,
    /// What a client may ask of an API. The id is the client's, so that a grant that was missed before is found now.
    ClientGrant,
    /// A source of users, or which clients may use it.
    Connection,
    /// A signing key.
    Key,
    /// A setting.
    Setting,
}

impl Entity {
    const ALL: [Self; 6] = [
        Self::Client,
        Self::Api,
        Self::ClientGrant,
        Self::Connection,
        Self::Key,
        Self::Setting,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Api => "api",
            Self::ClientGrant => "client_grant",
            Self::Connection => "connection",
            Self::Key => "key",
            Self::Setting => "setting",
        }
    }
}

impl FromColumn for Entity {
    fn from_column(column: Column) -> Result<Self, String> {
        let name = String::from_column(column)?;
        Self::ALL
            .into_iter()
            .find(|e| e.name() == name)
            .ok_or_else(|| "a kind of record".to_owned())
    }
}

/// One announced change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Its place in the order of commits, without gaps.
    pub number: i64,
    /// What kind of record it was.
    pub entity: Entity,
    /// Which one.
    pub id: String,
}

/// What a reader of the feed has to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// Forget these.
    Changes(Vec<Change>),
    /// Forget everything and go on from here: the feed no longer reaches back far enough.
    Everything {
        /// The newest change.
        newest: i64,
    },
}

/// Announces a change, in the transaction that makes it. The counter's row orders writers, so numbers have no gaps and
/// become visible in their order.
///
/// # Errors
/// A [`Fault`] of the database.
pub(crate) fn announce(
    tx: &mut Tx<'_>,
    entity: Entity,
    id: &str,
    now: Timestamp,
) -> Result<(), Fault> {
    let number = tx.row(
        "UPDATE change_counter SET number = number + 1 WHERE one = 1 RETURNING number",
        &[],
    )?;
    let number: i64 = number
        .ok_or(Fault::Schema("the change counter has no row".to_owned()))?
        .take()?;
    tx.run(
        "INSERT INTO changes (number, entity, id, at) VALUES ($1, $2, $3, $4)",
        &[&number, &entity.name(), &id, &now],
    )
    .map(drop)
}

/// [`announce`], if a statement has changed any row at all.
///
/// # Errors
/// A [`Fault`] of the database.
pub(crate) fn announce_if(
    changed: u64,
    tx: &mut Tx<'_>,
    entity: Entity,
    id: &str,
    now: Timestamp,
) -> Result<(), Fault> {
    if changed == 0 {
        return Ok(());
    }
    announce(tx, entity, id, now)
}

/// Jumps forward, so that every process forgets everything it remembers: a restored feed may otherwise look to a reader as
/// if nothing had happened since.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn leap(tx: &mut Tx<'_>) -> Result<(), Fault> {
    tx.run(
        "UPDATE change_counter SET number = number + 1000000000 WHERE one = 1",
        &[],
    )
    .map(drop)
}

/// The newest change's number: where a process that has cached nothing begins.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn newest(tx: &mut Tx<'_>) -> Result<i64, Fault> {
    let row = tx.row("SELECT number FROM change_counter WHERE one = 1", &[])?;
    row.ok_or(Fault::Schema("the change counter has no row".to_owned()))?
        .take()
}

/// What has changed since `after`, at most a thousand at once.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn since(tx: &mut Tx<'_>, after: i64) -> Result<News, Fault> {
    let rows = tx.rows(
        "SELECT number, entity, id FROM changes WHERE number > $1 ORDER BY number LIMIT 1000",
        &[&after],
    )?;
    let read = |mut row: Row| {
        Ok(Change {
            number: row.take()?,
            entity: row.take()?,
            id: row.take()?,
        })
    };
    let changes = rows
        .into_iter()
        .map(read)
        .collect::<Result<Vec<_>, Fault>>()?;
    let expected = after + 1;
    match changes.first() {
        Some(first) if first.number == expected => Ok(News::Changes(changes)),
        Some(_) => Ok(News::Everything {
            newest: newest(tx)?,
        }),
        None => match newest(tx)? {
            newest if newest == after => Ok(News::Changes(Vec::new())),
            newest => Ok(News::Everything { newest }),
        },
    }
}

/// Deletes the oldest changes, at most `limit`, and says how many: those before the first one made later than `made_by`.
///
/// It always deletes from the front, though the clocks of nodes differ, so that who lags behind sees that changes are
/// missing and never a hole among those that are left.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn prune(tx: &mut Tx<'_>, made_by: Timestamp, limit: u32) -> Result<u64, Fault> {
    tx.run(
        "DELETE FROM changes WHERE number IN (
           SELECT number FROM changes
           WHERE number < COALESCE(
             (SELECT number FROM changes WHERE at > $1 ORDER BY number LIMIT 1),
             (SELECT number + 1 FROM change_counter WHERE one = 1))
           ORDER BY number LIMIT $2)",
        &[&made_by, &limit],
    )
}
