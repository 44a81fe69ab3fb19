//! Checks on the server's walls: floors, siblings, circles, and routes beside their handlers.

use crate::arrows;
use crate::floors::{self, SERVER};
use crate::tree::{Room, Tree};

use super::{Spot, Weight};

pub(super) fn floors(tree: &Tree) -> Vec<Spot> {
    let arrows = arrows::arrows(tree);
    let climbing = |arrow: &arrows::Arrow| {
        floors::climbs(arrow)
            .map(|why| Spot::new(&arrow.file, arrow.line, format!("{why} (`{}`)", arrow.path)))
    };
    let mut spots: Vec<Spot> = arrows.iter().filter_map(climbing).collect();
    for room in floors::strangers(tree) {
        let inside = tree.product().filter(|source| room.holds(&source.room));
        let file = inside
            .min_by_key(|source| source.room.parts().len())
            .map_or(SERVER, |source| source.path.as_str());
        spots.push(Spot::new(
            file,
            1,
            format!("`{room}` stands on no floor; give it one in xtask/src/floors.rs"),
        ));
    }
    for circle in arrows::circles(&arrows) {
        let inside = |arrow: &&arrows::Arrow| {
            arrow
                .neighbours()
                .is_some_and(|(a, b)| circle.contains(&a) && circle.contains(&b))
        };
        let Some(arrow) = arrows.iter().find(inside) else {
            continue;
        };
        let names: Vec<String> = circle.iter().map(ToString::to_string).collect();
        let spot = Spot::new(
            &arrow.file,
            arrow.line,
            format!("a circle: {}", names.join(", ")),
        );
        // The order binds crates and the server's rooms; elsewhere two modules may be one thought.
        let bound = |room: &Room| {
            room.top().is_none() || (room.package() == SERVER && room.parts().len() == 2)
        };
        let weight = if circle.iter().all(bound) {
            Weight::Breaks
        } else {
            Weight::Warns
        };
        spots.push(Spot { weight, ..spot });
    }
    spots
}

/// A handler is named without a path, and stands in the file of its route.
pub(super) fn routes(tree: &Tree) -> Vec<Spot> {
    let mut spots = Vec::new();
    for source in tree
        .product()
        .filter(|source| source.room.package() == SERVER)
    {
        for handler in source
            .facts
            .handlers
            .iter()
            .filter(|handler| !handler.path.is_empty())
        {
            let here =
                matches!(handler.path.as_slice(), [name] if source.facts.functions.contains(name));
            if !here {
                spots.push(Spot::new(
                    &source.path,
                    handler.line,
                    format!(
                        "routes to `{}`, which is not a function of this file",
                        handler.path.join("::")
                    ),
                ));
            }
        }
    }
    spots
}
