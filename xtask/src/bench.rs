//! `cargo xtask bench`: builds and runs the bench crate on a durable PostgreSQL, and prints its rows.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use serde_json::Value;

use crate::output::say;
use crate::plot::{self, Bar};
use crate::postgres::{Cluster, Durability};
use crate::steps;
use crate::table::{self, Align};

const PACKAGE: &str = "keystead-bench";

/// One measurement, as the bench crate writes it.
#[derive(Deserialize)]
struct Row {
    name: String,
    value: f64,
    unit: String,
    /// What the machine could do at best, measured in the same run.
    limit: Option<f64>,
    /// `value / limit`.
    ratio: Option<f64>,
    p50_ms: Option<f64>,
    p99_ms: Option<f64>,
}

/// Passes `words` on to the bench program, with `--json target/bench.json` added when they do not say where the rows go.
pub(crate) fn run(root: &Path, words: &[&str]) -> Result<()> {
    if !root.join("benches/Cargo.toml").is_file() {
        bail!(
            "there is no bench crate: benches/Cargo.toml with the package `{PACKAGE}` is missing\n  to make it: cargo new --bin --name {PACKAGE} benches"
        );
    }
    let said = words
        .windows(2)
        .find(|pair| pair[0] == "--json")
        .map(|pair| PathBuf::from(pair[1]));
    let json = said
        .clone()
        .unwrap_or_else(|| root.join("target/bench.json"));
    // Before the server starts, so that it does not idle through a build.
    let program = build(root)?;
    let cluster = Cluster::start(root, "bench", Durability::Full)?;
    let mut bench = Command::new(program);
    bench
        .args(words)
        .env("KEYSTEAD_BENCH_POSTGRES", cluster.url());
    if said.is_none() {
        bench.arg("--json").arg(&json);
    }
    steps::run(&mut bench)?;
    drop(cluster);
    let text = std::fs::read_to_string(&json)
        .with_context(|| format!("the benches left no rows in {}", json.display()))?;
    let rows: Vec<Row> = serde_json::from_str(&text)
        .with_context(|| format!("{} does not hold rows", json.display()))?;
    say(&render(&rows));
    let picture = json.with_extension("svg");
    std::fs::write(&picture, plot::draw(&bars(&rows)))
        .with_context(|| format!("cannot write {}", picture.display()))?;
    say(&format!(
        "the same rows as JSON and as a picture: {}, {}",
        json.display(),
        picture.display()
    ));
    Ok(())
}

/// Builds the bench program; cargo says where it stands.
fn build(root: &Path) -> Result<PathBuf> {
    let mut cargo = Command::new("cargo");
    cargo.args([
        "build",
        "--release",
        "--locked",
        "--package",
        PACKAGE,
        "--message-format=json-render-diagnostics",
    ]);
    let output = cargo
        .current_dir(root)
        .stderr(Stdio::inherit())
        .output()
        .context("cannot run cargo")?;
    if !output.status.success() {
        bail!(
            "the benches do not build\n  to build them alone: cargo build --release --package {PACKAGE}"
        );
    }
    let messages = output
        .stdout
        .split(|byte| *byte == b'\n')
        .filter_map(|line| serde_json::from_slice::<Value>(line).ok());
    let mut programs = messages.filter(|message| message["target"]["name"] == PACKAGE);
    let program = programs.find_map(|message| message["executable"].as_str().map(PathBuf::from));
    program.with_context(|| format!("the package `{PACKAGE}` has no program of its name"))
}

/// The rows that stand beside a limit.
fn bars(rows: &[Row]) -> Vec<Bar> {
    let bar = |row: &Row| {
        Some(Bar {
            name: row.name.clone(),
            said: format!("{:.0}{}", row.value, row.unit),
            ratio: row.ratio?,
        })
    };
    rows.iter().filter_map(bar).collect()
}

fn render(rows: &[Row]) -> String {
    let number =
        |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.2}"));
    let cells = |row: &Row| {
        vec![
            row.name.clone(),
            number(Some(row.value)),
            row.unit.clone(),
            number(row.limit),
            number(row.ratio),
            number(row.p50_ms),
            number(row.p99_ms),
        ]
    };
    let right = Align::Right;
    let columns = [
        ("name", Align::Left),
        ("value", right),
        ("unit", Align::Left),
        ("limit", right),
        ("ratio", right),
        ("p50 ms", right),
        ("p99 ms", right),
    ];
    table::render(&columns, &rows.iter().map(cells).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_become_a_table_and_absent_numbers_a_dash() {
        let json = r#"[
            {"name": "store_read_sqlite", "value": 150000.0, "unit": "reads/s", "limit": 200000.0, "ratio": 0.75, "p50_ms": 0.006, "p99_ms": 0.02},
            {"name": "raw", "value": 1.5, "unit": "ms", "limit": null, "ratio": null, "p50_ms": null, "p99_ms": null}
        ]"#;
        let rows: Vec<Row> = serde_json::from_str(json).unwrap();
        let want = "name                   value  unit         limit  ratio  p50 ms  p99 ms\n\
                    store_read_sqlite  150000.00  reads/s  200000.00   0.75    0.01    0.02\n\
                    raw                     1.50  ms               -      -       -       -\n";
        assert_eq!(render(&rows), want);
    }
}
