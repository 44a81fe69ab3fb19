//! A transaction as store functions see it: three methods, one SQL text, either driver.

use crate::fault::Fault;

use super::value::{Params, Row, Value};

/// Which database answers. Only a function whose SQL truly differs asks, and it says why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// The bundled SQLite.
    Sqlite,
    /// PostgreSQL 15 or later, or a database that speaks its protocol and SQL.
    Postgres,
}

/// An open transaction.
///
/// A statement that fails spoils the transaction on both databases: every later statement repeats the fault and the
/// end is a rollback, even if the closure answers `Ok`. So nothing can be half-kept, and a closure that expects a
/// conflict says `ON CONFLICT DO NOTHING` and counts rows.
pub struct Tx<'c> {
    driver: &'c mut dyn Driver,
    spoiled: Option<Fault>,
}

/// A connection inside a transaction, whichever database it is of.
pub(super) trait Driver {
    fn dialect(&self) -> Dialect;
    fn rows(&mut self, sql: &'static str, values: &[Value<'_>]) -> Result<Vec<Row>, Fault>;
    fn run(&mut self, sql: &'static str, values: &[Value<'_>]) -> Result<u64, Fault>;
}

impl std::fmt::Debug for Tx<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Tx({:?}, spoiled: {:?})", self.dialect(), self.spoiled)
    }
}

impl<'c> Tx<'c> {
    pub(super) fn new(driver: &'c mut dyn Driver) -> Self {
        Self {
            driver,
            spoiled: None,
        }
    }

    /// Which database this is.
    pub fn dialect(&self) -> Dialect {
        self.driver.dialect()
    }

    /// Runs a query and gives every row.
    ///
    /// # Errors
    /// Any [`Fault`] of the database; [`Fault::Nul`] if a text holds U+0000.
    pub(crate) fn rows(
        &mut self,
        sql: &'static str,
        params: Params<'_>,
    ) -> Result<Vec<Row>, Fault> {
        self.statement(params, |driver, values| driver.rows(sql, values))
    }

    /// Runs a query and gives its first row, if it has one.
    ///
    /// # Errors
    /// As [`Tx::rows`].
    pub(crate) fn row(
        &mut self,
        sql: &'static str,
        params: Params<'_>,
    ) -> Result<Option<Row>, Fault> {
        Ok(self.rows(sql, params)?.into_iter().next())
    }

    /// Runs a statement and gives how many rows it changed.
    ///
    /// # Errors
    /// As [`Tx::rows`].
    pub(crate) fn run(&mut self, sql: &'static str, params: Params<'_>) -> Result<u64, Fault> {
        self.statement(params, |driver, values| driver.run(sql, values))
    }

    /// The fault that spoiled this transaction, if one did.
    pub(super) fn spoiled(&self) -> Option<&Fault> {
        self.spoiled.as_ref()
    }

    fn statement<T>(
        &mut self,
        params: Params<'_>,
        run: impl FnOnce(&mut dyn Driver, &[Value<'_>]) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        if let Some(fault) = &self.spoiled {
            return Err(fault.clone());
        }
        let values: Vec<Value<'_>> = params.iter().map(|p| p.value()).collect();
        let answer = if values.iter().any(Value::holds_nul) {
            Err(Fault::Nul)
        } else {
            run(self.driver, &values)
        };
        if let Err(fault) = &answer {
            self.spoiled = Some(fault.clone());
        }
        answer
    }
}
