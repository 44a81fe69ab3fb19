//! Checks on what a room may name: the pure protocol, and the one door to the network.

use crate::source::Name;
use crate::tree::{Source, Tree};

use super::Spot;

/// Crates and modules that bring time, chance, waiting or the outside world. `std::net` alone is fine: an address is a value.
const IMPURE: &[&str] = &[
    "tokio",
    "futures",
    "futures_util",
    "async_trait",
    "axum",
    "hyper",
    "reqwest",
    "rand",
    "getrandom",
    "aws_lc_rs::rand::SystemRandom",
    "aws_lc_rs::rand::fill",
    "rusqlite",
    "postgres",
    "tokio_postgres",
    "std::time::SystemTime",
    "std::time::Instant",
    "std::env",
    "std::fs",
    "std::io",
    "std::process",
    "std::thread",
    "std::net::TcpStream",
    "std::net::TcpListener",
    "std::net::UdpSocket",
];

/// Ways to open a connection to somebody else.
const OUTBOUND: &[&str] = &[
    "reqwest",
    "ureq",
    "hyper::client",
    "hyper_util::client",
    "tokio::net::TcpStream::connect",
    "tokio::net::TcpSocket",
    "std::net::TcpStream::connect",
    "std::net::TcpStream::connect_timeout",
];

pub(super) fn protocol(tree: &Tree) -> Vec<Spot> {
    let mut spots = Vec::new();
    for source in tree
        .product()
        .filter(|source| source.room.package() == "keystead-protocol")
    {
        let waits = source.facts.awaits.iter().map(|line| {
            Spot::new(
                &source.path,
                *line,
                "the protocol waits (`async` or `.await`)",
            )
        });
        spots.extend(waits);
        spots.extend(named(source, IMPURE));
    }
    spots
}

pub(super) fn egress(tree: &Tree) -> Vec<Spot> {
    let outside = |source: &&Source| {
        source.room.package() == "keystead-server" && source.room.top() != Some("egress")
    };
    tree.product()
        .filter(outside)
        .flat_map(|source| named(source, OUTBOUND))
        .collect()
}

/// Every place of a file that names one of `banned`, also by the name that a `use` gave it.
pub(super) fn named<'a>(
    source: &'a Source,
    banned: &'static [&'static str],
) -> impl Iterator<Item = Spot> + 'a {
    let found = move |name: &Name| {
        let path = source.facts.spelled_out(name).join("::");
        banned.iter().find(|ban| {
            path.strip_prefix(**ban)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
        })
    };
    let spot = move |name: &Name| {
        found(name).map(|ban| Spot::new(&source.path, name.line, format!("names `{ban}`")))
    };
    source.facts.names.iter().filter_map(spot)
}
