//! A certificate authority for one developer's machine, so that browsers and apps see the https they will see in production.

use std::{
    fs, io,
    io::Write as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use keystead_protocol::time::Timestamp;
use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, DnType, ExtendedKeyUsagePurpose,
    GeneralSubtree, IsCa, Issuer, KeyPair, KeyUsagePurpose, NameConstraints, date_time_ymd,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};

use super::{BadCertificate, Certificate};

const DAY: Duration = Duration::from_hours(24);

/// A certificate for this machine, and the authority that a browser must trust to accept it.
pub struct Development {
    /// What the server serves with; made anew at each start, its key never written down.
    pub certificate: Arc<Certificate>,
    /// The authority's certificate, in PEM. Its key lies beside it, readable by the owner alone.
    pub authority: PathBuf,
}

/// Finds or makes the authority for `host` below `data_dir`, and has it sign a certificate for `localhost`, `127.0.0.1`,
/// `::1` and `host`.
///
/// The authority is constrained to just these names (RFC 5280 §4.2.1.10): whoever steals its key can deceive nobody
/// about any other site. That is why each host has its own. Keys are drawn by the cryptographic library itself.
pub fn certify(data_dir: &Path, host: &str, now: Timestamp) -> Result<Development, BadCertificate> {
    let authority = authority_file(data_dir, host);
    let key_file = authority.with_extension("key");
    if let Some(folder) = authority.parent() {
        private_folder(folder).map_err(|why| BadCertificate::File {
            path: folder.to_owned(),
            why,
        })?;
    }

    let params = authority_params(host, now)?;
    let (pem, key) = match (
        fs::read_to_string(&authority),
        fs::read_to_string(&key_file),
    ) {
        (Ok(pem), Ok(key)) => (pem, KeyPair::from_pem(&key)?),
        _ => {
            let key = KeyPair::generate()?;
            let pem = params.self_signed(&key)?.pem();
            private_file(&key_file, key.serialize_pem().as_bytes())?;
            private_file(&authority, pem.as_bytes())?;
            (pem, key)
        }
    };
    let authority_der =
        CertificateDer::from_pem_slice(pem.as_bytes()).map_err(|_| BadCertificate::NotPem {
            path: authority.clone(),
            what: "certificate",
        })?;

    let leaf_key = KeyPair::generate()?;
    let leaf = leaf_params(host, now)?.signed_by(&leaf_key, &Issuer::from_params(&params, key))?;
    let private = PrivateKeyDer::Pkcs8(leaf_key.serialize_der().into());
    let certificate = Certificate::made(vec![leaf.der().clone(), authority_der], private)?;
    Ok(Development {
        certificate,
        authority,
    })
}

/// Where the certificate of `host`'s authority is, once made. Its key lies beside it.
pub fn authority_file(data_dir: &Path, host: &str) -> PathBuf {
    let folder = host.replace(|c: char| !c.is_ascii_alphanumeric() && c != '.', "-");
    data_dir.join("dev-tls").join(folder).join("ca.pem")
}

fn authority_params(host: &str, now: Timestamp) -> Result<CertificateParams, BadCertificate> {
    let mut params = valid(CertificateParams::default(), now, 3650);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
        .distinguished_name
        .push(DnType::OrganizationName, "Keystead");
    params.distinguished_name.push(
        DnType::CommonName,
        format!("Keystead development authority for {host}"),
    );
    let mut permitted = vec![
        GeneralSubtree::DnsName("localhost".into()),
        GeneralSubtree::IpAddress(CidrSubnet::from_v4_prefix([127, 0, 0, 1], 8)),
        GeneralSubtree::IpAddress(CidrSubnet::from_addr_prefix(
            std::net::Ipv6Addr::LOCALHOST.into(),
            128,
        )),
    ];
    if is_name(host) && host != "localhost" {
        permitted.push(GeneralSubtree::DnsName(host.into()));
    }
    params.name_constraints = Some(NameConstraints {
        permitted_subtrees: permitted,
        excluded_subtrees: vec![],
    });
    Ok(params)
}

fn leaf_params(host: &str, now: Timestamp) -> Result<CertificateParams, BadCertificate> {
    let mut names: Vec<String> = ["localhost", "127.0.0.1", "::1"].map(Into::into).into();
    if is_name(host) && host != "localhost" {
        names.push(host.into());
    }
    // The longest life that every platform accepts.
    let mut params = valid(CertificateParams::new(names)?, now, 397);
    params.distinguished_name.push(DnType::CommonName, host);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    Ok(params)
}

/// Loopback addresses are in every certificate already.
fn is_name(host: &str) -> bool {
    host.trim_matches(['[', ']'])
        .parse::<std::net::IpAddr>()
        .is_err()
}

fn valid(mut params: CertificateParams, now: Timestamp, days: u32) -> CertificateParams {
    let now = date_time_ymd(1970, 1, 1) + now.since(Timestamp::from_secs(0));
    // Yesterday: other machines' clocks may lag.
    params.not_before = now - DAY;
    params.not_after = now + DAY * days;
    params.distinguished_name = rcgen::DistinguishedName::new();
    params
}

fn private_folder(path: &Path) -> io::Result<()> {
    let mut folder = fs::DirBuilder::new();
    folder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut folder, 0o700);
    folder.create(path)
}

/// Writes a file that only its owner may read, whole or not at all.
fn private_file(path: &Path, content: &[u8]) -> Result<(), BadCertificate> {
    let fresh = path.with_extension("new");
    let write = || {
        let mut options = fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        if fresh.exists() {
            fs::remove_file(&fresh)?;
        }
        let mut file = options.open(&fresh)?;
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(&fresh, path)
    };
    write().map_err(|why| BadCertificate::File {
        path: path.to_owned(),
        why,
    })
}

/// How to make this machine trust the authority: a few lines for a terminal.
pub fn how_to_trust(authority: &Path) -> String {
    let ca = authority.display();
    format!(
        "macOS    sudo security add-trusted-cert -d -r trustRoot -k /Library/Keychains/System.keychain {ca}\n\
         Debian   sudo cp {ca} /usr/local/share/ca-certificates/keystead-dev.crt && sudo update-ca-certificates\n\
         Fedora   sudo trust anchor {ca}\n\
         Windows  certutil -addstore -user Root {ca}\n\
         Firefox  Settings > Privacy & Security > View Certificates > Authorities > Import\n\
         Node     NODE_EXTRA_CA_CERTS={ca}\n\
         curl     --cacert {ca}\n"
    )
}
