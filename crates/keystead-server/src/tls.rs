//! TLS by certificate files that may be renewed under the running server, or by a certificate authority of our own for development.

use std::{
    io,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, SystemTime},
};

use rustls::{
    ServerConfig,
    crypto::{CryptoProvider, aws_lc_rs::default_provider},
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use tokio::net::TcpStream;
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tracing::{error, info};

pub mod dev;

/// How often certificate files are worth looking at.
pub const LOOK: Duration = Duration::from_secs(30);

/// Why there is no certificate to serve with.
#[derive(Debug, thiserror::Error)]
pub enum BadCertificate {
    /// A file cannot be read or written.
    #[error("{path}: {why}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        why: io::Error,
    },
    /// A file holds no PEM of the wanted kind.
    #[error("{path} holds no {what} in PEM form")]
    NotPem {
        /// The file.
        path: PathBuf,
        /// What was looked for.
        what: &'static str,
    },
    /// Certificate and key do not fit, or the key is of a kind that cannot be used.
    #[error("certificate and key cannot be used together: {0}")]
    Unfit(#[from] rustls::Error),
    /// The development authority cannot be made.
    #[error("cannot make a certificate: {0}")]
    Making(#[from] rcgen::Error),
}

/// The certificate in use.
#[derive(Debug)]
pub struct Certificate {
    files: Option<Files>,
    current: RwLock<(Arc<CertifiedKey>, Stamp)>,
}

#[derive(Debug)]
struct Files {
    chain: PathBuf,
    key: PathBuf,
}

/// When both files were last changed: enough to notice a renewal, and a failed one is not tried again until the next change.
type Stamp = [Option<SystemTime>; 2];

impl Certificate {
    /// Reads a chain (the server's own certificate first) and its key from PEM files.
    pub fn from_files(chain: &Path, key: &Path) -> Result<Arc<Self>, BadCertificate> {
        let files = Files {
            chain: chain.to_owned(),
            key: key.to_owned(),
        };
        let stamp = files.stamp();
        let current = RwLock::new((Arc::new(files.read()?), stamp));
        Ok(Arc::new(Self {
            files: Some(files),
            current,
        }))
    }

    /// A certificate that was made rather than read.
    pub fn made(
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
    ) -> Result<Arc<Self>, BadCertificate> {
        let made = CertifiedKey::from_der(chain, key, &default_provider())?;
        Ok(Arc::new(Self {
            files: None,
            current: RwLock::new((Arc::new(made), Stamp::default())),
        }))
    }

    /// Reads the files again and serves what they hold from the next handshake on. On failure the old one stays.
    pub fn reload(&self) -> Result<(), BadCertificate> {
        let Some(files) = &self.files else {
            return Ok(());
        };
        let stamp = files.stamp();
        let read = files.read();
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        current.1 = stamp;
        current.0 = Arc::new(read?);
        Ok(())
    }

    fn has_changed(&self) -> bool {
        let seen = self
            .current
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .1;
        self.files
            .as_ref()
            .is_some_and(|files| files.stamp() != seen)
    }

    /// Reloads when the files change (looked at every `look`) and on SIGHUP, for as long as it is polled.
    pub async fn keep_fresh(&self, look: Duration) {
        let mut hangups = Hangups::listen();
        loop {
            let due = tokio::select! {
                () = tokio::time::sleep(look) => self.has_changed(),
                () = hangups.next() => true,
            };
            if due {
                match self.reload() {
                    Ok(()) => info!("serving with the certificate as it now is"),
                    Err(why) => {
                        error!(%why, "the new certificate is unusable; serving with the old one");
                    }
                }
            }
        }
    }

    /// The end of TLS that faces clients: TLS 1.2 and 1.3, HTTP/2 and HTTP/1.1.
    pub fn acceptor(self: &Arc<Self>) -> Result<Acceptor, BadCertificate> {
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(Arc::<Self>::clone(self));
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Acceptor(TlsAcceptor::from(Arc::new(config))))
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        Some(Arc::clone(&current.0))
    }
}

impl Files {
    fn read(&self) -> Result<CertifiedKey, BadCertificate> {
        let pem = read(&self.chain)?;
        let chain: Vec<_> = CertificateDer::pem_slice_iter(&pem)
            .collect::<Result<_, _>>()
            .unwrap_or_default();
        if chain.is_empty() {
            return Err(BadCertificate::NotPem {
                path: self.chain.clone(),
                what: "certificate",
            });
        }
        let key = PrivateKeyDer::from_pem_slice(&read(&self.key)?).map_err(|_| {
            BadCertificate::NotPem {
                path: self.key.clone(),
                what: "private key",
            }
        })?;
        Ok(CertifiedKey::from_der(chain, key, &default_provider())?)
    }

    fn stamp(&self) -> Stamp {
        [&self.chain, &self.key].map(|path| {
            std::fs::metadata(path)
                .and_then(|file| file.modified())
                .ok()
        })
    }
}

/// Performs TLS handshakes.
#[derive(Clone)]
pub struct Acceptor(TlsAcceptor);

impl Acceptor {
    pub(crate) async fn accept(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        self.0.accept(stream).await
    }
}

/// The one cryptographic provider of the process.
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(default_provider())
}

fn read(path: &Path) -> Result<Vec<u8>, BadCertificate> {
    std::fs::read(path).map_err(|why| BadCertificate::File {
        path: path.to_owned(),
        why,
    })
}

/// SIGHUP, where there is such a thing.
struct Hangups(#[cfg(unix)] Option<tokio::signal::unix::Signal>);

impl Hangups {
    #[cfg(unix)]
    fn listen() -> Self {
        use tokio::signal::unix::{SignalKind, signal};
        Self(
            signal(SignalKind::hangup())
                .inspect_err(|why| error!(%why, "SIGHUP will not reload the certificate"))
                .ok(),
        )
    }

    #[cfg(not(unix))]
    fn listen() -> Self {
        Self()
    }

    async fn next(&mut self) {
        #[cfg(unix)]
        if let Some(signal) = &mut self.0
            && signal.recv().await.is_some()
        {
            return;
        }
        std::future::pending::<()>().await;
    }
}
