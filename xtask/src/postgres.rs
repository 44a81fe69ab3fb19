//! A PostgreSQL of our own: a fresh cluster on a free loopback port, stopped and removed with its owner.

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

/// Where Debian keeps the server's programs, one folder a version.
const DEBIAN: &str = "/usr/lib/postgresql";
/// The account that Debian's package makes; the server refuses to run as root.
const ACCOUNT: &str = "postgres";
const PREFIX: &str = "keystead-postgres-";
const PATIENCE: Duration = Duration::from_secs(30);

/// What the server promises of a commit.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Durability {
    /// `fsync=off`: for tests of behaviour. A test of durability starts a cluster of its own.
    None,
    /// As PostgreSQL comes.
    Full,
}

pub(crate) struct Cluster {
    server: Child,
    folder: PathBuf,
    port: u16,
}

impl Cluster {
    /// Makes and starts a cluster in `target/`, or in /var/tmp when the server's account cannot reach the checkout.
    pub(crate) fn start(root: &Path, purpose: &str, durability: Durability) -> Result<Self> {
        let folder = folder(root, purpose)?;
        let data = folder.join("data");
        let mut initdb = as_server(&folder, program("initdb")?);
        // Text that forgets COLLATE "C" sorts as English here and by bytes on SQLite, so that a test can see it.
        initdb.args([
            "--username=keystead",
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C.UTF-8",
            "--locale-provider=icu",
            "--icu-locale=en-US",
        ]);
        let output = initdb
            .args(["--no-sync", "--no-instructions", "--pgdata"])
            .arg(&data)
            .output()
            .context("cannot run initdb")?;
        if !output.status.success() {
            bail!(
                "initdb failed in {}:\n{}",
                folder.display(),
                String::from_utf8_lossy(&output.stderr).trim()
            );
        }
        // Another process may take the port between the look and the start.
        for _ in 0..3 {
            let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
            let server = serve(&folder, &data, port, durability)?;
            let mut cluster = Self {
                server,
                folder: folder.clone(),
                port,
            };
            if cluster.answers()? {
                return Ok(cluster);
            }
            cluster.stop();
        }
        let log = fs::read_to_string(folder.join("log")).unwrap_or_default();
        bail!(
            "PostgreSQL did not start in {}; the end of its log:\n{}",
            folder.display(),
            tail(&log)
        );
    }

    /// A superuser's URL; every local program may connect.
    pub(crate) fn url(&self) -> String {
        format!("postgres://keystead@127.0.0.1:{}/postgres", self.port)
    }

    fn answers(&mut self) -> Result<bool> {
        let ready = program("pg_isready")?;
        let started = Instant::now();
        while started.elapsed() < PATIENCE {
            if self.server.try_wait()?.is_some() {
                return Ok(false);
            }
            let asked = Command::new(&ready)
                .args(["-q", "-h", "127.0.0.1", "-p", &self.port.to_string()])
                .status()?;
            if asked.success() {
                return Ok(true);
            }
            sleep(Duration::from_millis(50));
        }
        Ok(false)
    }

    /// SIGINT is PostgreSQL's fast shutdown: sessions end, the postmaster leaves nothing behind.
    fn stop(&mut self) {
        let pid = self.server.id().to_string();
        let asked = Command::new("kill")
            .args(["-INT", &pid])
            .status()
            .is_ok_and(|status| status.success());
        let started = Instant::now();
        while asked && started.elapsed() < PATIENCE {
            if !matches!(self.server.try_wait(), Ok(None)) {
                return;
            }
            sleep(Duration::from_millis(20));
        }
        // It neither heard nor left: nothing of its data is wanted.
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.stop();
        if let Err(error) = fs::remove_dir_all(&self.folder) {
            eprintln!(
                "cannot remove {}: {error}\n  to remove it: rm -rf {0}",
                self.folder.display()
            );
        }
    }
}

/// The newest installed server's program of this name, Debian's folders first, then PATH.
pub(crate) fn program(name: &str) -> Result<PathBuf> {
    let version = |path: &Path| {
        path.file_name()
            .and_then(|name| name.to_str())
            .and_then(|name| name.parse::<u32>().ok())
    };
    let mut versions: Vec<PathBuf> = fs::read_dir(DEBIAN)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .collect();
    versions.sort_by_key(|path| version(path));
    let debian = versions
        .iter()
        .rev()
        .map(|path| path.join("bin").join(name));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path).map(|folder| folder.join(name));
    let found = debian.chain(on_path).find(|candidate| candidate.is_file());
    found.with_context(|| format!("`{name}` of the PostgreSQL server is not installed\n  to install it: sudo apt-get install postgresql"))
}

pub(crate) fn is_root() -> bool {
    Command::new("id")
        .arg("-u")
        .output()
        .is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

/// A new folder that the server's account owns and reaches.
fn folder(root: &Path, purpose: &str) -> Result<PathBuf> {
    let homes = [root.join("target"), PathBuf::from("/var/tmp")];
    for home in homes {
        fs::create_dir_all(&home).with_context(|| format!("cannot make {}", home.display()))?;
        sweep(&home);
        let folder = home.join(format!("{PREFIX}{purpose}-{}", std::process::id()));
        let mut make = Command::new("install");
        make.args(["-d", "-m", "700"]);
        if is_root() {
            make.args(["-o", ACCOUNT]);
        }
        ensure!(
            make.arg(&folder).status()?.success(),
            "cannot make {}",
            folder.display()
        );
        let mut reach = as_server(Path::new("/"), PathBuf::from("test"));
        if reach.arg("-w").arg(&folder).status()?.success() {
            return Ok(folder);
        }
        fs::remove_dir_all(&folder)?;
    }
    bail!(
        "the account `{ACCOUNT}` can write neither below {0} nor below /var/tmp\n  to let it in: chmod a+x {0} and the folders above",
        root.display()
    );
}

/// Removes what clusters left whose owner was killed: their server ended with it, their folder did not.
fn sweep(home: &Path) {
    let alive =
        |pid: &str| !Path::new("/proc/self").exists() || Path::new("/proc").join(pid).exists();
    for entry in fs::read_dir(home).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with(PREFIX) && !name.rsplit('-').next().is_some_and(alive) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

fn serve(folder: &Path, data: &Path, port: u16, durability: Durability) -> Result<Child> {
    let log = File::create(folder.join("log"))?;
    let mut server = as_server(folder, program("postgres")?);
    server.arg("-D").arg(data).args(["-p", &port.to_string()]);
    let mut settings = vec![
        "listen_addresses=127.0.0.1",
        "unix_socket_directories=",
        "max_connections=300",
    ];
    if durability == Durability::None {
        settings.extend(["fsync=off", "full_page_writes=off"]);
    }
    settings.iter().for_each(|setting| {
        server.args(["-c", setting]);
    });
    server
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .spawn()
        .context("cannot run postgres")
}

/// Runs a program as the server's account when we are root, as ourselves otherwise; on Linux it is interrupted when we die.
///
/// Ctrl-C reaches the server too, as a member of the terminal's foreground group.
fn as_server(folder: &Path, program: PathBuf) -> Command {
    let mut command = if cfg!(target_os = "linux") {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "INT"]);
        if is_root() {
            let account = format!("--reuid={ACCOUNT}");
            let group = format!("--regid={ACCOUNT}");
            command.args([&account, &group]).arg("--init-groups");
        }
        command.arg("--").arg(program);
        command
    } else {
        Command::new(program)
    };
    command.current_dir(folder).env("LC_ALL", "C.UTF-8");
    command
}

fn tail(log: &str) -> String {
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(15)..].join("\n")
}
