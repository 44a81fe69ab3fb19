//! Starting: how long until the first token, in an empty folder and in one that was used before, and what it holds then.

use std::{
    fs,
    time::{Duration, Instant},
};

use anyhow::Result;

use crate::{
    Row, Settings,
    house::SECRET,
    http::{Caller, Script, post},
    pin::{self, Cores},
    server::{ISSUER, Server},
};

/// Starts of each kind; the median counts, since making an RSA key is a search with luck.
const STARTS: usize = 9;
const CLIENT: &str = "automation";

/// From starting the program to the first token in hand, and the memory it then holds.
///
/// # Errors
/// Anything that keeps it from being measured.
pub fn start(_: &Settings) -> Result<Vec<Row>> {
    let core = Cores::choose()?.server;
    let (mut empty, mut again, mut memory) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..STARTS {
        let folder = crate::house::folder()?;
        let (took, _) = first_token(&folder, core)?;
        empty.push(took);
        let (took, held) = first_token(&folder, core)?;
        again.push(took);
        memory.push(held);
    }
    Ok(vec![
        Row::new("start_empty_ms", median(&mut empty), "ms"),
        Row::new("restart_ms", median(&mut again), "ms"),
        Row::new("idle_mib", median(&mut memory), "MiB"),
    ])
}

fn first_token(folder: &tempfile::TempDir, core: usize) -> Result<(f64, f64)> {
    let secret = folder.path().join("bootstrap.secret");
    fs::write(&secret, SECRET)?;
    let began = Instant::now();
    let mut server = Server::start(folder.path(), core, |command| {
        command
            .env("KEYSTEAD_BOOTSTRAP__CLIENT_ID", CLIENT)
            .env("KEYSTEAD_BOOTSTRAP__CLIENT_SECRET_FILE", &secret);
    })?;
    server.wait()?;
    let form = format!(
        "grant_type=client_credentials&client_id={CLIENT}&client_secret={SECRET}&audience={ISSUER}api/v2/"
    );
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let mut caller =
            Caller::connect(server.address, Script::Same(post("/oauth/token", &form))).await?;
        caller.ask().await
    })?;
    let took = began.elapsed().as_secs_f64() * 1e3;
    // The log line is written within half a second; then it idles.
    std::thread::sleep(Duration::from_secs(1));
    Ok((took, pin::process_mib(server.id())?))
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}
