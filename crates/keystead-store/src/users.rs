//! Users: who can log in through a connection, and what is known of them.

mod access;
mod comparison;
mod profile;

use keystead_protocol::{
    ids::{ConnectionId, UserId},
    time::Timestamp,
};

use crate::{
    db::{Json, Row, Tx},
    fault::Fault,
};

pub use self::{
    access::{block, delete, record_login, unblock},
    comparison::{email_key, username_key},
    profile::{Address, AppMetadata, Profile, UserMetadata},
};

/// A user.
#[derive(Debug, Clone, PartialEq)]
pub struct User {
    /// The `sub` of tokens.
    pub id: UserId,
    /// Where the user logs in. Never changes.
    pub connection: ConnectionId,
    /// Unique within the connection, as [`email_key`] compares.
    pub email: Option<String>,
    /// Whether the user was shown to read that mailbox.
    pub email_verified: bool,
    /// Unique within the connection, as [`username_key`] compares.
    pub username: Option<String>,
    /// Whether an administrator has locked the user out; changed by [`block`] and [`unblock`] alone.
    pub blocked: bool,
    /// The other standard claims.
    pub profile: Profile,
    /// What users may change.
    pub user_metadata: UserMetadata,
    /// What only administrators may.
    pub app_metadata: AppMetadata,
    /// How often the user logged in; changed by [`record_login`] alone, as are the next two.
    pub logins: u32,
    /// When last.
    pub last_login_at: Option<Timestamp>,
    /// From where.
    pub last_login_address: Option<String>,
    /// Counts the changes; [`update`] wants the one that was read. A log-in is no change.
    pub version: i64,
    /// When it was inserted.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

impl User {
    /// A user to [`insert`]: nameless, not blocked, and created now.
    pub fn new(id: UserId, connection: ConnectionId, now: Timestamp) -> Self {
        Self {
            id,
            connection,
            email: None,
            email_verified: false,
            username: None,
            blocked: false,
            profile: Profile::default(),
            user_metadata: UserMetadata::default(),
            app_metadata: AppMetadata::default(),
            logins: 0,
            last_login_at: None,
            last_login_address: None,
            version: 1,
            created_at: now,
            updated_at: now,
        }
    }

    fn keys(&self) -> (Option<String>, Option<String>) {
        (
            self.email.as_deref().map(email_key),
            self.username.as_deref().map(username_key),
        )
    }
}

/// How an insertion ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Insertion {
    /// The user is there.
    Inserted,
    /// Another user of the connection has that e-mail address. Nothing changed.
    EmailTaken,
    /// Another user of the connection has that user name. Nothing changed.
    UsernameTaken,
    /// Another user has that id. Nothing changed.
    IdTaken,
}

/// Inserts a user as it is given. The connection must exist.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn insert(tx: &mut Tx<'_>, user: &User) -> Result<Insertion, Fault> {
    let (email_key, username_key) = user.keys();
    let inserted = tx.run(
        "INSERT INTO users
           (id, connection_id, email, email_key, email_verified, username, username_key, blocked, profile,
            user_metadata, app_metadata, logins, last_login_at, last_login_address, version, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
         ON CONFLICT DO NOTHING",
        &[
            &user.id,
            &user.connection,
            &user.email,
            &email_key,
            &user.email_verified,
            &user.username,
            &username_key,
            &user.blocked,
            &Json(&user.profile),
            &Json(&user.user_metadata),
            &Json(&user.app_metadata),
            &user.logins,
            &user.last_login_at,
            &user.last_login_address,
            &user.version,
            &user.created_at,
            &user.updated_at,
        ],
    )?;
    if inserted == 1 {
        return Ok(Insertion::Inserted);
    }
    if tx
        .row("SELECT 1 FROM users WHERE id = $1", &[&user.id])?
        .is_some()
    {
        return Ok(Insertion::IdTaken);
    }
    match taken(tx, user)? {
        Some(Taken::Email) => Ok(Insertion::EmailTaken),
        Some(Taken::Username) => Ok(Insertion::UsernameTaken),
        // Whoever stood in the way was deleted in this very moment.
        None => Err(Fault::Contended { tries: 1 }),
    }
}

