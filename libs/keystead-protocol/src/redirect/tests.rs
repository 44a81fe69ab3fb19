//! Cases of redirect matching: attack classes 1 to 3, under each profile.

use proptest::prelude::*;
use url::{Position, Url};

use super::*;
use crate::profile::Profile::{self, *};

const PROFILES: [(char, Profile); 4] = [('L', Legacy), ('C', Compat), ('O', Oidc), ('F', Fapi2)];

fn registered(text: &str) -> RegisteredRedirects {
    [RegisteredRedirect::try_from(text).unwrap()]
        .into_iter()
        .collect()
}

/// The initials of the profiles under which the request is trusted, and that what is trusted is what was sent.
fn trusted_by(entry: &str, requested: &str, port: LoopbackPort) -> String {
    let list = registered(entry);
    let trusts = |profile: Profile| match list.trust(Some(requested), profile.redirects(), port) {
        Ok(trusted) => {
            assert_eq!(trusted.as_str(), requested);
            true
        }
        Err(why) => {
            assert_eq!(why, Untrusted::Unregistered);
            false
        }
    };
    PROFILES
        .into_iter()
        .filter(|&(_, profile)| trusts(profile))
        .map(|(initial, _)| initial)
        .collect()
}

const ALL: &str = "LCOF";
const COMPAT: &str = "LC";
const LEGACY: &str = "L";
const NOBODY: &str = "";

const WEB: &str = "https://app.example.com/cb";
const QUERY: &str = "https://app.example.com/cb?tenant=1";
const APP: &str = "com.Acme.App://login.example/ios/com.Acme.App/callback";
const WILD: &str = "https://*.example.com/cb";
const PREVIEW: &str = "https://pr-*-web.example.com:8443/cb";
const LOCK: &str = r"a0AbC123://\*.auth0.com/authorize";

