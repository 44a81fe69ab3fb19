//! The protocol's rules as tables: each case is a callback, an answer or a token with one thing wrong.

use std::time::Duration;

use keystead_protocol::secret::{Digest, Secret};
use rand::{SeedableRng as _, rngs::StdRng};
use serde_json::{Value, json};
use url::Url;

use super::{Login, Prompt, SignIn, Tokens};
use crate::{CallbackRefusal, Error, Provider};

mod id_tokens;

const ISSUER: &str = "https://id.example.com/";
const NOON: i64 = 1_800_000_000;

fn provider(more: Value) -> Provider {
    let mut document = json!({
        "issuer": ISSUER, "authorization_endpoint": "https://id.example.com/authorize?tenant=a",
        "token_endpoint": "https://id.example.com/token", "jwks_uri": "https://id.example.com/jwks",
        "end_session_endpoint": "https://id.example.com/logout",
    });
    for (name, value) in more.as_object().unwrap() {
        document[name] = value.clone();
    }
    Provider::from_json(ISSUER, document.to_string().as_bytes()).unwrap()
}

fn begin(ask: &SignIn) -> Result<Login, Error> {
    let rng = &mut StdRng::seed_from_u64(7);
    ask.begin(
        &provider(json!({})),
        "app",
        "com.example.app:/callback",
        rng,
    )
}

fn parameter(url: &Url, name: &str) -> Option<String> {
    let mut found = url.query_pairs().filter(|(own, _)| own == name);
    let value = found.next().map(|(_, value)| value.into_owned());
    assert!(found.next().is_none(), "{name} occurs twice");
    value
}

#[test]
fn the_address_has_everything_once() {
    let ask = SignIn::new()
        .scope("offline_access read:messages")
        .audience("https://api.example.com/?a=b&c")
        .prompt(Prompt::SelectAccount)
        .max_age(Duration::from_secs(90))
        .login_hint("ada+1@example.com")
        .screen_hint("signup")
        .parameter("ui_locales", "de en");
    let login = begin(&ask).unwrap();
    let url = login.url();
    for (name, want) in [
        ("tenant", "a"),
        ("response_type", "code"),
        ("client_id", "app"),
        ("redirect_uri", "com.example.app:/callback"),
        ("scope", "openid offline_access read:messages"),
        ("audience", "https://api.example.com/?a=b&c"),
        ("prompt", "select_account"),
        ("max_age", "90"),
        ("login_hint", "ada+1@example.com"),
        ("screen_hint", "signup"),
        ("ui_locales", "de en"),
        ("code_challenge_method", "S256"),
    ] {
        assert_eq!(parameter(url, name).as_deref(), Some(want), "{name}");
    }
    let secrets = ["state", "nonce", "code_challenge"].map(|name| parameter(url, name).unwrap());
    assert!(
        secrets.iter().all(|secret| secret.len() == 43),
        "{secrets:?}"
    );
    assert!(secrets[0] != secrets[1] && secrets[1] != secrets[2]);
    // What goes to the token endpoint is what the challenge was made from.
    let form = login.token_request(&Secret::from("the code"));
    let form: Vec<(String, String)> = url::form_urlencoded::parse(form.expose().as_bytes())
        .into_owned()
        .collect();
    let get = |name: &str| &form.iter().find(|(own, _)| own == name).unwrap().1;
    assert_eq!(
        secrets[2],
        Secret::from_bytes(Digest::of(get("code_verifier").as_bytes()).as_bytes()).expose()
    );
    assert_eq!(
        (get("grant_type").as_str(), get("code").as_str()),
        ("authorization_code", "the code")
    );
    assert_eq!(get("redirect_uri"), "com.example.app:/callback");
    assert!(!form.iter().any(|(name, _)| name == "resource"));
    let shown = format!("{login:?}");
    assert!(
        secrets
            .iter()
            .all(|secret| !shown.contains(secret.as_str())),
        "{shown}"
    );
}

