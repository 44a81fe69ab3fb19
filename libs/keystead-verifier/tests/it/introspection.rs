//! Tokens that only their issuer can judge (RFC 7662), and decisions that are remembered (class 11).

use std::time::Duration;

use keystead_verifier::{
    BuildError, ClaimRefusal as C, FetchError, Introspection, JwtRefusal, Refusal as R, Verifier,
};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

use crate::{
    endpoint::{Endpoint, SECRET, active},
    house::{AUDIENCE, Clock, NOON, trusting},
    issuer::Issuer,
    tokens::{EC, FOREIGN, claims, signed},
};

fn why(result: Result<keystead_verifier::Claims, R>) -> Option<R> {
    result.err()
}

#[tokio::test]
async fn an_opaque_token_is_what_the_issuer_says() {
    let (issuer, endpoint) = (Issuer::with(&[&EC]).await, Endpoint::open().await);
    let verifier = trusting(&issuer, &Clock::new())
        .introspection(endpoint.with(SECRET))
        .build()
        .unwrap();
    let iss = issuer.name.as_str();
    let with = |changes| active(iss, changes);
    let claims_error = |why| Some(R::Claims(why));
    let mut bare = with(json!({"iss": null, "exp": null}));
    bare.as_object_mut().unwrap().remove("token_type");
    for (name, answer, want) in [
        ("active", with(json!({})), None),
        ("active, without issuer, expiry and type", bare, None),
        ("not active", json!({"active": false}), Some(R::Inactive)),
        (
            "not active, with claims",
            {
                let mut a = with(json!({}));
                a["active"] = json!(false);
                a
            },
            Some(R::Inactive),
        ),
        // The judgement is there; nothing else of the answer matters then.
        (
            "not active, with a claim that cannot be read",
            json!({"active": false, "exp": "tomorrow", "token_type": 5}),
            Some(R::Inactive),
        ),
        (
            "another audience",
            with(json!({"aud": "x"})),
            claims_error(C::WrongAudience),
        ),
        (
            "no audience",
            with(json!({"aud": null})),
            claims_error(C::WrongAudience),
        ),
        (
            "another issuer",
            with(json!({"iss": "https://x/"})),
            claims_error(C::WrongIssuer),
        ),
        (
            "expired",
            with(json!({"exp": NOON - 10})),
            claims_error(C::Expired),
        ),
        (
            "early",
            with(json!({"nbf": NOON + 11})),
            claims_error(C::NotYetValid),
        ),
        (
            "bound to a key",
            with(json!({"cnf": {"jkt": "k"}})),
            claims_error(C::SenderConstrained),
        ),
        (
            "an ID token",
            with(json!({"nonce": "n"})),
            claims_error(C::IdTokenAsAccessToken),
        ),
        (
            "a refresh token, as Ory says it",
            with(json!({"token_use": "refresh_token"})),
            claims_error(C::WrongType),
        ),
        (
            "a refresh token, as Keycloak says it",
            with(json!({"typ": "Refresh"})),
            claims_error(C::WrongType),
        ),
        (
            "a token of another kind",
            with(json!({"token_type": "DPoP"})),
            claims_error(C::WrongType),
        ),
    ] {
        endpoint.says(answer);
        assert_eq!(why(verifier.verify("opaque-token").await), want, "{name}");
    }
    assert_eq!(
        *endpoint.state.form.lock().unwrap(),
        "token=opaque-token&token_type_hint=access_token"
    );
    assert_eq!(issuer.fetches(), 0, "no keys were needed");

    endpoint.says(with(json!({"scope": "read:messages"})));
    let claims = verifier.verify("opaque-token").await.unwrap();
    assert_eq!(claims.require_scope("read:messages"), Ok(()));
    assert!(claims.require_scope("write:messages").is_err());
    assert!(claims.payload().starts_with(b"{"));

    let asked = endpoint.questions();
    let long = "x".repeat(17_000);
    assert_eq!(
        why(verifier.verify(&long).await),
        Some(R::Token(JwtRefusal::TooLong))
    );
    let offline = R::IntrospectionUnavailable(FetchError::NotYet);
    assert_eq!(why(verifier.verify_now("opaque-token")), Some(offline));
    assert_eq!(endpoint.questions(), asked);
}

