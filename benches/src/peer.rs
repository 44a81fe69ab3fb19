//! Beside us in the same minute: a provider that others wrote, npm's `oidc-provider`, with tokens of the same kind.

use std::{
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::{
    Row, Settings,
    http::{Script, post_as},
    load::{self, Arrivals},
    pin::{self, Cores},
};

/// The provider that the verifier is tested with.
const PROVIDER: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../libs/keystead-verifier/tests/provider"
);
/// `machine:machine-secret`, as RFC 6749 §2.3.1 wants it.
const BASIC: &str = "bWFjaGluZTptYWNoaW5lLXNlY3JldA==";
const FORM: &str =
    "grant_type=client_credentials&scope=read%3Amessages&resource=https%3A%2F%2Frs256.example.com";
const CALLERS: usize = 64;

/// Machine tokens that are JWTs, signed with RS256, from one process of Node on the core that ours had.
///
/// # Errors
/// If it cannot be installed, started or measured.
pub fn peer(settings: &Settings) -> Result<Vec<Row>> {
    let cores = Cores::choose()?;
    let folder = installed()?;
    let mut provider = pin::on(cores.server, || {
        let node = Command::new("node")
            .arg("provider.mjs")
            .current_dir(&folder)
            .env("NODE_ENV", "production")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        Ok(Peer(node.context("cannot run node")?))
    })?;
    let mut line = String::new();
    let output = provider.0.stdout.take().context("node has no output")?;
    BufReader::new(output).read_line(&mut line)?;
    let issuer: Value = serde_json::from_str(&line)?;
    let issuer = url::Url::parse(
        issuer["issuer"]
            .as_str()
            .context("the provider does not say where it is")?,
    )?;
    let address = issuer
        .socket_addrs(|| None)?
        .pop()
        .context("the provider is nowhere")?;
    let host = format!("127.0.0.1:{}", address.port());
    let ask = Script::Same(post_as(
        "/token",
        &host,
        &format!("authorization: Basic {BASIC}\r\n"),
        FORM,
    ));
    let ask = vec![ask; CALLERS];
    let found = load::visits(
        cores.load,
        address,
        ask.clone(),
        settings.time,
        Arrivals::Closed,
    )?;
    let open = Arrivals::Open(found.rate * 0.7);
    let steady = pin::awake(cores.server, || {
        load::visits(cores.load, address, ask, settings.time, open)
    })??;
    Ok(vec![
        Row::rate("peer_oidc_provider_token_rs256", found.rate).latency(&found),
        Row::rate("peer_oidc_provider_token_rs256_at_70_percent", steady.rate).latency(&steady),
        Row::new(
            "peer_oidc_provider_mib",
            pin::process_mib(provider.0.id())?,
            "MiB",
        ),
    ])
}

struct Peer(Child);

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The provider and what npm installs for it, once, where the verifier's tests look for it too.
fn installed() -> Result<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/npm/oidc-provider");
    std::fs::create_dir_all(&folder)?;
    for name in ["package.json", "package-lock.json", "provider.mjs"] {
        std::fs::copy(Path::new(PROVIDER).join(name), folder.join(name))?;
    }
    if !folder.join("node_modules/oidc-provider").is_dir() {
        let npm = Command::new("npm")
            .args(["ci", "--silent", "--no-audit", "--no-fund"])
            .current_dir(&folder)
            .status()
            .context("cannot run npm")?;
        ensure!(npm.success(), "npm cannot install oidc-provider");
    }
    Ok(folder)
}
