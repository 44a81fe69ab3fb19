//! Requests held against their clients.

use proptest::prelude::*;

use super::*;

fn of_type(kind: &str, more: &str) -> Request {
    let kind = kind.replace(' ', "%20");
    parsed(&format!(
        "response_type={kind}&redirect_uri=https://app.example/cb&scope=openid&nonce=n&{more}"
    ))
}

#[test]
fn who_may_not_be_answered_is_told_on_a_page() {
    let several = client(json!({}));
    let one = client(json!({ "callbacks": ["https://app.example/cb"] }));
    for (name, query, client, want) in [
        (
            "none of several",
            "response_type=code",
            &several,
            "page: no redirect_uri was sent and the client has not exactly one",
        ),
        (
            "unregistered",
            "response_type=code&redirect_uri=https://evil.example/",
            &several,
            "page: the redirect_uri is not registered for the client",
        ),
        (
            "a longer query",
            "response_type=code&redirect_uri=https://app.example/cb?x",
            &several,
            "page: the redirect_uri is not registered for the client",
        ),
        (
            "even when all else is wrong",
            "redirect_uri=x&prompt=nono",
            &several,
            "page: the redirect_uri is not registered for the client",
        ),
        ("the only one", "response_type=code", &one, "answered"),
        (
            "a message to an app",
            "response_type=code&redirect_uri=demo://app/cb&response_mode=web_message",
            &several,
            "page: demo://app/cb",
        ),
        (
            "a message to a page that is no web origin",
            "response_type=code&response_mode=web_message",
            &client(json!({ "callbacks": ["https://other.example/cb"] })),
            "page: https://other.example",
        ),
        (
            "a message to a web origin",
            "response_type=code&redirect_uri=https://app.example/cb&response_mode=web_message",
            &several,
            "answered",
        ),
    ] {
        assert_eq!(refusal(&parsed(query), client), want, "{name}");
    }
}

#[test]
fn what_is_wrong_is_told_the_client() {
    let (web, app) = (client(json!({})), public(json!({})));
    let (oidc, fapi2) = (
        client(json!({ "security_profile": "oidc" })),
        client(json!({ "security_profile": "fapi2" })),
    );
    let legacy = client(json!({ "oidc_conformant": false }));
    let plain = format!("code_challenge={CHALLENGE}");
    let s256 = format!("{plain}&code_challenge_method=S256");
    for (name, request, client, want) in [
        (
            "no type",
            parsed("redirect_uri=demo://app/cb"),
            &web,
            "invalid_request: Missing required parameter: response_type",
        ),
        (
            "no such type",
            of_type("none", ""),
            &web,
            "unsupported_response_type: Unsupported response type: none",
        ),
        (
            "a type twice",
            of_type("code code", ""),
            &web,
            "unsupported_response_type: Unsupported response type: code code",
        ),
        (
            "a request object",
            asked("request=ey.ey."),
            &web,
            "request_not_supported: The parameter request is not supported",
        ),
        (
            "a request by reference",
            asked("request_uri=urn:x"),
            &web,
            "request_uri_not_supported: The parameter request_uri is not supported",
        ),
        (
            "a registration",
            asked("registration={}"),
            &web,
            "registration_not_supported: The parameter registration is not supported",
        ),
        (
            "a code without its grant",
            asked(""),
            &client(json!({ "grant_types": ["implicit"] })),
            "unauthorized_client: Grant type 'authorization_code' not allowed for the client.",
        ),
        (
            "a token without its grant",
            of_type("token", ""),
            &client(json!({ "grant_types": ["authorization_code"] })),
            "unauthorized_client: Grant type 'implicit' not allowed for the client.",
        ),
        (
            "half a hybrid's grants",
            of_type("code id_token", ""),
            &client(json!({ "grant_types": ["authorization_code"] })),
            "unauthorized_client: Grant type 'implicit' not allowed for the client.",
        ),
        (
            "a financial client",
            asked(&s256),
            &fapi2,
            "invalid_request: This client must push its authorization requests",
        ),
        (
            "one that said so",
            asked(&s256),
            &client(json!({ "require_pushed_authorization_requests": true })),
            "invalid_request: This client must push its authorization requests",
        ),
        (
            "two APIs",
            asked("audience=a&resource=b"),
            &web,
            "invalid_target: audience and resource name different APIs",
        ),
        (
            "one API by two names",
            asked("audience=a&resource=a"),
            &web,
            "answered",
        ),
        (
            "a scope that is none",
            asked("scope=%22"),
            &web,
            "invalid_scope: Malformed scope",
        ),
        (
            "an ID token without openid",
            parsed("response_type=id_token&redirect_uri=demo://app/cb&nonce=n"),
            &web,
            "invalid_scope: An ID token needs the scope openid",
        ),
        (
            "an ID token without nonce",
            parsed("response_type=id_token&redirect_uri=demo://app/cb&scope=openid"),
            &web,
            "invalid_request: Missing required parameter: nonce",
        ),
        (
            "the same in the old pipeline",
            parsed("response_type=id_token&redirect_uri=demo://app/cb&scope=openid"),
            &legacy,
            "answered",
        ),
        (
            "and out of it",
            parsed("response_type=id_token&redirect_uri=demo://app/cb&scope=openid&audience=a"),
            &legacy,
            "invalid_request: Missing required parameter: nonce",
        ),
        (
            "a code without nonce",
            asked("scope=openid"),
            &web,
            "answered",
        ),
        (
            "an unknown mode",
            asked("response_mode=smoke"),
            &web,
            "invalid_request: Unsupported response_mode for this response_type",
        ),
        (
            "a token in the query",
            of_type("token", "response_mode=query"),
            &web,
            "invalid_request: Unsupported response_mode for this response_type",
        ),
        (
            "a hybrid in the query",
            of_type("code token", "response_mode=query"),
            &web,
            "invalid_request: Unsupported response_mode for this response_type",
        ),
        (
            "an unknown prompt",
            asked("prompt=x"),
            &web,
            "invalid_request: Unsupported prompt value",
        ),
        (
            "an age that is none",
            asked("max_age=old"),
            &web,
            "invalid_request: max_age must be a number of seconds",
        ),
        (
            "an essential acr",
            asked("claims={%22id_token%22:{%22acr%22:{%22essential%22:true}}}"),
            &web,
            "access_denied: No authentication context that was called essential can be met",
        ),
        (
            "an app without challenge",
            asked(""),
            &app,
            "invalid_request: Missing required parameter: code_challenge",
        ),
        (
            "an app with a plain one",
            asked(&plain),
            &app,
            "invalid_request: code_challenge_method must be S256",
        ),
        ("an app with S256", asked(&s256), &app, "answered"),
        (
            "an app that wants no code",
            of_type("id_token token", ""),
            &app,
            "answered",
        ),
        (
            "a hybrid app without challenge",
            of_type("code id_token", ""),
            &app,
            "invalid_request: Missing required parameter: code_challenge",
        ),
        ("a site with a plain one", asked(&plain), &web, "answered"),
        (
            "a strict site with a plain one",
            asked(&plain),
            &oidc,
            "invalid_request: code_challenge_method must be S256",
        ),
        (
            "a method alone",
            asked("code_challenge_method=S256"),
            &web,
            "invalid_request: code_challenge_method was sent without code_challenge",
        ),
        (
            "an unknown method",
            asked(&format!("{plain}&code_challenge_method=s256")),
            &web,
            "invalid_request: Unsupported code_challenge_method",
        ),
    ] {
        assert_eq!(refusal(&request, client), want, "{name}");
    }
}

