//! The project's chores: `cargo xtask test`, `tidy`, `house`, `bench`, `pages`.

mod arrows;
mod bench;
mod floors;
mod house;
mod install;
mod output;
mod packages;
mod pages;
mod plot;
mod postgres;
mod source;
mod steps;
mod table;
mod test;
mod tidy;
mod tree;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};

const HELP: &str = "\
The project's chores.

cargo xtask test [--only CRATE] [--skip-install]
    Everything that must hold before a change lands: format, tidy, clippy, tests on both databases, docs,
    licences. Installs PostgreSQL, strace and Chromium from Debian where they are missing (root or sudo), and two
    packages of npm's below target/.

cargo xtask tidy [--list]
    The invariants of ARCHITECTURE.md that no compiler keeps.

cargo xtask house [--json]
    Rooms, lines, imports between them, circles, imports that climb.

cargo xtask bench [--json FILE] [--only NAME] […]
    Measures on this machine, PostgreSQL with fsync included, and prints each row beside its limit.
    What it does not know itself it passes on to the bench program.

cargo xtask pages [--each]
    Every hosted page in every state, language and look, photographed in Chromium, light and dark, on two widths, and
    laid side by side in target/pages; --each leaves a photograph of every page too.

Examples
    cargo xtask test                                      what CI runs
    cargo xtask test --only keystead-store --skip-install one crate, quickly
    cargo xtask house --json | jq .climbing               imports against the order
    cargo xtask bench --only store_read_sqlite            one row
";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match dispatch(&words) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(words: &[String]) -> Result<ExitCode> {
    let root = checkout()?;
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        [] | ["help" | "--help" | "-h", ..] | [_, "--help" | "-h", ..] => {
            print!("{HELP}");
        }
        ["test", rest @ ..] => return Ok(test::run(&root, &test_options(rest)?)),
        ["tidy"] => tidy::run(&root)?,
        ["tidy", "--list"] => tidy::list(),
        ["house"] => house::run(&root, house::Form::Table)?,
        ["house", "--json"] => house::run(&root, house::Form::Json)?,
        ["bench", rest @ ..] => bench::run(&root, rest)?,
        ["pages"] => pages::run(&root, pages::Detail::Sheets)?,
        ["pages", "--each"] => pages::run(&root, pages::Detail::Each)?,
        other => bail!(
            "`{}` is not a chore\n  to see what there is: cargo xtask --help",
            other.join(" ")
        ),
    }
    Ok(ExitCode::SUCCESS)
}

fn test_options(mut words: &[&str]) -> Result<test::Options> {
    let mut options = test::Options::default();
    loop {
        words = match words {
            [] => return Ok(options),
            ["--skip-install", rest @ ..] => {
                options.skip_install = true;
                rest
            }
            ["--only", package, rest @ ..] => {
                options.only = Some((*package).to_owned());
                rest
            }
            [other, ..] => {
                bail!("`test` does not know `{other}`\n  to see what it knows: cargo xtask --help")
            }
        };
    }
}

/// The checkout that this program was built from.
fn checkout() -> Result<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .context("xtask stands in no checkout")?;
    Ok(root.to_owned())
}
