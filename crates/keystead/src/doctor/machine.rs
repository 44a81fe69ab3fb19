//! What the machine gives: time, a folder, room on the disk, a name in the network, a certificate.

use std::{
    fs,
    net::ToSocketAddrs as _,
    path::Path,
    time::{Duration, UNIX_EPOCH},
};

use keystead_protocol::time::Timestamp;
use keystead_server::{
    config::{Config, Tls},
    services::Clock,
    tls::Certificate,
};

use super::Finding;

/// This program was not written before November 2026; a clock that says so is wrong.
const WRITTEN: Timestamp = Timestamp::from_secs(1_793_491_200);
const MIB: u64 = 1024 * 1024;

/// Tokens are dated: a clock that is off makes every one of them too early or too late.
pub(super) fn clock(config: &Config) -> Finding {
    const NAME: &str = "clock";
    const FIX: &str = "timedatectl set-ntp true";
    let now = Clock::system().now();
    if now < WRITTEN {
        return Finding::fail(
            NAME,
            "is in the past: it is before this program was written",
            FIX,
        );
    }
    // What the server wrote last cannot lie in the future.
    let newest = fs::read_dir(&config.data_dir)
        .into_iter()
        .flatten()
        .filter_map(|file| {
            file.ok()?
                .metadata()
                .ok()?
                .modified()
                .ok()?
                .duration_since(UNIX_EPOCH)
                .ok()
        })
        .max()
        .map_or(now, |newest| Timestamp::from_secs(0) + newest);
    let ahead = newest.since(now);
    if ahead > Duration::from_mins(2) {
        let says = format!(
            "is {} s behind the newest file in {}",
            ahead.as_secs(),
            config.data_dir.display()
        );
        return Finding::fail(NAME, says, FIX);
    }
    Finding::ok(NAME, "is plausible")
}

/// Present, private, writable.
pub(super) fn data_dir(config: &Config) -> Finding {
    const NAME: &str = "data folder";
    let path = &config.data_dir;
    let shown = path.display();
    if !path.exists() {
        return Finding::ok(NAME, format!("{shown} will be made at the first start"));
    }
    #[cfg(unix)]
    {
        use rustix::fs::{Access, access};
        use std::os::unix::fs::PermissionsExt as _;
        if access(path, Access::READ_OK | Access::WRITE_OK | Access::EXEC_OK).is_err() {
            return Finding::fail(
                NAME,
                format!("{shown} cannot be written"),
                format!("chown \"$(id -u)\" {shown} && chmod 700 {shown}"),
            );
        }
        let mode = fs::metadata(path).map_or(0o700, |folder| folder.permissions().mode());
        if mode & 0o077 != 0 {
            return Finding::warn(
                NAME,
                format!("{shown} is open to other users of this machine"),
                format!("chmod 700 {shown}"),
            );
        }
    }
    Finding::ok(NAME, format!("{shown} is private and writable"))
}

/// A full disk stops every write.
#[cfg(unix)]
pub(super) fn disk(config: &Config) -> Finding {
    const NAME: &str = "disk";
    let Some(there) = config.data_dir.ancestors().find(|path| path.exists()) else {
        return Finding::fail(
            NAME,
            "no part of the data folder's path exists",
            "set data_dir to a folder on a mounted disk",
        );
    };
    let space = match rustix::fs::statvfs(there) {
        Ok(disk) => disk.f_bavail.saturating_mul(disk.f_frsize) / MIB,
        Err(why) => {
            return Finding::warn(
                NAME,
                format!("its free space cannot be read: {why}"),
                format!("df -h {}", there.display()),
            );
        }
    };
    let says = format!("{space} MiB free at {}", there.display());
    let fix = format!("df -h {}", there.display());
    match space {
        0..128 => Finding::fail(NAME, says, fix),
        128..1024 => Finding::warn(NAME, says, fix),
        _ => Finding::ok(NAME, says),
    }
}

#[cfg(not(unix))]
pub(super) fn disk(_: &Config) -> Finding {
    Finding::warn(
        "disk",
        "its free space is not looked at on this system",
        "look yourself",
    )
}

/// Certificate and key can be used together. Whether clients trust them, and until when, is not looked at.
pub(super) fn certificate(config: &Config) -> Finding {
    const NAME: &str = "tls";
    match &config.tls {
        Tls::Off if config.issuer.is_https() => Finding::ok(NAME, "is left to the proxy in front"),
        Tls::Off => Finding::ok(NAME, "is off"),
        Tls::Development => Finding::ok(NAME, "is by this machine's own authority"),
        Tls::Files {
            cert_file,
            key_file,
        } => match Certificate::from_files(cert_file, key_file) {
            Ok(_) => Finding::ok(NAME, "certificate and key fit each other"),
            Err(why) => Finding::fail(
                NAME,
                why.to_string(),
                "set tls.cert_file and tls.key_file to a chain and its key, in PEM form",
            ),
        },
    }
}

/// Can the issuer be found by its name?
pub(super) fn issuer(config: &Config) -> Finding {
    const NAME: &str = "issuer";
    let issuer = &config.issuer;
    if issuer.is_loopback() && !issuer.is_https() {
        return Finding::warn(
            NAME,
            format!("{issuer} is for this machine alone, in clear text"),
            "set issuer to an https address before others are to sign in; `keystead serve --dev-tls` gives https here",
        );
    }
    let host = issuer.host().trim_matches(['[', ']']);
    match (host, issuer.port())
        .to_socket_addrs()
        .map(|mut found| found.next())
    {
        Ok(Some(address)) => Finding::ok(NAME, format!("{issuer} is at {}", address.ip())),
        Ok(None) | Err(_) => Finding::warn(
            NAME,
            format!("{host} has no address, as seen from here"),
            format!("make a DNS record for {host}, then: getent hosts {host}"),
        ),
    }
}

/// Whether others than the owner may read or write a file; nothing if it cannot be looked at.
#[cfg(unix)]
pub(super) fn is_exposed(path: &Path) -> Option<bool> {
    use std::os::unix::fs::PermissionsExt as _;
    Some(fs::metadata(path).ok()?.permissions().mode() & 0o077 != 0)
}

#[cfg(not(unix))]
pub(super) fn is_exposed(_: &Path) -> Option<bool> {
    None
}
