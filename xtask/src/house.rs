//! `cargo xtask house`: the rooms, their sizes, who imports whom, circles, and imports that climb.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::Result;
use serde::Serialize;

use crate::arrows::{self, Arrow};
use crate::floors;
use crate::output::say;
use crate::table::{self, Align};
use crate::tree::{Part, Room, Tree};

/// A module with all that stands inside it.
#[derive(Serialize)]
struct Size {
    room: String,
    /// 1 for a crate, 2 for its top rooms.
    depth: usize,
    files: usize,
    /// Lines that are not tests.
    lines: usize,
    test_lines: usize,
    /// Of all Rust lines that are not tests, in per cent.
    share: f64,
}

/// Imports between two top rooms (or crate roots).
#[derive(Serialize)]
struct Imports {
    from: String,
    to: String,
    count: usize,
}

#[derive(Serialize)]
struct Climb {
    from: String,
    to: String,
    file: String,
    line: usize,
    why: String,
}

#[derive(Serialize)]
struct House {
    lines: usize,
    test_lines: usize,
    rooms: Vec<Size>,
    imports: Vec<Imports>,
    circles: Vec<Vec<String>>,
    climbing: Vec<Climb>,
}

/// A crate and its first level of modules are what a reader holds in the head.
const TOP: usize = 2;

pub(crate) enum Form {
    Json,
    Table,
}

/// Prints the house of the checkout at `root`.
pub(crate) fn run(root: &Path, form: Form) -> Result<()> {
    let house = measure(&Tree::load(root)?);
    match form {
        Form::Json => say(&serde_json::to_string_pretty(&house)?),
        Form::Table => print(&house),
    }
    Ok(())
}

fn measure(tree: &Tree) -> House {
    let arrows = arrows::arrows(tree);
    let lines = tree.sources.iter().map(|source| source.own_lines()).sum();
    let names = |circle: Vec<Room>| circle.iter().map(ToString::to_string).collect();
    House {
        lines,
        test_lines: tree.sources.iter().map(|source| source.test_lines).sum(),
        rooms: sizes(tree, lines),
        imports: imports(&arrows),
        circles: arrows::circles(&arrows).into_iter().map(names).collect(),
        climbing: arrows.iter().filter_map(climb).collect(),
    }
}

fn sizes(tree: &Tree, all: usize) -> Vec<Size> {
    let rooms: BTreeSet<Room> = tree
        .sources
        .iter()
        .filter(|s| s.part != Part::Test)
        .flat_map(|s| (1..=s.room.parts().len()).map(|depth| s.room.at(depth)))
        .collect();
    let size = |room: Room| {
        let inside = || {
            tree.sources
                .iter()
                .filter(|source| room.holds(&source.room))
        };
        let lines = inside().map(|source| source.own_lines()).sum();
        Size {
            depth: room.parts().len(),
            files: inside().filter(|source| source.part != Part::Test).count(),
            lines,
            test_lines: inside().map(|source| source.test_lines).sum(),
            share: share(lines, all),
            room: room.to_string(),
        }
    };
    rooms.into_iter().map(size).collect()
}

#[expect(clippy::cast_precision_loss, reason = "line counts are far below 2^52")]
fn share(lines: usize, all: usize) -> f64 {
    if all == 0 {
        0.0
    } else {
        (lines as f64 * 1000.0 / all as f64).round() / 10.0
    }
}

fn imports(arrows: &[Arrow]) -> Vec<Imports> {
    let mut counts: BTreeMap<(Room, Room), usize> = BTreeMap::new();
    for arrow in arrows {
        let pair = (arrow.from.at(TOP), arrow.to.at(TOP));
        if pair.0 != pair.1 {
            *counts.entry(pair).or_default() += 1;
        }
    }
    counts
        .into_iter()
        .map(|((from, to), count)| Imports {
            from: from.to_string(),
            to: to.to_string(),
            count,
        })
        .collect()
}

fn climb(arrow: &Arrow) -> Option<Climb> {
    let why = floors::climbs(arrow)?;
    Some(Climb {
        from: arrow.from.to_string(),
        to: arrow.to.to_string(),
        file: arrow.file.clone(),
        line: arrow.line,
        why,
    })
}

fn print(house: &House) {
    let row = |size: &Size| {
        let name = size.room.split("::").last().unwrap_or_default();
        let indent = "  ".repeat(size.depth - 1);
        vec![
            format!("{indent}{name}"),
            size.lines.to_string(),
            format!("{:.1} %", size.share),
            size.test_lines.to_string(),
            size.files.to_string(),
        ]
    };
    let rows: Vec<Vec<String>> = house
        .rooms
        .iter()
        .filter(|size| size.depth <= TOP)
        .map(row)
        .collect();
    let right = Align::Right;
    let columns = [
        ("room", Align::Left),
        ("lines", right),
        ("share", right),
        ("tests", right),
        ("files", right),
    ];
    say(&table::render(&columns, &rows));
    say(&format!(
        "{} lines of Rust, and {} of tests\n",
        house.lines, house.test_lines
    ));

    say("imports");
    for from in house.imports.chunk_by(|a, b| a.from == b.from) {
        let to: Vec<String> = from
            .iter()
            .map(|to| format!("{} ×{}", to.to, to.count))
            .collect();
        say(&format!("  {} → {}", from[0].from, to.join(", ")));
    }
    say(&format!(
        "circles: {}",
        if house.circles.is_empty() { "none" } else { "" }
    ));
    house
        .circles
        .iter()
        .for_each(|circle| say(&format!("  {}", circle.join(" ⇄ "))));
    say(&format!(
        "climbing: {}",
        if house.climbing.is_empty() {
            "none"
        } else {
            ""
        }
    ));
    house
        .climbing
        .iter()
        .for_each(|climb| say(&format!("  {}:{}: {}", climb.file, climb.line, climb.why)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::sketch;

    #[test]
    fn a_house_is_measured_without_its_tests() {
        let tree = sketch(&[
            (
                "crates/keystead-server/src/lib.rs",
                "//! a\nmod oauth;\nmod keys;\n",
            ),
            (
                "crates/keystead-server/src/oauth/mod.rs",
                "//! a\nuse crate::keys::Key;\n#[cfg(test)]\nmod tests {\n  fn a() {}\n}\n",
            ),
            (
                "crates/keystead-server/src/keys.rs",
                "//! a\nuse crate::oauth;\n",
            ),
            (
                "crates/keystead-server/tests/it/main.rs",
                "//! a\nuse keystead_server::keys;\n",
            ),
        ]);
        let house = measure(&tree);
        assert_eq!((house.lines, house.test_lines), (7, 6));
        let oauth = house
            .rooms
            .iter()
            .find(|size| size.room == "keystead-server::oauth")
            .unwrap();
        assert_eq!((oauth.lines, oauth.test_lines, oauth.files), (2, 4, 1));
        assert_eq!(oauth.share, 28.6);
        let arrows: Vec<String> = house
            .imports
            .iter()
            .map(|i| format!("{} > {} {}", i.from, i.to, i.count))
            .collect();
        assert_eq!(
            arrows,
            [
                "keystead-server::keys > keystead-server::oauth 1",
                "keystead-server::oauth > keystead-server::keys 1"
            ]
        );
        assert_eq!(
            house.circles,
            [["keystead-server::keys", "keystead-server::oauth"]]
        );
        assert_eq!(
            house
                .climbing
                .iter()
                .map(|climb| climb.line)
                .collect::<Vec<_>>(),
            [2]
        );
    }
}
