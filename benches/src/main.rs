//! Runs the benchmarks and prints each rate beside the limit that the same machine reached in the same minute.
//!
//! `cargo xtask bench` builds and runs this with a PostgreSQL of its own.

mod hello;
mod house;
mod http;
mod limits;
mod load;
mod login;
mod peer;
mod pin;
mod postgres;
mod rounds;
mod server;
mod start;
mod store;
mod token;
mod verify;

use std::{fs::File, io::BufWriter, path::PathBuf, time::Duration};

use anyhow::{Context as _, Result, bail};
use serde::Serialize;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// One line of the result.
#[derive(Debug, Serialize)]
pub struct Row {
    /// What was measured.
    pub name: String,
    /// How much of it.
    pub value: f64,
    /// Of what: `/s`, `ms`, `MiB`.
    pub unit: &'static str,
    /// What the machine would give to a loop that does nothing but the unavoidable part.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<f64>,
    /// `value / limit`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ratio: Option<f64>,
    /// Median latency, where one was measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p50_ms: Option<f64>,
    /// 99th percentile of latency.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p99_ms: Option<f64>,
}

impl Row {
    /// A measurement.
    pub fn new(name: impl Into<String>, value: f64, unit: &'static str) -> Self {
        Self {
            name: name.into(),
            value,
            unit,
            limit: None,
            ratio: None,
            p50_ms: None,
            p99_ms: None,
        }
    }

    /// So many a second.
    pub fn rate(name: impl Into<String>, value: f64) -> Self {
        Self::new(name, value, "/s")
    }

    /// Beside what the machine would give.
    pub fn of(self, limit: f64) -> Self {
        Self {
            limit: Some(limit),
            ratio: Some(self.value / limit),
            ..self
        }
    }

    /// With the latency that was seen.
    pub fn latency(self, found: &load::Found) -> Self {
        Self {
            p50_ms: Some(found.p50_ms),
            p99_ms: Some(found.p99_ms),
            ..self
        }
    }
}

/// How to run.
pub struct Settings {
    /// How long each measurement lasts.
    pub time: Duration,
    /// A PostgreSQL server where databases may be made and dropped.
    pub postgres: Option<String>,
}

type Bench = (&'static str, fn(&Settings) -> Result<Vec<Row>>);

const BENCHES: &[Bench] = &[
    ("store_write_grouped_sqlite", store::write_sqlite),
    ("store_write_postgres", store::write_postgres),
    ("store_read_sqlite", store::read_sqlite),
    ("token", token::machine),
    ("refresh_sqlite", token::refresh_sqlite),
    ("refresh_postgres", token::refresh_postgres),
    ("jwks_introspect", token::others),
    ("login", login::login),
    ("verify", verify::verify),
    ("peer", peer::peer),
    ("start_restart_idle", start::start),
];

fn main() -> Result<()> {
    let mut settings = Settings {
        time: Duration::from_secs(3),
        postgres: std::env::var("KEYSTEAD_BENCH_POSTGRES").ok(),
    };
    let (mut only, mut json, mut rounds) = (None, None::<PathBuf>, 1_usize);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || {
            arguments
                .next()
                .with_context(|| format!("{argument} needs a value"))
        };
        match argument.as_str() {
            "--only" => only = Some(value()?),
            "--json" => json = Some(value()?.into()),
            "--seconds" => settings.time = Duration::from_secs_f64(value()?.parse()?),
            "--rounds" => rounds = value()?.parse()?,
            other => bail!(
                "unknown argument {other}; known: --only NAME, --json FILE, --seconds N, --rounds N"
            ),
        }
    }
    let mut rows = Vec::new();
    for (name, bench) in BENCHES.iter().filter(|(name, _)| {
        only.as_ref()
            .is_none_or(|only| name.contains(only.as_str()))
    }) {
        eprintln!("measuring {name} …");
        let found: Vec<_> = (0..rounds.max(1))
            .map(|_| bench(&settings).with_context(|| (*name).to_owned()))
            .collect::<Result<_>>()?;
        for row in rounds::medians(&found)? {
            println!("{}", show(&row));
            rows.push(row);
        }
    }
    if rows.is_empty() {
        let names: Vec<_> = BENCHES.iter().map(|(name, _)| *name).collect();
        bail!("no such benchmark; known: {}", names.join(", "));
    }
    if let Some(file) = json {
        serde_json::to_writer_pretty(BufWriter::new(File::create(&file)?), &rows)?;
    }
    Ok(())
}

fn show(row: &Row) -> String {
    let ratio = row
        .ratio
        .map_or(String::new(), |r| format!("{:5.1} % of", r * 100.0));
    let limit = row
        .limit
        .map_or(String::new(), |l| format!("{l:.0}{}", row.unit));
    let latency = |q: Option<f64>| q.map_or(String::new(), |ms| format!("{ms:.3} ms"));
    format!(
        "{:<32} {:>12.0}{:<4} {ratio:>10} {limit:<12} p50 {:<12} p99 {}",
        row.name,
        row.value,
        row.unit,
        latency(row.p50_ms),
        latency(row.p99_ms)
    )
}
