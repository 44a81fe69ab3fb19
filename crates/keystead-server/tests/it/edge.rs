//! What the edge does to every request and every answer, over the in-process router.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    Extension, Router,
    body::{Body, Bytes},
    extract::Request,
    http::header,
    routing::{get, post},
};
use keystead_server::{
    error::Fault,
    http::{Now, Origin, RequestId},
};

use crate::house::{House, NOON};

#[tokio::test]
async fn errors_are_json_and_say_little() {
    let house = House::new().adding(
        Router::new()
            .route(
                "/panics",
                get(async || -> () { panic!("the password is hunter2") }),
            )
            .route(
                "/breaks",
                get(async || Fault::Store(keystead_store::Fault::Sql("secret detail".into()))),
            )
            .route(
                "/busy",
                get(async || Fault::Store(keystead_store::Fault::Busy)),
            ),
    );
    let visitor = house.visitor();
    for (method, path, want) in [
        (
            "GET",
            "/nowhere",
            r#"404 {"error":"not_found","error_description":"Nothing lives at this path."}"#,
        ),
        (
            "POST",
            "/healthz",
            r#"405 {"error":"method_not_allowed","error_description":"This path does not answer to this method."}"#,
        ),
        (
            "GET",
            "/panics",
            r#"500 {"error":"server_error","error_description":"Something went wrong on the server. The request id tells its operator what."}"#,
        ),
        (
            "GET",
            "/breaks",
            r#"500 {"error":"server_error","error_description":"Something went wrong on the server. The request id tells its operator what."}"#,
        ),
        (
            "GET",
            "/busy",
            r#"503 {"error":"temporarily_unavailable","error_description":"The server cannot answer right now. Try again in a moment."}"#,
        ),
    ] {
        let answer = visitor
            .sends(Request::builder().method(method).uri(path))
            .await;
        assert_eq!(answer.short(), want, "{path}");
        assert_eq!(answer.header("content-type"), "application/json", "{path}");
        assert_eq!(answer.header("x-request-id").len(), 22, "{path}");
    }
    assert_eq!(visitor.gets("/busy").await.header("retry-after"), "1");
    assert_eq!(
        visitor
            .sends(Request::post("/healthz"))
            .await
            .header("allow"),
        "GET,HEAD"
    );
}

#[tokio::test]
async fn after_a_panic_the_house_stands() {
    let house =
        House::new().adding(Router::new().route("/panics", get(async || -> () { panic!("once") })));
    let visitor = house.visitor();
    assert_eq!(visitor.gets("/panics").await.status, 500);
    assert_eq!(visitor.gets("/readyz").await.status, 200);
}

#[tokio::test]
async fn every_answer_carries_the_security_headers() {
    let house = House::configured(&[("ISSUER", "https://id.example.com/")]);
    for path in ["/healthz", "/nowhere"] {
        let answer = house.visitor().gets(path).await;
        for (name, want) in [
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("cache-control", "no-store"),
            ("x-frame-options", "DENY"),
            ("strict-transport-security", "max-age=31536000"),
            (
                "content-security-policy",
                "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
            ),
        ] {
            assert_eq!(answer.header(name), want, "{path} {name}");
        }
    }
}

#[tokio::test]
async fn an_endpoint_chooses_its_own_and_localhost_is_not_pinned_to_https() {
    let own = [
        (header::CONTENT_SECURITY_POLICY, "frame-ancestors 'self'"),
        (header::CACHE_CONTROL, "max-age=60"),
    ];
    let house = House::new().adding(Router::new().route("/framed", get(async move || own)));
    let answer = house.visitor().gets("/framed").await;
    assert_eq!(
        answer.header("content-security-policy"),
        "frame-ancestors 'self'"
    );
    assert_eq!(answer.header("cache-control"), "max-age=60");
    assert_eq!(answer.header("x-frame-options"), "");
    assert_eq!(answer.header("strict-transport-security"), "");
}

