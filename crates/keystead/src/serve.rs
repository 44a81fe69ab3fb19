//! `keystead serve`: from a checked configuration to a server, and back to a quiet machine.

use std::{
    fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context as _, bail};
use keystead_server::{
    app,
    config::{Checked, Config, Tls},
    http::listen::{self, Limits},
    identity, metrics,
    services::{Clock, Entropy, Services},
    tls::{self, Certificate, dev},
};
use keystead_store::{Database, Store, seal::Keyring};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::{
    logs,
    output::{self, Shape},
};

/// Serves until told to stop.
pub(crate) fn serve(Checked { config, warnings }: Checked) -> anyhow::Result<()> {
    let (shape, _flush) = logs::begin(config.log).context("there is no thread for the log")?;
    for warning in &warnings {
        warn!(key = warning.key, source = %warning.source, fix = warning.fix, "{}", warning.problem);
    }
    raise_file_limit();
    prepare_folder(&config.data_dir)?;
    let keyring = keyring(&config)?;
    let (certificate, authority) = certificate(&config)?;
    // Opening blocks, so it happens before there is a runtime to block.
    let store = Store::open(&config.database).with_context(|| match &config.database {
        Database::Sqlite { .. } => "the database cannot be used; see also: keystead doctor",
        Database::Postgres { .. } => {
            "the database cannot be used; if it or this release is new, run: keystead migrate"
        }
    })?;
    let services = Services::new(config, store.clone(), keyring);

    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let outcome = runtime.block_on(run(services, certificate, authority, shape));
    runtime.shutdown_timeout(Duration::from_secs(1));
    store.close();
    if outcome.is_ok() {
        info!("stopped");
    }
    outcome
}

async fn run(
    services: Services,
    certificate: Option<Arc<Certificate>>,
    authority: Option<PathBuf>,
    shape: Shape,
) -> anyhow::Result<()> {
    let config = Arc::clone(&services.config);
    let stop = CancellationToken::new();
    let listener = bind(config.listen).await?;
    let listening = listener.local_addr()?;

    let acceptor = certificate
        .as_ref()
        .map(Certificate::acceptor)
        .transpose()?;
    if let Some(certificate) = certificate {
        tokio::spawn(async move { certificate.keep_fresh(tls::LOOK).await });
    }
    if let Some(address) = config.metrics {
        let collected = metrics::collect()?;
        tokio::spawn(metrics::upkeep(collected.clone()));
        let (listener, routes) = (bind(address).await?, metrics::routes(collected));
        tokio::spawn(listen::serve(
            listener,
            routes,
            None,
            Limits::default(),
            stop.clone(),
        ));
    }
    keystead_server::begin(&services)
        .await
        .context("the server cannot begin; see also: keystead doctor")?;
    let setup = identity::owners::invite(&services).await?;
    stop_on_signal(&services, stop.clone())?;

    info!(issuer = %config.issuer, %listening, data_dir = %config.data_dir.display(), "ready");
    match (shape, &setup) {
        (Shape::Text, setup) => {
            let welcome = output::welcome(&config, listening, authority.as_deref(), setup.as_ref());
            output::print(&welcome)?;
        }
        // Nobody sees a terminal here: whoever reads the log may make the first owner, for a day.
        (Shape::Json, Some(link)) => {
            info!(
                link = link.expose(),
                "make the first owner with this one-time link"
            );
        }
        (Shape::Json, None) => {}
    }
    match listen::serve(listener, app(&services), acceptor, Limits::default(), stop).await {
        0 => {}
        cut_off => warn!(cut_off, "requests were still under way when time was up"),
    }
    keystead_server::end(&services).await;
    Ok(())
}

async fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| {
        format!("cannot listen on {address}; is another server running there? `--listen` takes another address")
    })
}

/// On the first signal no new work is taken and what is under way is finished; on the second the process ends at once.
pub(crate) fn stop_on_signal(services: &Services, stop: CancellationToken) -> io::Result<()> {
    let readiness = services.readiness.clone();
    let mut signals = Signals::listen()?;
    tokio::spawn(async move {
        signals.next().await;
        info!("stopping: finishing what is under way; a second signal stops at once");
        readiness.leave();
        stop.cancel();
        signals.next().await;
        // The store is a log of committed transactions: to stop here loses nothing that was acknowledged.
        std::process::exit(130);
    });
    Ok(())
}

/// SIGTERM and SIGINT, or Ctrl-C where there are no signals.
struct Signals {
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
}

impl Signals {
    #[cfg(unix)]
    fn listen() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    #[cfg(unix)]
    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }

    #[cfg(not(unix))]
    fn listen() -> io::Result<Self> {
        Ok(Self {})
    }

    #[cfg(not(unix))]
    async fn next(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// Makes the data folder, for its owner alone, if it is not there.
pub(crate) fn prepare_folder(path: &Path) -> anyhow::Result<()> {
    let mut folder = fs::DirBuilder::new();
    folder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut folder, 0o700);
    folder
        .create(path)
        .with_context(|| format!("cannot make the data folder {}", path.display()))
}

/// Reads the sealing key, or makes it at the very first start. A database without its key is a lost key, not a first start.
pub(crate) fn keyring(config: &Config) -> anyhow::Result<Keyring> {
    let key_file = &config.sealing_key_file;
    if let Database::Sqlite { file } = &config.database
        && file.exists()
        && !key_file.exists()
    {
        bail!(
            "the database {} is there but its sealing key {} is not: restore it from your backup, or move the database away to begin anew",
            file.display(),
            key_file.display(),
        );
    }
    Ok(Keyring::load_or_create(key_file, &mut Entropy::system())?)
}

/// The certificate, and the authority behind it if nobody trusts that yet.
fn certificate(config: &Config) -> anyhow::Result<(Option<Arc<Certificate>>, Option<PathBuf>)> {
    match &config.tls {
        Tls::Off => Ok((None, None)),
        Tls::Files {
            cert_file,
            key_file,
        } => Ok((Some(Certificate::from_files(cert_file, key_file)?), None)),
        Tls::Development => {
            let made = dev::certify(
                &config.data_dir,
                config.issuer.host(),
                Clock::system().now(),
            )?;
            Ok((Some(made.certificate), Some(made.authority)))
        }
    }
}

/// A connection is a file to the system, and its usual limit is meant for programs that open a handful.
#[cfg(unix)]
pub(crate) fn raise_file_limit() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(why) = setrlimit(Resource::Nofile, limit) {
        warn!(%why, "the limit of open files stays as it was");
    }
}

#[cfg(not(unix))]
pub(crate) fn raise_file_limit() {}
