//! What an answer over HTTP costs with axum and hyper as they come, and nothing behind them.

use std::{sync::mpsc, time::Duration};

use anyhow::{Context as _, Result};
use axum::{Router, routing};
use tokio::{net::TcpListener, sync::oneshot};

use crate::{
    http::{Script, get},
    load::{self, Arrivals, Found},
    pin::{self, Cores},
};

/// A server on a core of its own whose only answer is a body that it has had from the start, asked by so many callers.
///
/// # Errors
/// Anything that keeps it from being measured.
pub fn hello(cores: Cores, body: Vec<u8>, callers: usize, time: Duration) -> Result<Found> {
    let (listening, address) = mpsc::channel();
    let (measured, end) = oneshot::channel::<()>();
    std::thread::scope(|scope| {
        let server = scope.spawn(move || {
            pin::on(cores.server, || {
                let runtime = tokio::runtime::Builder::new_multi_thread()
                    .worker_threads(1)
                    .enable_all()
                    .build()?;
                runtime.block_on(async {
                    let listener = TcpListener::bind("127.0.0.1:0").await?;
                    listening.send(listener.local_addr()?)?;
                    let body = axum::body::Bytes::from(body);
                    let answer = move || std::future::ready(body.clone());
                    let routes = Router::new().route("/", routing::get(answer));
                    let serving = axum::serve(listener, routes);
                    tokio::select! {
                        done = serving => Ok(done?),
                        _ = end => Ok(()),
                    }
                })
            })
        });
        let address = address.recv().context("the bare server did not start");
        let found = address.and_then(|address| {
            let ask = vec![Script::Same(get("/")); callers];
            load::visits(cores.load, address, ask, time, Arrivals::Closed)
        });
        drop(measured);
        server
            .join()
            .map_err(|_| anyhow::anyhow!("the bare server panicked"))??;
        found
    })
}
