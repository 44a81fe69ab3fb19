//! Checks on `Cargo.toml`: which crate may name which.

use crate::floors;
use crate::packages::{Dependency, Kind, Package};
use crate::tree::Tree;

use super::Spot;

/// No dependency of any kind leads from libs/ into crates/, not even for tests: a published crate must build from its own archive.
pub(super) fn libs_stand_alone(tree: &Tree) -> Vec<Spot> {
    let in_crates = |name: &str| {
        tree.packages
            .iter()
            .any(|p| p.name == name && p.folder.starts_with("crates/"))
    };
    let mut spots = Vec::new();
    for package in tree
        .packages
        .iter()
        .filter(|package| package.folder.starts_with("libs/"))
    {
        for dependency in package.dependencies.iter().filter(|d| in_crates(&d.name)) {
            let what = format!("`{}` depends on `{}`", package.name, dependency.name);
            spots.push(Spot::new(
                &package.manifest_path(),
                package.line_of(&dependency.name),
                what,
            ));
        }
    }
    spots
}

/// Tests may use any crate; what ships follows the table.
pub(super) fn directions(tree: &Tree) -> Vec<Spot> {
    let ours = |name: &str| tree.packages.iter().any(|package| package.name == name);
    let mut spots = Vec::new();
    for package in &tree.packages {
        let Some(allowed) = floors::allowed(&package.name) else {
            if is_shipped(package) {
                let what = format!("`{}` has no place in the order of crates", package.name);
                spots.push(Spot::new(&package.manifest_path(), 1, what));
            }
            continue;
        };
        let wrong = |name: &str| ours(name) && !allowed.contains(&name);
        for dependency in package
            .dependencies
            .iter()
            .filter(|d| d.kind != Kind::Dev && wrong(&d.name))
        {
            let what = format!("`{}` may not depend on `{}`", package.name, dependency.name);
            spots.push(Spot::new(
                &package.manifest_path(),
                package.line_of(&dependency.name),
                what,
            ));
        }
    }
    spots
}

/// Every shipped crate keeps the workspace's lints.
pub(super) fn lints(tree: &Tree) -> Vec<Spot> {
    let inherits = |package: &Package| {
        let mut lines = package
            .manifest
            .lines()
            .map(str::trim)
            .skip_while(|line| *line != "[lints]");
        lines.next();
        lines
            .next()
            .is_some_and(|line| line.replace(' ', "") == "workspace=true")
            || package.manifest.contains("lints.workspace = true")
    };
    let spot = |package: &Package| {
        Spot::new(
            &package.manifest_path(),
            1,
            format!("`{}` has its own lints or none", package.name),
        )
    };
    tree.packages
        .iter()
        .filter(|package| is_shipped(package) && !inherits(package))
        .map(spot)
        .collect()
}

/// What ships with its packages, and what each of them needs outside its own tests.
pub(super) fn shipped_dependencies(tree: &Tree) -> impl Iterator<Item = (&Package, &Dependency)> {
    let shipped = tree.packages.iter().filter(|package| is_shipped(package));
    shipped.flat_map(|package| {
        package
            .dependencies
            .iter()
            .filter(|d| d.kind != Kind::Dev)
            .map(move |dependency| (package, dependency))
    })
}

fn is_shipped(package: &Package) -> bool {
    package.folder.starts_with("libs/") || package.folder.starts_with("crates/")
}