#[tokio::test]
async fn a_jwt_is_asked_about_only_on_demand_and_only_if_it_is_good() {
    let (issuer, endpoint) = (Issuer::with(&[&EC]).await, Endpoint::open().await);
    let settings = || trusting(&issuer, &Clock::new());
    let good = signed(&EC, &claims(&issuer.name));

    let offline = settings()
        .introspection(endpoint.with(SECRET))
        .build()
        .unwrap();
    assert_eq!(why(offline.verify(&good).await), None);
    assert_eq!(why(offline.verify_now(&good)), None);
    assert_eq!(endpoint.questions(), 0);

    let every = settings()
        .introspection(endpoint.with(SECRET).every_token())
        .build()
        .unwrap();
    assert_eq!(why(every.verify(&good).await), Some(R::Inactive));
    endpoint.says(active(&issuer.name, json!({})));
    assert_eq!(why(every.verify(&good).await), None);
    assert_eq!(endpoint.questions(), 2);
    assert_eq!(
        why(every.verify(&signed(&FOREIGN, &claims(&issuer.name))).await),
        Some(R::UnknownKey)
    );
    assert_eq!(endpoint.questions(), 2, "forgeries do not reach the issuer");
    let unasked = R::IntrospectionUnavailable(FetchError::NotYet);
    assert_eq!(why(every.verify_now(&good)), Some(unasked));
}

#[tokio::test]
async fn nothing_is_remembered_unless_it_is_asked_for() {
    let (issuer, endpoint) = (Issuer::with(&[&EC]).await, Endpoint::open().await);
    let verifier = trusting(&issuer, &Clock::new())
        .introspection(endpoint.with(SECRET))
        .build()
        .unwrap();
    endpoint.says(active(&issuer.name, json!({})));
    assert_eq!(why(verifier.verify("opaque").await), None);
    endpoint.says(json!({"active": false}));
    assert_eq!(why(verifier.verify("opaque").await), Some(R::Inactive));
}

fn remembering(issuer: &Issuer, endpoint: &Endpoint, clock: &Clock) -> Verifier {
    let introspection = endpoint.with(SECRET).remember_for(Duration::from_secs(30));
    trusting(issuer, clock)
        .introspection(introspection)
        .build()
        .unwrap()
}

#[tokio::test]
async fn an_answer_is_remembered_for_its_time_and_not_beyond_the_expiry() {
    let (issuer, endpoint, clock) = (
        Issuer::with(&[&EC]).await,
        Endpoint::open().await,
        Clock::new(),
    );
    let verifier = remembering(&issuer, &endpoint, &clock);
    endpoint.says(active(&issuer.name, json!({"exp": NOON + 45})));
    for (after, questions, sentence) in [
        (0, 1, "asked"),
        (29, 1, "remembered"),
        (1, 2, "forgotten after 30 seconds, asked again"),
        (14, 2, "remembered"),
        (1, 3, "forgotten at its expiry"),
    ] {
        clock.advance(Duration::from_secs(after));
        assert_eq!(why(verifier.verify("opaque").await), None, "{sentence}");
        assert_eq!(endpoint.questions(), questions, "{sentence}");
    }
    endpoint.says(json!({"active": false}));
    assert_eq!(
        why(verifier.verify("another").await),
        Some(R::Inactive),
        "another token, another question"
    );
    endpoint.says(active(&issuer.name, json!({"exp": NOON + 3600})));
    assert_eq!(
        why(verifier.verify("another").await),
        Some(R::Inactive),
        "a no is remembered too"
    );
}

