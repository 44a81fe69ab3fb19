//! Class 34, forwarded-header confusion, over a real connection. The tables are beside the parser.

use axum::{Extension, Router, routing::get};
use keystead_server::http::Origin;

use crate::house::{Engine, House, brisk};

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

/// The statuses of six requests, each of which claims to come from elsewhere: the limit of an address is five at once.
async fn six(trusted: &str, behind: &str) -> Vec<String> {
    let variables = [
        ("LIMITS__REQUESTS_PER_SECOND", "1"),
        ("TRUSTED_PROXIES", trusted),
    ];
    let house = House::begun_with(Engine::Sqlite, &variables).await;
    let open = house.open(brisk(), None).await;
    let mut statuses = vec![];
    for number in 1..=6 {
        let request = format!(
            "GET /userinfo HTTP/1.1\r\nHost: localhost:3000\r\nX-Forwarded-For: 192.0.2.{number}{behind}\r\nConnection: close\r\n\r\n"
        );
        let answer = open.hears(request.as_bytes()).await;
        statuses.push(answer.split(' ').nth(1).unwrap_or_default().to_owned());
    }
    statuses
}

#[tokio::test]
async fn nobody_gets_another_limit_by_naming_another_address() {
    let limited = ["401", "401", "401", "401", "401", "429"];
    assert_eq!(six("198.51.100.1", "").await, limited, "no proxy of ours");
    assert_eq!(
        six("127.0.0.1", ", 203.0.113.7").await,
        limited,
        "the proxy says who it was"
    );
    assert_eq!(six("127.0.0.1", "").await, ["401"; 6], "six others");
}

/// What is public about this server does not depend on who asks, or how.
#[tokio::test]
async fn the_issuer_is_nobodys_to_choose() {
    let house = House::begun_with(Engine::Sqlite, &[("TRUSTED_PROXIES", "127.0.0.1")]).await;
    let open = house.open(brisk(), None).await;
    let mut said = vec![];
    for headers in [
        "",
        "X-Forwarded-Proto: https\r\nX-Forwarded-For: 192.0.2.1\r\n",
        "X-Forwarded-Proto: https\r\nX-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Host: evil.example\r\n",
        "Forwarded: for=192.0.2.1;proto=https;host=evil.example\r\n",
    ] {
        let request = format!(
            "GET /.well-known/openid-configuration HTTP/1.1\r\nHost: localhost:3000\r\n{headers}Connection: close\r\n\r\n"
        );
        let answer = open.hears(request.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{headers}: {answer}");
        said.push(answer.split_once("\r\n\r\n").unwrap().1.to_owned());
    }
    assert!(said[0].contains(r#""issuer":"http://localhost:3000/""#));
    assert!(said.iter().all(|one| *one == said[0]), "{said:#?}");
}
