//! `keystead demo`: the server, a sample API and a guided page in one process, with everything that the tutorials need.

use std::{
    io::ErrorKind,
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::{Context as _, anyhow, bail};
use axum::{response::Redirect, routing::get};
use keystead_client::reqwest;
use keystead_protocol::secret::Secret;
use keystead_server::{
    app,
    config::{Config, Inputs, load},
    http::listen::{self, Limits},
    identity,
    services::Services,
};
use keystead_store::{Database, Store};
use keystead_verifier::Verifier;
use tokio_util::sync::CancellationToken;

use self::{guide::Guide, reception::Reception, records::Cast, visitors::Visitors};
use crate::{
    logs,
    output::{self, Shape},
    serve,
    typed::{program, quoted},
};

mod api;
mod check;
mod explained;
mod guide;
mod reception;
mod records;
mod visitors;

/// Where the demo keeps its data unless told otherwise.
const FOLDER: &str = "keystead-demo";
/// How long Ctrl-C waits for requests that are under way: whoever pressed it looks on.
const DRAIN: Duration = Duration::from_secs(3);
/// The exit code of whoever was interrupted: 128 and the number of SIGINT.
const INTERRUPTED: u8 = 130;

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
    /// Two ports in a row, or any two.
    fn open(port: u16) -> anyhow::Result<Self> {
        let next = if port == 0 {
            0
        } else {
            port.checked_add(1)
                .context("--port must leave room for the next one")?
        };
        Ok(Self {
            server: bound(port)?,
            site: bound(next)?,
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

fn bound(port: u16) -> anyhow::Result<TcpListener> {
    let bind = |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port));
    bind(port).map_err(|why| {
        let what = match why.kind() {
            ErrorKind::AddrInUse => format!("port {port} is taken"),
            _ => format!("cannot listen on port {port} ({why})"),
        };
        let is_free = |port: &u16| bind(*port).is_ok() && bind(*port + 1).is_ok();
        let free = (4_000..60_000).step_by(10).find(is_free).unwrap_or(0);
        anyhow!("{what}; try: {} demo --port {free}", program())
    })
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
    serve::prepare_folder(folder).map_err(|why| otherwise(&why, folder))?;
    let config = configured(folder, &doors)?;
    let (_, _flush) = logs::begin(config.log).context("there is no thread for the log")?;
    serve::raise_file_limit();
    let (services, cast) = found(config).map_err(|why| otherwise(&why, folder))?;
    let store = services.store.clone();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let outcome = runtime.block_on(played(demo, doors, &services, cast, begun));
    runtime.shutdown_timeout(Duration::from_secs(1));
    store.close();
    outcome
}

/// What is in the folder, or what a first start puts there.
fn found(config: Config) -> anyhow::Result<(Services, Cast)> {
    if let Database::Sqlite { file } = &config.database
        && file.exists()
        && !Cast::is_in(&config.data_dir)
    {
        bail!("{} belongs to another installation", file.display());
    }
    let cast = Cast::find_or_draw(&config.data_dir)?;
    let keyring = serve::keyring(&config)?;
    keystead_store::migrate(&config.database).context("the demo's database cannot be used")?;
    let store = Store::open(&config.database).context("the demo's database cannot be used")?;
    Ok((Services::new(config, store, keyring), cast))
}

/// A folder that is of no use, with what else there is to do. Only a demo's own folder is one to throw away.
fn otherwise(why: &anyhow::Error, folder: &Path) -> anyhow::Error {
    let program = program();
    let mut next = format!("to use another folder: {program} demo --data-dir FOLDER");
    if Cast::is_in(folder) {
        next += &format!(
            "\n  to begin anew: rm -r {}",
            quoted(&folder.to_string_lossy())
        );
    }
    anyhow!("{why:#}\n  {next}")
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
    cast: Cast,
    begun: Instant,
) -> anyhow::Result<ExitCode> {
    let (issuer, site) = (doors.issuer()?, doors.site()?);
    let folder = &services.config.data_dir;
    let begin = async {
        keystead_server::begin(services)
            .await
            .context("the server cannot begin")?;
        cast.appear(services, &site).await
    };
    begin.await.map_err(|why| otherwise(&why, folder))?;
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
        http: stage.http.clone(),
    };
    let reception = Reception {
        site: stage.site.clone(),
        visitors: Visitors::new(&stage.issuer, stage.cast.native.as_str()),
    };
    let site = api::routes(verifier).merge(guide::routes(guide, reception));
    // Whoever opens the issuer's address looks for the page.
    let page = stage.site.clone();
    let lead = get(async move || Redirect::temporary(&page));

    let stop = CancellationToken::new();
    let limits = Limits {
        drain: DRAIN,
        ..Limits::default()
    };
    let serving = listen::serve(
        listener(doors.server)?,
        app(services).route("/", lead),
        None,
        limits,
        stop.clone(),
    );
    let showing = listen::serve(listener(doors.site)?, site, None, limits, stop.clone());
    let open = tokio::spawn(async { tokio::join!(serving, showing) });
    serve::stop_on_signal(services, stop.clone())?;
    let outcome = match demo {
        Demo::Show { .. } => {
            let setup = identity::owners::invite(services).await?;
            output::print(&welcome(&stage, setup.as_ref()))?;
            Ok(ExitCode::SUCCESS)
        }
        Demo::Check { shape, .. } => {
            let outcome = tokio::select! {
                () = stop.cancelled() => Ok(INTERRUPTED.into()),
                outcome = check::walk(&stage, *shape, begun) => outcome,
            };
            // Whoever stops the servers makes the next step fail, which is no finding, and may be heard of first.
            let outcome = if stop.is_cancelled() {
                Ok(INTERRUPTED.into())
            } else {
                outcome
            };
            stop.cancel();
            outcome
        }
    };
    open.await.context("a listener ended with a panic")?;
    keystead_server::end(services).await;
    if let Demo::Show { .. } = demo {
        let folder = folder.display();
        output::print(&format!(
            "\nThe demo has stopped. Its data is in {folder}, and the next start finds it.\n"
        ))?;
    }
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
    let program = program();
    let (email, password) = (&cast.email, cast.password.expose());
    let (native, machine) = (&cast.native, &cast.machine);
    let secret = cast.machine_secret.expose();
    let audience = records::AUDIENCE;
    let read = records::READ;
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

  A token for the machine, and the API without it and with it:

    TOKEN=$(curl -s {issuer}oauth/token -d grant_type=client_credentials \\
      -d client_id={machine} -d client_secret={secret} \\
      -d audience={audience} | sed 's/.*\"access_token\":\"\\([^\"]*\\)\".*/\\1/')
    curl -i {site}api/messages
    curl -i {site}api/messages -H \"Authorization: Bearer $TOKEN\"

  This terminal as an app, for a user who signs in with the browser:

    {program} login --issuer {issuer} --client-id {native} \\
      --audience {audience} --scope {read}
    {program} call GET {site}api/messages
    {program} logout
"
    );
    if let Some(link) = setup {
        text += &format!(
            "\n  This link makes the first administrator, once, within a day:\n\n    {}\n",
            link.expose()
        );
    }
    text + "\n  Ctrl-C stops the demo; its data stays, and the next start finds it.\n\n"
}