#[test]
fn what_protects_a_sign_in_cannot_be_set() {
    for name in [
        "state",
        "nonce",
        "code_challenge_method",
        "response_mode",
        "request",
        "redirect_uri",
        "prompt",
        "audience",
    ] {
        let refused = begin(&SignIn::new().parameter(name, "x")).unwrap_err();
        assert!(
            matches!(&refused, Error::Setting { name: own, .. } if own == name),
            "{name}: {refused}"
        );
    }
    assert!(matches!(
        begin(&SignIn::new().scope("a\"b")),
        Err(Error::Setting { .. })
    ));
    for redirect_uri in [
        "https://app.example.com/#a",
        "http://app.example.com/",
        "callback",
    ] {
        let rng = &mut StdRng::seed_from_u64(7);
        let begun = SignIn::new().begin(&provider(json!({})), "app", redirect_uri, rng);
        assert!(matches!(begun, Err(Error::BadUrl(_))), "{redirect_uri}");
    }
}

#[test]
fn only_this_sign_ins_callback_counts() {
    let login = begin(&SignIn::new()).unwrap();
    let state = parameter(login.url(), "state").unwrap();
    let refused = |why| Err(format!("{:?}", Error::Callback(why)));
    let cases: [(&str, String, Result<&str, String>); 13] = [
        (
            "good",
            format!("com.example.app:/callback?code=c&state={state}"),
            Ok("c"),
        ),
        (
            "with its issuer",
            format!(
                "com.example.app:/callback?code=c&state={state}&iss=https%3A%2F%2Fid.example.com%2F"
            ),
            Ok("c"),
        ),
        (
            "with more that nobody asked for",
            format!("com.example.app:/callback?code=c&state={state}&x=1&x=2#_=_"),
            Ok("c"),
        ),
        (
            "no state",
            "com.example.app:/callback?code=c".into(),
            refused(CallbackRefusal::State),
        ),
        (
            "another state",
            format!("com.example.app:/callback?code=c&state={state}x"),
            refused(CallbackRefusal::State),
        ),
        (
            "a forged error",
            "com.example.app:/callback?error=access_denied".into(),
            refused(CallbackRefusal::State),
        ),
        (
            "two states",
            format!("com.example.app:/callback?code=c&state=x&state={state}"),
            refused(CallbackRefusal::Duplicate),
        ),
        (
            "two codes",
            format!("com.example.app:/callback?code=c&code=d&state={state}"),
            refused(CallbackRefusal::Duplicate),
        ),
        (
            "another issuer",
            format!("com.example.app:/callback?code=c&state={state}&iss=https://id.example.com"),
            refused(CallbackRefusal::Issuer),
        ),
        (
            "no code",
            format!("com.example.app:/callback?state={state}"),
            refused(CallbackRefusal::NoCode),
        ),
        (
            "an empty code",
            format!("com.example.app:/callback?code=&state={state}"),
            refused(CallbackRefusal::NoCode),
        ),
        (
            "another path",
            format!("com.example.app:/other?code=c&state={state}"),
            refused(CallbackRefusal::OtherUri),
        ),
        (
            "no address",
            "code=c".into(),
            refused(CallbackRefusal::OtherUri),
        ),
    ];
    for (name, callback, want) in cases {
        let code = login.code(&callback).map_err(|why| format!("{why:?}"));
        assert_eq!(
            code.as_ref().map(Secret::expose),
            want.as_ref().map(|code| *code),
            "{name}"
        );
    }
}

