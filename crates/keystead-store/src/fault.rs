//! What can be wrong on our side of the store, in words that an operator can act on.

/// A failure of the store itself, never of a request.
///
/// Whoever asked hears `server_error` or 503; the text here is for the log. No variant carries a bound value, so a
/// fault can be logged without leaking a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The bounded queue in front of the database is full: answer 503 and let the caller come back.
    #[error("the store has more work queued than it will hold; try again shortly")]
    Busy,
    /// [`Store::close`](crate::Store::close) was called before this work began.
    #[error("the store is closed")]
    Closed,
    /// The database cannot be reached, is locked by another process, or refuses connections. Nothing was kept.
    #[error("the database cannot be reached; nothing was kept: {0}")]
    Unavailable(String),
    /// The disk is full. Nothing of the transaction, nor of its group, was kept.
    #[error("the disk is full; nothing was kept: {0}")]
    Full(String),
    /// `COMMIT` was sent and not confirmed: the connection broke, or the disk failed while syncing.
    #[error("the commit was not confirmed; whether the change was kept is unknown: {0}")]
    CommitUnknown(String),
    /// Other transactions kept conflicting with this one. Nothing was kept.
    #[error("gave up after {tries} tries against conflicting transactions; nothing was kept")]
    Contended {
        /// How often the closure ran.
        tries: u32,
    },
    /// A uniqueness, foreign key or check constraint refused the row.
    #[error("a constraint refused the row: {0}")]
    Constraint(String),
    /// A text or document holds U+0000, which PostgreSQL cannot store and so neither database may.
    #[error("a text holds the character U+0000, which no record may contain")]
    Nul,
    /// A row does not make a legal record: the database was edited by hand, or a migration is wrong.
    #[error("column {column} of a stored row is not what the record needs: {why}")]
    Corrupt {
        /// Position in the statement's column list, from 0.
        column: usize,
        /// What was expected.
        why: String,
    },
    /// A sealed value cannot be opened with the keys at hand.
    #[error(
        "a sealed value cannot be opened: {0}; is sealing_key_file the one this database was made with?"
    )]
    Sealed(&'static str),
    /// The schema is older than this program, or migrating it failed.
    #[error("{0}")]
    Schema(String),
    /// The closure panicked; its changes were rolled back.
    #[error("the work panicked inside its transaction; nothing of it was kept")]
    Panicked,
    /// Any other answer of the database. Nothing was kept.
    #[error("the database refused a statement: {0}")]
    Sql(String),
}

impl Fault {
    /// Whether the same request may succeed in a moment (503) rather than after a repair (500).
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Busy | Self::Closed | Self::Unavailable(_) | Self::Contended { .. } => true,
            Self::Full(_)
            | Self::CommitUnknown(_)
            | Self::Constraint(_)
            | Self::Nul
            | Self::Corrupt { .. }
            | Self::Sealed(_)
            | Self::Schema(_)
            | Self::Panicked
            | Self::Sql(_) => false,
        }
    }
}
