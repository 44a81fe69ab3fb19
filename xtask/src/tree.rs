//! The checkout as a value: its packages, its Rust files with what they name, and the texts that a check reads.

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;

use anyhow::{Context, Result};
use walkdir::WalkDir;

use crate::packages::{self, Package};
use crate::source::Facts;

/// A module by its full path, the package first: `keystead-server::journey::login`. A crate root is the package alone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Room(Vec<String>);

impl Room {
    pub(crate) fn new(path: Vec<String>) -> Self {
        Self(path)
    }

    pub(crate) fn parts(&self) -> &[String] {
        &self.0
    }

    pub(crate) fn package(&self) -> &str {
        self.0.first().map_or("", String::as_str)
    }

    /// The first room below the crate root; `None` for the root itself.
    pub(crate) fn top(&self) -> Option<&str> {
        self.0.get(1).map(String::as_str)
    }

    /// The room at `depth` parts, or the whole when it is not so deep.
    pub(crate) fn at(&self, depth: usize) -> Self {
        Self(self.0.iter().take(depth).cloned().collect())
    }

    /// Whether `other` is this room or stands inside it.
    pub(crate) fn holds(&self, other: &Self) -> bool {
        other.0.starts_with(&self.0)
    }
}

impl fmt::Display for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("::"))
    }
}

/// What a file is for. Most invariants bind the product alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// `src/` of a package in `libs/` or `crates/`.
    Product,
    /// Tests, benches, fuzz targets, end-to-end programs, and modules under `#[cfg(test)]`.
    Test,
    /// Programs that a user would copy.
    Example,
    /// `xtask` and build scripts.
    Chore,
}

pub(crate) struct Source {
    /// Relative to the checkout, with `/`.
    pub(crate) path: String,
    pub(crate) room: Room,
    pub(crate) part: Part,
    pub(crate) first_line: String,
    pub(crate) lines: usize,
    /// Of `lines`, those of `#[cfg(test)]` items; all of them in a file of `Part::Test`.
    pub(crate) test_lines: usize,
    pub(crate) facts: Facts,
}

impl Source {
    pub(crate) fn own_lines(&self) -> usize {
        self.lines.saturating_sub(self.test_lines)
    }
}

/// A file that is not Rust, or not only read as Rust: migrations, and whatever could hold a private key.
pub(crate) struct Text {
    pub(crate) path: String,
    pub(crate) text: String,
}

pub(crate) struct Tree {
    pub(crate) packages: Vec<Package>,
    pub(crate) sources: Vec<Source>,
    pub(crate) texts: Vec<Text>,
}

/// Folders that hold nothing of ours.
const SKIPPED: &[&str] = &["target", ".git", "node_modules", "mutants.out"];
/// What is read besides Rust.
const READ: &[&str] = &[
    "rs", "sql", "toml", "pem", "key", "json", "md", "html", "sh", "yml", "yaml",
];
const TOO_LARGE: u64 = 1 << 20;

impl Tree {
    /// Reads the checkout at `root`; asks `cargo metadata` for the packages.
    pub(crate) fn load(root: &Path) -> Result<Self> {
        let mut files = Vec::new();
        let skipped = |name: &str| SKIPPED.contains(&name);
        for entry in WalkDir::new(root)
            .sort_by_file_name()
            .into_iter()
            .filter_entry(|e| !e.file_name().to_str().is_some_and(skipped))
        {
            let entry = entry.context("cannot walk the checkout")?;
            let known = entry
                .path()
                .extension()
                .and_then(|e| e.to_str())
                .is_some_and(|e| READ.contains(&e));
            if !entry.file_type().is_file() || !known || entry.metadata()?.len() > TOO_LARGE {
                continue;
            }
            let path = entry
                .path()
                .strip_prefix(root)?
                .to_string_lossy()
                .replace('\\', "/");
            // A file that is not UTF-8 is neither ours to read nor a PEM key.
            let Ok(text) = std::fs::read_to_string(entry.path()) else {
                continue;
            };
            files.push(Text { path, text });
        }
        Self::build(packages::of(root)?, files)
    }

    /// Builds a tree from texts; a Rust file that does not parse is an error with its place.
    pub(crate) fn build(packages: Vec<Package>, files: Vec<Text>) -> Result<Self> {
        let mut sources = Vec::new();
        for file in files.iter().filter(|file| file.path.ends_with(".rs")) {
            let Some((room, part)) = locate(&packages, &file.path) else {
                continue;
            };
            let facts = Facts::read(&file.text).map_err(|error| {
                let at = error.span().start();
                anyhow::anyhow!(
                    "{}:{}: does not parse: {error}\n  to see more: cargo check -p {}",
                    file.path,
                    at.line,
                    room.package()
                )
            })?;
            let lines = file.text.lines().count();
            let test_lines = if part == Part::Test {
                lines
            } else {
                facts.test_lines
            };
            let first_line = file.text.lines().next().unwrap_or_default().to_owned();
            sources.push(Source {
                path: file.path.clone(),
                room,
                part,
                first_line,
                lines,
                test_lines,
                facts,
            });
        }
        let mut tree = Self {
            packages,
            sources,
            texts: files,
        };
        tree.mark_test_modules();
        Ok(tree)
    }

