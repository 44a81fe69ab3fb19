//! What the tests need beside Rust, and how Debian installs it.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::output::say;
use crate::{postgres, steps};

/// One need: a name for people, a look whether it is there, the Debian package that brings it.
struct Need {
    what: &'static str,
    is_there: fn() -> bool,
    package: &'static str,
}

const NEEDS: &[Need] = &[
    Need {
        what: "a PostgreSQL server",
        is_there: || postgres::program("initdb").is_ok(),
        package: "postgresql",
    },
    Need {
        what: "strace, which shows that no success is sent before its sync",
        is_there: || on_path("strace"),
        package: "strace",
    },
    Need {
        what: "Chromium, in which people log in",
        is_there: || on_path("chromium"),
        package: "chromium",
    },
    Need {
        what: "chromedriver, which plays the people",
        is_there: || on_path("chromedriver"),
        package: "chromium-driver",
    },
];

/// Packages of Node's that tests run beside ours: whose lock file, and where it is installed.
const NPM: &[(&str, &str)] = &[
    ("e2e/axe", "target/npm/axe-core"),
    ("e2e/spa-js", "target/npm/auth0-spa-js"),
    (
        "libs/keystead-verifier/tests/provider",
        "target/npm/oidc-provider",
    ),
];

/// Installs with npm what a lock file names, unless just that is installed already. No package may run a script.
pub(crate) fn npm(root: &Path) -> Result<()> {
    for (from, to) in NPM {
        let (from, to) = (root.join(from), root.join(to));
        let lock = "package-lock.json";
        let same = std::fs::read(from.join(lock)).ok() == std::fs::read(to.join(lock)).ok();
        if same && to.join("node_modules").is_dir() {
            continue;
        }
        if !on_path("npm") {
            bail!(
                "{} needs Node.js with npm\n  to install by hand: sudo apt-get install nodejs npm",
                from.display()
            );
        }
        std::fs::create_dir_all(&to)?;
        std::fs::copy(from.join("package.json"), to.join("package.json"))?;
        std::fs::copy(from.join(lock), to.join(lock))?;
        let arguments = ["ci", "--no-audit", "--no-fund", "--ignore-scripts"];
        steps::run(Command::new("npm").args(arguments).current_dir(&to))?;
    }
    Ok(())
}

/// The checker of licences, bans and sources, at the version that deny.toml is written for.
const CARGO_DENY: &str = "0.20.2";
const TOOLS: &str = "target/tools";

/// Installs what is missing through apt, as root or with sudo; installs nothing when nothing is.
pub(crate) fn debian() -> Result<()> {
    let missing = || NEEDS.iter().filter(|need| !(need.is_there)());
    let packages: Vec<&str> = missing().map(|need| need.package).collect();
    if packages.is_empty() {
        say("everything is there");
        return Ok(());
    }
    let by_hand = format!(
        "to install by hand: sudo apt-get install {}",
        packages.join(" ")
    );
    missing().for_each(|need| say(&format!("missing: {} ({})", need.what, need.package)));
    if !on_path("apt-get") {
        bail!(
            "this machine has no apt-get, and these are missing: {}\n  {by_hand} (or your system's packages of these names)",
            packages.join(", ")
        );
    }
    apt(&["update", "-q"]).context(by_hand.clone())?;
    let install: Vec<&str> = ["install", "-q", "-y", "--no-install-recommends"]
        .into_iter()
        .chain(packages)
        .collect();
    apt(&install).context(by_hand.clone())?;
    if let Some(need) = missing().next() {
        bail!(
            "`{}` is installed and still {} is not there\n  {by_hand}",
            need.package,
            need.what
        );
    }
    Ok(())
}

/// cargo-deny of the right version: on PATH, or built by an earlier run.
pub(crate) fn find_cargo_deny(root: &Path) -> Option<PathBuf> {
    let right = |program: &PathBuf| {
        let output = Command::new(program).arg("--version").output();
        output.is_ok_and(|output| {
            output.stdout.trim_ascii() == format!("cargo-deny {CARGO_DENY}").as_bytes()
        })
    };
    [
        PathBuf::from("cargo-deny"),
        root.join(TOOLS).join("bin/cargo-deny"),
    ]
    .into_iter()
    .find(right)
}

/// Builds cargo-deny, unoptimised: that takes a third of the time, and it runs for a second.
pub(crate) fn cargo_deny(root: &Path) -> Result<PathBuf> {
    let tools = root.join(TOOLS);
    let build = tools.join("build");
    let mut install = Command::new("cargo");
    install
        .args([
            "install",
            "--quiet",
            "--debug",
            "--locked",
            "cargo-deny",
            "--version",
        ])
        .arg(format!("={CARGO_DENY}"));
    // A target folder of its own: the shared one may be locked by an editor for the whole build.
    install
        .arg("--root")
        .arg(&tools)
        .arg("--target-dir")
        .arg(&build)
        .current_dir(root);
    steps::run(&mut install)?;
    std::fs::remove_dir_all(build)?;
    Ok(tools.join("bin/cargo-deny"))
}

fn apt(args: &[&str]) -> Result<()> {
    let mut command = if postgres::is_root() {
        Command::new("env")
    } else {
        let mut sudo = Command::new("sudo");
        sudo.arg("env");
        sudo
    };
    let status = command
        .args(["DEBIAN_FRONTEND=noninteractive", "apt-get"])
        .args(args)
        .status()
        .context("cannot run apt-get")?;
    if !status.success() {
        bail!("apt-get {} failed ({status})", args.join(" "));
    }
    Ok(())
}

fn on_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}
