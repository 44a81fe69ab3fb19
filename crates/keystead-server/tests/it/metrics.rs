//! What the operator's monitoring reads.

use axum::{body::Body, extract::Request};
use http_body_util::BodyExt as _;
use keystead_server::metrics;
use tower::ServiceExt as _;

use crate::house::House;

/// The only test that collects: there is one recorder in a process. Other tests' requests may be counted too.
#[tokio::test]
async fn requests_are_counted_by_route_and_never_by_path() {
    let handle = metrics::collect().unwrap();
    let visitor = House::new().visitor();
    visitor.gets("/version").await;
    visitor.gets("/x/ada@example.com?code=secret").await;
    visitor
        .sends(Request::builder().method("BREW").uri("/version"))
        .await;

    let scrape = Request::get("/metrics").body(Body::empty()).unwrap();
    let answer = metrics::routes(handle).oneshot(scrape).await.unwrap();
    let text = String::from_utf8(
        answer
            .into_body()
            .collect()
            .await
            .unwrap()
            .to_bytes()
            .into(),
    )
    .unwrap();
    for line in [
        r#"keystead_http_requests_total{method="GET",route="/version",status="200"}"#,
        r#"keystead_http_requests_total{method="GET",route="none",status="404"}"#,
        r#"keystead_http_requests_total{method="other",route="/version",status="405"}"#,
        r#"keystead_http_request_duration_seconds_bucket{method="GET",route="/version",le="0.0005"}"#,
    ] {
        assert!(text.contains(line), "{line} in\n{text}");
    }
    assert!(!text.contains("ada@") && !text.contains("secret"), "{text}");
    assert!(metrics::collect().is_err(), "one recorder per process");
}