    /// A file that is declared by `#[cfg(test)] mod name;` is test code, and so is all below it.
    fn mark_test_modules(&mut self) {
        let declared = |source: &Source| {
            let room = source.room.clone();
            let below = move |name: &String| {
                Room::new(room.parts().iter().chain([name]).cloned().collect())
            };
            source
                .facts
                .test_modules
                .iter()
                .map(below)
                .collect::<Vec<_>>()
        };
        let test: Vec<Room> = self
            .sources
            .iter()
            .filter(|s| s.part != Part::Test)
            .flat_map(declared)
            .collect();
        for source in self
            .sources
            .iter_mut()
            .filter(|source| test.iter().any(|room| room.holds(&source.room)))
        {
            source.part = Part::Test;
            source.test_lines = source.lines;
        }
    }

    pub(crate) fn product(&self) -> impl Iterator<Item = &Source> {
        self.sources
            .iter()
            .filter(|source| source.part == Part::Product)
    }

    pub(crate) fn rooms(&self) -> BTreeSet<Room> {
        self.sources
            .iter()
            .filter(|source| source.part != Part::Test)
            .map(|source| source.room.clone())
            .collect()
    }
}

fn locate(packages: &[Package], path: &str) -> Option<(Room, Part)> {
    let inside = |package: &&Package| path.starts_with(&format!("{}/", package.folder));
    let package = packages
        .iter()
        .filter(inside)
        .max_by_key(|package| package.folder.len())?;
    let rest = &path[package.folder.len() + 1..];
    let mut steps: Vec<String> = rest
        .trim_end_matches(".rs")
        .split('/')
        .map(str::to_owned)
        .collect();
    let home = if steps.len() > 1 {
        steps.remove(0)
    } else {
        String::new()
    };
    let part = match (
        package.folder.split('/').next().unwrap_or_default(),
        home.as_str(),
    ) {
        (_, "tests" | "benches") | ("benches" | "e2e" | "fuzz", _) => Part::Test,
        (_, "examples") | ("examples", _) => Part::Example,
        ("libs" | "crates", "src") => Part::Product,
        _ => Part::Chore,
    };
    if matches!(
        steps.last().map(String::as_str),
        Some("mod" | "lib" | "main" | "build")
    ) {
        steps.pop();
    }
    let mut room = vec![package.name.clone()];
    if home != "src" && !home.is_empty() {
        room.push(home);
    }
    room.extend(steps);
    Some((Room::new(room), part))
}

/// A tree for tests: the packages are the folders that the files stand in, each named after its folder.
#[cfg(test)]
pub(crate) fn sketch(files: &[(&str, &str)]) -> Tree {
    use crate::packages::{Dependency, Kind};

    let folder = |path: &str| {
        path.split('/')
            .take(if path.starts_with("xtask") { 1 } else { 2 })
            .collect::<Vec<_>>()
            .join("/")
    };
    let folders: BTreeSet<String> = files.iter().map(|(path, _)| folder(path)).collect();
    let package = |folder: String| {
        let manifest = files
            .iter()
            .find(|(path, _)| *path == format!("{folder}/Cargo.toml"))
            .map_or("", |(_, text)| *text)
            .to_owned();
        let mut kind = Kind::Normal;
        let mut dependencies = Vec::new();
        for line in manifest.lines() {
            match line.split([' ', '.', '=']).next().unwrap_or_default() {
                "[dependencies]" => kind = Kind::Normal,
                "[dev-dependencies]" => kind = Kind::Dev,
                name if !name.starts_with('[') && !name.is_empty() => {
                    dependencies.push(Dependency {
                        name: name.to_owned(),
                        kind,
                    });
                }
                _ => {}
            }
        }
        Package {
            name: folder.split('/').next_back().unwrap_or_default().to_owned(),
            folder,
            manifest,
            dependencies,
        }
    };
    let texts = files
        .iter()
        .map(|(path, text)| Text {
            path: (*path).to_owned(),
            text: (*text).to_owned(),
        })
        .collect();
    Tree::build(folders.into_iter().map(package).collect(), texts).unwrap()
}