#[tokio::test]
async fn a_request_has_one_name_and_one_moment() {
    let tell = async |Now(first): Now, Now(second): Now, Extension(id): Extension<RequestId>| {
        format!("{} {} {}", first.as_secs(), second.as_secs(), id.as_str())
    };
    let house = House::configured(&[("TRUSTED_PROXIES", "10.0.0.0/8")])
        .adding(Router::new().route("/tell", get(tell)));
    let ask = || Request::get("/tell").header("x-request-id", "given-1");

    let answer = house.visitor_from("10.0.0.1").sends(ask()).await;
    assert_eq!(answer.body, format!("{0} {0} given-1", NOON.as_secs()));
    assert_eq!(answer.header("x-request-id"), "given-1");

    house.clock.advance(Duration::from_mins(1));
    let answer = house.visitor().sends(ask()).await;
    assert_ne!(
        answer.header("x-request-id"),
        "given-1",
        "a stranger names nothing"
    );
    assert_eq!(
        answer.body,
        format!(
            "{0} {0} {1}",
            NOON.as_secs() + 60,
            answer.header("x-request-id")
        )
    );
    assert_ne!(
        house.visitor().sends(ask()).await.header("x-request-id"),
        answer.header("x-request-id")
    );
}

#[tokio::test]
async fn doubled_slashes_are_forgiven_at_the_start_only() {
    let house = House::new();
    for (path, want) in [
        ("/healthz", 200),
        ("//healthz", 200),
        ("///healthz?x=1", 200),
        ("/healthz//", 404),
        ("/x//healthz", 404),
    ] {
        assert_eq!(house.visitor().gets(path).await.status, want, "{path}");
    }
}

#[tokio::test]
async fn no_handler_sees_a_forwarding_header() {
    let tell = async |Extension(origin): Extension<Origin>, request: Request| {
        let names: Vec<_> = request
            .headers()
            .keys()
            .map(|name| name.as_str().to_owned())
            .collect();
        format!("{} {}", origin.client, names.join(","))
    };
    let house = House::configured(&[("TRUSTED_PROXIES", "10.0.0.1")])
        .adding(Router::new().route("/tell", get(tell)));
    let ask = || {
        Request::get("/tell")
            .header("x-forwarded-for", "192.0.2.7")
            .header("x-real-ip", "192.0.2.8")
            .header("x-forwarded-prefix", "/evil")
    };
    assert_eq!(
        house.visitor_from("10.0.0.1").sends(ask()).await.body,
        "192.0.2.7 host"
    );
    assert_eq!(house.visitor().sends(ask()).await.body, "203.0.113.9 host");
}

#[tokio::test]
async fn a_body_has_a_size() {
    let read = async |body: Result<Bytes, axum::extract::rejection::BytesRejection>| match body {
        Ok(body) => body.len().to_string(),
        Err(why) => format!("refused with {}", why.status()),
    };
    let house = House::new().adding(Router::new().route(
        "/read",
        post(read).layer(axum::extract::DefaultBodyLimit::disable()),
    ));
    let most = 64 * 1024;
    let send = async |body: Body, announced: Option<usize>| {
        let mut request = Request::post("/read");
        if let Some(length) = announced {
            request = request.header("content-length", length);
        }
        house.visitor().sends_body(request, body).await.short()
    };
    assert_eq!(send(vec![0; most].into(), Some(most)).await, "200 65536");
    assert_eq!(
        send(Body::empty(), Some(most + 1)).await,
        r#"413 {"error":"invalid_request","error_description":"The request body is too large."}"#,
        "announced"
    );
    assert_eq!(
        send(vec![0; most + 1].into(), None).await,
        "200 refused with 413 Payload Too Large",
        "not announced"
    );
}

#[tokio::test(start_paused = true)]
async fn a_request_has_a_time() {
    let slow = async || tokio::time::sleep(Duration::from_mins(5)).await;
    let (read, digest) = (async |_: Bytes| "read", async move |_: Bytes| slow().await);
    let house = House::new().adding(
        Router::new()
            .route("/slow", get(slow).post(slow))
            .route("/read", post(read))
            .route("/digest", post(digest)),
    );
    let sent = async |path| {
        let visitor = house.visitor();
        visitor
            .sends_body(Request::post(path), Body::from("sent"))
            .await
    };
    for answer in [
        house.visitor().gets("/slow").await,
        sent("/slow").await,
        sent("/digest").await,
    ] {
        assert_eq!(
            answer.short(),
            r#"503 {"error":"temporarily_unavailable","error_description":"The server cannot answer right now. Try again in a moment."}"#,
            "our fault"
        );
    }
    let never = Body::new(Never);
    assert_eq!(
        house
            .visitor()
            .sends_body(Request::post("/read"), never)
            .await
            .short(),
        r#"408 {"error":"invalid_request","error_description":"The request body did not arrive in time."}"#,
        "the caller's"
    );
}

/// A body of which nothing ever comes.
struct Never;

impl http_body::Body for Never {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, Infallible>>> {
        Poll::Pending
    }
}