// One row, one line: a table is read down its columns.
#[rustfmt::skip]
#[test]
fn who_trusts_what() {
    for (name, entry, requested, want) in [
        // What is meant.
        ("the registered URI", WEB, WEB, ALL),
        ("the registered URI with its query", QUERY, QUERY, ALL),
        ("a custom scheme as registered", APP, APP, ALL),
        ("a scheme without authority", "com.acme.app:/cb", "com.acme.app:/cb", ALL),
        ("the host in another case", WEB, "https://App.EXAMPLE.com/cb", COMPAT),
        ("the scheme in another case", WEB, "HTTPS://app.example.com/cb", COMPAT),
        ("a bundle's scheme that a browser has lower-cased", APP, "com.acme.app://login.example/ios/com.Acme.App/callback", COMPAT),
        ("one label for the wildcard", WILD, "https://preview7.example.com/cb", COMPAT),
        ("a label in another case for the wildcard", WILD, "https://PREVIEW.Example.com/cb", COMPAT),
        ("a wildcard with prefix, suffix and port", PREVIEW, "https://pr-12-web.example.com:8443/cb", COMPAT),
        ("Lock's redirect, all in lower case", LOCK, "a0abc123://google-oauth2.auth0.com/authorize", LEGACY),
        ("Lock's redirect registered without backslash", "a0AbC123://*.auth0.com/authorize", "a0abc123://facebook.auth0.com/authorize", LEGACY),
        ("Lock's redirect registered for one connection", "a0AbC123://Facebook.auth0.com/Authorize", "a0abc123://facebook.auth0.com/authorize", LEGACY),
        // Prefixes and suffixes (class 1).
        ("a longer path", WEB, "https://app.example.com/cb/evil", NOBODY),
        ("a longer last segment", WEB, "https://app.example.com/cbevil", NOBODY),
        ("a shorter path", WEB, "https://app.example.com/c", NOBODY),
        ("a trailing slash", WEB, "https://app.example.com/cb/", NOBODY),
        ("no path", WEB, "https://app.example.com", NOBODY),
        ("a slash for no path", "https://app.example.com", "https://app.example.com/", NOBODY),
        ("an extra query", WEB, "https://app.example.com/cb?x=1", NOBODY),
        ("an empty query", WEB, "https://app.example.com/cb?", NOBODY),
        ("the query in another order or extended", QUERY, "https://app.example.com/cb?tenant=1&x=2", NOBODY),
        ("the query left out", QUERY, WEB, NOBODY),
        ("a fragment", WEB, "https://app.example.com/cb#x", NOBODY),
        ("an empty fragment", WEB, "https://app.example.com/cb#", NOBODY),
        ("path parameters", WEB, "https://app.example.com/cb;x=1", NOBODY),
        ("the path in another case", WEB, "https://app.example.com/CB", NOBODY),
        ("the query in another case", QUERY, "https://app.example.com/cb?Tenant=1", NOBODY),
        ("the URI and a space", WEB, "https://app.example.com/cb ", NOBODY),
        ("a space and the URI", WEB, " https://app.example.com/cb", NOBODY),
        ("two URIs", WEB, "https://app.example.com/cb https://evil.test/", NOBODY),
        ("nothing", WEB, "", NOBODY),
        // Hosts.
        ("the host as user information", WEB, "https://app.example.com@evil.test/cb", NOBODY),
        ("the host as user and port as password", WEB, "https://app.example.com:443@evil.test/cb", NOBODY),
        ("user information before the host", WEB, "https://evil@app.example.com/cb", NOBODY),
        ("the host as a prefix of another", WEB, "https://app.example.com.evil.test/cb", NOBODY),
        ("the host as a suffix of another", WEB, "https://evilapp.example.com/cb", NOBODY),
        ("a sub-domain", WEB, "https://x.app.example.com/cb", NOBODY),
        ("the parent domain", WEB, "https://example.com/cb", NOBODY),
        ("any character for a dot", WEB, "https://appxexample.com/cb", NOBODY),
        ("a trailing dot", WEB, "https://app.example.com./cb", NOBODY),
        ("an empty label", WEB, "https://app..example.com/cb", NOBODY),
        ("a Cyrillic а", WEB, "https://\u{430}pp.example.com/cb", NOBODY),
        ("a full-width host", WEB, "https://ａpp.example.com/cb", NOBODY),
        ("an ideographic full stop", WEB, "https://app。example.com/cb", NOBODY),
        ("a Kelvin sign, which folds to k", "https://kiosk.example.com/cb", "https://\u{212a}iosk.example.com/cb", NOBODY),
        ("a soft hyphen", WEB, "https://a\u{ad}pp.example.com/cb", NOBODY),
        ("an encoded host", WEB, "https://%61pp.example.com/cb", NOBODY),
        ("no host", WEB, "https:///cb", NOBODY),
        ("one slash", WEB, "https:/app.example.com/cb", NOBODY),
        ("three slashes", WEB, "https:///app.example.com/cb", NOBODY),
        ("no scheme", WEB, "//app.example.com/cb", NOBODY),
        ("plain http", WEB, "http://app.example.com/cb", NOBODY),
        ("a scheme that ends alike", WEB, "xhttps://app.example.com/cb", NOBODY),
        ("the default port, spelled out", WEB, "https://app.example.com:443/cb", NOBODY),
        ("another port", WEB, "https://app.example.com:8443/cb", NOBODY),
        ("an empty port", WEB, "https://app.example.com:/cb", NOBODY),
        // Paths and parsers.
        ("an encoded slash", WEB, "https://app.example.com%2fcb", NOBODY),
        ("a slash encoded twice", WEB, "https://app.example.com/cb%252f..", NOBODY),
        ("a dot segment", WEB, "https://app.example.com/x/../cb", NOBODY),
        ("an encoded dot segment", WEB, "https://app.example.com/x/%2e%2e/cb", NOBODY),
        ("a dot segment that leaves", WEB, "https://app.example.com/cb/../evil", NOBODY),
        ("a path parameter for a dot segment", WEB, "https://app.example.com/cb/..;/evil", NOBODY),
        ("a doubled slash", WEB, "https://app.example.com//cb", NOBODY),
        ("an encoded letter", WEB, "https://app.example.com/c%62", NOBODY),
        ("a backslash for a slash", WEB, r"https://app.example.com\cb", NOBODY),
        ("a backslash before an @", WEB, r"https://evil.test\@app.example.com/cb", NOBODY),
        ("backslashes for both slashes", WEB, r"https:\\app.example.com/cb", NOBODY),
        ("a tab in the host", WEB, "https://app.exa\tmple.com/cb", NOBODY),
        ("a tab in the scheme", WEB, "ht\ttps://app.example.com/cb", NOBODY),
        ("a line feed at the end", WEB, "https://app.example.com/cb\n", NOBODY),
        ("a header", WEB, "https://app.example.com/cb\r\nX: y", NOBODY),
        ("U+0000 at the end", WEB, "https://app.example.com/cb\0", NOBODY),
        ("U+0000 before another host", WEB, "https://app.example.com\0.evil.test/cb", NOBODY),
        ("a script", WEB, "javascript://app.example.com/cb%0aalert(1)", NOBODY),
        ("another app's scheme", APP, "com.Acme.Evil://login.example/ios/com.Acme.App/callback", NOBODY),
        ("an app's path in another case", APP, "com.acme.app://login.example/ios/com.acme.app/callback", NOBODY),
        ("an authority where none is registered", "com.acme.app:/cb", "com.acme.app:///cb", NOBODY),
        // Wildcards (class 2).
        ("two labels for the wildcard", WILD, "https://a.b.example.com/cb", NOBODY),
        ("no label for the wildcard", WILD, "https://example.com/cb", NOBODY),
        ("an empty label for the wildcard", WILD, "https://.example.com/cb", NOBODY),
        ("the wildcard itself", WILD, WILD, NOBODY),
        ("a slash for the wildcard", WILD, "https://evil.test/.example.com/cb", NOBODY),
        ("an encoded slash for the wildcard", WILD, "https://evil.test%2f.example.com/cb", NOBODY),
        ("a label with an encoded slash", WILD, "https://evil%2f.example.com/cb", NOBODY),
        ("a query for the wildcard", WILD, "https://evil?.example.com/cb", NOBODY),
        ("a fragment for the wildcard", WILD, "https://evil#.example.com/cb", NOBODY),
        ("a backslash for the wildcard", WILD, r"https://evil\.example.com/cb", NOBODY),
        ("user information for the wildcard", WILD, "https://evil@.example.com/cb", NOBODY),
        ("user information with a label", WILD, "https://evil:x@a.example.com/cb", NOBODY),
        ("a port for the wildcard", WILD, "https://evil:1.example.com/cb", NOBODY),
        ("a tab in the label", WILD, "https://e\tvil.example.com/cb", NOBODY),
        ("an ideographic full stop in the label", WILD, "https://evil。x.example.com/cb", NOBODY),
        ("a label outside ASCII", WILD, "https://évil.example.com/cb", NOBODY),
        ("a label of 64 letters", WILD, "https://aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.example.com/cb", NOBODY),
        ("another domain after the wildcard", WILD, "https://a.example.com.evil.test/cb", NOBODY),
        ("another domain with the same end", WILD, "https://a.evilexample.com/cb", NOBODY),
        ("a wildcard host with another path", WILD, "https://a.example.com/cb/../evil", NOBODY),
        ("a wildcard host with a path parameter", WILD, "https://a.example.com/..;/cb", NOBODY),
        ("a wildcard host with a port", WILD, "https://a.example.com:8443/cb", NOBODY),
        ("a wildcard host over http", WILD, "http://a.example.com/cb", NOBODY),
        ("a wildcard host with a trailing dot", WILD, "https://a.example.com./cb", NOBODY),
        ("prefix and suffix with nothing between", PREVIEW, "https://pr--web.example.com:8443/cb", NOBODY),
        ("prefix and suffix that overlap", "https://aa*aa.example.com/cb", "https://aaa.example.com/cb", NOBODY),
        ("a label without the prefix", PREVIEW, "https://xpr-1-web.example.com:8443/cb", NOBODY),
        ("a patterned host on another port", PREVIEW, "https://pr-1-web.example.com/cb", NOBODY),
        // The a0 exception stays where it is.
        ("a slash for Lock's wildcard", LOCK, "a0abc123://x/y.auth0.com/authorize", NOBODY),
        ("two labels for Lock's wildcard", LOCK, "a0abc123://x.y.auth0.com/authorize", NOBODY),
        ("nothing for Lock's wildcard", LOCK, "a0abc123://.auth0.com/authorize", NOBODY),
        ("another client's scheme", LOCK, "a0abc124://x.auth0.com/authorize", NOBODY),
        ("Lock's redirect extended", LOCK, "a0abc123://x.auth0.com/authorize/evil", NOBODY),
        ("Lock's pattern itself", LOCK, LOCK, NOBODY),
        ("the exception does not reach https", "https://a0.example.com/CB", "https://a0.example.com/cb", NOBODY),
    ] {
        for port in [LoopbackPort::Fixed, LoopbackPort::Any] {
            assert_eq!(
                trusted_by(entry, requested, port),
                want,
                "{name}: {requested:?}"
            );
        }
    }
}

