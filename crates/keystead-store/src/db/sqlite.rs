//! SQLite: opening a file safely, running statements, and the threads that read.

use std::{
    borrow::Cow,
    cell::RefCell,
    collections::HashMap,
    fs, io,
    path::Path,
    rc::Rc,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use crossbeam_channel::Receiver;
use rusqlite::{Connection, ErrorCode, OpenFlags, Statement, config::DbConfig, types::ValueRef};

use crate::fault::Fault;

use super::{
    job::{Job, Verdict},
    tx::{Dialect, Driver, Tx},
    value::{Column, Row, Value},
};

/// Older versions can corrupt the write-ahead log when two connections write and checkpoint at the same instant.
const OLDEST_SAFE: i32 = 3_051_003;

/// What a connection will be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    Read,
    Write,
}

/// Opens `file`, making it if need be, with full durability.
pub(super) fn open(file: &Path, purpose: Use) -> Result<Connection, Fault> {
    let version = rusqlite::version_number();
    if version < OLDEST_SAFE {
        return Err(Fault::Schema(format!(
            "SQLite {} can corrupt its log; Keystead needs 3.51.3 or later (build with the bundled one)",
            rusqlite::version()
        )));
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    make_private(file)?;
    let mut connection = Connection::open_with_flags(file, flags)
        .map_err(|e| Fault::Unavailable(format!("{}: {e}", file.display())))?;
    connection.busy_handler(Some(wait)).map_err(fault)?;
    // Otherwise the planner looks at the values that are bound, and a statement is parsed anew whenever they are others.
    connection
        .set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)
        .map_err(fault)?;
    connection.set_prepared_statement_cache_capacity(256);
    connection
        .execute_batch(
            "PRAGMA journal_mode = WAL;
             PRAGMA synchronous = FULL;
             PRAGMA foreign_keys = ON;
             PRAGMA trusted_schema = OFF;
             PRAGMA temp_store = MEMORY;
             PRAGMA wal_autocheckpoint = 8000;",
        )
        .map_err(fault)?;
    if purpose == Use::Read {
        connection
            .execute_batch("PRAGMA query_only = ON;")
            .map_err(fault)?;
    }
    Ok(connection)
}

/// Makes an empty file for its owner alone, where there is none: SQLite would let everybody read it. What SQLite keeps
/// beside a database is as private as that.
///
/// One at a time in this process: to close a file ends every lock that the process has on it, SQLite's too.
pub(super) fn make_private(file: &Path) -> Result<(), Fault> {
    static MAKING: Mutex<()> = Mutex::new(());
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let _one_at_a_time = MAKING.lock().unwrap_or_else(PoisonError::into_inner);
    match options.open(file) {
        Err(e) if e.kind() != io::ErrorKind::AlreadyExists => {
            Err(Fault::Unavailable(format!("{}: {e}", file.display())))
        }
        _ => Ok(()),
    }
}

/// Waits for another process that writes, for about five seconds in all. By short steps: SQLite's own, which grow to a tenth
/// of a second, hardly ever meet the moment in which a busy writer lets go.
fn wait(tries: i32) -> bool {
    std::thread::sleep(Duration::from_millis(1));
    tries < 5_000
}

/// A reader thread: takes jobs until every sender is gone.
pub(super) fn read(connection: &Connection, jobs: &Receiver<Box<dyn Job>>) {
    for mut job in jobs {
        let fault = snapshot(connection, job.as_mut()).err();
        job.answer(fault);
    }
}

fn snapshot(connection: &Connection, job: &mut dyn Job) -> Result<(), Fault> {
    control(connection, "BEGIN")?;
    let _: Verdict = job.attempt(&mut Tx::new(&mut Open { connection }));
    control(connection, "ROLLBACK")
}

/// Runs a statement that begins or ends something. Parsing it anew each time would cost as much as a point read.
pub(super) fn control(connection: &Connection, sql: &str) -> Result<(), Fault> {
    let ended = connection
        .prepare_cached(sql)
        .and_then(|mut statement| statement.raw_execute());
    ended.map(drop).map_err(fault)
}

/// A connection inside a transaction.
#[derive(Debug)]
pub(super) struct Open<'c> {
    pub(super) connection: &'c Connection,
}

impl Driver for Open<'_> {
    fn dialect(&self) -> Dialect {
        Dialect::Sqlite
    }

    fn rows(&mut self, sql: &'static str, values: &[Value<'_>]) -> Result<Vec<Row>, Fault> {
        let mut statement = self.connection.prepare_cached(sql).map_err(fault)?;
        bind(&mut statement, sql, values)?;
        let width = statement.column_count();
        let mut found = Vec::new();
        let mut rows = statement.raw_query();
        while let Some(row) = rows.next().map_err(fault)? {
            let columns = (0..width).map(|i| row.get_ref(i).map(column).map_err(fault)?);
            found.push(Row::new(columns.collect::<Result<_, _>>()?));
        }
        Ok(found)
    }

    fn run(&mut self, sql: &'static str, values: &[Value<'_>]) -> Result<u64, Fault> {
        let mut statement = self.connection.prepare_cached(sql).map_err(fault)?;
        bind(&mut statement, sql, values)?;
        statement
            .raw_execute()
            .map(|changed| changed as u64)
            .map_err(fault)
    }
}

