//! Answers, byte for byte.

use proptest::prelude::*;

use super::*;
use crate::error::Code;

fn reply(redirect: &str, mode: &str, state: Option<&str>) -> Reply {
    let request = Request {
        redirect_uri: Some(redirect.to_owned()),
        response_type: Some("code".to_owned()),
        response_mode: Some(mode.to_owned()),
        state: state.map(str::to_owned),
        ..Request::of("app".try_into().unwrap())
    };
    check(&request, &client(json!({}))).unwrap().reply
}

fn code() -> Vec<(&'static str, String)> {
    vec![("code", "c-1_x".to_owned())]
}

#[test]
fn nothing_that_a_client_is_handed_is_written_for_debugging() {
    for (mode, want) in [
        ("query", r#"Redirect("https://app.example/cb")"#),
        ("fragment", r#"Redirect("https://app.example/cb")"#),
        ("form_post", r#"pairs: ["code", "state", "iss"]"#),
        ("web_message", r#"pairs: ["code", "state", "iss"]"#),
    ] {
        let reply = reply("https://app.example/cb", mode, Some("s"));
        let text = format!("{:?}", reply.success(code(), ISSUER));
        assert!(text.contains(want), "{text}");
        assert!(!text.contains("c-1_x"), "{text}");
    }
}

#[test]
fn each_redirect_keeps_its_query_and_puts_the_answer_in_one_place() {
    for (redirect, mode, state, want) in [
        (
            "https://app.example/cb",
            "query",
            Some("s"),
            "https://app.example/cb?code=c-1_x&state=s&iss=https%3A%2F%2Fid.example%2F",
        ),
        (
            "https://app.example/cb",
            "query",
            None,
            "https://app.example/cb?code=c-1_x&iss=https%3A%2F%2Fid.example%2F",
        ),
        (
            "https://app.example/cb?shop=1",
            "query",
            Some("s"),
            "https://app.example/cb?shop=1&code=c-1_x&state=s&iss=https%3A%2F%2Fid.example%2F",
        ),
        (
            "https://app.example/cb?shop=1",
            "fragment",
            Some("s"),
            "https://app.example/cb?shop=1#code=c-1_x&state=s&iss=https%3A%2F%2Fid.example%2F",
        ),
        (
            "demo://app/cb",
            "query",
            Some("a b+c&d=e\"\n\u{e9}"),
            "demo://app/cb?code=c-1_x&state=a%20b%2Bc%26d%3De%22%0A%C3%A9&iss=https%3A%2F%2Fid.example%2F",
        ),
        (
            "demo://app/cb",
            "fragment",
            None,
            "demo://app/cb#code=c-1_x&iss=https%3A%2F%2Fid.example%2F",
        ),
    ] {
        let answer = reply(redirect, mode, state).success(code(), ISSUER);
        assert_eq!(
            answer,
            Answer::Redirect(want.to_owned()),
            "{redirect} {mode}"
        );
    }
}

#[test]
fn an_error_stands_where_a_success_would_and_never_beside_a_code() {
    let why = OAuthError::new(Code::AccessDenied, "Service not found: a=b&\"c\"\n");
    let answer = reply("https://app.example/cb?shop=1", "query", Some("s")).error(&why, ISSUER);
    let want = "https://app.example/cb?shop=1&error=access_denied&error_description=\
                Service%20not%20found%3A%20a%3Fb%3F%27c%27%3F&state=s&iss=https%3A%2F%2Fid.example%2F";
    assert_eq!(answer, Answer::Redirect(want.to_owned()));
    for mode in ["form_post", "web_message"] {
        let reply = reply("https://app.example/cb", mode, None);
        let (Answer::FormPost { to, pairs } | Answer::WebMessage { to, pairs }) =
            reply.error(&why, ISSUER)
        else {
            panic!("{mode}");
        };
        assert_eq!(to.as_str(), "https://app.example/cb");
        let names: Vec<_> = pairs.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, ["error", "error_description", "iss"], "{mode}");
    }
}

proptest! {
    /// What the client reads back is what it sent, however long, and a header can carry it.
    #[test]
    fn a_state_comes_back_unchanged(state in "[^\0]{1,400}", mode in "(query|fragment)") {
        let Answer::Redirect(location) = reply("https://app.example/cb", &mode, Some(&state)).success(code(), ISSUER) else {
            panic!();
        };
        prop_assert!(location.bytes().all(|b| b.is_ascii_graphic()));
        let read = url::Url::parse(&location).unwrap();
        let part = if mode == "query" { read.query() } else { read.fragment() };
        let (other, pairs) = (if mode == "query" { read.fragment() } else { read.query() }, part.unwrap());
        prop_assert_eq!(other, None);
        let found = url::form_urlencoded::parse(pairs.as_bytes()).find(|(name, _)| name == "state");
        prop_assert_eq!(found.unwrap().1, state);
    }
}
