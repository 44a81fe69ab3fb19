//! Bodies and credentials that are malformed, oversized, doubled or mixed.

use axum::{body::Body, extract::Request};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use keystead_protocol::client_auth::JWT_BEARER;
use serde_json::json;

use super::bad_input::{API, UNAUTHORIZED, assert_uncached, house_and_robot, wanted};
use crate::{
    actors::Written,
    house::{Answer, House},
};

async fn posts(house: &House, kind: Option<&str>, body: impl Into<Body>) -> Answer {
    let mut request = Request::post("/oauth/token");
    if let Some(kind) = kind {
        request = request.header("content-type", kind);
    }
    house.visitor().sends_body(request, body.into()).await
}

#[tokio::test]
async fn bodies_that_cannot_be_read_are_refused_before_anything_else() {
    let (house, machine) = house_and_robot().await;
    const FORM: &str = "application/x-www-form-urlencoded";
    const JSON: &str = "application/json";
    let good = format!(
        "grant_type=client_credentials&client_id=robot&client_secret=the-secret-of-robot-0123456789&audience={API}"
    );
    let good_json = format!(
        r#"{{"grant_type":"client_credentials","client_id":"robot","client_secret":"the-secret-of-robot-0123456789","audience":"{API}","#
    );
    let malformed =
        r#"400 {"error":"invalid_request","error_description":"Malformed request body"}"#;
    let kinds = r#"400 {"error":"invalid_request","error_description":"Send application/x-www-form-urlencoded or application/json"}"#;
    let twice = |name: &str| {
        format!(
            r#"400 {{"error":"invalid_request","error_description":"Duplicate parameter: {name}"}}"#
        )
    };
    for (about, kind, body, want) in [
        ("a form without a type", None, good.clone().into_bytes(), "200".to_owned()),
        ("a type with a charset", Some("application/x-www-form-urlencoded; charset=UTF-8"), good.clone().into_bytes(), "200".into()),
        ("members that nobody knows", Some(JSON), format!(r#"{good_json}"x":{{"y":[1]}},"z":null}}"#).into_bytes(), "200".into()),
        ("twice, the same", Some(FORM), format!("{good}&audience={API}").into_bytes(), twice("audience")),
        ("twice, one empty", Some(FORM), format!("{good}&client_secret=").into_bytes(), twice("client_secret")),
        ("twice, of no meaning", Some(FORM), format!("{good}&x=1&x=2").into_bytes(), twice("x")),
        ("a member twice", Some(JSON), format!(r#"{good_json}"audience":"x"}}"#).into_bytes(), twice("audience")),
        ("bad UTF-8 in a form", Some(FORM), [good.as_bytes(), b"&x=\xff\xfe"].concat(), malformed.into()),
        ("bad UTF-8, encoded", Some(FORM), format!("{good}&x=%FF").into_bytes(), malformed.into()),
        ("bad UTF-8 in JSON", Some(JSON), [good_json.as_bytes(), b"\"x\":\"\xff\"}"].concat(), malformed.into()),
        ("U+0000 in a form", Some(FORM), format!("{good}&x=a%00b").into_bytes(), malformed.into()),
        ("U+0000 in JSON", Some(JSON), format!(r#"{good_json}"x":"a\u0000b"}}"#).into_bytes(), malformed.into()),
        ("half a surrogate", Some(JSON), format!(r#"{good_json}"x":"\ud800"}}"#).into_bytes(), malformed.into()),
        ("no JSON", Some(JSON), good.clone().into_bytes(), malformed.into()),
        ("a JSON array", Some(JSON), b"[]".to_vec(), malformed.into()),
        ("JSON and more", Some(JSON), b"{}{}".to_vec(), malformed.into()),
        ("JSON too deep", Some(JSON), format!("{good_json}\"x\":{}1{}}}", "[".repeat(1_000), "]".repeat(1_000)).into_bytes(), malformed.into()),
        ("no body", Some(FORM), vec![], r#"400 {"error":"invalid_request","error_description":"Missing required parameter: client_id"}"#.into()),
        ("XML", Some("application/xml"), b"<x/>".to_vec(), kinds.into()),
        ("parts", Some("multipart/form-data; boundary=x"), good.clone().into_bytes(), kinds.into()),
        ("JSON by another name", Some("text/json"), b"{}".to_vec(), kinds.into()),
        ("a type of one word", Some("json"), b"{}".to_vec(), kinds.into()),
    ] {
        let answer = posts(&house, kind, body).await;
        if want == "200" {
            assert_eq!(answer.status, 200, "{about}: {}", answer.body);
        } else {
            assert_eq!(answer.short(), want, "{about}");
        }
        assert_uncached(&answer, about);
    }
    let large = format!("{good}&x={}", "x".repeat(1024 * 1024));
    let answer = posts(&house, Some(FORM), large.clone()).await;
    assert_eq!(answer.refusal(), "413 invalid_request");
    // The same without saying so in advance.
    let chunks = unannounced(large.into_bytes());
    let answer = posts(&house, Some(FORM), chunks).await;
    assert_eq!(answer.status, 413, "{}", answer.body);
    for method in ["GET", "PUT", "DELETE"] {
        let request = Request::builder().method(method).uri("/oauth/token");
        let answer = house.visitor().sends(request).await;
        assert_eq!(answer.refusal(), "405 method_not_allowed", "{method}");
    }
    assert_eq!(machine.asks(wanted()).await.status, 200);
}

/// A body of unknown length.
fn unannounced(bytes: Vec<u8>) -> Body {
    struct Pieces(std::vec::IntoIter<u8>);
    impl http_body::Body for Pieces {
        type Data = axum::body::Bytes;
        type Error = std::convert::Infallible;
        fn poll_frame(
            mut self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Option<Result<http_body::Frame<Self::Data>, Self::Error>>> {
            let piece: Vec<u8> = self.0.by_ref().take(65_536).collect();
            std::task::Poll::Ready(
                (!piece.is_empty()).then(|| Ok(http_body::Frame::data(piece.into()))),
            )
        }
    }
    Body::new(Pieces(bytes.into_iter()))
}

#[tokio::test]
async fn credentials_come_in_one_way_or_not_at_all() {
    let (house, _) = house_and_robot().await;
    let secret = "the-secret-of-robot-0123456789";
    let basic = |text: &str| format!("Basic {}", STANDARD.encode(text));
    let right = basic(&format!("robot:{secret}"));
    let one_way = r#"400 {"error":"invalid_request","error_description":"Only one client authentication method may be used"}"#;
    for (about, headers, more, want) in [
        (
            "header and secret",
            vec![right.clone()],
            json!({ "client_secret": secret }),
            one_way,
        ),
        (
            "header and assertion",
            vec![right.clone()],
            json!({ "client_assertion": "x", "client_assertion_type": JWT_BEARER }),
            one_way,
        ),
        (
            "secret and assertion",
            vec![],
            json!({ "client_id": "robot", "client_secret": secret, "client_assertion": "x", "client_assertion_type": JWT_BEARER }),
            one_way,
        ),
        (
            "two headers",
            vec![right.clone(), right.clone()],
            json!({}),
            one_way,
        ),
        (
            "another id in the body",
            vec![right.clone()],
            json!({ "client_id": "site" }),
            UNAUTHORIZED,
        ),
        (
            "no scheme",
            vec![secret.to_owned()],
            json!({}),
            UNAUTHORIZED,
        ),
        (
            "another scheme",
            vec![format!("Bearer {secret}")],
            json!({ "client_id": "robot" }),
            UNAUTHORIZED,
        ),
        (
            "not base64",
            vec!["Basic ~~~".to_owned()],
            json!({}),
            UNAUTHORIZED,
        ),
        ("no colon", vec![basic("robot")], json!({}), UNAUTHORIZED),
        (
            "no id",
            vec![basic(&format!(":{secret}"))],
            json!({}),
            UNAUTHORIZED,
        ),
        (
            "bad percent-encoding",
            vec![basic("robot:%FF")],
            json!({}),
            UNAUTHORIZED,
        ),
        (
            "an id that is none",
            vec![],
            json!({ "client_id": "ro bot", "client_secret": secret }),
            UNAUTHORIZED,
        ),
        (
            "no type",
            vec![],
            json!({ "client_id": "robot", "client_assertion": "x" }),
            r#"400 {"error":"invalid_request","error_description":"Missing required parameter: client_assertion_type"}"#,
        ),
        (
            "no assertion",
            vec![],
            json!({ "client_id": "robot", "client_assertion_type": JWT_BEARER }),
            r#"400 {"error":"invalid_request","error_description":"Missing required parameter: client_assertion"}"#,
        ),
        (
            "another type",
            vec![],
            json!({ "client_id": "robot", "client_assertion": "x", "client_assertion_type": "saml" }),
            UNAUTHORIZED,
        ),
        (
            "nobody",
            vec![],
            json!({}),
            r#"400 {"error":"invalid_request","error_description":"Missing required parameter: client_id"}"#,
        ),
    ] {
        let mut form = wanted();
        form.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        let mut request = Request::post("/oauth/token");
        for header in headers {
            request = request.header("authorization", header);
        }
        let answer = house
            .visitor()
            .posts(request, form.as_object().unwrap(), Written::Form)
            .await;
        assert_eq!(answer.short(), want, "{about}");
        assert_uncached(&answer, about);
    }
    let request = Request::post("/oauth/token").header("authorization", &b"Basic \xff"[..]);
    let answer = house
        .visitor()
        .posts(request, wanted().as_object().unwrap(), Written::Form)
        .await;
    assert_eq!(answer.short(), UNAUTHORIZED);
}
