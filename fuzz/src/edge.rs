//! What arrives around a request, and what an operator or an administrator writes.

use std::net::{IpAddr, Ipv4Addr};

use axum::http::{HeaderMap, HeaderName, HeaderValue, Uri, Version};
use keystead_protocol::secret::Secret;
use keystead_server::{
    config::{self, Inputs, TrustedProxies},
    http::{Arrival, Origin, Scheme},
    pages::Locale,
    password::import::{self, CustomPasswordHash},
};

use crate::{Target, owned};

/// `ui_locales` and `Accept-Language`, a line each.
pub const LANGUAGES: Target = Target {
    name: "languages",
    seeds: || {
        owned(&[
            "de-CH en\nen;q=0.1, de;q=0.9, *;q=0",
            "\n*",
            "fr,de\nde;q=1e999",
        ])
    },
    run: |bytes| {
        let Ok(text) = str::from_utf8(bytes) else {
            return;
        };
        let (asked, accepted) = text.split_once('\n').unwrap_or((text, ""));
        for enabled in [&[Locale::En][..], &[Locale::De], &Locale::ALL] {
            let chosen = Locale::negotiate(Some(asked), Some(accepted), enabled);
            assert!(enabled.contains(&chosen));
        }
    },
};

/// Header lines, from a trusted proxy and from anybody.
pub const FORWARDED: Target = Target {
    name: "forwarding headers",
    seeds: || {
        owned(&[
            "host: id.example\nx-forwarded-for: 192.0.2.7, 10.0.0.2\nx-forwarded-proto: https\nx-forwarded-host: id.example",
            "host: id.example\nforwarded: for=192.0.2.7;proto=https;host=id.example, for=\"[2001:db8::1]:4711\"",
            "host: id.example\nforwarded: for=_hidden;by=unknown, For=10.0.0.9;Proto=HTTP\nx-forwarded-for: unknown",
        ])
    },
    run: |bytes| {
        let mut headers = HeaderMap::new();
        for line in bytes.split(|b| *b == b'\n') {
            let Some(colon) = line.iter().position(|b| *b == b':') else {
                continue;
            };
            let name = HeaderName::from_bytes(&line[..colon]);
            let value = HeaderValue::from_bytes(line[colon + 1..].trim_ascii());
            if let (Ok(name), Ok(value)) = (name, value) {
                headers.append(name, value);
            }
        }
        let trusted: TrustedProxies = ["10.0.0.0/8".parse().expect("a network")]
            .into_iter()
            .collect();
        for (peer, believed) in [([10, 0, 0, 1], true), ([203, 0, 113, 9], false)] {
            let peer = IpAddr::V4(Ipv4Addr::from(peer));
            let arrival = Arrival {
                peer: (peer, 1).into(),
                scheme: Scheme::Http,
            };
            let asked = (&Uri::from_static("/"), Version::HTTP_11);
            let Ok(origin) = Origin::establish(arrival, asked, &headers, &trusted) else {
                continue;
            };
            assert!(believed || (origin.client == peer && origin.scheme == Scheme::Http));
            assert!(
                origin
                    .host
                    .is_none_or(|host| !host.as_str().contains('@') && !host.host().is_empty())
            );
        }
    },
};

/// A configuration file.
pub const CONFIGURATION: Target = Target {
    name: "configuration",
    seeds: || {
        let all = config::example().replace("\n#", "\n");
        let mut seeds = owned(&[
            "issuer = 'https://id.example.com'\nlisten = '0.0.0.0:443'\ntrusted_proxies = ['10.1.2.3/8', '::1']\n",
            "[database]\nurl = 'postgres://k:pw@db/ids?sslmode=require'\npool_size = 0x10\n[log]\nlevel = 'warn'\n",
        ]);
        seeds.push(all);
        seeds
    },
    run: |bytes| {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("keystead.toml"), bytes).expect("a file");
        let inputs = Inputs {
            folder: folder.path().to_owned(),
            file: None,
            variables: Vec::new(),
            flags: Vec::new(),
            dev_tls: false,
        };
        match config::load(&inputs) {
            Ok(checked) => {
                let issuer = checked.config.issuer;
                assert!(issuer.is_https() || issuer.is_loopback());
            }
            Err(problems) => assert!(problems.0.iter().all(|problem| !problem.fix.is_empty())),
        }
        let left = std::fs::read_dir(folder.path()).expect("a folder").count();
        assert_eq!(left, 1, "checking writes nothing");
    },
};

/// A password's hash from elsewhere, as one text or as the object of Auth0's import.
pub const PASSWORD_HASH: Target = Target {
    name: "password hash",
    seeds: || {
        owned(&[
            "$2b$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy",
            r#"{"algorithm":"argon2","hash":{"value":"$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQ$cGFzc3dvcmRoYXNo"}}"#,
            r#"{"algorithm":"pbkdf2","hash":{"value":"$pbkdf2-sha256$i=1000,l=32$c2FsdA$cGFzc3dvcmRoYXNocGFzc3dvcmRoYXNoMTIzNA","encoding":"utf8"}}"#,
            r#"{"algorithm":"md5","hash":{"value":"5f4dcc3b5aa765d61d8327deb882cf99","encoding":"hex"},"salt":{"value":"a","position":"prefix"}}"#,
            r#"{"algorithm":"ldap","hash":{"value":"{SSHA}AAAAAAAAAAAAAAAAAAAAAAAAAABzYWx0"},"password":{"encoding":"utf8"}}"#,
            r#"{"algorithm":"scrypt","hash":{"value":"aa","encoding":"hex"},"salt":{"value":"a"},"keylen":64,"cost":16384,"blockSize":8,"parallelization":1}"#,
        ])
    },
    run: |bytes| {
        let Ok(text) = str::from_utf8(bytes) else {
            return;
        };
        if let Ok(stored) = import::password_hash(&Secret::from(text)) {
            assert!(text.starts_with("$2") && !stored.expose().is_empty());
        }
        if let Ok(hash) = serde_json::from_str::<CustomPasswordHash>(text)
            && let Ok(stored) = hash.stored()
        {
            assert!(!stored.expose().contains('\0'));
        }
    },
};
