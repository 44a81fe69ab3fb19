//! Where a user may be sent after logging out, and where not.

use super::*;

fn urls(entries: &[&str]) -> LogoutUrls {
    let entries = entries.iter();
    entries
        .map(|entry| RegisteredRedirect::try_from(*entry).unwrap())
        .collect()
}

const REGISTERED: [&str; 5] = [
    "https://app.example/bye",
    "https://root.example",
    "https://*.tenants.example/out?kept=1",
    "com.example.App://id.example/ios/com.example.App/callback",
    "http://localhost:4200/",
];

#[test]
fn a_return_is_compared_up_to_its_path() {
    let urls = urls(&REGISTERED);
    for (name, requested, want) in [
        ("as registered", "https://app.example/bye", true),
        ("another case of the host", "HTTPS://App.Example/bye", true),
        ("another case of the path", "https://app.example/Bye", false),
        (
            "with a query",
            "https://app.example/bye?to=x&y=https://evil.example",
            true,
        ),
        ("with a fragment", "https://app.example/bye#/there", true),
        ("a longer path", "https://app.example/bye/bye", false),
        ("a path that climbs", "https://app.example/x/../bye", false),
        (
            "a path that ends in a slash",
            "https://app.example/bye/",
            false,
        ),
        ("an encoded path", "https://app.example/%62ye", false),
        ("a matrix parameter", "https://app.example/bye;x", false),
        ("another scheme", "http://app.example/bye", false),
        ("another port", "https://app.example:8443/bye", false),
        (
            "the usual port, written",
            "https://app.example:443/bye",
            false,
        ),
        (
            "a user before the host",
            "https://app.example@evil.example/bye",
            false,
        ),
        (
            "the host as a user",
            "https://evil.example\\@app.example/bye",
            false,
        ),
        ("a backslash for a slash", "https://app.example\\bye", false),
        (
            "a longer host",
            "https://app.example.evil.example/bye",
            false,
        ),
        ("a shorter host", "https://pp.example/bye", false),
        (
            "a host with a dot at its end",
            "https://app.example./bye",
            false,
        ),
        ("no scheme", "//app.example/bye", false),
        ("a path alone", "/bye", false),
        ("a tab in the scheme", "ht\ttps://app.example/bye", false),
        ("a space in front", " https://app.example/bye", false),
        ("nothing", "", false),
        ("a script", "javascript:alert(1)//app.example/bye", false),
        ("a site without a path", "https://root.example", true),
        ("its root", "https://root.example/", true),
        ("its root with a query", "https://root.example?x=1", true),
        ("a path on it", "https://root.example/x", false),
        (
            "one label for the wildcard",
            "https://acme.tenants.example/out",
            true,
        ),
        (
            "in any case",
            "https://ACME.Tenants.example/out?other=1",
            true,
        ),
        ("no label", "https://.tenants.example/out", false),
        (
            "the wildcard itself",
            "https://*.tenants.example/out",
            false,
        ),
        ("two labels", "https://a.b.tenants.example/out", false),
        (
            "a label that ends the host",
            "https://evil.example/.tenants.example/out",
            false,
        ),
        (
            "a label with a query in it",
            "https://evil?.tenants.example/out",
            false,
        ),
        (
            "an app's scheme in lower case",
            "com.example.app://id.example/ios/com.example.App/callback",
            true,
        ),
        (
            "an app's path in lower case",
            "com.example.App://id.example/ios/com.example.app/callback",
            false,
        ),
        (
            "another port of this machine",
            "http://localhost:4201/",
            false,
        ),
        (
            "this machine without the slash",
            "http://localhost:4200",
            true,
        ),
    ] {
        assert_eq!(urls.admit(requested).is_some(), want, "{name}");
    }
}

#[test]
fn what_no_url_may_have_is_encoded_on_the_way_out() {
    let urls = urls(&REGISTERED);
    let returned = |text: &str| urls.admit(text).unwrap().as_str().to_owned();
    assert_eq!(
        returned("https://app.example/bye?m=good bye\r\nSet-Cookie: x#é"),
        "https://app.example/bye?m=good%20bye%0D%0ASet-Cookie:%20x#%C3%A9"
    );
    assert_eq!(
        returned("https://app.example/bye?m=a%20b%26c"),
        "https://app.example/bye?m=a%20b%26c",
        "and nothing is encoded twice"
    );
}

#[test]
fn registered_exactly_is_byte_for_byte() {
    let urls = urls(&REGISTERED);
    for (name, requested, want) in [
        ("as registered", "https://app.example/bye", true),
        ("another case of the host", "https://App.example/bye", false),
        ("with a query", "https://app.example/bye?x", false),
        ("the root of a bare site", "https://root.example/", false),
        ("a pattern", "https://*.tenants.example/out?kept=1", false),
        (
            "what a pattern stands for",
            "https://a.tenants.example/out?kept=1",
            false,
        ),
    ] {
        assert_eq!(urls.exactly(requested).is_some(), want, "{name}");
    }
}

