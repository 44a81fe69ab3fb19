//! TLS: handshakes, protocols, certificates that are renewed, the development authority.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::body::Body;
use http_body_util::BodyExt as _;
use hyper_util::rt::{TokioExecutor, TokioIo};
use keystead_server::{
    http::listen::Limits,
    tls::{Certificate, dev, provider},
};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject as _},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::sleep,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::house::{House, NOON, Open, brisk, rest};

/// A client that trusts this authority only.
fn trusting(authority: &Path, protocols: &[&str]) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_file(authority).unwrap())
        .unwrap();
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = protocols
        .iter()
        .map(|name| name.as_bytes().into())
        .collect();
    TlsConnector::from(Arc::new(config))
}

async fn shakes_hands(
    open: &Open,
    client: &TlsConnector,
    name: &str,
) -> std::io::Result<TlsStream<TcpStream>> {
    client
        .connect(
            ServerName::try_from(name.to_owned()).unwrap(),
            open.connects().await,
        )
        .await
}

fn now() -> keystead_protocol::time::Timestamp {
    // Clients judge validity by the real clock.
    keystead_server::services::Clock::system().now()
}

#[tokio::test]
async fn http_1_and_2_by_what_the_client_offers() {
    let house = House::new();
    let made = dev::certify(&house.folder(), "id.test", now()).unwrap();
    let open = house
        .open(brisk(), Some(made.certificate.acceptor().unwrap()))
        .await;

    let mut one = shakes_hands(
        &open,
        &trusting(&made.authority, &["http/1.1"]),
        "localhost",
    )
    .await
    .unwrap();
    one.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        .await
        .unwrap();
    let answer = rest(&mut one).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");

    let two = shakes_hands(
        &open,
        &trusting(&made.authority, &["h2", "http/1.1"]),
        "localhost",
    )
    .await
    .unwrap();
    assert_eq!(two.get_ref().1.alpn_protocol(), Some(b"h2".as_slice()));
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(two))
            .await
            .unwrap();
    let connection = tokio::spawn(connection);
    for (path, want) in [("/healthz", 200), ("/nowhere", 404)] {
        let ask = hyper::Request::get(format!("https://localhost{path}"))
            .body(Body::empty())
            .unwrap();
        let answer = sender.send_request(ask).await.unwrap();
        assert_eq!(answer.status(), want);
        assert!(answer.headers().contains_key("x-request-id"));
        answer.into_body().collect().await.unwrap();
    }
    let mut crowd = hyper::Request::get("https://localhost/healthz");
    for n in 0..120 {
        crowd = crowd.header(format!("x-{n}"), "1");
    }
    assert_eq!(
        sender
            .send_request(crowd.body(Body::empty()).unwrap())
            .await
            .unwrap()
            .status(),
        431
    );

    open.stop.cancel();
    assert_eq!(
        open.served.await.unwrap(),
        0,
        "an idle HTTP/2 connection says goodbye"
    );
    connection.await.unwrap().unwrap();
}

#[tokio::test]
async fn an_idle_http_2_connection_ends_with_a_goodbye() {
    let house = House::new();
    let made = dev::certify(&house.folder(), "localhost", now()).unwrap();
    let limits = Limits {
        idle: Duration::from_millis(500),
        ..brisk()
    };
    let open = house
        .open(limits, Some(made.certificate.acceptor().unwrap()))
        .await;
    let two = shakes_hands(&open, &trusting(&made.authority, &["h2"]), "localhost")
        .await
        .unwrap();
    let (_sender, connection) = hyper::client::conn::http2::handshake::<_, _, Body>(
        TokioExecutor::new(),
        TokioIo::new(two),
    )
    .await
    .unwrap();
    let ended = tokio::time::timeout(Duration::from_secs(10), connection).await;
    assert!(matches!(ended, Ok(Ok(()))), "{ended:?}");
}

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