/// Class 11: the case of CVE-2021-32701, a decision that was remembered for less than what is now asked.
#[tokio::test]
async fn a_remembered_decision_serves_no_other_audience_and_no_other_scope() {
    let (issuer, endpoint, clock) = (
        Issuer::with(&[&EC]).await,
        Endpoint::open().await,
        Clock::new(),
    );
    let ours = remembering(&issuer, &endpoint, &clock);
    let theirs = ours.for_audience("https://other.example.com");
    endpoint.says(active(
        &issuer.name,
        json!({"aud": AUDIENCE, "scope": "read:messages"}),
    ));
    let claims = ours.verify("opaque").await.unwrap();
    assert_eq!(claims.require_scope("read:messages"), Ok(()));
    let again = ours.verify("opaque").await.unwrap();
    let missing = R::InsufficientScope("write:messages".to_owned());
    assert_eq!(again.require_scope("write:messages"), Err(missing));
    assert_eq!(endpoint.questions(), 1);
    assert_eq!(
        why(theirs.verify("opaque").await),
        Some(R::Claims(C::WrongAudience))
    );
    assert_eq!(endpoint.questions(), 2);
    assert_eq!(why(ours.verify("opaque").await), None);
}

#[tokio::test]
async fn an_issuer_that_cannot_be_asked_is_a_503_and_is_not_remembered() {
    let (issuer, endpoint, clock) = (
        Issuer::with(&[&EC]).await,
        Endpoint::open().await,
        Clock::new(),
    );
    let unknown = endpoint.with("wrong").remember_for(Duration::from_secs(30));
    let verifier = trusting(&issuer, &clock)
        .introspection(unknown)
        .build()
        .unwrap();
    let refused = verifier.verify("opaque").await.unwrap_err();
    let status = FetchError::Status {
        url: endpoint.url.clone(),
        status: 401,
    };
    assert_eq!(refused, R::IntrospectionUnavailable(status));
    assert_eq!(refused.status(), 503);
    assert!(verifier.verify("opaque").await.is_err());
    assert_eq!(endpoint.questions(), 2);

    let nowhere = Introspection::new("http://127.0.0.1:1/", "a", "b");
    let verifier = trusting(&issuer, &clock)
        .introspection(nowhere)
        .build()
        .unwrap();
    assert_eq!(verifier.verify("opaque").await.unwrap_err().status(), 503);
    let plain = Introspection::new("http://example.com/", "a", "b");
    let bad = trusting(&issuer, &clock).introspection(plain).build().err();
    assert_eq!(
        bad,
        Some(BuildError::BadUrl("http://example.com/".to_owned()))
    );
}

