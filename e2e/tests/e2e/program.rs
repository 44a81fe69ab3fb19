//! The program in a process of its own, with an environment that holds nothing else.

use std::{
    fs::File,
    io::{BufRead as _, BufReader},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::OnceLock,
    thread::sleep,
    time::{Duration, Instant},
};

/// How long a start may take, on a machine that does something else as well.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running server.
pub struct Program {
    process: Child,
    log: PathBuf,
}

impl Program {
    /// Starts it in `folder` and waits until it accepts connections at `address`.
    pub fn start(
        folder: &Path,
        address: SocketAddr,
        arguments: &[&str],
        variables: &[(&str, &str)],
    ) -> Self {
        let mut command = Command::new(built());
        command
            .args(["serve", "--log-format", "json", "--data-dir"])
            .arg(folder)
            .args(["--listen", &address.to_string()])
            .args(arguments)
            .env_clear()
            .envs(variables.iter().copied());
        Self::run(command, folder, address)
    }

    /// Starts the demo in `folder`, and says where its guided page is.
    pub fn demo(folder: &Path) -> (Self, SocketAddr) {
        let (server, site) = neighbours();
        let mut command = Command::new(built());
        command
            .args(["demo", "--port", &server.port().to_string()])
            .env_clear();
        (Self::run(command, folder, site), site)
    }

    fn run(mut command: Command, folder: &Path, address: SocketAddr) -> Self {
        let log = folder.join("server.log");
        let file = File::options()
            .create(true)
            .append(true)
            .open(&log)
            .unwrap();
        let process = command
            .current_dir(folder)
            // Hundreds of log-ins come from one address in minutes.
            .env("KEYSTEAD_LIMITS__REQUESTS_PER_SECOND", "0")
            .env("KEYSTEAD_LIMITS__FAILURES_PER_SECOND", "0")
            .stdin(Stdio::null())
            .stdout(file.try_clone().unwrap())
            .stderr(file)
            .spawn()
            .unwrap();
        let mut program = Self { process, log };
        let began = Instant::now();
        while TcpStream::connect(address).is_err() {
            let ended = program.process.try_wait().unwrap();
            assert!(
                ended.is_none() && began.elapsed() < PATIENCE,
                "the server does not come up ({ended:?}):\n{}",
                program.log()
            );
            sleep(Duration::from_millis(10));
        }
        program
    }

    /// What it has said so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Its folder goes with it, so it need not end in order.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Two ports in a row that were free a moment ago.
fn neighbours() -> (SocketAddr, SocketAddr) {
    loop {
        let first = free_address();
        let next = SocketAddr::from((Ipv4Addr::LOCALHOST, first.port().saturating_add(1)));
        if next != first && TcpListener::bind(next).is_ok() {
            return (first, next);
        }
    }
}

/// A port that was free a moment ago.
pub fn free_address() -> SocketAddr {
    let any = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    any.local_addr().unwrap()
}

/// The program that `KEYSTEAD_TEST_BINARY` names, or the one that cargo builds, once in each run.
fn built() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| match std::env::var_os("KEYSTEAD_TEST_BINARY") {
        Some(given) => given.into(),
        None => build(),
    })
}

fn build() -> PathBuf {
    let mut cargo = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--locked", "--package", "keystead"])
        .arg("--message-format=json-render-diagnostics")
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let messages = BufReader::new(cargo.stdout.take().unwrap()).lines();
    let executable = |line: String| {
        let message: serde_json::Value = serde_json::from_str(&line).ok()?;
        let here = message["target"]["name"] == "keystead" && message["executable"].is_string();
        here.then(|| PathBuf::from(message["executable"].as_str().unwrap()))
    };
    let found = messages.map_while(Result::ok).filter_map(executable).last();
    assert!(cargo.wait().unwrap().success(), "the server does not build");
    found.unwrap()
}
