//! The program to measure, in a process of its own.

use std::{
    fs::File,
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::OnceLock,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};

use crate::pin;

/// Whose tokens these are, wherever the server listens: to the records of one start another issuer would be a stranger.
pub const ISSUER: &str = "http://localhost:3000/";

/// The program in a process of its own.
pub struct Server {
    process: Child,
    log: PathBuf,
    /// Where it listens.
    pub address: SocketAddr,
}

impl Server {
    /// Starts it in `folder` on `core`, with limits off and everything else as it comes.
    ///
    /// # Errors
    /// If the program cannot be built or started.
    pub fn start(folder: &Path, core: usize, more: impl FnOnce(&mut Command)) -> Result<Self> {
        let address = free_address()?;
        let log = folder.join("server.log");
        let mut command = Command::new(program()?);
        command
            .arg("serve")
            .current_dir(folder)
            .env_clear()
            .env("KEYSTEAD_LISTEN", address.to_string())
            .env("KEYSTEAD_ISSUER", ISSUER)
            .env("KEYSTEAD_DATA_DIR", folder)
            .env("KEYSTEAD_LIMITS__REQUESTS_PER_SECOND", "0")
            .env("KEYSTEAD_LIMITS__FAILURES_PER_SECOND", "0")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&log)?);
        more(&mut command);
        // A process inherits the cores of the thread that starts it.
        let process = pin::on(core, || Ok(command.spawn()?))?;
        Ok(Self {
            process,
            log,
            address,
        })
    }

    /// Waits until it accepts connections.
    ///
    /// # Errors
    /// If it ends instead, or takes a minute.
    pub fn wait(&mut self) -> Result<()> {
        let began = Instant::now();
        while TcpStream::connect(self.address).is_err() {
            if self.process.try_wait()?.is_some() || began.elapsed() > Duration::from_secs(60) {
                bail!(
                    "the server does not come up: {}",
                    std::fs::read_to_string(&self.log)?
                );
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.process.id()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // What it wrote is thrown away with its folder, so it need not end in order.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A port that was free a moment ago.
pub fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

/// The server: the program that `KEYSTEAD_BENCH_SERVER` names, or the release build beside this one, which cargo brings up
/// to date once in each run.
fn program() -> Result<&'static Path> {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    if let Some(known) = PROGRAM.get() {
        return Ok(known);
    }
    let program = match std::env::var_os("KEYSTEAD_BENCH_SERVER") {
        Some(given) => std::fs::canonicalize(given)?,
        None => built()?,
    };
    Ok(PROGRAM.get_or_init(|| program))
}

fn built() -> Result<PathBuf> {
    let build = [
        "build",
        "--quiet",
        "--release",
        "--locked",
        "--package",
        "keystead",
    ];
    let built = Command::new("cargo")
        .args(build)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status()
        .context("cannot run cargo")?;
    ensure!(
        built.success(),
        "the server does not build: cargo build --release --package keystead"
    );
    let program = std::env::current_exe()?.with_file_name("keystead");
    ensure!(
        program.is_file(),
        "{} was built somewhere else",
        program.display()
    );
    Ok(program)
}
