//! A look into a case's database past the store: all that it holds, and rows that no verb of the case would write.

use keystead_store::Database;
use rusqlite::Connection;

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
                connect(url.expose()).batch_execute(statements).unwrap()
            }
        }
    }
}

pub fn connect(url: &str) -> postgres::Client {
    postgres::Client::connect(url, postgres::NoTls).unwrap()
}

fn sqlite_rows(connection: &Connection) -> Vec<String> {
    let mut tables = connection
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'table'")
        .unwrap();
    let tables: Vec<String> = tables
        .query_map([], |row| row.get(0))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    let mut found = Vec::new();
    for table in tables {
        let mut all = connection
            .prepare(&format!("SELECT * FROM {table}"))
            .unwrap();
        let width = all.column_count();
        let mut rows = all.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            let columns: Vec<_> = (0..width).map(|i| row.get_ref(i).unwrap()).collect();
            found.push(format!("{table}: {columns:?}"));
        }
    }
    found
}

fn postgres_rows(url: &str) -> Vec<String> {
    let mut client = connect(url);
    let tables = client
        .query(
            "SELECT table_name::text FROM information_schema.tables WHERE table_schema = 'public'",
            &[],
        )
        .unwrap();
    let mut found = Vec::new();
    for table in tables {
        let table: String = table.get(0);
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
