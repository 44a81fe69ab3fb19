//! `keystead demo`: the server, a sample API and a guided page in one process, with everything that the tutorials need.

use std::{
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use keystead_client::reqwest;
use keystead_protocol::secret::Secret;
use keystead_server::{
    app,
    config::{Config, Inputs, load},
    http::listen::{self, Limits},
    identity,
    services::Services,
};
use keystead_store::Store;
use keystead_verifier::Verifier;
use tokio_util::sync::CancellationToken;

use self::{guide::Guide, records::Cast, visitors::Visitors};
use crate::{
    logs,
    output::{self, Shape},
    serve,
};

mod api;
mod check;
mod explained;
mod guide;
mod records;
mod visitors;

/// Where the demo keeps its data unless told otherwise.
const FOLDER: &str = "keystead-demo";

/// What was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Demo {
    /// The guided page, until Ctrl-C.
    Show { folder: Option<PathBuf>, port: u16 },
    /// The same steps without a person.
    Check {
        folder: Option<PathBuf>,
        shape: Shape,
    },
}

/// The addresses, bound before anything is printed or written.
struct Doors {
    server: TcpListener,
    site: TcpListener,
}

impl Doors {
    fn open(port: u16) -> anyhow::Result<Self> {
        let next = if port == 0 {
            0
        } else {
            port.checked_add(1)
                .context("--port must leave room for the next one")?
        };
        let bind = |port| {
            TcpListener::bind((Ipv4Addr::LOCALHOST, port))
                .with_context(|| format!("port {port} is taken; try: keystead demo --port 4000"))
        };
        Ok(Self {
            server: bind(port)?,
            site: bind(next)?,
        })
    }

    fn issuer(&self) -> anyhow::Result<String> {
        Ok(format!(
            "http://localhost:{}/",
            self.server.local_addr()?.port()
        ))
    }

    /// By number: native apps and their redirects are told to avoid the name (RFC 8252 §8.3), and a cookie of the server's
    /// host is not sent here.
    fn site(&self) -> anyhow::Result<String> {
        Ok(format!("http://{}/", self.site.local_addr()?))
    }
}

/// Runs the demo, and says with its exit code whether a check went through.
pub(crate) fn run(demo: Demo) -> anyhow::Result<ExitCode> {
    let begun = begun();
    let (folder, port) = match &demo {
        Demo::Show { folder, port } => (folder.clone(), *port),
        Demo::Check { folder, .. } => (folder.clone(), 0),
    };
    // A folder that nobody else can have made, and that goes when this does.
    let passing = match (&demo, &folder) {
        (Demo::Check { .. }, None) => Some(
            tempfile::Builder::new()
                .prefix("keystead-check-")
                .tempdir()?,
        ),
        _ => None,
    };
    let folder = match &passing {
        Some(passing) => passing.path().to_owned(),
        None => std::path::absolute(folder.unwrap_or_else(|| FOLDER.into()))?,
    };
    opened(&demo, &folder, port, begun)
}

#[expect(clippy::disallowed_methods, reason = "the demo says how long it took")]
fn begun() -> Instant {
    Instant::now()
}

fn opened(demo: &Demo, folder: &Path, port: u16, begun: Instant) -> anyhow::Result<ExitCode> {
    let doors = Doors::open(port)?;
    let config = configured(folder, &doors)?;
    let (_, _flush) = logs::begin(config.log).context("there is no thread for the log")?;
    serve::raise_file_limit();
    serve::prepare_folder(&config.data_dir)?;
    let keyring = serve::keyring(&config)?;
    keystead_store::migrate(&config.database).context("the demo's database cannot be used")?;
    let store = Store::open(&config.database).context("the demo's database cannot be used")?;
    let services = Services::new(config, store.clone(), keyring);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let outcome = runtime.block_on(played(demo, doors, &services, begun));
    runtime.shutdown_timeout(Duration::from_secs(1));
    store.close();
    outcome
}

/// The demo's own configuration: its folder and its addresses; a database of the operator's if a variable names one.
fn configured(folder: &Path, doors: &Doors) -> anyhow::Result<Config> {
    let mut inputs = Inputs::of_process()?;
    // A keystead.toml that lies about is another installation's.
    inputs.folder = folder.to_owned();
    inputs.flags = vec![
        ("--issuer", doors.issuer()?),
        ("--listen", doors.server.local_addr()?.to_string()),
        ("--data-dir", folder.display().to_string()),
        ("--log-level", "warn".to_owned()),
    ];
    Ok(load(&inputs)?.config)
}

