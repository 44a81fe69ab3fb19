//! The keys that say how the server is reached: addresses, TLS, proxies.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;

use super::{
    super::{Issuer, Source, Tls, TrustedProxies, raw::Given},
    Check, Wrong, address,
};

impl Check<'_> {
    pub(super) fn issuer(
        &mut self,
        given: Option<Given<String>>,
        listen: Option<SocketAddr>,
        tls: Option<&Tls>,
    ) -> Option<Issuer> {
        let encrypted = tls.is_some_and(|tls| *tls != Tls::Off);
        let Some(Given { value, source }) = given else {
            let listen = listen?;
            if !listen.ip().is_loopback() || listen.port() == 0 {
                self.wrong("issuer", Source::Unset, (
                    format!("must be given, because it cannot be guessed when listening on {listen}"),
                    "Set it to the address that browsers and apps will open, such as https://id.example.com/".into(),
                ));
                return None;
            }
            let issuer = Issuer::on_localhost(encrypted, listen.port())?;
            self.warn(
                "issuer",
                Source::Unset,
                (
                    format!("using {issuer}, which only this machine can open"),
                    "Set it before you create anything that is to last: tokens and apps carry it."
                        .into(),
                ),
            );
            return Some(issuer);
        };
        match Issuer::parse(&value) {
            Ok(issuer) if encrypted && !issuer.is_https() => {
                let fix = format!(
                    "Write it as {}",
                    issuer.as_str().replacen("http", "https", 1)
                );
                self.wrong("issuer", source, ("is http, but TLS is on".into(), fix));
                None
            }
            Ok(issuer) => Some(issuer),
            Err(wrong) => {
                self.wrong("issuer", source, wrong);
                None
            }
        }
    }

    pub(super) fn tls(
        &mut self,
        cert: Option<Given<String>>,
        key: Option<Given<String>>,
    ) -> Option<Tls> {
        const BOTH: &str = "Set tls.cert_file and tls.key_file, or neither.";
        match (cert, key) {
            (None, None) if self.inputs.dev_tls => Some(Tls::Development),
            (None, None) => Some(Tls::Off),
            (Some(cert), _) if self.inputs.dev_tls => {
                self.wrong(
                    "tls.cert_file",
                    cert.source,
                    (
                        "is given beside --dev-tls".into(),
                        "Leave out one of the two.".into(),
                    ),
                );
                None
            }
            (Some(cert), Some(key)) => {
                let (cert, key) = (
                    self.readable("tls.cert_file", cert),
                    self.readable("tls.key_file", key),
                );
                Some(Tls::Files {
                    cert_file: cert?,
                    key_file: key?,
                })
            }
            (Some(given), None) => {
                self.wrong(
                    "tls.cert_file",
                    given.source,
                    ("comes without a key".into(), BOTH.into()),
                );
                None
            }
            (None, Some(given)) => {
                self.wrong(
                    "tls.key_file",
                    given.source,
                    ("comes without a certificate".into(), BOTH.into()),
                );
                None
            }
        }
    }

    pub(super) fn trusted_proxies(
        &mut self,
        given: Option<Given<Vec<String>>>,
    ) -> Option<TrustedProxies> {
        let Some(Given { value, source }) = given else {
            return Some(TrustedProxies::default());
        };
        let nets: Vec<_> = value
            .iter()
            .filter_map(|text| match network(text) {
                Ok(net) => Some(net),
                Err(wrong) => {
                    self.wrong("trusted_proxies", source.clone(), wrong);
                    None
                }
            })
            .collect();
        (nets.len() == value.len()).then(|| nets.into_iter().collect())
    }

    pub(super) fn metrics(
        &mut self,
        given: Option<Given<String>>,
        listen: Option<SocketAddr>,
    ) -> Option<Option<SocketAddr>> {
        let Some(given) = given else {
            return Some(None);
        };
        let source = given.source.clone();
        let metrics = self.parsed(
            "metrics.listen",
            Some(given),
            SocketAddr::from(([127, 0, 0, 1], 0)),
            address,
        )?;
        if Some(metrics) == listen && metrics.port() != 0 {
            self.wrong(
                "metrics.listen",
                source,
                (
                    "is the address that listen has".into(),
                    "Give metrics a port of their own.".into(),
                ),
            );
            return None;
        }
        if !metrics.ip().is_loopback() {
            self.warn(
                "metrics.listen",
                source,
                (
                    "shows metrics to whoever can connect from other machines".into(),
                    "Make sure that only your monitoring can.".into(),
                ),
            );
        }
        Some(Some(metrics))
    }

    /// Warns where passwords would cross a network unencrypted.
    pub(super) fn clear_text(
        &mut self,
        listen: Option<SocketAddr>,
        source: Source,
        issuer: Option<&Issuer>,
        tls: Option<&Tls>,
        proxies: Option<&TrustedProxies>,
    ) {
        let (Some(listen), Some(issuer), Some(Tls::Off), Some(proxies)) =
            (listen, issuer, tls, proxies)
        else {
            return;
        };
        if proxies.is_empty() && (issuer.is_https() || !listen.ip().is_loopback()) {
            self.warn("listen", source, (
                "accepts clear text, and no proxy that encrypts is known".into(),
                "Set tls.cert_file and tls.key_file, or put a proxy in front and list it in trusted_proxies.".into(),
            ));
        }
    }
}

fn network(text: &str) -> Result<IpNet, Wrong> {
    let net = text
        .parse::<IpAddr>()
        .map(|address| IpNet::from(address.to_canonical()))
        .or_else(|_| text.parse::<IpNet>().map(|net| net.trunc()))
        .map_err(|_| {
            (
                format!("{text:?} is neither an address nor a network"),
                "Write it like 10.0.0.7 or 10.0.0.0/8".to_owned(),
            )
        })?;
    if net.prefix_len() == 0 {
        return Err((
            format!("{text:?} is everybody: any caller could invent an address for itself"),
            "List the proxies themselves.".into(),
        ));
    }
    Ok(net)
}
