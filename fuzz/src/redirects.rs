//! Where a browser may be sent: nothing that is sent makes it leave what is registered.

use keystead_protocol::{
    logout::LogoutUrls,
    profile::RedirectRule,
    redirect::{LoopbackPort, RegisteredRedirect, RegisteredRedirects},
};
use url::{Position, Url};

use crate::{Target, owned};

/// A registered redirect URI and a requested one, a line each, under every rule.
pub const REDIRECT: Target = Target {
    name: "redirect URI",
    seeds: || {
        owned(&[
            "https://app.example/cb\nhttps://app.example/cb",
            "https://app.example/cb?a=b\nHTTPS://APP.example/cb?a=b",
            "https://*.app.example/cb\nhttps://one.app.example/cb",
            "https://pr-*.app.example:8443/\nhttps://pr-7.app.example:8443/",
            "http://127.0.0.1/cb\nhttp://127.0.0.1:53512/cb",
            "http://[::1]:1/cb\nhttp://[::1]:2/cb",
            "http://localhost:3000/cb\nhttp://localhost:3000/cb",
            "com.example.app:/oauth\ncom.example.app:/oauth",
            "a0app://\\*.auth0.com/authorize\nA0APP://tenant.auth0.com/AUTHORIZE",
        ])
    },
    run: |bytes| {
        let Some((own, requested)) = two_lines(bytes) else {
            return;
        };
        let list: RegisteredRedirects = [own.clone()].into_iter().collect();
        for rule in [
            RedirectRule::Exact,
            RedirectRule::Compat,
            RedirectRule::Legacy,
        ] {
            for port in [LoopbackPort::Fixed, LoopbackPort::Any] {
                let Ok(trusted) = list.trust(Some(requested), rule, port) else {
                    continue;
                };
                assert_eq!(trusted.as_str(), requested);
                assert!(rule != RedirectRule::Exact || own.as_str() == requested);
                assert!(leads_to(own.as_str(), requested), "{rule:?}, {port:?}");
            }
        }
    },
};

/// A registered log-out URL and a requested one, a line each.
pub const LOGOUT: Target = Target {
    name: "log-out URL",
    seeds: || {
        owned(&[
            "https://app.example/bye\nhttps://app.example/bye?a=b#c",
            "https://*.app.example\nhttps://one.app.example/",
            "demo://app/bye\ndemo://app/bye?x",
        ])
    },
    run: |bytes| {
        let Some((own, requested)) = two_lines(bytes) else {
            return;
        };
        let list: LogoutUrls = [own.clone()].into_iter().collect();
        for to in [list.admit(requested), list.exactly(requested)]
            .into_iter()
            .flatten()
        {
            for to in [to.as_str().to_owned(), to.with_state(Some("a&b=\r\n#"))] {
                assert!(
                    to.bytes().all(|b| b.is_ascii_graphic()),
                    "{to:?} is no header"
                );
                assert!(leads_to(own.as_str(), &to), "{to}");
            }
        }
    },
};

fn two_lines(bytes: &[u8]) -> Option<(RegisteredRedirect, &str)> {
    let (own, requested) = str::from_utf8(bytes).ok()?.split_once('\n')?;
    Some((RegisteredRedirect::try_from(own).ok()?, requested))
}

/// Whether a browser that is sent to `to` ends where `own` is registered, by the parser that browsers have. It knows no
/// wildcard, and the ports of a loopback address are one.
pub fn leads_to(own: &str, to: &str) -> bool {
    let parse = |text: &str| Url::parse(&text.replace("\\*", "w").replace('*', "w")).ok();
    let (Some(registered), Some(seen)) = (parse(own), Url::parse(to).ok()) else {
        // A browser goes nowhere.
        return own.eq_ignore_ascii_case(to);
    };
    if registered.scheme() != seen.scheme() {
        return false;
    }
    if !matches!(seen.scheme(), "http" | "https") {
        // An app has its scheme to itself.
        return true;
    }
    let (own_host, host) = (
        registered.host_str().unwrap_or(""),
        seen.host_str().unwrap_or(""),
    );
    let same_host = match own_host.split_once('.') {
        Some((_, domain)) if own.contains('*') => host
            .split_once('.')
            .is_some_and(|(label, rest)| !label.is_empty() && rest == domain),
        _ => own_host == host,
    };
    let loopback = matches!(host, "127.0.0.1" | "[::1]");
    same_host
        && seen[Position::BeforeUsername..Position::BeforeHost].is_empty()
        && (loopback || registered.port_or_known_default() == seen.port_or_known_default())
        && registered.path() == seen.path()
}
