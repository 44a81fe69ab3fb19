//! Who imports whom: the paths that a file names, resolved to rooms, and the circles among them.

use std::collections::{BTreeMap, BTreeSet};

use crate::source::{Facts, Name};
use crate::tree::{Part, Room, Tree};

/// One import: a path in a file of `from` that leads into the room `to`.
pub(crate) struct Arrow {
    pub(crate) from: Room,
    pub(crate) to: Room,
    /// As it is written.
    pub(crate) path: String,
    pub(crate) file: String,
    pub(crate) line: usize,
}

impl Arrow {
    /// Whether one end stands inside the other: a folder and its own files.
    fn nested(&self) -> bool {
        self.from.holds(&self.to) || self.to.holds(&self.from)
    }

    /// The two different neighbours that this arrow joins: both ends, cut where their paths part.
    pub(crate) fn neighbours(&self) -> Option<(Room, Room)> {
        if self.nested() {
            return None;
        }
        let shared = self
            .from
            .parts()
            .iter()
            .zip(self.to.parts())
            .take_while(|(a, b)| a == b)
            .count();
        Some((self.from.at(shared + 1), self.to.at(shared + 1)))
    }
}

/// All arrows of code that is not a test. External crates are not rooms.
pub(crate) fn arrows(tree: &Tree) -> Vec<Arrow> {
    let rooms = tree.rooms();
    let crates: BTreeMap<String, &str> = tree
        .packages
        .iter()
        .map(|p| (p.name.replace('-', "_"), p.name.as_str()))
        .collect();
    let mut arrows = Vec::new();
    for source in tree
        .sources
        .iter()
        .filter(|source| source.part != Part::Test)
    {
        let map = Map {
            rooms: &rooms,
            crates: &crates,
            here: &source.room,
            facts: &source.facts,
        };
        for name in &source.facts.names {
            let Some(to) = map.resolve(name) else {
                continue;
            };
            if to != source.room {
                let (path, file) = (name.path.join("::"), source.path.clone());
                arrows.push(Arrow {
                    from: source.room.clone(),
                    to,
                    path,
                    file,
                    line: name.line,
                });
            }
        }
    }
    arrows
}

struct Map<'a> {
    rooms: &'a BTreeSet<Room>,
    crates: &'a BTreeMap<String, &'a str>,
    here: &'a Room,
    facts: &'a Facts,
}

impl Map<'_> {
    fn resolve(&self, name: &Name) -> Option<Room> {
        let here: Vec<String> = self
            .here
            .parts()
            .iter()
            .chain(&name.scope)
            .cloned()
            .collect();
        let full = self
            .full(&name.path, &here)
            .or_else(|| self.full(&self.facts.spelled_out(name), &here))?;
        (1..=full.len())
            .rev()
            .map(|depth| Room::new(full[..depth].to_vec()))
            .find(|room| self.rooms.contains(room))
    }

    fn full(&self, path: &[String], here: &[String]) -> Option<Vec<String>> {
        let (first, rest) = path.split_first()?;
        let below = |base: &[String]| Some(base.iter().chain(rest).cloned().collect());
        match first.as_str() {
            "crate" => below(&here[..1]),
            "self" => below(here),
            "super" => {
                let up = &here[..here.len().saturating_sub(1).max(1)];
                if rest.first().is_some_and(|next| next == "super") {
                    self.full(rest, up)
                } else {
                    below(up)
                }
            }
            name if self.rooms.contains(&Room::new(
                here.iter()
                    .map(String::as_str)
                    .chain([name])
                    .map(str::to_owned)
                    .collect(),
            )) =>
            {
                Some(here.iter().chain(path).cloned().collect())
            }
            name => self
                .crates
                .get(name)
                .and_then(|package| below(&[(*package).to_owned()])),
        }
    }
}

/// The circles among neighbours at every level: crates, top rooms of a crate, files of a folder.
pub(crate) fn circles(arrows: &[Arrow]) -> Vec<Vec<Room>> {
    let mut edges: BTreeMap<Room, BTreeSet<Room>> = BTreeMap::new();
    for (from, to) in arrows.iter().filter_map(Arrow::neighbours) {
        edges.entry(from).or_default().insert(to);
    }
    let reached: BTreeMap<&Room, BTreeSet<&Room>> = edges
        .keys()
        .map(|room| (room, reach(&edges, room)))
        .collect();
    let mut seen = BTreeSet::new();
    let mut circles = Vec::new();
    for (room, rooms) in reached.iter().filter(|(room, rooms)| rooms.contains(*room)) {
        let circle: Vec<Room> = rooms
            .iter()
            .filter(|other| reached.get(*other).is_some_and(|back| back.contains(*room)))
            .map(|r| (*r).clone())
            .collect();
        if seen.insert(circle.clone()) {
            circles.push(circle);
        }
    }
    circles
}

fn reach<'a>(edges: &'a BTreeMap<Room, BTreeSet<Room>>, start: &Room) -> BTreeSet<&'a Room> {
    let mut reached = BTreeSet::new();
    let mut open: Vec<&Room> = edges.get(start).into_iter().flatten().collect();
    while let Some(room) = open.pop() {
        if reached.insert(room) {
            open.extend(edges.get(room).into_iter().flatten());
        }
    }
    reached
}
