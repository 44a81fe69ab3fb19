//! The order of the house: which crate may use which, and the floors of the server, top to bottom.

use crate::arrows::Arrow;
use crate::tree::{Room, Tree};

/// Each crate of ours with what it may depend on. Programs beside the product (examples, benches, end-to-end tests) may use everything.
pub(crate) const CRATES: &[(&str, &[&str])] = &[
    ("keystead-protocol", &[]),
    ("keystead-client", &["keystead-protocol"]),
    ("keystead-verifier", &["keystead-protocol"]),
    ("keystead-management", &["keystead-protocol"]),
    ("keystead-store", &["keystead-protocol"]),
    (
        "keystead-server",
        &[
            "keystead-store",
            "keystead-verifier",
            "keystead-management",
            "keystead-protocol",
        ],
    ),
    (
        "keystead",
        &[
            "keystead-server",
            "keystead-store",
            "keystead-client",
            "keystead-verifier",
            "keystead-management",
            "keystead-protocol",
        ],
    ),
    ("xtask", &[]),
];

pub(crate) const SERVER: &str = "keystead-server";

/// The endpoint families: each knows what is below, none knows another.
pub(crate) const SIBLINGS: &[&str] = &[
    "oauth",
    "authapi",
    "legacy",
    "journey",
    "management",
    "dashboard",
];

/// The server's rooms below its root. A room may import from lower floors; on its own floor only where that makes no circle.
pub(crate) const FLOORS: &[&[&str]] = &[
    SIBLINGS,
    &["identity"],
    &["http", "bootstrap", "upkeep"],
    &["services"],
    &["mint", "mail", "jobs", "catalogue", "logbook"],
    &[
        "keys", "password", "pages", "egress", "config", "error", "cache", "limits", "tenant",
        "metrics", "tls",
    ],
];

pub(crate) fn allowed(package: &str) -> Option<&'static [&'static str]> {
    CRATES
        .iter()
        .find(|(name, _)| *name == package)
        .map(|(_, allowed)| *allowed)
}

fn floor(top: &str) -> Option<usize> {
    FLOORS.iter().position(|floor| floor.contains(&top))
}

/// Why an import goes against the order; `None` when it does not.
pub(crate) fn climbs(arrow: &Arrow) -> Option<String> {
    let (from, to) = (arrow.from.package(), arrow.to.package());
    if from != to {
        let refused = allowed(from).is_some_and(|allowed| !allowed.contains(&to));
        return refused.then(|| format!("`{from}` may not use `{to}`"));
    }
    if from != SERVER {
        return None;
    }
    let a = arrow.from.top()?;
    let Some(b) = arrow.to.top() else {
        return Some(format!(
            "`{a}` imports from the crate root, which is above every room"
        ));
    };
    if a == b {
        return None;
    }
    match (floor(a)?, floor(b)?) {
        (above, below) if below < above => {
            Some(format!("`{a}` imports from `{b}`, which is above it"))
        }
        (0, 0) => Some(format!("`{a}` imports from its sibling `{b}`")),
        _ => None,
    }
}

/// Rooms of the server that the order does not know.
pub(crate) fn strangers(tree: &Tree) -> Vec<Room> {
    let server = |room: &Room| {
        room.package() == SERVER && room.top().is_some_and(|top| floor(top).is_none())
    };
    // An example stands beside the house.
    let tops: std::collections::BTreeSet<Room> = tree
        .product()
        .map(|source| &source.room)
        .filter(|room| server(room))
        .map(|room| room.at(2))
        .collect();
    tops.into_iter().collect()
}
