//! Attack class 34, forwarded-header confusion, as tables.

use axum::http::HeaderValue;

use super::*;

const PROXY: &str = "10.0.0.1";
const STRANGER: &str = "203.0.113.9";

/// The origin as `client scheme host`, or the refusal's name.
fn seen(peer: &str, headers: &[(&str, &str)]) -> String {
    let mut map = HeaderMap::new();
    map.insert(HOST, HeaderValue::from_static("seen.example"));
    for (name, value) in headers {
        let name: HeaderName = name.parse().unwrap();
        map.append(name, HeaderValue::from_str(value).unwrap());
    }
    let arrival = Arrival {
        peer: SocketAddr::new(peer.parse().unwrap(), 4711),
        scheme: Scheme::Http,
    };
    let trusted = ["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()]
        .into_iter()
        .collect();
    match Origin::establish(
        arrival,
        (&Uri::from_static("/"), Version::HTTP_11),
        &map,
        &trusted,
    ) {
        Ok(origin) => format!(
            "{} {:?} {}",
            origin.client,
            origin.scheme,
            origin.host.unwrap()
        ),
        Err(refusal) => format!("{refusal:?}"),
    }
}

#[test]
fn a_stranger_is_who_connected_whatever_he_says() {
    for headers in [
        &[
            ("x-forwarded-for", "192.0.2.1"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-host", "evil.example"),
        ][..],
        &[("forwarded", "for=192.0.2.1;proto=https;host=evil.example")],
        &[
            ("forwarded", "for=\"broken"),
            ("x-forwarded-proto", "gopher"),
        ],
        &[
            ("forwarded", "for=192.0.2.1"),
            ("x-forwarded-for", "192.0.2.2"),
        ],
        &[("x-real-ip", "192.0.2.1")],
    ] {
        assert_eq!(
            seen(STRANGER, headers),
            "203.0.113.9 Http seen.example",
            "{headers:?}"
        );
    }
}

#[test]
fn a_trusted_proxy_is_believed_as_far_as_trust_reaches() {
    for (name, headers, want) in [
        ("it says nothing", &[][..], "10.0.0.1 Http seen.example"),
        (
            "the customary headers",
            &[
                ("x-forwarded-for", "203.0.113.9"),
                ("x-forwarded-proto", "https"),
                ("x-forwarded-host", "id.example"),
            ],
            "203.0.113.9 Https id.example",
        ),
        (
            "the standard header",
            &[("forwarded", "for=203.0.113.9;proto=https;host=id.example")],
            "203.0.113.9 Https id.example",
        ),
        (
            "the caller's inventions stay on the left",
            &[("x-forwarded-for", "192.0.2.1, 203.0.113.9")],
            "203.0.113.9 Http seen.example",
        ),
        (
            "on lines of their own too",
            &[
                ("x-forwarded-for", "192.0.2.1"),
                ("x-forwarded-for", "203.0.113.9"),
            ],
            "203.0.113.9 Http seen.example",
        ),
        (
            "an invented trusted address does not reach further",
            &[("x-forwarded-for", "192.0.2.1, 10.0.0.9, 203.0.113.9")],
            "203.0.113.9 Http seen.example",
        ),
        (
            "two proxies",
            &[
                ("x-forwarded-for", "203.0.113.9, 10.0.0.2"),
                ("x-forwarded-proto", "https, http"),
            ],
            "203.0.113.9 Https seen.example",
        ),
        (
            "an invented scheme has its place in the list",
            &[
                ("x-forwarded-for", "192.0.2.1, 203.0.113.9"),
                ("x-forwarded-proto", "https, http"),
            ],
            "203.0.113.9 Http seen.example",
        ),
        (
            "a scheme of the caller's before the proxy's",
            &[
                ("x-forwarded-for", "203.0.113.9"),
                ("x-forwarded-proto", "https, http"),
            ],
            "ForwardingMalformed",
        ),
        (
            "a host of the caller's before the proxy's",
            &[
                ("x-forwarded-for", "203.0.113.9"),
                ("x-forwarded-host", "evil.example, id.example"),
            ],
            "ForwardingMalformed",
        ),
        (
            "the same scheme for all hops",
            &[
                ("x-forwarded-for", "203.0.113.9"),
                ("x-forwarded-proto", "https, https"),
            ],
            "203.0.113.9 Https seen.example",
        ),
        (
            "a scheme alone",
            &[("x-forwarded-proto", "HTTPS")],
            "10.0.0.1 Https seen.example",
        ),
        (
            "no scheme of ours",
            &[("x-forwarded-proto", "gopher")],
            "ForwardingMalformed",
        ),
        (
            "an impossible host",
            &[("x-forwarded-host", "evil.example/path")],
            "ForwardingMalformed",
        ),
        (
            "a host with a user",
            &[("x-forwarded-host", "id.example@evil.example")],
            "ForwardingMalformed",
        ),
        (
            "only trusted hops",
            &[("x-forwarded-for", "10.0.0.3, 10.0.0.2")],
            "10.0.0.3 Http seen.example",
        ),
        (
            "a proxy that will not say",
            &[("forwarded", "for=unknown;proto=https")],
            "10.0.0.1 Https seen.example",
        ),
        (
            "an obfuscated name",
            &[("forwarded", "for=192.0.2.1, for=_hidden")],
            "10.0.0.1 Http seen.example",
        ),
        (
            "an address and port",
            &[("x-forwarded-for", "203.0.113.9:1234")],
            "203.0.113.9 Http seen.example",
        ),
        (
            "IPv6 as RFC 7239 quotes it",
            &[("forwarded", "for=\"[2001:db8::1]:1234\";proto=https")],
            "2001:db8::1 Https seen.example",
        ),
        (
            "bare IPv6",
            &[("x-forwarded-for", "2001:db8::1")],
            "2001:db8::1 Http seen.example",
        ),
        (
            "IPv4 dressed as IPv6",
            &[("x-forwarded-for", "203.0.113.9, ::ffff:10.0.0.2")],
            "203.0.113.9 Http seen.example",
        ),
        (
            "a separator in quotes",
            &[("forwarded", "for=203.0.113.9;by=\"a,b;c\";proto=https")],
            "203.0.113.9 Https seen.example",
        ),
        (
            "a repeated parameter",
            &[("forwarded", "for=203.0.113.9;for=192.0.2.1")],
            "ForwardingMalformed",
        ),
        (
            "an open quote",
            &[("forwarded", "for=\"203.0.113.9")],
            "ForwardingMalformed",
        ),
        (
            "no parameter",
            &[("forwarded", "203.0.113.9")],
            "ForwardingMalformed",
        ),
        (
            "both kinds in agreement",
            &[
                ("forwarded", "for=203.0.113.9;proto=https"),
                ("x-forwarded-for", "203.0.113.9"),
                ("x-forwarded-proto", "https"),
            ],
            "203.0.113.9 Https seen.example",
        ),
        (
            "both kinds, one invented",
            &[
                ("forwarded", "for=192.0.2.1;proto=https"),
                ("x-forwarded-for", "203.0.113.9"),
            ],
            "ForwardingConflict",
        ),
        (
            "both kinds, one with an invented host",
            &[
                ("forwarded", "for=203.0.113.9"),
                ("x-forwarded-for", "203.0.113.9"),
                ("x-forwarded-host", "evil.example"),
            ],
            "ForwardingConflict",
        ),
        (
            "a name that we do not know",
            &[("x-real-ip", "203.0.113.9")],
            "10.0.0.1 Http seen.example",
        ),
    ] {
        assert_eq!(seen(PROXY, headers), want, "{name}");
    }
    assert_eq!(
        seen("fd00::1", &[("x-forwarded-for", "203.0.113.9")]),
        "203.0.113.9 Http seen.example"
    );
    assert_eq!(
        seen("::ffff:10.0.0.1", &[("x-forwarded-for", "203.0.113.9")]),
        "203.0.113.9 Http seen.example"
    );
}

#[test]
fn one_request_has_one_host() {
    let ask = |uri: &str, version, hosts: &[&'static str]| {
        let mut headers = HeaderMap::new();
        for host in hosts {
            headers.append(HOST, HeaderValue::from_static(host));
        }
        asked_host(&uri.parse().unwrap(), version, &headers)
            .map(|host| host.map(|host| host.to_string()))
    };
    let some = |host: &str| Ok(Some(host.to_owned()));
    for (name, uri, version, hosts, want) in [
        (
            "as usual",
            "/",
            Version::HTTP_11,
            &["id.example:8443"][..],
            some("id.example:8443"),
        ),
        (
            "IPv6",
            "/",
            Version::HTTP_11,
            &["[::1]:3000"],
            some("[::1]:3000"),
        ),
        ("none", "/", Version::HTTP_11, &[], Err(Refusal::HostNotOne)),
        (
            "two",
            "/",
            Version::HTTP_11,
            &["a.example", "b.example"],
            Err(Refusal::HostNotOne),
        ),
        (
            "empty",
            "/",
            Version::HTTP_11,
            &[""],
            Err(Refusal::HostMalformed),
        ),
        (
            "with a user",
            "/",
            Version::HTTP_11,
            &["id.example@evil.example"],
            Err(Refusal::HostMalformed),
        ),
        (
            "with a path",
            "/",
            Version::HTTP_11,
            &["id.example/x"],
            Err(Refusal::HostMalformed),
        ),
        (
            "in the request line",
            "http://one.example/",
            Version::HTTP_11,
            &["two.example"],
            some("one.example"),
        ),
        (
            "the authority of HTTP/2",
            "https://one.example/",
            Version::HTTP_2,
            &[],
            some("one.example"),
        ),
        (
            "HTTP/1.0 may leave it out",
            "/",
            Version::HTTP_10,
            &[],
            Ok(None),
        ),
    ] {
        assert_eq!(ask(uri, version, hosts), want, "{name}");
    }
}

#[test]
fn what_speaks_about_the_origin_is_recognised() {
    for (name, want) in [
        ("forwarded", true),
        ("x-forwarded-for", true),
        ("x-forwarded-prefix", true),
        ("x-real-ip", true),
        ("auth0-forwarded-for", false),
        ("host", false),
    ] {
        assert_eq!(
            is_forwarding(&HeaderName::from_static(name)),
            want,
            "{name}"
        );
    }
}
