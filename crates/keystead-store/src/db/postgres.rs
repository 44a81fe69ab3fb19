//! PostgreSQL: connections that threads own, statements prepared once, conflicts retried.

use std::{
    collections::{HashMap, hash_map::Entry},
    error::Error as StdError,
    path::Path,
    sync::Arc,
    time::Duration,
};

use crossbeam_channel::Receiver;
use postgres::{
    Client, Config, Statement,
    error::{DbError, Severity, SqlState},
    types::{FromSql, IsNull, ToSql, Type, private::BytesMut},
};
use rustls::{
    ClientConfig, RootCertStore, pki_types::CertificateDer, pki_types::pem::PemObject as _,
};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::fault::Fault;

use super::{
    job::{Job, Verdict},
    tx::{Dialect, Driver, Tx},
    value::{Column, Row, Value},
};

/// How often a closure may run against conflicting transactions before its caller hears [`Fault::Contended`].
const TRIES: u32 = 16;

/// Reads see one snapshot; writes are decided by guarded statements, so read committed is enough for them.
const BEGIN_READ: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
const BEGIN_WRITE: &str = "BEGIN ISOLATION LEVEL READ COMMITTED";

/// Where a PostgreSQL database is and whom to trust there.
#[derive(Clone)]
pub(super) struct Address {
    config: Config,
    tls: MakeRustlsConnect,
}

impl Address {
    /// Reads a connection URL. With `sslmode=require` the server's certificate must chain to `ca_file`, or to a public
    /// root if none is given, and name its host.
    pub(super) fn new(url: &str, ca_file: Option<&Path>) -> Result<Self, Fault> {
        let mut config: Config = url
            .parse()
            .map_err(|_| Fault::Unavailable("database.url is not a postgres:// URL".to_owned()))?;
        config.connect_timeout(Duration::from_secs(5));
        config.keepalives_idle(Duration::from_secs(10));
        config.tcp_user_timeout(Duration::from_secs(15));
        if config.get_application_name().is_none() {
            config.application_name("keystead");
        }
        Ok(Self {
            config,
            tls: MakeRustlsConnect::new(client_tls(ca_file)?),
        })
    }

    pub(super) fn connect(&self) -> Result<Client, Fault> {
        self.config
            .connect(self.tls.clone())
            .map_err(|e| Fault::Unavailable(describe(&e)))
    }
}

