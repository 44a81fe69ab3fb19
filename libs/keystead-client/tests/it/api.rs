//! An API that takes tokens, refuses them, and redirects to where they must not go.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, Method, StatusCode, Uri, header},
    response::{IntoResponse as _, Response},
};
use keystead_client::{Api, Error, LoginReason, Scope, Want, reqwest};
use tokio::net::TcpListener;

use crate::{
    house::{House, REDIRECT},
    network::Cut,
};

/// A request as it arrived: method, path, token, body.
type Seen = (String, String, Option<String>, String);

#[derive(Clone, Default)]
struct Recorder {
    seen: Arc<Mutex<Vec<Seen>>>,
    /// Tokens that are refused, with the challenge.
    refuses: Arc<Mutex<HashMap<String, &'static str>>>,
    /// Where `/moved` leads.
    leads_to: Arc<Mutex<String>>,
}

impl Recorder {
    async fn start() -> (Self, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}/v1/", listener.local_addr().unwrap());
        let recorder = Self::default();
        let router = Router::new().fallback(answer).with_state(recorder.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        (recorder, base)
    }

    fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    fn tokens(&self) -> Vec<Option<String>> {
        self.seen()
            .into_iter()
            .map(|(_, _, token, _)| token)
            .collect()
    }
}

async fn answer(
    State(api): State<Recorder>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let token = headers
        .get(header::AUTHORIZATION)
        .map(|value| value.to_str().unwrap().replace("Bearer ", ""));
    let body = String::from_utf8(body.to_vec()).unwrap();
    api.seen
        .lock()
        .unwrap()
        .push((method.to_string(), uri.to_string(), token.clone(), body));
    let challenge = token.and_then(|token| {
        let refuses = api.refuses.lock().unwrap();
        refuses.get(&token).or_else(|| refuses.get(ANY)).copied()
    });
    if let Some(challenge) = challenge {
        return (
            StatusCode::UNAUTHORIZED,
            [(header::WWW_AUTHENTICATE, challenge)],
        )
            .into_response();
    }
    if uri.path() == "/v1/moved" {
        let to = api.leads_to.lock().unwrap().clone();
        return (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, to)]).into_response();
    }
    StatusCode::OK.into_response()
}

/// Instead of a token: every one.
const ANY: &str = "*";
const REFUSED: &str = r#"Bearer realm="api", error="invalid_token", error_description="expired""#;

async fn signed_in() -> (House, Recorder, Api, String) {
    let house = House::new().await;
    house.signs_in().await;
    let (recorder, base) = Recorder::start().await;
    let api = house.session.api(&base).unwrap();
    (house, recorder, api, base)
}

#[tokio::test]
async fn the_token_is_attached_and_renewed_when_it_is_time() {
    let (house, recorder, api, _) = signed_in().await;
    api.get("messages?page=2").await.unwrap();
    house.clock.advance(541);
    api.get("/v1/messages").await.unwrap();
    let seen = recorder.seen();
    assert_eq!(seen[0].1, "/v1/messages?page=2");
    let current = house.session.current().await.unwrap().unwrap();
    assert_eq!(seen[1].2.as_deref(), Some(current.access_token().expose()));
    assert_ne!(seen[0].2, seen[1].2);
    assert_eq!(house.provider.house().renewals, 1);
}

