//! The two schemas, read from the databases themselves after migrating both, say the same.

use std::collections::BTreeSet;

use keystead_store::Database;
use libtest_mimic::Trial;
use rusqlite::Connection;

use crate::{
    contents::connect,
    house::{Engine, House},
};

/// One sentence about a table each, in the same words for both databases.
type Facts = BTreeSet<String>;

/// The table in which the migrations themselves are counted.
const HISTORY: &str = "refinery_schema_history";

pub fn trial() -> Trial {
    let compare = || {
        let houses = [House::open(Engine::Sqlite)?, House::open(Engine::Postgres)?];
        let [sqlite, postgres] = houses.each_ref().map(facts);
        assert!(sqlite.len() > 100, "the schema was not read: {sqlite:#?}");
        let only = |one: &Facts, other: &Facts| one - other;
        let differences = (only(&sqlite, &postgres), only(&postgres, &sqlite));
        assert!(
            differences.0.is_empty() && differences.1.is_empty(),
            "only SQLite: {:#?}\nonly PostgreSQL: {:#?}",
            differences.0,
            differences.1
        );
        Ok(())
    };
    Trial::test("schema: both databases have the same", compare)
        .with_ignored_flag(!Engine::Postgres.wanted())
}

fn facts(house: &House) -> Facts {
    match &house.database {
        Database::Sqlite { file } => sqlite(&Connection::open(file).unwrap()),
        Database::Postgres { url, .. } => postgres(&mut connect(url.expose())),
    }
}

fn column(table: &str, position: i64, name: &str, kind: &str, not_null: bool) -> String {
    let null = if not_null { "not null" } else { "nullable" };
    format!("{table}: column {position} is {name} {kind}, {null}")
}

fn key(table: &str, kind: &str, columns: &str) -> String {
    format!("{table}: {kind} ({columns})")
}

fn foreign_key(table: &str, columns: &str, parent: &str, to: &str, on_delete: &str) -> String {
    format!("{table}: ({columns}) references {parent} ({to}), on delete {on_delete}")
}

fn index(table: &str, name: &str, columns: &str, unique: bool, condition: &str) -> String {
    format!("{table}: index {name} ({columns}), unique: {unique}, where: {condition}")
}

fn checks(table: &str, count: usize) -> String {
    format!("{table}: {count} checks")
}

fn sqlite(connection: &Connection) -> Facts {
    let mut facts = Facts::new();
    let tables = rows(
        connection,
        "SELECT s.name, s.sql, l.strict FROM sqlite_schema s JOIN pragma_table_list(s.name) l
         WHERE s.type = 'table' AND s.name <> ?1",
        HISTORY,
        |row| (row.get("name"), row.get("sql"), row.get("strict")),
    );
    for (table, sql, strict) in tables {
        let (table, sql): (String, String) = (table.unwrap(), sql.unwrap());
        assert_eq!(strict, Ok(true), "{table} is not STRICT");
        let boolean = |name: &str| sql.contains(&format!("CHECK ({name} IN (0, 1))"));
        let columns = sqlite_columns(connection, &table);
        let booleans = columns.iter().filter(|c| boolean(&c.name)).count();
        facts.insert(checks(&table, sql.matches("CHECK (").count() - booleans));
        let mut primary: Vec<_> = columns.iter().filter(|c| c.in_key > 0).collect();
        primary.sort_by_key(|c| c.in_key);
        let primary: Vec<_> = primary.iter().map(|c| c.name.as_str()).collect();
        facts.insert(key(&table, "primary key", &primary.join(",")));
        for c in &columns {
            let kind = match c.kind.as_str() {
                "INTEGER" if boolean(&c.name) => "boolean",
                "INTEGER" => "integer",
                "TEXT" => "text",
                "BLOB" => "bytes",
                other => panic!("{table}.{} is {other}", c.name),
            };
            facts.insert(column(&table, c.position, &c.name, kind, c.not_null));
        }
        facts.extend(sqlite_foreign_keys(connection, &table));
        facts.extend(sqlite_indexes(connection, &table));
    }
    facts
}

struct SqliteColumn {
    position: i64,
    name: String,
    kind: String,
    not_null: bool,
    in_key: i64,
}

fn sqlite_columns(connection: &Connection, table: &str) -> Vec<SqliteColumn> {
    rows(
        connection,
        r#"SELECT cid + 1, name, type, "notnull", pk FROM pragma_table_info(?1) ORDER BY cid"#,
        table,
        |row| SqliteColumn {
            position: row.get(0).unwrap(),
            name: row.get(1).unwrap(),
            kind: row.get(2).unwrap(),
            not_null: row.get(3).unwrap(),
            in_key: row.get(4).unwrap(),
        },
    )
}

fn sqlite_foreign_keys(connection: &Connection, table: &str) -> Vec<String> {
    rows(
        connection,
        r#"SELECT group_concat("from", ',' ORDER BY seq), "table", group_concat("to", ',' ORDER BY seq), lower(on_delete)
           FROM pragma_foreign_key_list(?1) GROUP BY id"#,
        table,
        |row| {
            let [from, parent, to, on_delete] =
                [0, 1, 2, 3].map(|i| row.get::<_, String>(i).unwrap());
            foreign_key(table, &from, &parent, &to, &on_delete)
        },
    )
}