#[test]
fn the_first_that_is_no_pattern_is_where_to_go_unasked() {
    let pattern = "https://*.tenants.example/out";
    let first = |entries: &[&str]| urls(entries).first().map(|url| url.as_str().to_owned());
    assert_eq!(first(&[pattern, "app://out"]).as_deref(), Some("app://out"));
    assert_eq!(first(&[pattern]), None);
    assert_eq!(first(&[]), None);
}

#[test]
fn state_comes_back_and_nothing_else() {
    for (registered, state, want) in [
        (
            "https://a.example/x",
            Some("s"),
            "https://a.example/x?state=s",
        ),
        (
            "https://a.example/x?y=1",
            Some("s"),
            "https://a.example/x?y=1&state=s",
        ),
        (
            "app://out",
            Some("a b&c=d%é#\r\n"),
            "app://out?state=a%20b%26c%3Dd%25%C3%A9%23%0D%0A",
        ),
        ("https://a.example/x", None, "https://a.example/x"),
    ] {
        let to = urls(&[registered]).exactly(registered).unwrap();
        assert_eq!(to.with_state(state), want);
    }
    let to = urls(&["https://a.example/x"])
        .admit("https://a.example/x#part")
        .unwrap();
    assert_eq!(to.with_state(Some("s")), "https://a.example/x?state=s#part");
}

#[test]
fn a_request_is_read_and_nothing_in_it_believed() {
    let form = |text: &str| Form::from_urlencoded(text.as_bytes()).unwrap();
    let read = EndSession::parse(&form(
        "id_token_hint=a.b.c&logout_hint=sid1&client_id=app&post_logout_redirect_uri=https%3A%2F%2Fx&state=%20s&federated=&x=y",
    ));
    let want = EndSession {
        id_token_hint: Some("a.b.c".into()),
        logout_hint: Some("sid1".try_into().unwrap()),
        client_id: Some("app".try_into().unwrap()),
        post_logout_redirect_uri: Some("https://x".to_owned()),
        state: Some(" s".to_owned()),
        ui_locales: None,
    };
    assert_eq!(read, Ok(want));
    assert_eq!(EndSession::parse(&form("")), Ok(EndSession::default()));
    for wrong in ["client_id=a%20b", "logout_hint=a%20b"] {
        let refused = EndSession::parse(&form(wrong)).unwrap_err();
        assert_eq!(
            refused.code(),
            crate::error::Code::InvalidRequest,
            "{wrong}"
        );
    }
}

#[test]
fn only_a_genuine_hint_and_an_exact_uri_lead_anywhere() {
    let urls = urls(&REGISTERED);
    let id = |text: &str| SessionId::try_from(text).unwrap();
    let user = |text: &str| UserId::try_from(text).unwrap();
    let (app, other) = ("app".try_into().unwrap(), "other".try_into().unwrap());
    let (ada, bob) = (user("auth0|ada"), user("auth0|bob"));
    let (s1, s2) = (id("s1"), id("s2"));
    let hint = Some(Hint {
        client: &app,
        user: &ada,
        session: Some(&s1),
        urls: &urls,
    });
    let here = |user, session| Some(SignedIn { user, session });
    let asked =
        |text: &str| EndSession::parse(&Form::from_urlencoded(text.as_bytes()).unwrap()).unwrap();
    let bye = "post_logout_redirect_uri=https://app.example/bye";
    let leave = || Ending::Leave(urls.exactly("https://app.example/bye"));
    let of: &ClientId = &other;
    let of_another = hint.map(|hint| Hint { client: of, ..hint });
    for (name, request, hint, here, want) in [
        ("hint and exact URI", bye, hint, here(&ada, &s1), leave()),
        ("nobody is here any more", bye, hint, None, leave()),
        (
            "another session of the same user",
            bye,
            hint,
            here(&ada, &s2),
            leave(),
        ),
        ("no URI", "", hint, here(&ada, &s1), Ending::Leave(None)),
        (
            "an unregistered URI",
            "post_logout_redirect_uri=https://evil.example/",
            hint,
            here(&ada, &s1),
            Ending::LeaveAndStay,
        ),
        (
            "a registered URI with a query",
            "post_logout_redirect_uri=https://app.example/bye?x",
            hint,
            here(&ada, &s1),
            Ending::LeaveAndStay,
        ),
        ("no hint", bye, None, here(&ada, &s1), Ending::Confirm),
        ("no hint, nobody here", bye, None, None, Ending::Nothing),
        (
            "no hint but the session's name",
            "logout_hint=s1",
            None,
            here(&ada, &s1),
            Ending::Confirm,
        ),
        (
            "another user is here",
            bye,
            hint,
            here(&bob, &s2),
            Ending::Confirm,
        ),
        (
            "another session is named than is here",
            "logout_hint=s1",
            hint,
            here(&ada, &s2),
            Ending::Confirm,
        ),
        (
            "another session is named than hinted at",
            "logout_hint=s2",
            hint,
            here(&ada, &s2),
            Ending::Contradiction("id_token_hint and logout_hint name different sessions"),
        ),
        (
            "a hint of another client",
            "client_id=app",
            of_another,
            here(&ada, &s1),
            Ending::Contradiction("id_token_hint was issued to another client"),
        ),
    ] {
        assert_eq!(asked(request).decide(hint, here), want, "{name}");
    }
}