/// RFC 6750 §3.1: `invalid_token` says that the token is bad, and a client then throws it away. An answer that cannot be
/// read says nothing of the token. It admits nobody either.
#[tokio::test]
async fn an_answer_that_cannot_be_read_is_a_503_and_is_not_remembered() {
    let (issuer, endpoint, clock) = (
        Issuer::with(&[&EC]).await,
        Endpoint::open().await,
        Clock::new(),
    );
    let verifier = remembering(&issuer, &endpoint, &clock);
    let good = active(&issuer.name, json!({}));
    let with = |changes| active(&issuer.name, changes).to_string();
    let twice = |member: &str| good.to_string().replacen('{', &format!("{{{member},"), 1);
    for (name, answer) in [
        ("nothing", String::new()),
        ("no JSON", "<html>".to_owned()),
        ("half an answer", r#"{"active": true"#.to_owned()),
        ("two answers", format!(r#"{good}{{"active":false}}"#)),
        ("an array", "[false]".to_owned()),
        ("an array of good claims", format!("[{good}]")),
        ("no object", "true".to_owned()),
        ("null", "null".to_owned()),
        ("no judgement", claims(&issuer.name).to_string()),
        ("a judgement in words", with(json!({"active": "true"}))),
        ("a judgement in numbers", with(json!({"active": 1}))),
        ("two judgements", twice(r#""active":true"#)),
        ("a judgement that is null", r#"{"active":null}"#.to_owned()),
        ("an audience in numbers", with(json!({"aud": 5}))),
        ("an audience twice", twice(r#""aud":"x""#)),
        ("an expiry in words", with(json!({"exp": "tomorrow"}))),
        (
            "an expiry in milliseconds",
            with(json!({"exp": NOON * 1000})),
        ),
        ("a type in numbers", with(json!({"token_type": 5}))),
        ("a scope as a list", with(json!({"scope": ["read:a"]}))),
    ] {
        let asked = endpoint.questions();
        endpoint.says_text(answer);
        let refused = verifier.verify(name).await.unwrap_err();
        let malformed = FetchError::Malformed(endpoint.url.clone());
        assert_eq!(refused, R::IntrospectionUnavailable(malformed), "{name}");
        assert_eq!(
            (refused.status(), refused.challenge()),
            (503, None),
            "{name}"
        );
        endpoint.says(good.clone());
        assert_eq!(why(verifier.verify(name).await), None, "{name}");
        assert_eq!(endpoint.questions(), asked + 2, "{name}");
    }

    let every = trusting(&issuer, &clock)
        .introspection(endpoint.with(SECRET).every_token())
        .build()
        .unwrap();
    endpoint.says(claims(&issuer.name));
    let jwt = signed(&EC, &claims(&issuer.name));
    let refused = every.verify(&jwt).await.unwrap_err();
    assert_eq!(refused.status(), 503, "{refused}");
}

/// Connections are kept, and servers close them at a moment of their own.
#[tokio::test]
async fn a_kept_connection_may_be_gone() {
    let (issuer, listener) = (
        Issuer::with(&[&EC]).await,
        TcpListener::bind("127.0.0.1:0").await.unwrap(),
    );
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let body = active(&issuer.name, json!({})).to_string();
    let answer = format!(
        "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let server = tokio::spawn(async move {
        loop {
            let (mut connection, _) = listener.accept().await.unwrap();
            assert!(connection.read(&mut [0; 4096]).await.unwrap() > 0);
            connection.write_all(answer.as_bytes()).await.unwrap();
            // Waits for what comes next, and goes without an answer.
            connection.readable().await.unwrap();
        }
    });
    let introspection = Introspection::new(url, "client", "secret");
    let verifier = trusting(&issuer, &Clock::new())
        .introspection(introspection)
        .build()
        .unwrap();
    assert_eq!(why(verifier.verify("opaque").await), None);
    assert_eq!(why(verifier.verify("opaque").await), None);
    server.abort();
}

/// Class 33: a flood of invented tokens does not become the issuer's.
#[tokio::test]
async fn not_more_than_256_questions_are_open() {
    // It takes connections and says nothing.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let issuer = Issuer::with(&[&EC]).await;
    let settings = trusting(&issuer, &Clock::new()).fetch_timeout(Duration::from_secs(60));
    let verifier = settings
        .introspection(Introspection::new(url, "a", "b"))
        .build()
        .unwrap();
    let ask = |n: usize| {
        let verifier = verifier.clone();
        tokio::spawn(async move { verifier.verify(&format!("opaque{n}")).await.err() })
    };
    let open: Vec<_> = (0..256).map(ask).collect();
    tokio::task::yield_now().await;
    let busy = Some(R::IntrospectionUnavailable(FetchError::Busy));
    let answer = tokio::time::timeout(Duration::from_secs(10), ask(256)).await;
    assert_eq!(answer.unwrap().unwrap(), busy);
    open.into_iter().for_each(|question| question.abort());
}

#[test]
fn the_secret_does_not_show() {
    let text = format!("{:?}", Introspection::new("https://e/", "client", "hush"));
    assert!(text.contains("client") && !text.contains("hush"), "{text}");
}
