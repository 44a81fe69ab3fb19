//! How the server stops: nothing under way is lost, and nothing holds it up for ever.

use std::time::Duration;

use axum::{Router, routing::get};
use keystead_server::http::listen::Limits;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::sleep,
};

use crate::house::{House, brisk, rest};

fn slow(millis: u64) -> Router<keystead_server::services::Services> {
    Router::new().route(
        "/slow",
        get(async move || {
            sleep(Duration::from_millis(millis)).await;
            "done"
        }),
    )
}

#[tokio::test]
async fn what_is_under_way_is_finished_and_nothing_new_begun() {
    // Nobody may have to wait until an idle connection ends by itself.
    let limits = Limits {
        idle: Duration::from_mins(1),
        ..brisk()
    };
    let open = House::new().adding(slow(300)).open(limits, None).await;
    let (mut busy, mut idle) = (open.connects().await, open.connects().await);
    idle.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .await
        .unwrap();
    idle.read_exact(&mut [0; 12]).await.unwrap();
    busy.write_all(b"GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .await
        .unwrap();
    sleep(Duration::from_millis(100)).await;

    open.stop.cancel();
    let address = open.address;
    let (answer, left, cut_off) = tokio::join!(rest(&mut busy), rest(&mut idle), open.served);
    assert!(
        answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with("done"),
        "{answer}"
    );
    assert!(left.ends_with(r#"{"status":"ok"}"#), "{left}");
    assert_eq!(cut_off.unwrap(), 0);
    assert!(
        TcpStream::connect(address).await.is_err(),
        "the port is given back"
    );
}

#[tokio::test]
async fn what_takes_too_long_is_cut_off() {
    let open = House::new()
        .adding(slow(60_000))
        .open(
            Limits {
                drain: Duration::from_millis(300),
                ..brisk()
            },
            None,
        )
        .await;
    let mut busy = open.connects().await;
    busy.write_all(b"GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .await
        .unwrap();
    sleep(Duration::from_millis(100)).await;
    open.stop.cancel();
    let (answer, cut_off) = tokio::join!(rest(&mut busy), open.served);
    assert_eq!((answer.as_str(), cut_off.unwrap()), ("", 1));
}
