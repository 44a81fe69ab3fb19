//! `cargo xtask tidy`: the invariants of ARCHITECTURE.md that no compiler keeps, each a small named check.

mod manifests;
mod migrations;
mod prose;
mod purity;
mod sql;
#[cfg(test)]
mod tests;
mod walls;

use std::path::Path;

use anyhow::{Result, bail};

use crate::output::say;
use crate::tree::Tree;

/// A place that a check objects to.
pub(crate) struct Spot {
    path: String,
    line: usize,
    what: String,
    weight: Weight,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Weight {
    Breaks,
    Warns,
}

impl Spot {
    fn new(path: &str, line: usize, what: impl Into<String>) -> Self {
        Self {
            path: path.to_owned(),
            line,
            what: what.into(),
            weight: Weight::Breaks,
        }
    }
}

pub(crate) struct Check {
    /// The invariant of ARCHITECTURE.md, or `-` for a rule of CONTRIBUTING.md.
    number: &'static str,
    name: &'static str,
    why: &'static str,
    mend: &'static str,
    find: fn(&Tree) -> Vec<Spot>,
}

const CHECKS: &[Check] = &[
    Check {
        number: "1",
        name: "libs-stand-alone",
        why: "what is in libs/ is published and may not need the server",
        mend: "move what both need into a crate of libs/",
        find: manifests::libs_stand_alone,
    },
    Check {
        number: "1",
        name: "crate-directions",
        why: "crates depend downward only, as ARCHITECTURE.md draws them",
        mend: "move the code down, or change the drawing and `xtask/src/floors.rs` together",
        find: manifests::directions,
    },
    Check {
        number: "2",
        name: "pure-protocol",
        why: "the protocol is values and functions: no waiting, clock, environment, randomness, files or network",
        mend: "take the time, the random source or the text as an argument, and do the rest in the caller",
        find: purity::protocol,
    },
    Check {
        number: "3",
        name: "driver",
        why: "one module speaks to the databases; all else speaks `Tx`",
        mend: "use `Store` and `Tx`; a new ability of the drivers goes into crates/keystead-store/src/db",
        find: sql::driver,
    },
    Check {
        number: "3",
        name: "sql-place",
        why: "every byte of SQL stands in keystead-store, beside its conformance cases",
        mend: "make it a verb in crates/keystead-store/src and call that",
        find: sql::place,
    },
    Check {
        number: "3",
        name: "dialect",
        why: "one text serves both databases",
        mend: "say it in the common dialect, or give the function two texts and a doc line `Two texts: <why>`",
        find: sql::dialect,
    },
    Check {
        number: "4",
        name: "floors",
        why: "siblings do not know each other and imports go downward, so that a part can be read and changed alone",
        mend: "move what two rooms need into `identity` or below; `cargo xtask house` draws the arrows",
        find: walls::floors,
    },
    Check {
        number: "6",
        name: "air-in-sql",
        why: "time and randomness are arguments, in SQL too: tests advance the clock, and nodes' clocks differ",
        mend: "bind the value from Rust",
        find: sql::air,
    },
    Check {
        number: "12",
        name: "egress",
        why: "an outbound request that does not pass `egress` has no protection from private addresses, redirects and size",
        mend: "ask `egress` for the fetch",
        find: purity::egress,
    },
    Check {
        number: "13",
        name: "route-in-one-file",
        why: "a route, its handler and its documentation are read together",
        mend: "put the route beside its handler and `merge` that file's `routes()` in the parent",
        find: walls::routes,
    },
    Check {
        number: "-",
        name: "migrations-paired",
        why: "both databases go through the same steps",
        mend: "give the other folder a file of the same name",
        find: migrations::paired,
    },
    Check {
        number: "-",
        name: "lints-inherited",
        why: "a crate without the workspace's lints is a hole in them",
        mend: "add `[lints]` with `workspace = true` to its Cargo.toml",
        find: manifests::lints,
    },
    Check {
        number: "-",
        name: "first-line",
        why: "the first line of a module says its job in one sentence",
        mend: "begin the file with `//! …`",
        find: prose::first_line,
    },
    Check {
        number: "-",
        name: "length",
        why: "what does not fit into 400 lines (600 for tests) is two things",
        mend: "split it by noun",
        find: prose::length,
    },
    Check {
        number: "-",
        name: "names",
        why: "a room named after nothing collects everything",
        mend: "put the function with the noun that it is about",
        find: prose::names,
    },
    Check {
        number: "-",
        name: "expect-not-allow",
        why: "an exception that is no longer needed must say so itself",
        mend: "write `#[expect(lint, reason = \"…\")]`",
        find: prose::expect_not_allow,
    },
    Check {
        number: "-",
        name: "prints",
        why: "a library or server speaks through its return values and `tracing`",
        mend: "return the text, or log it",
        find: prose::prints,
    },
    Check {
        number: "-",
        name: "loopback",
        why: "a default that listens on every interface exposes a development machine",
        mend: "default to 127.0.0.1 and let the operator's configuration widen it",
        find: prose::loopback,
    },
    Check {
        number: "-",
        name: "no-keys",
        why: "a private key in a repository is public",
        mend: "make the key at run time; a key for a test vector belongs under a tests/ folder",
        find: prose::no_keys,
    },
];

/// Runs every check over the checkout at `root` and prints what it finds.
pub(crate) fn run(root: &Path) -> Result<()> {
    let tree = Tree::load(root)?;
    let mut breaks = 0;
    let mut warnings = 0;
    for check in CHECKS {
        for Spot {
            path,
            line,
            what,
            weight,
        } in (check.find)(&tree)
        {
            let Check {
                number,
                name,
                why,
                mend,
                ..
            } = check;
            let warning = if weight == Weight::Warns {
                "warning: "
            } else {
                ""
            };
            breaks += usize::from(weight == Weight::Breaks);
            warnings += usize::from(weight == Weight::Warns);
            say(&format!(
                "{path}:{line}: [{number} {name}] {warning}{what} — {why} — {mend}"
            ));
        }
    }
    if breaks > 0 {
        bail!("{breaks} findings; each line above says how to mend it\n  then: cargo xtask tidy");
    }
    say(&format!(
        "tidy: {} checks over {} Rust files, no findings, {warnings} warnings",
        CHECKS.len(),
        tree.sources.len()
    ));
    Ok(())
}

/// Prints what is checked and why.
pub(crate) fn list() {
    for check in CHECKS {
        say(&format!(
            "{:>2}  {:<18} {}",
            check.number, check.name, check.why
        ));
    }
}
