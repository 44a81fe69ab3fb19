//! Numbers for Prometheus, on a listener of their own: they are for the operator, not for the world.

use std::time::Duration;

use axum::{
    Router,
    extract::MatchedPath,
    http::{Method, StatusCode, header::CONTENT_TYPE},
    routing::get,
};
use metrics::{counter, describe_counter, describe_gauge, describe_histogram, histogram};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};

/// Requests answered, by method, route and status.
pub const REQUESTS: &str = "keystead_http_requests_total";
/// Seconds from routing to the beginning of the answer, by method and route.
pub const DURATION: &str = "keystead_http_request_duration_seconds";
/// Connections open now.
pub const CONNECTIONS: &str = "keystead_connections";
/// Passwords hashed, by kind.
pub const PASSWORD_HASHES: &str = "keystead_password_hashes_total";
/// Passwords waiting to be hashed now.
pub const PASSWORDS_WAITING: &str = "keystead_passwords_waiting";
/// Passwords that were not hashed because too many were waiting.
pub const PASSWORDS_TURNED_AWAY: &str = "keystead_passwords_turned_away_total";

const BUCKETS: [f64; 11] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0,
];

/// Begins to collect, for the whole process; until then every measurement costs next to nothing and goes nowhere.
/// Fails if something collects already.
pub fn collect() -> Result<PrometheusHandle, BuildError> {
    let recorder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Full(DURATION.into()), &BUCKETS)?
        .build_recorder();
    let handle = recorder.handle();
    metrics::set_global_recorder(recorder)?;
    describe_counter!(REQUESTS, "Requests answered, by method, route and status.");
    describe_histogram!(
        DURATION,
        "Seconds from routing to the beginning of the answer."
    );
    describe_gauge!(CONNECTIONS, "Connections open now.");
    describe_counter!(
        PASSWORD_HASHES,
        "Passwords hashed, by kind: argon2id or imported."
    );
    describe_gauge!(PASSWORDS_WAITING, "Passwords waiting to be hashed now.");
    describe_counter!(
        PASSWORDS_TURNED_AWAY,
        "Passwords that were not hashed because too many were waiting."
    );
    Ok(handle)
}

/// `GET /metrics`: what was collected, in Prometheus' text format. Not behind the edge: whoever can reach the
/// listener may read it.
pub fn routes(handle: PrometheusHandle) -> Router {
    Router::new().route(
        "/metrics",
        get(async move || {
            (
                [(CONTENT_TYPE, "text/plain; version=0.0.4")],
                handle.render(),
            )
        }),
    )
}

/// Folds histograms' samples together now and then, for as long as it is polled; without it they would pile up.
pub async fn upkeep(handle: PrometheusHandle) {
    loop {
        tokio::time::sleep(Duration::from_secs(5)).await;
        handle.run_upkeep();
    }
}

/// Counts an answer under its route, never its path: a label's values must not be the caller's to choose.
pub(crate) fn answered(
    method: &Method,
    route: Option<&MatchedPath>,
    status: StatusCode,
    elapsed: Duration,
) {
    let method = known(method);
    let route = route.map_or("none", MatchedPath::as_str).to_owned();
    let status = status.as_str().to_owned();
    histogram!(DURATION, "method" => method, "route" => route.clone()).record(elapsed);
    counter!(REQUESTS, "method" => method, "route" => route, "status" => status).increment(1);
}

fn known(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}
