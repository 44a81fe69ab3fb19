//! A look into a case's database past the store: all that it holds, and rows that no verb of the case would write.

use keystead_store::Database;
use rusqlite::{Connection, types::Value};

use crate::house::House;

impl House {
    /// Every row of every table as text, in an order of its own.
    pub fn contents(&self) -> Vec<String> {
        let mut rows = match &self.database {
            Database::Sqlite { file } => sqlite_rows(&Connection::open(file).unwrap()),
            Database::Postgres { url, .. } => postgres_rows(url.expose()),
        };
        rows.sort();
        rows
    }

    /// The first column of every row that a query finds, where it is an integer.
    pub fn integers(&self, query: &str) -> Vec<i64> {
        match &self.database {
            Database::Sqlite { file } => Connection::open(file)
                .unwrap()
                .prepare(query)
                .unwrap()
                .query_map([], |row| row.get(0))
                .unwrap()
                .collect::<Result<_, _>>()
                .unwrap(),
            Database::Postgres { url, .. } => {
                let rows = connect(url.expose()).query(query, &[]).unwrap();
                rows.iter().map(|row| row.get(0)).collect()
            }
        }
    }

    /// The names of all tables.
    pub fn tables(&self) -> Vec<String> {
        match &self.database {
            Database::Sqlite { file } => sqlite_tables(&Connection::open(file).unwrap()),
            Database::Postgres { url, .. } => postgres_tables(&mut connect(url.expose())),
        }
    }

    /// Runs statements that mean the same to both databases.
    pub fn execute(&self, statements: &str) {
        match &self.database {
            Database::Sqlite { file } => {
                let connection = Connection::open(file).unwrap();
                connection
                    .execute_batch(&format!("PRAGMA foreign_keys = ON; {statements}"))
                    .unwrap();
            }
            Database::Postgres { url, .. } => {
                connect(url.expose()).batch_execute(statements).unwrap();
            }
        }
    }
}

pub fn connect(url: &str) -> postgres::Client {
    postgres::Client::connect(url, postgres::NoTls).unwrap()
}

fn sqlite_tables(connection: &Connection) -> Vec<String> {
    connection
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'table'")
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap()
}

fn postgres_tables(client: &mut postgres::Client) -> Vec<String> {
    let tables = client
        .query(
            "SELECT table_name::text FROM information_schema.tables WHERE table_schema = 'public'",
            &[],
        )
        .unwrap();
    tables.iter().map(|row| row.get(0)).collect()
}

fn sqlite_rows(connection: &Connection) -> Vec<String> {
    let mut found = Vec::new();
    for table in sqlite_tables(connection) {
        let mut all = connection
            .prepare(&format!("SELECT * FROM {table}"))
            .unwrap();
        let width = all.column_count();
        let mut rows = all.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            let columns: Vec<Value> = (0..width).map(|i| row.get(i).unwrap()).collect();
            found.push(format!("{table}: {columns:?}"));
        }
    }
    found
}

fn postgres_rows(url: &str) -> Vec<String> {
    let mut client = connect(url);
    let mut found = Vec::new();
    for table in postgres_tables(&mut client) {
        let rows = client
            .query(&format!("SELECT t::text FROM {table} t"), &[])
            .unwrap();
        found.extend(
            rows.iter()
                .map(|row| format!("{table}: {}", row.get::<_, String>(0))),
        );
    }
    found
}
