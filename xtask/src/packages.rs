//! The packages of the workspace and what they depend on, as cargo tells it.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Normal,
    Dev,
    Build,
}

pub(crate) struct Dependency {
    pub(crate) name: String,
    pub(crate) kind: Kind,
}

pub(crate) struct Package {
    pub(crate) name: String,
    /// Relative to the checkout: `libs/keystead-protocol`.
    pub(crate) folder: String,
    /// The text of its `Cargo.toml`.
    pub(crate) manifest: String,
    pub(crate) dependencies: Vec<Dependency>,
}

impl Package {
    pub(crate) fn manifest_path(&self) -> String {
        format!("{}/Cargo.toml", self.folder)
    }

    /// The line of the manifest that names a dependency, or the first.
    pub(crate) fn line_of(&self, dependency: &str) -> usize {
        let names = |line: &str| {
            line.split(['.', ' ', '=']).next() == Some(dependency)
                || line.contains(&format!("\"{dependency}\""))
        };
        self.manifest.lines().position(names).map_or(1, |at| at + 1)
    }
}

/// Asks `cargo metadata`, without looking anything up.
pub(crate) fn of(root: &Path) -> Result<Vec<Package>> {
    let output = Command::new("cargo")
        .args([
            "metadata",
            "--no-deps",
            "--offline",
            "--format-version",
            "1",
        ])
        .current_dir(root)
        .output()
        .context("cannot run cargo")?;
    if !output.status.success() {
        bail!(
            "{}\n  to see it alone: cargo metadata --no-deps",
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    let metadata: Value = serde_json::from_slice(&output.stdout)?;
    metadata["packages"]
        .as_array()
        .context("cargo metadata names no packages")?
        .iter()
        .map(|p| package(root, p))
        .collect()
}

fn package(root: &Path, value: &Value) -> Result<Package> {
    let manifest_path = Path::new(
        value["manifest_path"]
            .as_str()
            .context("a package without a manifest")?,
    );
    let folder = manifest_path
        .parent()
        .unwrap_or(root)
        .strip_prefix(root)
        .context("a package outside the checkout")?;
    let dependency = |d: &Value| Dependency {
        name: d["name"].as_str().unwrap_or_default().to_owned(),
        kind: match d["kind"].as_str() {
            Some("dev") => Kind::Dev,
            Some("build") => Kind::Build,
            _ => Kind::Normal,
        },
    };
    Ok(Package {
        name: value["name"].as_str().unwrap_or_default().to_owned(),
        folder: folder.to_string_lossy().replace('\\', "/"),
        manifest: std::fs::read_to_string(manifest_path)?,
        dependencies: value["dependencies"]
            .as_array()
            .into_iter()
            .flatten()
            .map(dependency)
            .collect(),
    })
}
