//! Checks on SQL: where it may stand, in which dialect, and that it takes neither time nor chance from the air.

use crate::source::Literal;
use crate::tree::{Source, Tree};

use super::Spot;
use super::manifests::shipped_dependencies;
use super::migrations::{POSTGRES, SQLITE};
use super::purity::named;

const DRIVERS: &[&str] = &[
    "rusqlite",
    "postgres",
    "tokio_postgres",
    "refinery",
    "libsqlite3_sys",
    "sqlx",
    "diesel",
];
const STORE: &str = "crates/keystead-store/src/";

/// Functions and words that read a clock or draw a number inside the database.
const AIR_CALLS: &[&str] = &[
    "now",
    "random",
    "randomblob",
    "gen_random_uuid",
    "clock_timestamp",
    "statement_timestamp",
    "transaction_timestamp",
    "datetime",
    "strftime",
    "julianday",
    "unixepoch",
    "timeofday",
];
const AIR_WORDS: &[&str] = &[
    "current_timestamp",
    "current_date",
    "current_time",
    "localtimestamp",
    "localtime",
];

/// What one of the two databases does not have, or does differently.
const DIALECT_CALLS: &[&str] = &[
    "lower",
    "upper",
    "any",
    "array_agg",
    "json_extract",
    "jsonb_set",
    "ifnull",
    "to_tsvector",
];
const DIALECT_WORDS: &[&str] = &["ilike", "glob", "listen", "notify", "pragma"];
const DIALECT_PAIRS: &[(&str, &str)] = &[
    ("for", "update"),
    ("for", "share"),
    ("insert", "or"),
    ("nulls", "first"),
    ("nulls", "last"),
    ("distinct", "on"),
];
const DIALECT_SIGNS: &[&str] = &["->", "@>", "<@", "#>", "::", "array["];

/// Only the database module names a driver, and only the store has one in its manifest.
pub(super) fn driver(tree: &Tree) -> Vec<Spot> {
    let mut spots: Vec<Spot> = tree
        .product()
        .filter(|source| !is_db(source))
        .flat_map(|source| named(source, DRIVERS))
        .collect();
    for (package, dependency) in shipped_dependencies(tree) {
        let name = dependency.name.replace('-', "_");
        if package.name != "keystead-store" && DRIVERS.contains(&name.as_str()) {
            let line = package.line_of(&dependency.name);
            spots.push(Spot::new(
                &package.manifest_path(),
                line,
                format!(
                    "`{}` depends on the driver `{}`",
                    package.name, dependency.name
                ),
            ));
        }
    }
    spots
}

pub(super) fn place(tree: &Tree) -> Vec<Spot> {
    let mut spots = Vec::new();
    for source in tree
        .product()
        .filter(|source| !source.path.starts_with(STORE))
    {
        for literal in source
            .facts
            .literals
            .iter()
            .filter(|literal| is_statement(&literal.text))
        {
            spots.push(Spot::new(
                &source.path,
                literal.line,
                format!("SQL: \"{}\"", opening(&literal.text)),
            ));
        }
    }
    spots
}

pub(super) fn dialect(tree: &Tree) -> Vec<Spot> {
    let mut spots = Vec::new();
    for (source, literal) in
        statements(tree).filter(|(source, literal)| !is_db(source) && !literal.two_texts)
    {
        if let Some(found) = foreign(&literal.text) {
            spots.push(Spot::new(
                &source.path,
                literal.line,
                format!("`{found}` is not in the common dialect"),
            ));
        }
    }
    spots
}

pub(super) fn air(tree: &Tree) -> Vec<Spot> {
    let what = |found: &str| format!("`{found}` in SQL");
    let mut spots: Vec<Spot> = statements(tree)
        .filter_map(|(source, literal)| {
            from_the_air(&literal.text)
                .map(|found| Spot::new(&source.path, literal.line, what(found)))
        })
        .collect();
    for file in tree
        .texts
        .iter()
        .filter(|file| file.path.starts_with(SQLITE) || file.path.starts_with(POSTGRES))
    {
        for (at, line) in file.text.lines().enumerate() {
            spots
                .extend(from_the_air(line).map(|found| Spot::new(&file.path, at + 1, what(found))));
        }
    }
    spots
}

