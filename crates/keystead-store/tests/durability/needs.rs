//! What a case needs of the machine beyond a Rust toolchain, where it is, and why it may be missing.

use std::{
    os::unix::process::CommandExt as _,
    path::PathBuf,
    process::{Command, Stdio},
};

/// Something that not every machine has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// A running PostgreSQL where databases may be made and dropped: `KEYSTEAD_TEST_POSTGRES`.
    Server,
    /// PostgreSQL's programs, and a user other than root to run them.
    Cluster,
    /// `strace`, and the right to trace one's own children.
    Strace,
    /// The right to mount a file system.
    Mount,
}

/// What it means that something is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// The case cannot be run here.
    LeaveOut,
    /// It should have been there; and why it is not.
    Fail(&'static str),
}

impl Need {
    /// Whether it is missing, and what that means.
    pub fn missing(self) -> Option<Missing> {
        let why = match self {
            Self::Server => (server().is_none())
                .then_some("KEYSTEAD_TEST_POSTGRES is not set; run: cargo xtask test"),
            Self::Cluster if postgres_programs().is_none() => Some(
                "initdb is neither on the PATH nor in /usr/lib/postgresql; run: cargo xtask test",
            ),
            Self::Cluster if is_root() && !succeeds("id", &["postgres"]) => {
                Some("PostgreSQL does not run as root, and there is no user `postgres`")
            }
            Self::Cluster => (!succeeds("setpriv", &["--pdeathsig", "KILL", "true"]))
                .then_some("setpriv, of Linux, is missing"),
            Self::Strace => (!succeeds("strace", &["-o", "/dev/null", "true"]))
                .then_some("strace is missing or may not trace; run: cargo xtask test"),
            Self::Mount if !is_root() => return Some(Missing::LeaveOut),
            Self::Mount => (!has_own_mounts()).then_some("root could not make a mount namespace"),
        };
        why.map(|why| match variable("KEYSTEAD_TEST_REQUIRE") {
            Some(_) => Missing::Fail(why),
            None => Missing::LeaveOut,
        })
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "tests are configured by the environment"
)]
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// The URL of the running server.
pub fn server() -> Option<String> {
    variable("KEYSTEAD_TEST_POSTGRES")
}

/// The folder with the newest `initdb` and `postgres`.
pub fn postgres_programs() -> Option<PathBuf> {
    let path = variable("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let debian = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten();
    let mut versions: Vec<PathBuf> = debian.flatten().map(|v| v.path().join("bin")).collect();
    versions.sort();
    folders.extend(versions.into_iter().rev());
    folders
        .into_iter()
        .find(|folder| folder.join("initdb").exists() && folder.join("postgres").exists())
}

pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

fn succeeds(program: &str, arguments: &[&str]) -> bool {
    Command::new(program)
        .args(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

const OWN_MOUNTS: &str = "KEYSTEAD_TEST_OWN_MOUNTS";

fn has_own_mounts() -> bool {
    variable(OWN_MOUNTS).is_some()
}

/// Starts this program again in a mount namespace of its own, if it may: whatever ends it, its mounts end with it.
pub fn leave_no_mount_behind() {
    let namespace = ["--mount", "--propagation", "private"];
    if !is_root() || has_own_mounts() || !succeeds("unshare", &[&namespace[..], &["true"]].concat())
    {
        return;
    }
    let failed = Command::new("unshare")
        .args(namespace)
        .arg(std::env::current_exe().unwrap())
        .args(std::env::args_os().skip(1))
        .env(OWN_MOUNTS, "1")
        .exec();
    panic!("unshare did not start: {failed}");
}