fn client_tls(ca_file: Option<&Path>) -> Result<ClientConfig, Fault> {
    let bad = |why: String| Fault::Unavailable(format!("database.ca_file: {why}"));
    let mut roots = RootCertStore::empty();
    match ca_file {
        None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        Some(file) => {
            for certificate in
                CertificateDer::pem_file_iter(file).map_err(|e| bad(e.to_string()))?
            {
                roots
                    .add(certificate.map_err(|e| bad(e.to_string()))?)
                    .map_err(|e| bad(e.to_string()))?;
            }
        }
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    Ok(builder
        .map_err(|e| bad(e.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth())
}

/// Whether a job may change anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Read,
    Write,
}

/// A job and what it may do.
pub(super) type Order = (Mode, Box<dyn Job>);

/// A thread of the pool: takes jobs until every sender is gone.
pub(super) fn serve(address: &Address, first: Option<Client>, orders: &Receiver<Order>) {
    let mut line = first.map(Line::new);
    for (mode, mut job) in orders {
        let fault = perform(address, &mut line, mode, job.as_mut()).err();
        job.answer(fault);
    }
}

/// A connection and the statements prepared on it.
struct Line {
    client: Client,
    prepared: HashMap<&'static str, Statement>,
}

impl Line {
    fn new(client: Client) -> Self {
        Self {
            client,
            prepared: HashMap::new(),
        }
    }
}

/// How one attempt ended, when the caller cannot be answered yet.
enum Setback {
    /// Another transaction was in the way; nothing was kept.
    Conflict,
    /// The connection broke before `COMMIT` was sent; nothing was kept.
    Lost(Fault),
    /// Nothing that another try would mend.
    Final(Fault),
}

/// Runs a job to its end: reconnects once, retries conflicts with growing pauses.
fn perform(
    address: &Address,
    line: &mut Option<Line>,
    mode: Mode,
    job: &mut dyn Job,
) -> Result<(), Fault> {
    let mut reconnected = false;
    let mut tries = 0;
    loop {
        let ready = match line {
            Some(ready) if !ready.client.is_closed() => ready,
            _ => line.insert(Line::new(address.connect()?)),
        };
        tries += 1;
        match attempt(ready, mode, job) {
            Ok(()) => return Ok(()),
            Err(Setback::Conflict) if tries == TRIES => return Err(Fault::Contended { tries }),
            Err(Setback::Conflict) => std::thread::sleep(Duration::from_millis(1 << tries.min(6))),
            Err(Setback::Lost(fault)) => {
                *line = None;
                if reconnected {
                    return Err(fault);
                }
                reconnected = true;
            }
            Err(Setback::Final(fault)) => {
                if ready.client.is_closed() {
                    *line = None;
                }
                return Err(fault);
            }
        }
    }
}

fn attempt(line: &mut Line, mode: Mode, job: &mut dyn Job) -> Result<(), Setback> {
    let begin = if mode == Mode::Read {
        BEGIN_READ
    } else {
        BEGIN_WRITE
    };
    line.client.batch_execute(begin).map_err(|e| setback(&e))?;
    let mut open = Open {
        line,
        setback: None,
    };
    let verdict = job.attempt(&mut Tx::new(&mut open));
    let Open {
        line,
        setback: failed,
    } = open;
    if let Some(Setback::Lost(fault)) = failed {
        return Err(Setback::Lost(fault));
    }
    if verdict == Verdict::Keep {
        return line
            .client
            .batch_execute("COMMIT")
            .map_err(|e| match setback(&e) {
                Setback::Lost(_) if mode == Mode::Write => {
                    Setback::Final(Fault::CommitUnknown(describe(&e)))
                }
                other => other,
            });
    }
    let undone = line
        .client
        .batch_execute("ROLLBACK")
        .map_err(|e| setback(&e));
    if let Some(Setback::Conflict) = failed {
        Err(Setback::Conflict)
    } else {
        undone
    }
}

/// A connection inside a transaction.
pub(super) struct Open<'c> {
    line: &'c mut Line,
    setback: Option<Setback>,
}

impl Driver for Open<'_> {
    fn dialect(&self) -> Dialect {
        Dialect::Postgres
    }

    fn rows(&mut self, sql: &'static str, values: &[Value<'_>]) -> Result<Vec<Row>, Fault> {
        let rows = self.statement(sql, values, |client, statement, values| {
            client.query(statement, values)
        })?;
        rows.iter()
            .map(|row| {
                let columns = (0..row.len()).map(|i| row.try_get::<_, Column>(i));
                Ok(Row::new(
                    columns
                        .collect::<Result<_, _>>()
                        .map_err(|e| Fault::Sql(describe(&e)))?,
                ))
            })
            .collect()
    }

    fn run(&mut self, sql: &'static str, values: &[Value<'_>]) -> Result<u64, Fault> {
        self.statement(sql, values, |client, statement, values| {
            client.execute(statement, values)
        })
    }
}

impl Open<'_> {
    fn statement<T>(
        &mut self,
        sql: &'static str,
        values: &[Value<'_>],
        run: impl FnOnce(&mut Client, &Statement, &[&(dyn ToSql + Sync)]) -> Result<T, postgres::Error>,
    ) -> Result<T, Fault> {
        let Line { client, prepared } = &mut *self.line;
        let statement = match prepared.entry(sql) {
            Entry::Occupied(known) => known.get().clone(),
            Entry::Vacant(new) => match client.prepare(sql) {
                Ok(statement) => new.insert(statement).clone(),
                Err(error) => return Err(self.failed(&error)),
            },
        };
        let values: Vec<&(dyn ToSql + Sync)> = values.iter().map(|v| v as _).collect();
        run(client, &statement, &values).map_err(|error| self.failed(&error))
    }

    fn failed(&mut self, error: &postgres::Error) -> Fault {
        if error.code() == Some(&SqlState::FEATURE_NOT_SUPPORTED) {
            // A migration on another node changed a table under a prepared statement: prepare again.
            self.line.prepared.clear();
            self.setback = Some(Setback::Conflict);
            return Fault::Contended { tries: 1 };
        }
        let setback = setback(error);
        let fault = match &setback {
            Setback::Conflict => Fault::Contended { tries: 1 },
            Setback::Lost(fault) | Setback::Final(fault) => fault.clone(),
        };
        self.setback = Some(setback);
        fault
    }
}

