//! The port: free, or held by a server of ours that is well.

use std::{
    io::{self, Read as _},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream},
    sync::Arc,
    time::Duration,
};

use keystead_server::{
    config::{Config, Tls},
    tls::{dev, provider},
};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned,
    pki_types::{CertificateDer, ServerName, pem::PemObject as _},
};

use super::Finding;

const PATIENCE: Duration = Duration::from_secs(3);

/// Asks whoever listens for its health; if nobody does, tries to listen.
pub(super) fn listen(config: &Config) -> Finding {
    const NAME: &str = "port";
    let address = config.listen;
    let Ok(stream) = TcpStream::connect_timeout(&reachable(address), PATIENCE) else {
        return match TcpListener::bind(address) {
            Ok(_) => Finding::ok(NAME, format!("{address} is free")),
            Err(why) => Finding::fail(
                NAME,
                format!("cannot listen on {address}: {why}"),
                "set listen to another address, or: ss -ltnp",
            ),
        };
    };
    match health(stream, config) {
        Ok(answer) if answer.contains(r#"{"status":"ready"}"#) => {
            Finding::ok(NAME, format!("Keystead runs on {address} and is ready"))
        }
        Ok(answer) if answer.contains(r#"{"status":""#) => Finding::fail(
            NAME,
            format!("Keystead runs on {address} and is not ready"),
            "read its log: it says why",
        ),
        Ok(_) => Finding::fail(
            NAME,
            format!("{address} is held by another program"),
            "set listen to another address, or: ss -ltnp",
        ),
        Err(why) => Finding::warn(
            NAME,
            format!("whoever holds {address} could not be asked: {why}"),
            "ss -ltnp",
        ),
    }
}

/// A server that listens everywhere also listens on loopback.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

fn health(stream: TcpStream, config: &Config) -> io::Result<String> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    match trusted(config)? {
        None => ask(stream),
        Some(roots) => {
            let client = ClientConfig::builder_with_provider(provider())
                .with_safe_default_protocol_versions()
                .map_err(io::Error::other)?
                .with_root_certificates(roots)
                .with_no_client_auth();
            let host = config.issuer.host().trim_matches(['[', ']']).to_owned();
            let name = ServerName::try_from(host).map_err(io::Error::other)?;
            let connection =
                ClientConnection::new(Arc::new(client), name).map_err(io::Error::other)?;
            ask(StreamOwned::new(connection, stream))
        }
    }
}

fn ask(mut stream: impl io::Read + io::Write) -> io::Result<String> {
    stream.write_all(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    // The end of a TLS stream may be an error; what was said before it counts.
    match stream.take(64 * 1024).read_to_end(&mut answer) {
        Err(why) if answer.is_empty() => Err(why),
        _ => Ok(String::from_utf8_lossy(&answer).into_owned()),
    }
}

/// Whom to trust on this port: the certificates that it is configured to serve, and nobody else. Nothing for clear text.
fn trusted(config: &Config) -> io::Result<Option<RootCertStore>> {
    let file = match &config.tls {
        Tls::Off => return Ok(None),
        Tls::Files { cert_file, .. } => cert_file.clone(),
        Tls::Development => dev::authority_file(&config.data_dir, config.issuer.host()),
    };
    let mut roots = RootCertStore::empty();
    let certificates = CertificateDer::pem_file_iter(file).map_err(io::Error::other)?;
    roots.add_parsable_certificates(certificates.flatten());
    Ok(Some(roots))
}
