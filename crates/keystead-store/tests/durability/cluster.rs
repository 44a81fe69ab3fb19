//! PostgreSQL of one's own, fsync included, that a case may stop and kill; and databases on the one that runs already.

use std::{
    fs::File,
    net::TcpListener,
    os::unix::fs::chown,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use keystead_protocol::secret::Secret;
use keystead_store::Database;
use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};
use tempfile::TempDir;

use crate::needs;

/// How long a server may take to recover and to stop.
const PATIENCE: Duration = Duration::from_secs(30);

/// A cluster and, while it runs, its server. Killed and removed when it goes.
pub struct Cluster {
    folder: TempDir,
    programs: PathBuf,
    port: u16,
    server: Option<Child>,
}

impl Cluster {
    /// Makes a cluster with some further options of `initdb`, starts it, and migrates its database `postgres`.
    pub fn start_new(options: &[&str]) -> Self {
        let folder = TempDir::new().unwrap();
        let any_port = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut cluster = Self {
            programs: needs::postgres_programs().unwrap(),
            port: any_port.local_addr().unwrap().port(),
            folder,
            server: None,
        };
        give(cluster.folder());
        let made = cluster
            .program("initdb")
            .args(["--no-sync", "--auth=trust", "--username=postgres", "-D"])
            .arg(cluster.folder().join("data"))
            .args(options)
            .stdout(Stdio::null())
            .status()
            .unwrap();
        assert!(made.success(), "initdb: {made}");
        drop(any_port);
        cluster.start();
        migrate(&cluster.url("postgres"));
        cluster
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }

    /// One of PostgreSQL's programs, as the user that it must run as. It ends when this process does.
    fn program(&self, name: &str) -> Command {
        let mut command = Command::new("setpriv");
        if needs::is_root() {
            command.args(["--reuid=postgres", "--regid=postgres", "--init-groups"]);
        }
        command
            .args(["--pdeathsig", "KILL"])
            .arg(self.programs.join(name));
        command
    }

    /// Starts the server and waits until it has recovered and answers.
    pub fn start(&mut self) {
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.folder().join("log"))
            .unwrap();
        let server = self
            .program("postgres")
            .arg("-D")
            .arg(self.folder().join("data"))
            .arg("-k")
            .arg(self.folder())
            .args(["-p", &self.port.to_string()])
            .args(["-c", "listen_addresses=127.0.0.1"])
            // After a crash: one call instead of a thousand, to sync what it finds.
            .args(["-c", "recovery_init_sync_method=syncfs"])
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        self.server = Some(server);
        let until = crate::now() + PATIENCE;
        while let Err(why) = postgres::Client::connect(&self.url("postgres"), postgres::NoTls) {
            assert!(crate::now() < until, "no answer: {why}\n{}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Stops the server as an administrator would: it ends every connection and exits.
    pub fn stop(&mut self) {
        let mut server = self.server.take().unwrap();
        kill_process(Pid::from_child(&server), Signal::INT).unwrap();
        let until = crate::now() + PATIENCE;
        while server.try_wait().unwrap().is_none() {
            assert!(crate::now() < until, "it does not stop\n{}", self.log());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// `kill -9` for the server and all its processes at once. Does nothing if it does not run.
    pub fn kill(&mut self) {
        let Some(mut server) = self.server.take() else {
            return;
        };
        // What the server leaves behind becomes ours, so that its end can be waited for.
        #[cfg(target_os = "linux")]
        let _ = rustix::process::set_child_subreaper(Some(rustix::process::getpid()));
        let postmaster = Pid::from_child(&server);
        // A postmaster that stands still starts no more processes. One that is missed could wait for ever for the dead.
        let _ = kill_process(postmaster, Signal::STOP);
        while is_moving(postmaster) || children_of(postmaster).into_iter().any(is_moving) {
            for process in children_of(postmaster) {
                let _ = kill_process(process, Signal::KILL);
            }
        }
        let children = children_of(postmaster);
        let _ = kill_process(postmaster, Signal::KILL);
        let _ = server.wait();
        for process in children {
            let _ = waitpid(Some(process), WaitOptions::empty());
        }
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder().join("log")).unwrap_or_default()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Makes the user that a cluster runs as the owner of a folder.
pub fn give(folder: &Path) {
    if needs::is_root() {
        let id = Command::new("id")
            .args(["-u", "postgres"])
            .output()
            .unwrap();
        let id = String::from_utf8(id.stdout)
            .unwrap()
            .trim()
            .parse()
            .unwrap();
        chown(folder, Some(id), None).unwrap();
    }
}

/// Whether a process runs or could; not one that was stopped, has ended, or is gone.
fn is_moving(process: Pid) -> bool {
    let process = process.as_raw_nonzero();
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    // After its name in parentheses, which may hold anything, comes its state.
    let state = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
    !state.is_empty() && !state.starts_with(['T', 't', 'Z', 'X'])
}

fn children_of(parent: Pid) -> Vec<Pid> {
    let parent = parent.as_raw_nonzero();
    std::fs::read_to_string(format!("/proc/{parent}/task/{parent}/children"))
        .unwrap_or_default()
        .split_whitespace()
        .filter_map(|id| Pid::from_raw(id.parse().ok()?))
        .collect()
}

/// Brings the database at a URL up to date.
pub fn migrate(url: &str) {
    keystead_store::migrate(&Database::postgres(Secret::from(url))).unwrap();
}

/// Runs statements, each in a transaction of its own, as an administrator beside the store.
pub fn sql(url: &str, statements: &[&str]) {
    let mut client = postgres::Client::connect(url, postgres::NoTls).unwrap();
    for statement in statements {
        client.batch_execute(statement).unwrap();
    }
}

/// A migrated database on the server that runs already. Dropped when it goes.
pub struct Scratch {
    server: String,
    name: String,
}

impl Scratch {
    pub fn new(purpose: &str) -> Self {
        let scratch = Self {
            server: needs::server().unwrap(),
            name: format!("keystead_{purpose}_{}", std::process::id()),
        };
        sql(
            &scratch.server,
            &[&format!("CREATE DATABASE {}", scratch.name)],
        );
        migrate(&scratch.url());
        scratch
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn server(&self) -> &str {
        &self.server
    }

    pub fn url(&self) -> String {
        let mut url = url::Url::parse(&self.server).unwrap();
        url.set_path(&self.name);
        url.into()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Ok(mut client) = postgres::Client::connect(&self.server, postgres::NoTls) {
            let drop = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
            let _ = client.batch_execute(&drop);
        }
    }
}