enum Taken {
    Email,
    Username,
}

/// Which of a user's names another user of the connection has.
fn taken(tx: &mut Tx<'_>, user: &User) -> Result<Option<Taken>, Fault> {
    let (email_key, username_key) = user.keys();
    let rows = tx.rows(
        "SELECT email_key FROM users
         WHERE connection_id = $1 AND id <> $2 AND (email_key = $3 OR username_key = $4)",
        &[&user.connection, &user.id, &email_key, &username_key],
    )?;
    let mut taken = None;
    for mut row in rows {
        let theirs: Option<String> = row.take()?;
        if theirs.is_some() && theirs == email_key {
            return Ok(Some(Taken::Email));
        }
        taken = Some(Taken::Username);
    }
    Ok(taken)
}

macro_rules! select_users {
    ($rest:literal) => {
        select_users!("", $rest)
    };
    ($first:literal, $rest:literal) => {
        concat!(
            "SELECT ",
            $first,
            "id, connection_id, email, email_verified, username, blocked, profile, user_metadata, app_metadata,
                    logins, last_login_at, last_login_address, version, created_at, updated_at
             FROM users ",
            $rest
        )
    };
}

/// Finds a user, blocked or not.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn find(tx: &mut Tx<'_>, id: &UserId) -> Result<Option<User>, Fault> {
    let row = tx.row(select_users!("WHERE id = $1"), &[id])?;
    row.map(record).transpose()
}

/// Whether the users of a connection may log in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Enabled(pub bool);

/// Finds a user, blocked or not, and how the connection stands.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn find_with_connection(
    tx: &mut Tx<'_>,
    id: &UserId,
) -> Result<Option<(User, Enabled)>, Fault> {
    let row = tx.row(
        select_users!(
            "(SELECT enabled FROM connections WHERE connections.id = users.connection_id), ",
            "WHERE id = $1"
        ),
        &[id],
    )?;
    row.map(|mut row| {
        let enabled = Enabled(row.take()?);
        Ok((record(row)?, enabled))
    })
    .transpose()
}

/// Whether a user may be spoken for, as far as the database says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Whether an administrator has locked the user out.
    pub blocked: bool,
    /// Whether the users of the connection may log in.
    pub connection: Enabled,
}

/// How a user stands, without the rest of the record; `None` if there is no such user.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn standing(tx: &mut Tx<'_>, id: &UserId) -> Result<Option<Standing>, Fault> {
    let row = tx.row(
        "SELECT users.blocked, connections.enabled
         FROM users JOIN connections ON connections.id = users.connection_id WHERE users.id = $1",
        &[id],
    )?;
    row.map(|mut row| {
        Ok(Standing {
            blocked: row.take()?,
            connection: Enabled(row.take()?),
        })
    })
    .transpose()
}

/// Finds the user of a connection who has an e-mail address.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn by_email(
    tx: &mut Tx<'_>,
    connection: &ConnectionId,
    email: &str,
) -> Result<Option<User>, Fault> {
    let row = tx.row(
        select_users!("WHERE connection_id = $1 AND email_key = $2"),
        &[connection, &email_key(email)],
    )?;
    row.map(record).transpose()
}

/// Finds the user of a connection who has a user name.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn by_username(
    tx: &mut Tx<'_>,
    connection: &ConnectionId,
    username: &str,
) -> Result<Option<User>, Fault> {
    let row = tx.row(
        select_users!("WHERE connection_id = $1 AND username_key = $2"),
        &[connection, &username_key(username)],
    )?;
    row.map(record).transpose()
}