#[tokio::test]
async fn an_http_2_connection_that_never_begins_is_cut_off() {
    let house = House::new();
    let made = dev::certify(&house.folder(), "localhost", now()).unwrap();
    let open = house
        .open(brisk(), Some(made.certificate.acceptor().unwrap()))
        .await;
    let client = trusting(&made.authority, &["h2"]);
    for (name, begun) in [
        ("nothing", 0),
        ("half a preface", 12),
        ("all but a byte", 23),
    ] {
        let mut stream = shakes_hands(&open, &client, "localhost").await.unwrap();
        let since = Instant::now();
        for byte in &PREFACE[..begun] {
            // A preface that trickles gets no more time than one that does not come.
            let _ = stream.write_all(&[*byte]).await;
            let _ = stream.flush().await;
            sleep(Duration::from_millis(30)).await;
        }
        rest(&mut stream).await;
        let took = since.elapsed();
        assert!(took < brisk().idle / 2, "{name}: {took:?}");
    }
}

/// A goodbye over HTTP/2 waits for an answer. Pings would find out who is silent, but later than a stop can wait.
#[tokio::test]
async fn an_http_2_client_that_answers_no_goodbye_delays_no_stop() {
    let house = House::new();
    let made = dev::certify(&house.folder(), "localhost", now()).unwrap();
    let limits = Limits {
        head: Duration::from_mins(1),
        idle: Duration::from_secs(90),
        ..brisk()
    };
    let settings = [PREFACE, &[0, 0, 0, 4, 0, 0, 0, 0, 0]].concat();
    for (name, said) in [("half a preface", &PREFACE[..12]), ("settings", &settings)] {
        let acceptor = made.certificate.acceptor().unwrap();
        let open = house.open(limits, Some(acceptor)).await;
        let client = trusting(&made.authority, &["h2"]);
        let mut stream = shakes_hands(&open, &client, "localhost").await.unwrap();
        stream.write_all(said).await.unwrap();
        // The server's settings come first: by now it waits for a preface.
        stream.read_exact(&mut [0; 9]).await.unwrap();
        sleep(Duration::from_millis(50)).await;
        open.stop.cancel();
        assert_eq!(open.served.await.unwrap(), 0, "{name}: cut off at the end");
    }
}

#[tokio::test]
async fn a_handshake_that_does_not_come_is_cut_off() {
    let house = House::new();
    let made = dev::certify(&house.folder(), "localhost", now()).unwrap();
    let open = house
        .open(brisk(), Some(made.certificate.acceptor().unwrap()))
        .await;
    assert_eq!(rest(&mut open.connects().await).await, "", "silence");
    let clear = open
        .hears(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .await;
    assert!(
        !clear.contains("HTTP"),
        "clear text gets no answer: {clear:?}"
    );
}

#[tokio::test]
async fn the_authority_lasts_and_vouches_for_this_machine_alone() {
    let house = House::new();
    let folder = house.folder();
    let made = dev::certify(&folder, "id.test", now()).unwrap();
    let first = std::fs::read(&made.authority).unwrap();
    let again = dev::certify(&folder, "id.test", now()).unwrap();
    assert_eq!(
        std::fs::read(&again.authority).unwrap(),
        first,
        "trusted once, trusted after a restart"
    );
    let other = dev::certify(&folder, "other.test", now()).unwrap();
    assert_ne!(std::fs::read(&other.authority).unwrap(), first);

    let open = house
        .open(brisk(), Some(again.certificate.acceptor().unwrap()))
        .await;
    let client = trusting(&made.authority, &[]);
    for name in ["localhost", "127.0.0.1", "::1", "id.test"] {
        assert!(shakes_hands(&open, &client, name).await.is_ok(), "{name}");
    }
    for name in ["bank.example", "192.0.2.1", "other.test"] {
        assert!(shakes_hands(&open, &client, name).await.is_err(), "{name}");
    }
    assert!(
        shakes_hands(&open, &trusting(&other.authority, &[]), "localhost")
            .await
            .is_err(),
        "another authority"
    );
}

/// What a thief of the authority's key can do: sign for any name. Nobody believes it beyond this machine's own.
#[tokio::test]
async fn a_stolen_authority_deceives_nobody_about_other_sites() {
    let house = House::new();
    let made = dev::certify(&house.folder(), "id.test", now()).unwrap();
    let stolen = std::fs::read_to_string(made.authority.with_extension("key")).unwrap();
    let key = rcgen::KeyPair::from_pem(&stolen).unwrap();
    let mut params = rcgen::CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params
        .distinguished_name
        .push(rcgen::DnType::OrganizationName, "Keystead");
    params.distinguished_name.push(
        rcgen::DnType::CommonName,
        "Keystead development authority for id.test",
    );
    let issuer = rcgen::Issuer::from_params(&params, key);
    for (name, believed) in [
        ("id.test", true),
        ("sub.id.test", true),
        ("bank.example", false),
        ("192.0.2.1", false),
    ] {
        let key = rcgen::KeyPair::generate().unwrap();
        let forged = rcgen::CertificateParams::new([name.to_owned()])
            .unwrap()
            .signed_by(&key, &issuer)
            .unwrap();
        let forged = Certificate::made(
            vec![forged.der().clone()],
            PrivateKeyDer::Pkcs8(key.serialize_der().into()),
        )
        .unwrap();
        let open = house.open(brisk(), Some(forged.acceptor().unwrap())).await;
        let shaken = shakes_hands(&open, &trusting(&made.authority, &[]), name).await;
        assert_eq!(shaken.is_ok(), believed, "{name}: {shaken:?}");
    }
}

#[cfg(unix)]
#[test]
fn what_the_authority_writes_is_private() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let made = dev::certify(folder.path(), "localhost", NOON).unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&made.authority.with_extension("key")), 0o600);
    assert_eq!(mode(made.authority.parent().unwrap()), 0o700);
}