/// By the place and length of a statement's text, which is static.
type Orders = HashMap<(*const u8, usize), Rc<[usize]>>;

/// The number in the name of each parameter, in SQLite's order. SQLite finds a name by walking over all before it, so a
/// long statement is asked once.
fn order(statement: &Statement<'_>, sql: &'static str) -> Result<Rc<[usize]>, Fault> {
    thread_local! {
        static KNOWN: RefCell<Orders> = RefCell::default();
    }
    let text = (sql.as_ptr(), sql.len());
    if let Some(order) = KNOWN.with_borrow(|known| known.get(&text).cloned()) {
        return Ok(order);
    }
    let number = |index| {
        let name = statement.parameter_name(index)?;
        let number = name.strip_prefix('$')?.parse::<usize>().ok()?;
        (number > 0).then_some(number)
    };
    let order: Option<Rc<[usize]>> = (1..=statement.parameter_count()).map(number).collect();
    let order = order
        .ok_or_else(|| Fault::Sql(format!("a parameter is not named $1, $2 and so on: {sql}")))?;
    KNOWN.with_borrow_mut(|known| known.insert(text, Rc::clone(&order)));
    Ok(order)
}

/// Binds by the number in the name, because SQLite numbers `$2 … $1` in order of appearance.
fn bind(
    statement: &mut Statement<'_>,
    sql: &'static str,
    values: &[Value<'_>],
) -> Result<(), Fault> {
    for (number, index) in order(statement, sql)?.iter().zip(1..) {
        let Some(value) = values.get(number - 1) else {
            return Err(Fault::Sql(format!(
                "parameter ${number} of a statement is not one of its {} values",
                values.len()
            )));
        };
        match value {
            Value::Null => statement.raw_bind_parameter(index, rusqlite::types::Null),
            Value::Bool(b) => statement.raw_bind_parameter(index, b),
            Value::Int(n) => statement.raw_bind_parameter(index, n),
            Value::Text(Cow::Borrowed(text)) => statement.raw_bind_parameter(index, text),
            Value::Text(Cow::Owned(text)) | Value::Document(text) => {
                statement.raw_bind_parameter(index, text)
            }
            Value::Bytes(bytes) => statement.raw_bind_parameter(index, bytes),
        }
        .map_err(fault)?;
    }
    Ok(())
}

fn column(value: ValueRef<'_>) -> Result<Column, Fault> {
    Ok(match value {
        ValueRef::Null => Column::Null,
        ValueRef::Integer(n) => Column::Int(n),
        ValueRef::Text(bytes) => Column::Text(
            str::from_utf8(bytes)
                .map_err(|_| Fault::Sql("a stored text is not UTF-8".to_owned()))?
                .to_owned(),
        ),
        ValueRef::Blob(bytes) => Column::Bytes(bytes.to_owned()),
        ValueRef::Real(_) => {
            return Err(Fault::Sql("a stored number is not an integer".to_owned()));
        }
    })
}

/// What an error of the driver means to us. SQLite's texts name tables and columns, never values.
pub(super) fn fault(error: rusqlite::Error) -> Fault {
    let rusqlite::Error::SqliteFailure(failure, text) = &error else {
        return Fault::Sql(error.to_string());
    };
    let text = text.clone().unwrap_or_else(|| failure.to_string());
    match failure.code {
        ErrorCode::DiskFull => Fault::Full(text),
        ErrorCode::ConstraintViolation => Fault::Constraint(text),
        ErrorCode::DatabaseBusy
        | ErrorCode::DatabaseLocked
        | ErrorCode::CannotOpen
        | ErrorCode::ReadOnly
        | ErrorCode::SystemIoFailure
        | ErrorCode::NotADatabase
        | ErrorCode::PermissionDenied => Fault::Unavailable(text),
        _ => Fault::Sql(text),
    }
}

/// What an error of `COMMIT` means. One of reading or writing leaves a doubt: the whole group may stand in the log, only
/// its sync having failed, and although it is now rolled back, the next process would recover it from there.
pub(super) fn commit_fault(error: rusqlite::Error) -> Fault {
    let code = error.sqlite_error_code();
    match (code, fault(error)) {
        (
            Some(ErrorCode::SystemIoFailure | ErrorCode::OutOfMemory),
            Fault::Unavailable(text) | Fault::Sql(text),
        ) => Fault::CommitUnknown(text),
        (_, fault) => fault,
    }
}