/// Class 3: only the port, only on loopback addresses, only for native apps, and only where comparison is not exact.
#[rustfmt::skip]
#[test]
fn the_port_of_a_native_app() {
    const V4: &str = "http://127.0.0.1/cb";
    const V6: &str = "http://[::1]:7000/cb";
    for (name, entry, requested, fixed, any) in [
        ("as registered", V4, V4, ALL, ALL),
        ("a port where none is registered", V4, "http://127.0.0.1:51004/cb", NOBODY, COMPAT),
        ("another port, IPv6", V6, "http://[::1]:51004/cb", NOBODY, COMPAT),
        ("no port where one is registered", V6, "http://[::1]/cb", NOBODY, COMPAT),
        ("the greatest port", V4, "http://127.0.0.1:65535/cb", NOBODY, COMPAT),
        ("a port that is none", V4, "http://127.0.0.1:65536/cb", NOBODY, NOBODY),
        ("port zero", V4, "http://127.0.0.1:0/cb", NOBODY, NOBODY),
        ("an empty port", V4, "http://127.0.0.1:/cb", NOBODY, NOBODY),
        ("a port with a sign", V4, "http://127.0.0.1:+80/cb", NOBODY, NOBODY),
        ("a host behind the port", V4, "http://127.0.0.1:80@evil.test/cb", NOBODY, NOBODY),
        ("a host behind the address", V4, "http://127.0.0.1@evil.test:80/cb", NOBODY, NOBODY),
        ("a domain that begins alike", V4, "http://127.0.0.1.evil.test/cb", NOBODY, NOBODY),
        ("another path", V4, "http://127.0.0.1:51004/evil", NOBODY, NOBODY),
        ("another query", V4, "http://127.0.0.1:51004/cb?x", NOBODY, NOBODY),
        ("over https", V4, "https://127.0.0.1:51004/cb", NOBODY, NOBODY),
        ("the name of the address", V4, "http://localhost:51004/cb", NOBODY, NOBODY),
        ("the other family", V4, "http://[::1]:51004/cb", NOBODY, NOBODY),
        ("another loopback address", V4, "http://127.0.0.2:51004/cb", NOBODY, NOBODY),
        ("a short spelling", V4, "http://127.1:51004/cb", NOBODY, NOBODY),
        ("a long spelling", V6, "http://[0:0:0:0:0:0:0:1]:51004/cb", NOBODY, NOBODY),
        ("a mapped address", V6, "http://[::ffff:127.0.0.1]:51004/cb", NOBODY, NOBODY),
        ("any address", V4, "http://0.0.0.0:51004/cb", NOBODY, NOBODY),
        ("localhost has no variable port", "http://localhost/cb", "http://localhost:51004/cb", NOBODY, NOBODY),
        ("nor has a site", "http://app.example.com/cb", "http://app.example.com:51004/cb", NOBODY, NOBODY),
        ("nor loopback by https", "https://127.0.0.1/cb", "https://127.0.0.1:51004/cb", NOBODY, NOBODY),
    ] {
        assert_eq!(
            trusted_by(entry, requested, LoopbackPort::Fixed),
            fixed,
            "{name}, not native"
        );
        assert_eq!(
            trusted_by(entry, requested, LoopbackPort::Any),
            any,
            "{name}, native"
        );
    }
}