/// Writes what an operator's certificate tool would, and says which authority to trust.
fn issue(folder: &Path, name: &str) -> std::path::PathBuf {
    let key = rcgen::KeyPair::generate().unwrap();
    let cert = rcgen::CertificateParams::new([name.to_owned()])
        .unwrap()
        .self_signed(&key)
        .unwrap();
    std::fs::write(folder.join("cert.pem"), cert.pem()).unwrap();
    std::fs::write(folder.join("key.pem"), key.serialize_pem()).unwrap();
    let trusted = folder.join(format!("{name}.pem"));
    std::fs::write(&trusted, cert.pem()).unwrap();
    trusted
}

#[tokio::test]
async fn a_renewed_certificate_is_taken_up_and_a_broken_one_is_not() {
    let house = House::new();
    let folder = house.folder();
    let (cert, key) = (folder.join("cert.pem"), folder.join("key.pem"));
    let old = issue(&folder, "old.test");
    let certificate = Certificate::from_files(&cert, &key).unwrap();
    let open = house
        .open(brisk(), Some(certificate.acceptor().unwrap()))
        .await;
    let fresh = Arc::clone(&certificate);
    let keeper = tokio::spawn(async move { fresh.keep_fresh(Duration::from_millis(20)).await });
    assert!(
        shakes_hands(&open, &trusting(&old, &[]), "old.test")
            .await
            .is_ok()
    );

    let new = issue(&folder, "new.test");
    sleep(Duration::from_millis(200)).await;
    assert!(
        shakes_hands(&open, &trusting(&new, &[]), "new.test")
            .await
            .is_ok(),
        "noticed by itself"
    );

    std::fs::write(&cert, "half a file").unwrap();
    sleep(Duration::from_millis(200)).await;
    assert!(certificate.reload().is_err());
    assert!(
        shakes_hands(&open, &trusting(&new, &[]), "new.test")
            .await
            .is_ok(),
        "the last good one"
    );
    keeper.abort();
}

#[test]
fn files_that_cannot_serve_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let (cert, key) = (
        folder.path().join("cert.pem"),
        folder.path().join("key.pem"),
    );
    let why = || {
        Certificate::from_files(&cert, &key)
            .unwrap_err()
            .to_string()
    };
    assert!(why().contains("cert.pem"), "{}", why());
    issue(folder.path(), "a.test");
    let other_key = std::fs::read(&key).unwrap();
    issue(folder.path(), "b.test");
    assert!(Certificate::from_files(&cert, &key).is_ok());
    std::fs::write(&key, other_key).unwrap();
    assert!(why().contains("cannot be used together"), "{}", why());
    std::fs::write(&key, "").unwrap();
    assert!(why().contains("key.pem holds no private key"), "{}", why());
}