#[tokio::test]
async fn a_token_that_is_refused_is_renewed_once() {
    let (house, recorder, api, _) = signed_in().await;
    let first = house.session.current().await.unwrap().unwrap();
    recorder
        .refuses
        .lock()
        .unwrap()
        .insert(first.access_token().expose().to_owned(), REFUSED);
    let request = api
        .request(reqwest::Method::POST, "messages")
        .unwrap()
        .body("hello");
    let response = api.send(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let seen = recorder.seen();
    assert_eq!(seen.len(), 2);
    assert!(
        seen.iter()
            .all(|(method, _, _, body)| method == "POST" && body == "hello")
    );
    // Refused again: that is the answer.
    recorder.refuses.lock().unwrap().insert(ANY.into(), REFUSED);
    let response = api.get("messages").await.unwrap();
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(recorder.seen().len(), 4);
    assert_eq!(house.provider.house().renewals, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_hundred_refusals_cause_one_renewal() {
    let (house, recorder, api, _) = signed_in().await;
    let first = house.session.current().await.unwrap().unwrap();
    recorder
        .refuses
        .lock()
        .unwrap()
        .insert(first.access_token().expose().to_owned(), REFUSED);
    let mut callers = tokio::task::JoinSet::new();
    for _ in 0..100 {
        let api = api.clone();
        callers.spawn(async move { api.get("messages").await.unwrap().status() });
    }
    assert!(
        callers
            .join_all()
            .await
            .iter()
            .all(|status| *status == StatusCode::OK)
    );
    assert_eq!(house.provider.house().renewals, 1);
}

#[tokio::test]
async fn other_refusals_are_the_apps_to_judge() {
    for challenge in [
        "Basic realm=\"invalid\"",
        "Bearer realm=\"api\"",
        "Bearer error=\"insufficient_scope\"",
    ] {
        let (house, recorder, api, _) = signed_in().await;
        let first = house.session.current().await.unwrap().unwrap();
        recorder
            .refuses
            .lock()
            .unwrap()
            .insert(first.access_token().expose().to_owned(), challenge);
        let response = api.get("messages").await.unwrap();
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "{challenge}");
        assert_eq!(
            (recorder.seen().len(), house.provider.house().renewals),
            (1, 0),
            "{challenge}"
        );
    }
}

#[tokio::test]
async fn a_body_that_is_gone_is_not_sent_again() {
    let (house, recorder, api, _) = signed_in().await;
    let first = house.session.current().await.unwrap().unwrap();
    recorder
        .refuses
        .lock()
        .unwrap()
        .insert(first.access_token().expose().to_owned(), REFUSED);
    let stream = reqwest::Body::wrap(http_body_util::Full::new(axum::body::Bytes::from("once")));
    let request = api
        .request(reqwest::Method::POST, "messages")
        .unwrap()
        .body(stream);
    let response = api.send(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(recorder.seen().len(), 1);
}

#[tokio::test]
async fn the_token_goes_to_nobody_else() {
    let (_house, recorder, api, base) = signed_in().await;
    let (stranger, elsewhere) = Recorder::start().await;
    for path in [
        elsewhere.as_str(),
        "//evil.example.com/",
        "https://127.0.0.1/v1/",
        "http://localhost/v1/",
    ] {
        let refused = api.get(path).await.unwrap_err();
        assert!(
            matches!(refused, Error::OtherOrigin(_)),
            "{path}: {refused}"
        );
    }
    let foreign = reqwest::Client::builder().build().unwrap().get(&elsewhere);
    assert!(matches!(
        api.send(foreign).await,
        Err(Error::OtherOrigin(_))
    ));
    // A redirect away is handed back.
    *recorder.leads_to.lock().unwrap() = elsewhere.clone();
    let response = api.get("moved").await.unwrap();
    assert_eq!(response.status(), StatusCode::TEMPORARY_REDIRECT);
    assert_eq!(response.headers()[header::LOCATION], elsewhere);
    // The same port under another name is somebody else.
    *recorder.leads_to.lock().unwrap() = base.replace("127.0.0.1", "localhost") + "there";
    assert_eq!(
        api.get("moved").await.unwrap().status(),
        StatusCode::TEMPORARY_REDIRECT
    );
    assert!(stranger.seen().is_empty());
    assert_eq!(recorder.seen().len(), 2);
    // One that stays is followed, with the token.
    *recorder.leads_to.lock().unwrap() = "/v1/there".into();
    assert_eq!(api.get("moved").await.unwrap().status(), StatusCode::OK);
    let tokens = recorder.tokens();
    assert!(tokens[2].is_some() && tokens[2] == tokens[3], "{tokens:?}");
    // Round and round is an error.
    *recorder.leads_to.lock().unwrap() = "/v1/moved".into();
    assert!(api.get("moved").await.is_err());
}

#[tokio::test]
async fn without_a_provider_a_token_that_lives_is_used() {
    let (house, recorder, api, _) = signed_in().await;
    house.clock.advance(580);
    house.wire.cut(Cut::BeforeRequest);
    api.get("messages").await.unwrap();
    let first = recorder.tokens();
    house.clock.advance(20);
    let why = api.get("messages").await.unwrap_err();
    assert!(why.is_temporary(), "{why}");
    assert_eq!(recorder.tokens(), first);
}

#[tokio::test]
async fn a_refused_token_of_a_revoked_family_needs_a_sign_in() {
    let (house, recorder, api, _) = signed_in().await;
    let first = house.session.current().await.unwrap().unwrap();
    recorder
        .refuses
        .lock()
        .unwrap()
        .insert(first.access_token().expose().to_owned(), REFUSED);
    house.provider.house().is_revoked = true;
    let why = api.get("messages").await.unwrap_err();
    assert!(
        matches!(why, Error::LoginRequired(LoginReason::Revoked)),
        "{why}"
    );
}

#[tokio::test]
async fn an_api_may_ask_for_scope() {
    let (_house, recorder, api, _) = signed_in().await;
    let scope = |text: &str| Want::new().scope(text.parse::<Scope>().unwrap());
    assert!(
        api.clone()
            .want(scope("read:messages"))
            .get("messages")
            .await
            .is_ok()
    );
    let refused = api
        .want(scope("write:messages"))
        .get("messages")
        .await
        .unwrap_err();
    assert!(
        matches!(refused, Error::ScopeNotGranted { .. }),
        "{refused}"
    );
    assert_eq!(recorder.seen().len(), 1);
}

#[tokio::test]
async fn an_api_without_tls_gets_no_token() {
    let (house, ..) = signed_in().await;
    for base in [
        "http://api.example.com/",
        "ftp://127.0.0.1/",
        "api",
        "https://user@api.example.com/",
    ] {
        assert!(
            matches!(house.session.api(base), Err(Error::BadUrl(_))),
            "{base}"
        );
    }
}

#[tokio::test]
async fn a_request_is_not_sent_again_as_somebody_else() {
    let (house, recorder, api, _) = signed_in().await;
    let first = house.session.current().await.unwrap().unwrap();
    recorder
        .refuses
        .lock()
        .unwrap()
        .insert(first.access_token().expose().to_owned(), REFUSED);
    // In another process of the app, which this one has not seen yet.
    house.provider.house().user = "eve";
    let other = house.started_again();
    let login = other.begin(&other.ask(), REDIRECT).await.unwrap();
    let callback = house.callback(login.url());
    other.finish(&login, &callback).await.unwrap();
    let why = api.get("messages").await.unwrap_err();
    assert!(matches!(why, Error::OtherUser), "{why}");
    assert_eq!(recorder.seen().len(), 1);
    // What is asked for from now on is hers.
    api.get("messages").await.unwrap();
    assert_eq!(recorder.seen().len(), 2);
}
