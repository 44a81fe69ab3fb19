//! Class 34, forwarded-header confusion, over a real connection. The tables are beside the parser.

use axum::{Extension, Router, routing::get};
use keystead_server::http::Origin;

use crate::house::{House, brisk};

async fn tell(Extension(origin): Extension<Origin>) -> String {
    format!("{} {:?}", origin.client, origin.scheme)
}

#[tokio::test]
async fn headers_count_only_from_listed_proxies() {
    let forged = b"GET /tell HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: https\r\nConnection: close\r\n\r\n";
    for (trusted, want) in [
        ("198.51.100.1", "127.0.0.1 Http"),
        ("127.0.0.0/8", "192.0.2.1 Https"),
    ] {
        let house = House::configured(&[("TRUSTED_PROXIES", trusted)])
            .adding(Router::new().route("/tell", get(tell)));
        let answer = house.open(brisk(), None).await.hears(forged).await;
        assert!(answer.ends_with(want), "{trusted}: {answer}");
    }
}

#[tokio::test]
async fn a_proxy_that_lets_the_callers_header_through_is_noticed() {
    let house = House::configured(&[("TRUSTED_PROXIES", "127.0.0.1")])
        .adding(Router::new().route("/tell", get(tell)));
    let answer = house
        .open(brisk(), None)
        .await
        .hears(b"GET /tell HTTP/1.1\r\nHost: localhost\r\nForwarded: for=192.0.2.1;proto=https\r\nX-Forwarded-For: 203.0.113.9\r\nConnection: close\r\n\r\n")
        .await;
    assert!(answer.starts_with("HTTP/1.1 400 Bad Request"), "{answer}");
}
