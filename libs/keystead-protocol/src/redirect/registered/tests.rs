//! Cases of what may be registered as a redirect URI.

use super::*;

// One row, one line: a table is read down its columns.
#[rustfmt::skip]
#[test]
fn what_may_be_registered() {
    use BadRedirect::*;
    for (name, text, want) in [
        ("a web address", "https://app.example.com/cb", Ok(())),
        ("one with query, port and escapes", "https://app.example.com:8443/c%20b/~x?a=b&c=%7E", Ok(())),
        ("a host in capitals", "https://App.Example.com/cb", Ok(())),
        ("a host alone", "https://app.example.com", Ok(())),
        ("a host and a query", "https://app.example.com?x=1", Ok(())),
        ("plain http", "http://localhost:3000/callback", Ok(())),
        ("IPv6 loopback", "http://[::1]:7000/cb", Ok(())),
        ("a bundle's scheme", "com.Acme.App://login.example/ios/com.Acme.App/callback", Ok(())),
        ("a reversed domain without authority", "com.acme.app:/oauth2redirect", Ok(())),
        ("an internationalised host as browsers send it", "https://xn--bcher-kva.example/cb", Ok(())),
        ("a wildcard", "https://*.example.com/cb", Ok(())),
        ("a wildcard with prefix, suffix and port", "https://pr-*-web.example.com:8443/cb", Ok(())),
        ("Lock's pattern", r"a0AbC123://\*.auth0.com/authorize", Ok(())),
        ("nothing", "", Err(Relative)),
        ("a path", "/cb", Err(Relative)),
        ("a host without scheme", "app.example.com/cb", Err(Relative)),
        ("a network path", "//app.example.com/cb", Err(Relative)),
        ("a scheme that begins with a digit", "1app://x", Err(Relative)),
        ("a scheme with an underscore", "my_app://x", Err(Relative)),
        ("a scheme alone", "app:", Err(Relative)),
        ("a fragment", "https://app.example.com/cb#x", Err(Fragment)),
        ("an empty fragment", "https://app.example.com/cb#", Err(Fragment)),
        ("a script", "javascript:alert(1)", Err(Scheme)),
        ("a script in odd case", "JavaScript://app.example.com/%0aalert(1)", Err(Scheme)),
        ("data", "data:text/html,hello", Err(Scheme)),
        ("Visual Basic", "vbscript:x", Err(Scheme)),
        ("a file", "file:///etc/passwd", Err(Scheme)),
        ("a blob", "blob:https://app.example.com/1", Err(Scheme)),
        ("the browser's own pages", "about:blank", Err(Scheme)),
        ("a user", "https://user@app.example.com/cb", Err(Userinfo)),
        ("a user and password", "https://user:pw@app.example.com/cb", Err(Userinfo)),
        ("a user of an app", "com.acme.app://user@x/cb", Err(Userinfo)),
        ("a control character", "https://app.example.com/c\nb", Err(Character)),
        ("U+0000", "https://app.example.com/cb\0", Err(Character)),
        ("a tab in the scheme", "java\tscript:alert(1)", Err(Character)),
        ("a space", "https://app.example.com/c b", Err(Character)),
        ("a backslash", r"https://app.example.com\cb", Err(Character)),
        ("a backslash elsewhere in Lock's pattern", r"a0x://\*.auth0.com\authorize", Err(Character)),
        ("the backslash of Lock's pattern elsewhere", r"https://\*.example.com/cb", Err(Character)),
        ("a quote", "https://app.example.com/\"", Err(Character)),
        ("a host outside ASCII", "https://bücher.example/cb", Err(Character)),
        ("a placeholder", "https://{organization_name}.example.com/cb", Err(Character)),
        ("no host", "https:///cb", Err(Host)),
        ("https without authority", "https:app.example.com/cb", Err(Host)),
        ("one slash", "https:/app.example.com/cb", Err(Host)),
        ("an empty label", "https://app..example.com/cb", Err(Host)),
        ("a trailing dot", "https://app.example.com./cb", Err(Host)),
        ("an encoded host", "https://%61pp.example.com/cb", Err(Host)),
        ("an address in short", "http://127.1/cb", Err(Host)),
        ("an address in hexadecimal", "http://0x7f000001/cb", Err(Host)),
        ("an address as one number", "http://2130706433/cb", Err(Host)),
        ("IPv6 in full", "http://[0:0:0:0:0:0:0:1]/cb", Err(Host)),
        ("a bracket that does not close", "http://[::1/cb", Err(Host)),
        ("a port too great", "https://app.example.com:65536/cb", Err(Host)),
        ("an empty port", "https://app.example.com:/cb", Err(Host)),
        ("dot segments", "https://app.example.com/a/../cb", Err(Path)),
        ("a dot", "https://app.example.com/./cb", Err(Path)),
        ("encoded dot segments", "https://app.example.com/a/%2E%2e/cb", Err(Path)),
        ("a wildcard for the domain", "https://*.com/cb", Err(Wildcard)),
        ("a wildcard for everything", "https://*/cb", Err(Wildcard)),
        ("a wildcard in the second label", "https://app.*.example.com/cb", Err(Wildcard)),
        ("two wildcards", "https://*.*.example.com/cb", Err(Wildcard)),
        ("two wildcards in a label", "https://*-*.example.com/cb", Err(Wildcard)),
        ("a wildcard in the path", "https://app.example.com/*", Err(Wildcard)),
        ("a wildcard in host and path", "https://*.example.com/*", Err(Wildcard)),
        ("a wildcard in the query", "https://app.example.com/cb?x=*", Err(Wildcard)),
        ("a wildcard for a port", "https://app.example.com:*/cb", Err(Wildcard)),
        ("a wildcard over http", "http://*.example.com/cb", Err(Wildcard)),
        ("a wildcard in an app's authority", "com.acme.app://*.example.com/cb", Err(Wildcard)),
        ("a wildcard for a scheme", "*://app.example.com/cb", Err(Relative)),
        ("a wildcard before an address", "https://*.0.0.1/cb", Err(Host)),
    ] {
        assert_eq!(
            RegisteredRedirect::try_from(text).map(|_| ()),
            want,
            "{name}: {text:?}"
        );
    }
    let long = format!("https://app.example.com/{}", "x".repeat(2048));
    assert_eq!(RegisteredRedirect::try_from(long), Err(TooLong));
}
