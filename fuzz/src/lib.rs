//! Everything that takes a stranger's bytes, each as a function that panics if what must hold does not.
//!
//! `tests/targets.rs` feeds each target with its seeds, bent a little. The targets know nothing of that: another driver needs
//! only [`TARGETS`].

#![expect(clippy::expect_used, reason = "a target speaks by panicking")]

mod edge;
mod near;
mod redirects;
mod requests;
mod tokens;

pub use near::{Input, near};

/// One reader, or one family of them.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// What it reads.
    pub name: &'static str,
    /// Inputs that it understands, to begin from.
    pub seeds: fn() -> Vec<String>,
    /// Reads an input. Panics if it must not end as it does.
    pub run: fn(&[u8]),
}

/// All of them.
pub const TARGETS: &[Target] = &[
    requests::FORM,
    requests::AUTHORIZATION_HEADER,
    requests::AUTHORIZE,
    requests::SCOPE,
    requests::PKCE,
    redirects::REDIRECT,
    redirects::LOGOUT,
    tokens::TOKEN,
    tokens::KEY_SET,
    edge::LANGUAGES,
    edge::FORWARDED,
    edge::CONFIGURATION,
    edge::PASSWORD_HASH,
];

fn owned(seeds: &[&str]) -> Vec<String> {
    seeds.iter().map(|&seed| seed.to_owned()).collect()
}
