//! Checks that any reader could make: first lines, lengths, names, prints, open ports, keys.

use crate::tree::{Part, Source, Tree};

use super::{Spot, Weight};

const LONGEST: usize = 400;
const LONGEST_TEST: usize = 600;
const NAMELESS: &[&str] = &[
    "util", "utils", "helper", "helpers", "common", "shared", "manager", "misc",
];
const PRINTS: &[&str] = &["println", "print", "eprintln", "eprint", "dbg"];

pub(super) fn first_line(tree: &Tree) -> Vec<Spot> {
    let silent = |source: &&Source| {
        source
            .first_line
            .strip_prefix("//!")
            .is_none_or(|rest| rest.trim().is_empty())
    };
    tree.sources
        .iter()
        .filter(silent)
        .map(|source| Spot::new(&source.path, 1, "the first line is not `//! …`"))
        .collect()
}

pub(super) fn length(tree: &Tree) -> Vec<Spot> {
    let mut spots = Vec::new();
    for source in &tree.sources {
        let own = source.own_lines();
        if own > LONGEST {
            spots.push(Spot::new(
                &source.path,
                LONGEST + 1,
                format!("{own} lines beside its tests"),
            ));
        } else if source.test_lines > LONGEST_TEST {
            let what = format!("{} lines of tests", source.test_lines);
            spots.push(Spot {
                weight: Weight::Warns,
                ..Spot::new(&source.path, LONGEST_TEST + 1, what)
            });
        }
    }
    spots
}

pub(super) fn names(tree: &Tree) -> Vec<Spot> {
    let mut spots = Vec::new();
    for source in &tree.sources {
        let declared = source
            .facts
            .modules
            .iter()
            .filter(|(name, _)| NAMELESS.contains(&name.as_str()));
        spots.extend(declared.map(|(name, line)| {
            Spot::new(&source.path, *line, format!("a module named `{name}`"))
        }));
    }
    let packages = tree
        .packages
        .iter()
        .filter(|package| package.name.split('-').any(|part| NAMELESS.contains(&part)));
    spots.extend(packages.map(|package| {
        Spot::new(
            &package.manifest_path(),
            1,
            format!("a package named `{}`", package.name),
        )
    }));
    spots
}

pub(super) fn expect_not_allow(tree: &Tree) -> Vec<Spot> {
    let of = |source: &Source| {
        source
            .facts
            .allows
            .iter()
            .map(|line| Spot::new(&source.path, *line, "`allow`"))
            .collect::<Vec<_>>()
    };
    tree.sources.iter().flat_map(of).collect()
}

pub(super) fn prints(tree: &Tree) -> Vec<Spot> {
    let mut spots = Vec::new();
    for source in tree
        .product()
        .filter(|source| source.room.package() != "keystead")
    {
        let printing = source
            .facts
            .macros
            .iter()
            .filter(|(name, _)| PRINTS.contains(&name.as_str()));
        spots.extend(
            printing.map(|(name, line)| Spot::new(&source.path, *line, format!("`{name}!`"))),
        );
    }
    spots
}

/// An address block such as `0.0.0.0/8` is a fact about networks, not a place to listen on.
pub(super) fn loopback(tree: &Tree) -> Vec<Spot> {
    let open = |text: &str| {
        ["0.0.0.0", "[::]", "[::0]"]
            .iter()
            .any(|all| text == *all || text.starts_with(&format!("{all}:")))
    };
    let mut spots = Vec::new();
    for source in tree
        .sources
        .iter()
        .filter(|source| matches!(source.part, Part::Product | Part::Example))
    {
        let literals = source
            .facts
            .literals
            .iter()
            .filter(|literal| open(&literal.text));
        spots.extend(literals.map(|literal| {
            Spot::new(
                &source.path,
                literal.line,
                format!("listens on every interface: \"{}\"", literal.text),
            )
        }));
        let unspecified = source
            .facts
            .names
            .iter()
            .filter(|name| name.path.last().is_some_and(|last| last == "UNSPECIFIED"));
        spots.extend(unspecified.map(|name| {
            Spot::new(
                &source.path,
                name.line,
                format!("`{}`", name.path.join("::")),
            )
        }));
    }
    spots
}

/// A PEM header alone is a word that a parser needs; a header with a body is a key.
pub(super) fn no_keys(tree: &Tree) -> Vec<Spot> {
    let mut spots = Vec::new();
    for file in tree
        .texts
        .iter()
        .filter(|file| !file.path.split('/').any(|part| part == "tests"))
    {
        for (at, header) in file.text.match_indices("PRIVATE KEY-----") {
            let body = file.text[at + header.len()..]
                .trim_start_matches(|c: char| c.is_whitespace() || "\\nr\"+,".contains(c));
            if body
                .chars()
                .take_while(|c| c.is_ascii_alphanumeric() || "+/=".contains(*c))
                .count()
                >= 40
            {
                let line = file.text[..at].lines().count().max(1);
                spots.push(Spot::new(&file.path, line, "a private key"));
            }
        }
    }
    spots
}
