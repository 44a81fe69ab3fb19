//! What a case needs of the machine beyond a Rust toolchain, and where it is.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Something that not every machine has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Chromium and its driver.
    Browser,
    /// The checker of accessibility.
    Axe,
    /// Auth0's library for apps in browsers.
    SpaJs,
}

impl Need {
    /// Why a case that needs it cannot run here.
    pub fn missing(self) -> Option<&'static str> {
        match self {
            Self::Browser if chromium().is_none() => {
                Some("Chromium is not on the PATH; run: cargo xtask test")
            }
            Self::Browser => (!runs("chromedriver"))
                .then_some("chromedriver is not on the PATH; run: cargo xtask test"),
            Self::Axe => (!axe().is_file())
                .then_some("axe-core is not in target/npm/axe-core; run: cargo xtask test"),
            Self::SpaJs => (!spa_js().is_file())
                .then_some("auth0-spa-js is not in target/npm/auth0-spa-js; run: cargo xtask test"),
        }
    }
}

/// Whether a case that cannot run is a failure.
pub fn all_must_run() -> bool {
    std::env::var_os("KEYSTEAD_TEST_REQUIRE").is_some()
}

/// The browser's program.
pub fn chromium() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    ["chromium", "chromium-browser", "google-chrome"]
        .into_iter()
        .flat_map(|name| std::env::split_paths(&path).map(move |folder| folder.join(name)))
        .find(|program| program.is_file())
}

/// The script of axe-core, as npm installed it.
pub fn axe() -> PathBuf {
    npm("axe-core/node_modules/axe-core/axe.min.js")
}

/// The script of auth0-spa-js, as npm installed it and as a page without a bundler includes it.
pub fn spa_js() -> PathBuf {
    npm("auth0-spa-js/node_modules/@auth0/auth0-spa-js/dist/auth0-spa-js.production.js")
}

fn npm(path: &str) -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    target.join("npm").join(path)
}

fn runs(program: &str) -> bool {
    Command::new(program)
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}
