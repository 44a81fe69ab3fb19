//! A transaction as store functions see it: three methods, one SQL text, either driver.

use crate::fault::Fault;

use super::{
    postgres, sqlite,
    value::{Param as _, Params, Row, Value},
};

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
#[derive(Debug)]
pub struct Tx<'c> {
    driver: Driver<'c>,
    spoiled: Option<Fault>,
}

#[derive(Debug)]
pub(super) enum Driver<'c> {
    Sqlite(sqlite::Open<'c>),
    Postgres(postgres::Open<'c>),
}

impl<'c> Tx<'c> {
    pub(super) fn new(driver: Driver<'c>) -> Self {
        Self {
            driver,
            spoiled: None,
        }
    }

    /// Which database this is.
    pub fn dialect(&self) -> Dialect {
        match &self.driver {
            Driver::Sqlite(_) => Dialect::Sqlite,
            Driver::Postgres(_) => Dialect::Postgres,
        }
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
        self.statement(params, |driver, values| match driver {
            Driver::Sqlite(open) => open.rows(sql, values),
            Driver::Postgres(open) => open.rows(sql, values),
        })
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
        self.statement(params, |driver, values| match driver {
            Driver::Sqlite(open) => open.run(sql, values),
            Driver::Postgres(open) => open.run(sql, values),
        })
    }

    /// The fault that spoiled this transaction, if one did.
    pub(super) fn spoiled(&self) -> Option<&Fault> {
        self.spoiled.as_ref()
    }

    pub(super) fn into_driver(self) -> Driver<'c> {
        self.driver
    }

    fn statement<T>(
        &mut self,
        params: Params<'_>,
        run: impl FnOnce(&mut Driver<'c>, &[Value<'_>]) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        if let Some(fault) = &self.spoiled {
            return Err(fault.clone());
        }
        let values: Vec<Value<'_>> = params.iter().map(|p| p.value()).collect();
        let answer = if values.iter().any(Value::holds_nul) {
            Err(Fault::Nul)
        } else {
            run(&mut self.driver, &values)
        };
        if let Err(fault) = &answer {
            self.spoiled = Some(fault.clone());
        }
        answer
    }
}