fn sqlite_indexes(connection: &Connection, table: &str) -> Vec<String> {
    let indexes = rows(
        connection,
        r#"SELECT l.name, l.origin, l."unique",
             (SELECT group_concat(i.name, ',' ORDER BY i.seqno) FROM pragma_index_info(l.name) i), s.sql
           FROM pragma_index_list(?1) l LEFT JOIN sqlite_schema s ON s.type = 'index' AND s.name = l.name
           WHERE l.origin <> 'pk'"#,
        table,
        |row| {
            let [name, origin, columns] = [0, 1, 3].map(|i| row.get::<_, String>(i).unwrap());
            let sql: Option<String> = row.get(4).unwrap();
            (name, origin, columns, row.get(2).unwrap(), sql)
        },
    );
    indexes
        .into_iter()
        .map(
            |(name, origin, columns, unique, sql)| match origin.as_str() {
                "u" => key(table, "unique", &columns),
                _ => {
                    let sql = sql.unwrap_or_default();
                    let condition = sql
                        .split_once(" WHERE ")
                        .map_or("", |(_, condition)| condition);
                    index(table, &name, &columns, unique, condition)
                }
            },
        )
        .collect()
}

fn rows<T>(
    connection: &Connection,
    sql: &str,
    argument: &str,
    read: impl Fn(&rusqlite::Row<'_>) -> T,
) -> Vec<T> {
    let mut statement = connection.prepare(sql).unwrap();
    let rows = statement.query_map([argument], |row| Ok(read(row)));
    rows.unwrap().collect::<Result<_, _>>().unwrap()
}

fn postgres(client: &mut postgres::Client) -> Facts {
    let mut facts = Facts::new();
    for row in client.query(POSTGRES_COLUMNS, &[&HISTORY]).unwrap() {
        let [table, name, kind] = [0, 2, 3].map(|i| row.get::<_, String>(i));
        let collation: Option<String> = row.get(5);
        let kind = match (kind.as_str(), collation.as_deref()) {
            ("bigint", None) => "integer",
            ("boolean", None) => "boolean",
            ("text", Some("C")) | ("jsonb", None) => "text",
            ("bytea", None) => "bytes",
            other => panic!("{table}.{name} is {other:?}"),
        };
        let position: i32 = row.get(1);
        facts.insert(column(&table, position.into(), &name, kind, row.get(4)));
    }
    for row in client.query(POSTGRES_CONSTRAINTS, &[&HISTORY]).unwrap() {
        let [table, kind, columns] = [0, 1, 2].map(|i| row.get::<_, String>(i));
        facts.insert(match kind.as_str() {
            "p" => key(&table, "primary key", &columns),
            "u" => key(&table, "unique", &columns),
            _ => {
                let on_delete = match row.get::<_, String>(5).as_str() {
                    "c" => "cascade".to_owned(),
                    "a" => "no action".to_owned(),
                    other => other.to_owned(),
                };
                let [parent, to] = [3, 4].map(|i| row.get::<_, String>(i));
                foreign_key(&table, &columns, &parent, &to, &on_delete)
            }
        });
    }
    for row in client.query(POSTGRES_INDEXES, &[&HISTORY]).unwrap() {
        let [table, name, columns, condition] = [0, 1, 2, 4].map(|i| row.get::<_, String>(i));
        let condition = condition.trim_start_matches('(').trim_end_matches(')');
        facts.insert(index(&table, &name, &columns, row.get(3), condition));
    }
    for row in client.query(POSTGRES_CHECKS, &[&HISTORY]).unwrap() {
        let count: i64 = row.get(1);
        facts.insert(checks(row.get(0), count.try_into().unwrap()));
    }
    facts
}

const POSTGRES_COLUMNS: &str = "
    SELECT table_name::text, ordinal_position::int, column_name::text, data_type::text, is_nullable = 'NO',
      collation_name::text
    FROM information_schema.columns WHERE table_schema = 'public' AND table_name <> $1";

const POSTGRES_CONSTRAINTS: &str = "
    SELECT t.relname::text, c.contype::text,
      (SELECT string_agg(a.attname, ',' ORDER BY k.place) FROM unnest(c.conkey) WITH ORDINALITY k (number, place)
       JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.number),
      (SELECT relname::text FROM pg_class WHERE oid = c.confrelid),
      (SELECT string_agg(a.attname, ',' ORDER BY k.place) FROM unnest(c.confkey) WITH ORDINALITY k (number, place)
       JOIN pg_attribute a ON a.attrelid = c.confrelid AND a.attnum = k.number),
      c.confdeltype::text
    FROM pg_constraint c JOIN pg_class t ON t.oid = c.conrelid
    WHERE t.relnamespace = 'public'::regnamespace AND t.relname <> $1 AND c.contype IN ('p', 'u', 'f')";

const POSTGRES_INDEXES: &str = "
    SELECT t.relname::text, x.relname::text,
      (SELECT string_agg(a.attname, ',' ORDER BY k.place) FROM unnest(i.indkey) WITH ORDINALITY k (number, place)
       JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number),
      i.indisunique, COALESCE(pg_get_expr(i.indpred, i.indrelid), '')
    FROM pg_index i JOIN pg_class t ON t.oid = i.indrelid JOIN pg_class x ON x.oid = i.indexrelid
    WHERE t.relnamespace = 'public'::regnamespace AND t.relname <> $1
      AND NOT EXISTS (SELECT 1 FROM pg_constraint c WHERE c.conindid = i.indexrelid AND c.contype IN ('p', 'u'))";

const POSTGRES_CHECKS: &str = "
    SELECT t.relname::text, count(c.oid) FROM pg_class t
    LEFT JOIN pg_constraint c ON c.conrelid = t.oid AND c.contype = 'c'
    WHERE t.relnamespace = 'public'::regnamespace AND t.relkind = 'r' AND t.relname <> $1
    GROUP BY t.relname";