fn setback(error: &postgres::Error) -> Setback {
    let text = describe(error);
    let Some(code) = error.code() else {
        return if error.is_closed() || is_io(error) {
            Setback::Lost(Fault::Unavailable(text))
        } else {
            Setback::Final(Fault::Sql(text))
        };
    };
    // FATAL ends this connection and PANIC the server, whatever the code says: an idle one, a log without room.
    let severity = error.as_db_error().and_then(DbError::parsed_severity);
    if let Some(Severity::Fatal | Severity::Panic) = severity {
        return Setback::Lost(Fault::Unavailable(text));
    }
    match (code.code(), &code.code()[..2]) {
        ("40001" | "40P01", _) => Setback::Conflict,
        ("53100", _) => Setback::Final(Fault::Full(text)),
        (_, "23") => Setback::Final(Fault::Constraint(text)),
        // 40003: the server itself does not know whether the statement was completed.
        ("40003" | "57P01" | "57P02" | "57P03", _) | (_, "08") => {
            Setback::Lost(Fault::Unavailable(text))
        }
        (_, "53") => Setback::Final(Fault::Unavailable(text)),
        _ => Setback::Final(Fault::Sql(text)),
    }
}

fn is_io(error: &postgres::Error) -> bool {
    let mut cause = error.source();
    while let Some(inner) = cause {
        if inner.is::<std::io::Error>() {
            return true;
        }
        cause = inner.source();
    }
    false
}

/// What went wrong without the server's DETAIL line, which quotes values.
fn describe(error: &postgres::Error) -> String {
    match error.as_db_error() {
        None => error
            .source()
            .map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}")),
        Some(db) => match db.constraint() {
            Some(constraint) => format!("{} ({constraint}, {})", db.message(), db.code().code()),
            None => format!("{} ({})", db.message(), db.code().code()),
        },
    }
}

impl ToSql for Value<'_> {
    fn to_sql(
        &self,
        ty: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn StdError + Sync + Send>> {
        match self {
            Value::Null => Ok(IsNull::Yes),
            Value::Bool(b) => b.to_sql(ty, out),
            Value::Int(n) if *ty == Type::INT4 => i32::try_from(*n)?.to_sql(ty, out),
            Value::Int(n) => n.to_sql(ty, out),
            Value::Text(text) => text.as_ref().to_sql(ty, out),
            Value::Document(text) => {
                if *ty == Type::JSONB {
                    out.extend_from_slice(&[1]);
                }
                out.extend_from_slice(text.as_bytes());
                Ok(IsNull::No)
            }
            Value::Bytes(bytes) => bytes.to_sql(ty, out),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    postgres::types::to_sql_checked!();
}

impl<'a> FromSql<'a> for Column {
    fn from_sql(ty: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn StdError + Sync + Send>> {
        Ok(match *ty {
            Type::BOOL => Self::Bool(bool::from_sql(ty, raw)?),
            Type::INT8 => Self::Int(i64::from_sql(ty, raw)?),
            Type::INT4 => Self::Int(i32::from_sql(ty, raw)?.into()),
            Type::BYTEA => Self::Bytes(raw.to_owned()),
            Type::JSONB => Self::Text(str::from_utf8(raw.get(1..).unwrap_or_default())?.to_owned()),
            _ => Self::Text(<&str>::from_sql(ty, raw)?.to_owned()),
        })
    }

    fn from_sql_null(_: &Type) -> Result<Self, Box<dyn StdError + Sync + Send>> {
        Ok(Self::Null)
    }

    fn accepts(ty: &Type) -> bool {
        matches!(
            *ty,
            Type::BOOL | Type::INT8 | Type::INT4 | Type::BYTEA | Type::JSONB
        ) || <&str as FromSql<'_>>::accepts(ty)
    }
}