/// Everything on the stage: who plays, and where.
struct Stage {
    issuer: String,
    site: String,
    cast: Cast,
    http: reqwest::Client,
}

async fn played(
    demo: &Demo,
    doors: Doors,
    services: &Services,
    begun: Instant,
) -> anyhow::Result<ExitCode> {
    let (issuer, site) = (doors.issuer()?, doors.site()?);
    keystead_server::begin(services)
        .await
        .context("the server cannot begin")?;
    let cast = Cast::find_or_draw(&services.config.data_dir, services)?;
    cast.appear(services, &site).await?;
    let stage = Stage {
        http: client()?,
        issuer,
        site,
        cast,
    };
    let verifier = Verifier::builder()
        .issuer(&stage.issuer)
        .audience(records::AUDIENCE)
        .build()?;
    let guide = Guide {
        site: stage.site.clone(),
        issuer: stage.issuer.clone(),
        cast: stage.cast.clone(),
        visitors: Visitors::new(&stage.issuer, stage.cast.native.as_str()),
        http: stage.http.clone(),
    };
    let site = api::routes(verifier).merge(guide::routes(Arc::new(guide)));

    let stop = CancellationToken::new();
    let limits = Limits::default();
    let serving = listen::serve(
        listener(doors.server)?,
        app(services),
        None,
        limits,
        stop.clone(),
    );
    let showing = listen::serve(listener(doors.site)?, site, None, limits, stop.clone());
    let open = tokio::spawn(async { tokio::join!(serving, showing) });
    let outcome = match demo {
        Demo::Show { .. } => {
            serve::stop_on_signal(services, stop)?;
            let setup = identity::owners::invite(services).await?;
            output::print(&welcome(&stage, setup.as_ref()))?;
            Ok(ExitCode::SUCCESS)
        }
        Demo::Check { shape, .. } => {
            let outcome = check::walk(&stage, *shape, begun).await;
            stop.cancel();
            outcome
        }
    };
    open.await.context("a listener ended with a panic")?;
    keystead_server::end(services).await;
    outcome
}

fn listener(bound: TcpListener) -> anyhow::Result<tokio::net::TcpListener> {
    bound.set_nonblocking(true)?;
    Ok(tokio::net::TcpListener::from_std(bound)?)
}

/// For the guided page's calls of its own API and for the check's browser: redirects are theirs to follow.
fn client() -> anyhow::Result<reqwest::Client> {
    #[expect(
        clippy::disallowed_methods,
        reason = "it talks to this process alone, on loopback"
    )]
    let builder = reqwest::Client::builder();
    let built = builder
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .timeout(Duration::from_secs(10))
        .build();
    built.context("no HTTP client can be made")
}

fn welcome(stage: &Stage, setup: Option<&Secret>) -> String {
    let Stage {
        issuer, site, cast, ..
    } = stage;
    let (email, password) = (&cast.email, cast.password.expose());
    let (machine, secret) = (&cast.machine, cast.machine_secret.expose());
    let mut text = format!(
        "
The demo is running. Start here:

  {site}

  Sign in as          {email}
  with the password   {password}

  Keystead            {issuer}
  API identifier      {audience}
  App, client id      {native}
  Machine, client id  {machine}

  A token for the machine:

    TOKEN=$(curl -s {issuer}oauth/token -d grant_type=client_credentials \\
      -d client_id={machine} -d client_secret={secret} \\
      -d audience={audience} | sed 's/.*\"access_token\":\"\\([^\"]*\\)\".*/\\1/')

  The API without it, and with it:

    curl -i {site}api/messages
    curl -i {site}api/messages -H \"Authorization: Bearer $TOKEN\"
",
        audience = records::AUDIENCE,
        native = cast.native,
    );
    if let Some(link) = setup {
        text += &format!(
            "\n  This link makes the first administrator, once, within a day:\n\n    {}\n",
            link.expose()
        );
    }
    text + "\n  Ctrl-C stops the demo; its data stays, and the next start finds it.\n\n"
}
