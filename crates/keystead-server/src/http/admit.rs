//! The outermost layer: settles who is asking, names the request, bounds it, counts it, and writes the one line about it.

use std::{
    net::IpAddr,
    panic::AssertUnwindSafe,
    time::{Duration, Instant},
};

use axum::{
    extract::{MatchedPath, Request, State},
    http::{Method, Uri},
    middleware::Next,
    response::{IntoResponse, Response},
};
use futures_util::FutureExt as _;
use tracing::{error, info};

use super::{
    Arrival, Origin, Refusal, RequestId, cors, limits, origin::is_forwarding, request_id, security,
};
use crate::{
    error::{Broken, Fault},
    services::Services,
};

/// Header fields beyond this are refused, on HTTP/1.1 by the parser already.
pub(super) const MAX_HEADERS: usize = 100;

/// Puts a request that has just arrived before the router: what it says of its path is settled, since routing comes next.
pub fn receive(request: &mut Request, arrival: Arrival) {
    settle_path(request);
    request.extensions_mut().insert(arrival);
}

pub(super) async fn admit(
    State(services): State<Services>,
    mut request: Request,
    next: Next,
) -> Response {
    let Some(arrival) = request.extensions_mut().remove::<Arrival>() else {
        error!(
            "a request came without its connection; the router does not stand behind http::listen"
        );
        return Fault::Unconnected.into_response();
    };
    let trusted = &services.config.trusted_proxies;
    let id = trusted
        .contains(arrival.peer.ip())
        .then(|| RequestId::given(request.headers()))
        .flatten()
        .unwrap_or_else(|| RequestId::generate(&mut services.rng()));
    let origin = Origin::establish(
        arrival,
        (request.uri(), request.version()),
        request.headers(),
        trusted,
    );

    let client = origin
        .as_ref()
        .map_or(arrival.peer.ip().to_canonical(), |origin| origin.client);
    let mut line = Line::begin(&id, client, &request);
    let page = cors::Page::behind(&request);
    let preflight = page.as_ref().and_then(|page| page.preflight(&request));
    let mut response = match (origin, preflight) {
        (Ok(_), _) if request.headers().len() > MAX_HEADERS => {
            Refusal::TooManyHeaders.into_response()
        }
        (Ok(_), Some(answer)) => answer,
        (Ok(origin), None) => {
            forget_forwarding(&mut request);
            request.extensions_mut().insert(origin);
            request.extensions_mut().insert(id.clone());
            let answering = limits::bound(request, |request| caught(next.run(request)));
            id.clone().with(answering).await
        }
        (Err(refusal), _) => refusal.into_response(),
    };
    if let Some(page) = page {
        page.admit(&services.catalogue, response.headers_mut());
    }
    security::secure(response.headers_mut(), &services.config.issuer);
    response
        .headers_mut()
        .insert(request_id::HEADER, id.header());
    line.end(&response);
    response
}

/// A net for panics: what the handler had begun is dropped, and everybody else goes on.
async fn caught(answering: impl Future<Output = Response>) -> Response {
    let panic = match AssertUnwindSafe(answering).catch_unwind().await {
        Ok(response) => return response,
        Err(panic) => panic,
    };
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("without a text");
    Fault::Panicked(text.to_owned()).into_response()
}

fn forget_forwarding(request: &mut Request) {
    let headers = request.headers_mut();
    let names: Vec<_> = headers
        .keys()
        .filter(|name| is_forwarding(name))
        .cloned()
        .collect();
    for name in names {
        headers.remove(name);
    }
}

/// Reads `//api/v2/users` as `/api/v2/users`: apps whose domain was written with a slash at its end send the former.
fn settle_path(request: &mut Request) {
    let Some(given) = request.uri().path_and_query().map(|it| it.as_str()) else {
        return;
    };
    if !given.starts_with("//") {
        return;
    }
    let settled = format!("/{}", given.trim_start_matches('/'));
    let mut parts = request.uri().clone().into_parts();
    parts.path_and_query = settled.parse().ok();
    if let Ok(uri) = Uri::from_parts(parts) {
        *request.uri_mut() = uri;
    }
}

/// The access log's line. A caller who goes away in the middle drops it, and that is written too.
struct Line {
    id: RequestId,
    client: IpAddr,
    method: Method,
    path: String,
    route: Option<MatchedPath>,
    begun: Instant,
    ended: bool,
}

impl Line {
    fn begin(id: &RequestId, client: IpAddr, request: &Request) -> Self {
        #[expect(
            clippy::disallowed_methods,
            reason = "the duration in the access log is measured, not decided upon"
        )]
        let begun = Instant::now();
        // Never the query: codes, states and hints travel there.
        let path = request.uri().path().to_owned();
        Self {
            id: id.clone(),
            client,
            method: request.method().clone(),
            path,
            route: request.extensions().get().cloned(),
            begun,
            ended: false,
        }
    }

    fn end(&mut self, response: &Response) {
        self.ended = true;
        let (request, method, path, client) = (
            self.id.as_str(),
            self.method.as_str(),
            &self.path,
            self.client,
        );
        if let Some(Broken(fault)) = response.extensions().get() {
            error!(request, %fault, "request failed");
        }
        let why = response
            .extensions()
            .get::<Refusal>()
            .map(tracing::field::debug);
        let elapsed = self.begun.elapsed();
        crate::metrics::answered(
            &self.method,
            self.route.as_ref(),
            response.status(),
            elapsed,
        );
        let (status, ms) = (response.status().as_u16(), millis(elapsed));
        info!(target: "keystead::access", request, method, path, status, ms, %client, why, "request");
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if !self.ended {
            let (request, method, path, client) = (
                self.id.as_str(),
                self.method.as_str(),
                &self.path,
                self.client,
            );
            let ms = millis(self.begun.elapsed());
            info!(target: "keystead::access", request, method, path, ms, %client, "caller went away");
        }
    }
}

/// Milliseconds to three decimals.
fn millis(span: Duration) -> f64 {
    (span.as_secs_f64() * 1e6).round() / 1e3
}