#[test]
fn a_request_without_redirect_uri() {
    for (name, entries, want) in [
        ("one is registered", vec![WEB], Ok(WEB)),
        (
            "two are registered",
            vec![WEB, APP],
            Err(Untrusted::Missing),
        ),
        ("none is registered", vec![], Err(Untrusted::Missing)),
        (
            "a pattern is registered",
            vec![WILD],
            Err(Untrusted::Missing),
        ),
    ] {
        let list: RegisteredRedirects = entries
            .into_iter()
            .map(|entry| RegisteredRedirect::try_from(entry).unwrap())
            .collect();
        let got = list.trust(None, RedirectRule::Compat, LoopbackPort::Fixed);
        assert_eq!(
            got.as_ref()
                .map(TrustedRedirect::as_str)
                .map_err(|&why| why),
            want,
            "{name}"
        );
    }
}

#[test]
fn json_is_an_array_held_to_the_same_rule() {
    let list: RegisteredRedirects =
        serde_json::from_str(&format!(r#"["{WEB}","{WILD}"]"#)).unwrap();
    assert_eq!(
        list.iter()
            .map(RegisteredRedirect::as_str)
            .collect::<Vec<_>>(),
        [WEB, WILD]
    );
    assert_eq!(
        serde_json::to_string(&list).unwrap(),
        format!(r#"["{WEB}","{WILD}"]"#)
    );
    assert!(serde_json::from_str::<RegisteredRedirects>(r#"["javascript:x"]"#).is_err());
}

proptest! {
    /// Whatever is put into a wildcard address, a browser that is sent there stays in the domain and on the path.
    #[test]
    fn a_trusted_wildcard_stays_in_its_domain(inside in r"[a-z0-9.@:/\\#?%\-\x00-\x20é。*]{0,6}", at in 0_usize..27) {
        let mut requested = "https://a.example.com/cb".to_owned();
        requested.insert_str(at.min(requested.len()), &inside);
        let trusted = registered(WILD).trust(Some(&requested), RedirectRule::Legacy, LoopbackPort::Any);
        if trusted.is_ok() {
            let seen = Url::parse(&requested).unwrap();
            let host = seen.host_str().unwrap().to_owned();
            prop_assert!(host.strip_suffix(".example.com").is_some_and(|label| !label.contains('.')), "{}", requested);
            prop_assert_eq!(&seen[Position::BeforeUsername..Position::BeforeHost], "");
            prop_assert_eq!((seen.scheme(), seen.port(), &seen[Position::BeforePath..]), ("https", None, "/cb"));
        }
    }

    /// The strict profiles know nothing but equality.
    #[test]
    fn exact_is_exact(requested in r"https://(app|APP)\.example\.com/c[bB](\?|#|/)?") {
        let trusted = registered(WEB).trust(Some(&requested), RedirectRule::Exact, LoopbackPort::Any);
        prop_assert_eq!(trusted.is_ok(), requested == WEB);
    }

    #[test]
    fn nothing_makes_it_panic(entry in any::<String>(), requested in any::<String>()) {
        if let Ok(entry) = RegisteredRedirect::try_from(entry) {
            let list: RegisteredRedirects = [entry].into_iter().collect();
            drop(list.trust(Some(&requested), RedirectRule::Legacy, LoopbackPort::Any));
        }
    }
}