#[test]
fn each_type_has_its_mode_and_errors_go_the_same_way() {
    let client = client(json!({}));
    for (kind, want) in [
        ("code", ResponseMode::Query),
        ("token", ResponseMode::Fragment),
        ("id_token", ResponseMode::Fragment),
        ("token id_token", ResponseMode::Fragment),
        ("token code", ResponseMode::Fragment),
        ("id_token code", ResponseMode::Fragment),
        ("token code id_token", ResponseMode::Fragment),
    ] {
        let checked = check(&of_type(kind, ""), &client).unwrap();
        assert_eq!(checked.reply.mode(), want, "{kind}");
        for (name, mode) in ResponseMode::ALL {
            let request = of_type(kind, &format!("response_mode={name}&prompt=x"));
            let Err(Refused::Redirect { to, .. }) = check(&request, &client) else {
                panic!("{kind} {name}");
            };
            let suits = mode != ResponseMode::Query || kind == "code";
            assert_eq!(to.mode(), if suits { mode } else { want }, "{kind} {name}");
        }
    }
    let untyped = check(
        &parsed("redirect_uri=demo://app/cb&response_mode=fragment"),
        &client,
    );
    assert!(
        matches!(untyped, Err(Refused::Redirect { to, .. }) if to.mode() == ResponseMode::Query)
    );
}

#[test]
fn everything_that_the_answer_depends_on_is_there() {
    let query = format!(
        "scope=openid+read:x&resource=https://api.example/&nonce=n-1&prompt=login&max_age=5&\
         code_challenge={CHALLENGE}&code_challenge_method=S256&claims=%7B%22userinfo%22:%7B%22name%22:null%7D%7D"
    );
    let checked = check(&asked(&query), &client(json!({ "oidc_conformant": false }))).unwrap();
    assert_eq!(checked.profile, crate::profile::Profile::Compat);
    assert_eq!(checked.audience.unwrap().as_str(), "https://api.example/");
    assert_eq!(checked.scope.to_string(), "openid read:x");
    assert_eq!(checked.nonce.as_deref(), Some("n-1"));
    assert_eq!(checked.challenge.unwrap().to_string(), CHALLENGE);
    assert_eq!(checked.claims.userinfo, ["name"]);
    assert!(checked.max_age.is_some() && !checked.prompt.is_none());
    assert_eq!(checked.reply.to().as_str(), "https://app.example/cb");
}

proptest! {
    /// Whatever is asked, an answer goes to one of the registered URIs or nowhere.
    #[test]
    fn no_request_is_answered_elsewhere(
        redirect in prop_oneof![Just("https://app.example/cb".to_owned()), "\\PC{0,40}", "https://app[.]example/cb\\PC{0,9}"],
        kind in "(code|token|id_token|x)( (code|token))?", mode in "(query|fragment|form_post|web_message|x)?",
        prompt in "\\PC{0,9}", scope in "\\PC{0,20}",
    ) {
        let client = client(json!({}));
        let request = Request {
            redirect_uri: Some(redirect).filter(|uri| !uri.is_empty()),
            response_type: Some(kind),
            response_mode: Some(mode).filter(|mode| !mode.is_empty()),
            prompt: Some(prompt),
            scope: Some(scope),
            ..Request::of("app".try_into().unwrap())
        };
        let to = match check(&request, &client) {
            Ok(checked) => checked.reply,
            Err(Refused::Redirect { to, .. }) => *to,
            Err(Refused::Page { .. } | Refused::WebOrigin(_)) => return Ok(()),
        };
        let registered = client.redirect_uris.unwrap();
        prop_assert!(registered.iter().any(|own| own.as_str() == to.to().as_str()));
    }
}
