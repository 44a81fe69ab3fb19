//! The two migration folders: same numbers, same names.

use std::collections::BTreeSet;

use crate::tree::Tree;

use super::Spot;

pub(super) const SQLITE: &str = "crates/keystead-store/migrations/sqlite/";
pub(super) const POSTGRES: &str = "crates/keystead-store/migrations/postgres/";

pub(super) fn paired(tree: &Tree) -> Vec<Spot> {
    let names = |folder| {
        tree.texts
            .iter()
            .filter_map(move |t| t.path.strip_prefix(folder))
            .collect::<BTreeSet<_>>()
    };
    let (sqlite, postgres) = (names(SQLITE), names(POSTGRES));
    let alone = |name: &&str, folder: &str, other: &str| {
        Spot::new(
            &format!("{folder}{name}"),
            1,
            format!("there is no {other}{name}"),
        )
    };
    let mut spots: Vec<Spot> = sqlite
        .difference(&postgres)
        .map(|name| alone(name, SQLITE, POSTGRES))
        .collect();
    spots.extend(
        postgres
            .difference(&sqlite)
            .map(|name| alone(name, POSTGRES, SQLITE)),
    );
    spots
}