#[test]
fn a_provider_that_sends_its_issuer_always_does() {
    let provider = provider(json!({"authorization_response_iss_parameter_supported": true}));
    let rng = &mut StdRng::seed_from_u64(7);
    let login = SignIn::new()
        .begin(&provider, "app", "https://app.example.com/cb?v=1", rng)
        .unwrap();
    let state = parameter(login.url(), "state").unwrap();
    for (name, rest, good) in [
        ("there", "&v=1&iss=https://id.example.com/", true),
        ("missing", "&v=1", false),
        (
            "there, but our own query is not",
            "&iss=https://id.example.com/",
            false,
        ),
    ] {
        let callback = format!("https://app.example.com/cb?code=c&state={state}{rest}");
        assert_eq!(login.code(&callback).is_ok(), good, "{name}");
    }
}

#[test]
fn errors_say_what_to_do() {
    let login = begin(&SignIn::new()).unwrap();
    let state = parameter(login.url(), "state").unwrap();
    for (code, want) in [
        (
            "access_denied",
            "the sign-in was refused (no thanks); offer to sign in again",
        ),
        (
            "login_required",
            "the provider must ask the user something; let the user sign in",
        ),
        (
            "consent_required",
            "the provider must ask the user something; let the user sign in",
        ),
        (
            "temporarily_unavailable",
            "the provider answered 503; nothing is lost, try again later",
        ),
        (
            "unauthorized_client",
            "the provider refused: unauthorized_client (no thanks); compare the app's settings with the client's at the provider",
        ),
    ] {
        let callback = format!(
            "com.example.app:/callback?error={code}&error_description=no%20%0Athanks&state={state}&code=c"
        );
        assert_eq!(login.code(&callback).unwrap_err().to_string(), want);
    }
}

#[test]
fn token_answers_are_read() {
    let good = r#"{"access_token":"a","token_type":"bearer","expires_in":"60","refresh_token":"r","scope":"openid \"bad read:x"}"#;
    let tokens = Tokens::read(200, good.as_bytes()).unwrap();
    assert_eq!(tokens.expires_in, Some(Duration::from_secs(60)));
    assert_eq!(tokens.scope.unwrap().to_string(), "openid read:x");
    assert_eq!(tokens.refresh_token.unwrap().expose(), "r");
    let life = |life: &str| {
        let json = format!(r#"{{"access_token":"a","token_type":"Bearer","expires_in":{life}}}"#);
        Tokens::read(200, json.as_bytes()).unwrap().expires_in
    };
    for (name, given, want) in [
        ("a number", "86400", Some(Duration::from_secs(86400))),
        ("a fraction", "1.5", Some(Duration::from_millis(1500))),
        ("less than nothing", "-5", Some(Duration::ZERO)),
        ("for ever", "1e300", Some(Duration::MAX)),
        ("unknown", "null", None),
        ("nonsense", "[]", None),
    ] {
        assert_eq!(life(given), want, "{name}");
    }
    let refused =
        |status, body: &str| format!("{:?}", Tokens::read(status, body.as_bytes()).unwrap_err());
    for (name, status, body, want) in [
        ("a page", 200, "<html>", "Answer("),
        (
            "no token",
            200,
            r#"{"access_token":"","token_type":"Bearer"}"#,
            "Answer(",
        ),
        (
            "bound to a key",
            200,
            r#"{"access_token":"a","token_type":"DPoP"}"#,
            "Answer(",
        ),
        ("no type", 200, r#"{"access_token":"a"}"#, "Answer("),
        (
            "dead",
            403,
            r#"{"error":"invalid_grant","error_description":"x"}"#,
            r#"Refused { code: "invalid_grant""#,
        ),
        (
            "second factor",
            403,
            r#"{"error":"mfa_required"}"#,
            "LoginRequired(Interaction)",
        ),
        ("a page with 404", 404, "<html>", "Answer("),
        (
            "too many",
            429,
            r#"{"error":"invalid_grant"}"#,
            "Unavailable",
        ),
        ("broken", 502, r#"{"error":"invalid_grant"}"#, "Unavailable"),
    ] {
        let why = refused(status, body);
        assert!(why.starts_with(want), "{name}: {why}");
    }
}