/// Finds the users of every connection who have an e-mail address, in the order of their ids, at most `limit`.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn all_with_email(tx: &mut Tx<'_>, email: &str, limit: u32) -> Result<Vec<User>, Fault> {
    let rows = tx.rows(
        select_users!("WHERE email_key = $1 ORDER BY id LIMIT $2"),
        &[&email_key(email), &limit],
    )?;
    rows.into_iter().map(record).collect()
}

/// Lists the users of a connection in the order of their ids, at most `limit`, from behind `after`.
///
/// # Errors
/// A [`Fault`] of the database.
pub fn list(
    tx: &mut Tx<'_>,
    connection: &ConnectionId,
    after: Option<&UserId>,
    limit: u32,
) -> Result<Vec<User>, Fault> {
    let rows = tx.rows(
        select_users!("WHERE connection_id = $1 AND id > $2 ORDER BY id LIMIT $3"),
        &[connection, &after.map_or("", UserId::as_str), &limit],
    )?;
    rows.into_iter().map(record).collect()
}

/// How an update ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "only one of the answers means that something changed"]
pub enum Update {
    /// The user is as it was asked to be, and its version is one higher.
    Done,
    /// Somebody changed the user since it was read. Nothing changed: read it again.
    Stale,
    /// Another user of the connection has that e-mail address. Nothing changed.
    EmailTaken,
    /// Another user of the connection has that user name. Nothing changed.
    UsernameTaken,
    /// There is no such user.
    Unknown,
}

/// Writes back what may change of a user that was read, unless somebody changed it since: names, verification, profile
/// and metadata. Id and connection never change; the other members have verbs of their own.
///
/// # Errors
/// A [`Fault`] of the database; [`Fault::Constraint`] if two updates race for the same name: the later one changes nothing.
pub fn update(tx: &mut Tx<'_>, user: &User, now: Timestamp) -> Result<Update, Fault> {
    let (email_key, username_key) = user.keys();
    let changed = tx.run(
        "UPDATE users SET email = $3, email_key = $4, email_verified = $5, username = $6, username_key = $7,
           profile = $8, user_metadata = $9, app_metadata = $10, version = version + 1, updated_at = $11
         WHERE id = $1 AND version = $2
           AND NOT EXISTS (SELECT 1 FROM users other
                           WHERE other.connection_id = users.connection_id AND other.id <> users.id
                             AND (other.email_key = $4 OR other.username_key = $7))",
        &[
            &user.id,
            &user.version,
            &user.email,
            &email_key,
            &user.email_verified,
            &user.username,
            &username_key,
            &Json(&user.profile),
            &Json(&user.user_metadata),
            &Json(&user.app_metadata),
            &now,
        ],
    )?;
    if changed == 1 {
        return Ok(Update::Done);
    }
    let Some(mut row) = tx.row("SELECT version FROM users WHERE id = $1", &[&user.id])? else {
        return Ok(Update::Unknown);
    };
    let version: i64 = row.take()?;
    if version != user.version {
        return Ok(Update::Stale);
    }
    match taken(tx, user)? {
        Some(Taken::Email) => Ok(Update::EmailTaken),
        Some(Taken::Username) => Ok(Update::UsernameTaken),
        // Whoever stood in the way was deleted in this very moment.
        None => Err(Fault::Contended { tries: 1 }),
    }
}

fn record(mut row: Row) -> Result<User, Fault> {
    Ok(User {
        id: row.take()?,
        connection: row.take()?,
        email: row.take()?,
        email_verified: row.take()?,
        username: row.take()?,
        blocked: row.take()?,
        profile: row.take().map(|Json(profile)| profile)?,
        user_metadata: row.take().map(|Json(metadata)| metadata)?,
        app_metadata: row.take().map(|Json(metadata)| metadata)?,
        logins: row.take()?,
        last_login_at: row.take()?,
        last_login_address: row.take()?,
        version: row.take()?,
        created_at: row.take()?,
        updated_at: row.take()?,
    })
}
