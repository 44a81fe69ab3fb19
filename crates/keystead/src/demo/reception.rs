//! Which browser it is that asks for the guided page: each gets a cookie with the first answer, whatever it asked for.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::{
        HeaderMap, HeaderValue, Method, StatusCode,
        header::{COOKIE, HOST, SET_COOKIE},
    },
    middleware::Next,
    response::{IntoResponse as _, Redirect, Response},
};
use keystead_server::services::Entropy;
use url::Url;

use super::visitors::Visitors;

/// Where the page stands, and who has been there.
pub(super) struct Reception {
    /// With its last slash.
    pub(super) site: String,
    pub(super) visitors: Visitors,
}

/// Hands the [`Visitor`](super::visitors::Visitor) on. A name other than the page's own is a stranger's that points here,
/// and gets nothing; but `localhost`, which people type, is led to the page.
pub(super) async fn receive(
    State(reception): State<Arc<Reception>>,
    mut request: Request,
    next: Next,
) -> Response {
    let host = request
        .headers()
        .get(HOST)
        .and_then(|host| host.to_str().ok());
    let Place {
        own,
        by_name,
        cookie,
    } = Place::of(&reception.site);
    if host != Some(&own) {
        return if host == Some(&by_name) && request.method() == Method::GET {
            Redirect::temporary(&reception.site).into_response()
        } else {
            let text = format!("This page stands at {}", reception.site);
            (StatusCode::MISDIRECTED_REQUEST, text).into_response()
        };
    }
    let known = value(request.headers(), &cookie).and_then(|value| reception.visitors.find(value));
    if let Some(visitor) = known {
        request.extensions_mut().insert(visitor);
        return next.run(request).await;
    }
    let visitor = match reception.visitors.welcome(&mut Entropy::system()) {
        Ok(visitor) => visitor,
        Err(why) => return (StatusCode::INTERNAL_SERVER_ERROR, why.to_string()).into_response(),
    };
    let given = format!(
        "{cookie}={}; Path=/; HttpOnly; SameSite=Lax",
        visitor.cookie()
    );
    request.extensions_mut().insert(visitor);
    let mut response = next.run(request).await;
    if let Ok(given) = HeaderValue::try_from(given) {
        response.headers_mut().append(SET_COOKIE, given);
    }
    response
}

/// Where the page stands, as a browser names it.
struct Place {
    own: String,
    by_name: String,
    /// The name of the cookie. A browser sends it to every port of the host, so the port is in it.
    cookie: String,
}

impl Place {
    fn of(site: &str) -> Self {
        let port = Url::parse(site)
            .ok()
            .and_then(|site| site.port_or_known_default());
        let port = port.unwrap_or_default();
        Self {
            own: format!("127.0.0.1:{port}"),
            by_name: format!("localhost:{port}"),
            cookie: format!("keystead-demo-{port}"),
        }
    }
}

fn value<'h>(headers: &'h HeaderMap, cookie: &str) -> Option<&'h str> {
    let pairs = headers.get(COOKIE)?.to_str().ok()?.split(';');
    pairs
        .filter_map(|pair| pair.trim().split_once('='))
        .find_map(|(name, value)| (name == cookie).then_some(value))
}