fn is_db(source: &Source) -> bool {
    source
        .path
        .strip_prefix(STORE)
        .is_some_and(|rest| rest == "db.rs" || rest.starts_with("db/"))
}

fn statements(tree: &Tree) -> impl Iterator<Item = (&Source, &Literal)> {
    let store = tree
        .product()
        .filter(|source| source.path.starts_with(STORE));
    store.flat_map(|source| {
        source
            .facts
            .literals
            .iter()
            .filter(|literal| is_sql(&literal.text))
            .map(move |literal| (source, literal))
    })
}

/// A whole statement, by its capitals: prose seldom shouts `SELECT … FROM`.
fn is_statement(text: &str) -> bool {
    let words: Vec<&str> = words(text).collect();
    let after = |first: &str, then: &str| {
        words
            .iter()
            .position(|w| *w == first)
            .is_some_and(|at| words[at..].contains(&then))
    };
    let beside = |first: &str, then: &str| words.windows(2).any(|pair| pair == [first, then]);
    after("SELECT", "FROM")
        || beside("INSERT", "INTO")
        || after("UPDATE", "SET")
        || beside("DELETE", "FROM")
}

/// A statement or a part of one.
fn is_sql(text: &str) -> bool {
    const STARTS: &[&str] = &[
        "SELECT", "INSERT", "UPDATE", "DELETE", "WITH", "CREATE", "ALTER", "DROP", "LISTEN",
        "NOTIFY", "WHERE", "AND", "ORDER", "FROM",
    ];
    is_statement(text)
        || words(text)
            .next()
            .is_some_and(|first| STARTS.contains(&first))
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !(c.is_alphanumeric() || c == '_'))
        .filter(|word| !word.is_empty())
}

fn from_the_air(sql: &str) -> Option<&'static str> {
    let sql = bare(sql);
    let called = AIR_CALLS.iter().find(|name| calls(&sql, name));
    called
        .or_else(|| {
            AIR_WORDS
                .iter()
                .find(|word| words(&sql).any(|w| w == **word))
        })
        .copied()
}

fn foreign(sql: &str) -> Option<String> {
    let sql = bare(sql);
    let all: Vec<&str> = words(&sql).collect();
    if let Some(name) = DIALECT_CALLS.iter().find(|name| calls(&sql, name)) {
        return Some(format!("{name}("));
    }
    if let Some(word) = DIALECT_WORDS.iter().find(|word| all.contains(word)) {
        return Some((*word).to_owned());
    }
    if let Some(word) = all.iter().find(|word| word.starts_with("pg_")) {
        return Some((*word).to_owned());
    }
    if let Some((a, b)) = DIALECT_PAIRS
        .iter()
        .find(|(a, b)| all.windows(2).any(|pair| pair == [*a, *b]))
    {
        return Some(format!("{a} {b}"));
    }
    DIALECT_SIGNS
        .iter()
        .find(|sign| sql.contains(*sign))
        .map(|sign| (*sign).to_owned())
}

fn calls(sql: &str, name: &str) -> bool {
    let before = |at: usize| !sql[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
    sql.match_indices(name)
        .any(|(at, _)| before(at) && sql[at + name.len()..].trim_start().starts_with('('))
}

/// Lower-cased, without comments and without the contents of quotes.
fn bare(sql: &str) -> String {
    let mut text = String::with_capacity(sql.len());
    for line in sql.lines() {
        let kept = line.split('\'').step_by(2).collect::<Vec<_>>().join("''");
        text.push_str(kept.split("--").next().unwrap_or_default());
        text.push('\n');
    }
    text.to_lowercase()
}

fn opening(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().take(40).collect()
}
