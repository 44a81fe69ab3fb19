//! The guided page: each step of the tutorials as a button, and what went over the wire.

use std::sync::Arc;

use askama::Template;
use axum::{
    Extension, Form, Router,
    extract::{Path, State},
    http::{
        HeaderValue, StatusCode, Uri,
        header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION},
    },
    middleware,
    response::{Html, IntoResponse, Response},
    routing::{get, post},
};
use keystead_client::{
    Credentials, Error, Want,
    reqwest::{self, Method},
};
use keystead_server::services::Clock;
use serde::Deserialize;

use super::{
    api::MESSAGES,
    explained::{self, Claim},
    reception::{Reception, receive},
    records::{AUDIENCE, Cast, WRITE},
    visitors::{Exchange, Scopes, Visitor, ask},
};

const STYLE: &str = include_str!("../../assets/guide.css");
/// Where the provider sends the browser back to.
const CALLBACK: &str = "callback";

/// What the page needs of its surroundings.
pub(super) struct Guide {
    /// Where the page stands, with its last slash.
    pub(super) site: String,
    pub(super) issuer: String,
    pub(super) cast: Cast,
    pub(super) http: reqwest::Client,
}

type Shared = State<Arc<Guide>>;
/// The browser that asks: [`receive`] says which it is.
type Browser = Extension<Arc<Visitor>>;

pub(super) fn routes(guide: Guide, reception: Reception) -> Router {
    let reception = middleware::from_fn_with_state(Arc::new(reception), receive);
    Router::new()
        .route("/", get(page))
        .route("/sign-in", post(sign_in))
        .route("/callback", get(callback))
        .route("/call/{which}", post(call))
        .route("/renew", post(renew))
        .route("/sign-out", post(sign_out))
        .route_layer(reception)
        .route(
            "/guide.css",
            get(async || ([(CONTENT_TYPE, "text/css")], STYLE)),
        )
        .with_state(Arc::new(guide))
}

#[derive(Template)]
#[template(path = "guide.html")]
struct Page<'a> {
    guide: &'a Guide,
    audience: &'static str,
    user: Option<String>,
    scope: String,
    may_write: bool,
    token: String,
    claims: Vec<Claim>,
    call: Option<Exchange>,
    notice: Option<String>,
}

async fn page(State(guide): Shared, Extension(visitor): Browser) -> Response {
    let credentials = visitor.credentials().await;
    let token = credentials
        .as_ref()
        .map(|kept| kept.access_token().expose().to_owned());
    let scope = credentials
        .as_ref()
        .map(|kept| kept.scope().clone())
        .unwrap_or_default();
    let (call, notice) = visitor.shown(|shown| (shown.call.clone(), shown.notice.take()));
    let page = Page {
        audience: AUDIENCE,
        user: credentials.as_ref().map(name),
        may_write: scope.contains(WRITE),
        scope: scope.to_string(),
        claims: token
            .as_deref()
            .map(|token| explained::claims(token, Clock::system().now()))
            .unwrap_or_default(),
        token: token.unwrap_or_default(),
        guide: &guide,
        call,
        notice,
    };
    let html = match page.render() {
        Ok(html) => html,
        Err(why) => return (StatusCode::INTERNAL_SERVER_ERROR, why.to_string()).into_response(),
    };
    let policy = format!(
        "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'self' {}",
        guide.issuer.trim_end_matches('/')
    );
    let mut response = Html(html).into_response();
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Ok(policy) = HeaderValue::try_from(policy) {
        headers.insert(CONTENT_SECURITY_POLICY, policy);
    }
    response
}

/// What the page calls whoever is signed in.
fn name(credentials: &Credentials) -> String {
    #[derive(Deserialize)]
    struct Claims {
        email: Option<String>,
    }
    let token = credentials.id_token();
    let claims = token.and_then(|token| token.custom::<Claims>().ok());
    claims
        .and_then(|claims| claims.email)
        .or_else(|| token.map(|token| token.subject().to_owned()))
        .unwrap_or_default()
}

#[derive(Deserialize)]
struct SignInForm {
    #[serde(default)]
    write: Option<String>,
}

async fn sign_in(
    State(guide): Shared,
    Extension(visitor): Browser,
    Form(form): Form<SignInForm>,
) -> Response {
    let scopes = if form.write.is_some() {
        Scopes::ReadAndWrite
    } else {
        Scopes::Read
    };
    let back = format!("{}{CALLBACK}", guide.site);
    match visitor.session.begin(&ask(scopes), &back).await {
        Ok(login) => {
            let on = login.url().to_string();
            visitor.shown(|shown| shown.login = Some(login));
            go(&on)
        }
        Err(why) => told(&visitor, &why),
    }
}

async fn callback(State(guide): Shared, Extension(visitor): Browser, uri: Uri) -> Response {
    let came = format!(
        "{}{CALLBACK}?{}",
        guide.site,
        uri.query().unwrap_or_default()
    );
    // Any page can lead here: only what is the sign-in's own ends it, and only once.
    let own = visitor.shown(|shown| match shown.login.as_ref()?.code(&came) {
        Err(why @ Error::Callback(_)) => Some(Err(why)),
        _ => shown.login.take().map(Ok),
    });
    let login = match own {
        Some(Ok(login)) => login,
        Some(Err(why)) => return told(&visitor, &why),
        None => return go("/"),
    };
    match visitor.session.finish(&login, &came).await {
        Ok(_) => {
            visitor.shown(|shown| {
                shown.notice =
                    Some("Signed in. The code became tokens at /oauth/token.".to_owned());
            });
            go("/")
        }
        Err(why) => told(&visitor, &why),
    }
}

async fn call(
    State(guide): Shared,
    Extension(visitor): Browser,
    Path(which): Path<String>,
) -> Response {
    let (method, with_token) = match which.as_str() {
        "without" => (Method::GET, false),
        "read" => (Method::GET, true),
        "write" => (Method::POST, true),
        _ => return StatusCode::NOT_FOUND.into_response(),
    };
    let token = if with_token {
        match visitor.session.credentials().await {
            Ok(credentials) => Some(credentials.access_token().clone()),
            Err(why) => return told(&visitor, &why),
        }
    } else {
        None
    };
    let url = format!("{}{}", guide.site, MESSAGES.trim_start_matches('/'));
    let mut request = guide.http.request(method.clone(), &url);
    let mut curl = format!("curl -i -X {method} {url}");
    if let Some(token) = token {
        request = request.bearer_auth(token.expose());
        curl += " \\\n  -H \"Authorization: Bearer $TOKEN\"";
    }
    let answer = match request.send().await {
        Ok(answer) => answer,
        Err(why) => {
            visitor.shown(|shown| shown.notice = Some(format!("The API was not reached: {why}")));
            return go("/");
        }
    };
    let status = answer.status();
    let challenge = answer.headers().get("www-authenticate");
    let exchange = Exchange {
        curl,
        has_token: with_token,
        status: status.as_u16(),
        reason: status.canonical_reason().unwrap_or_default(),
        challenge: challenge
            .and_then(|text| text.to_str().ok())
            .map(str::to_owned),
        body: answer.text().await.unwrap_or_default(),
        lesson: lesson(status),
    };
    visitor.shown(|shown| shown.call = Some(exchange));
    go("/#answer")
}

/// What there is to learn from an answer of the API.
fn lesson(status: reqwest::StatusCode) -> &'static str {
    match status.as_u16() {
        200 => {
            "The API checked signature, issuer, audience, end and scope by itself. Keystead was not asked."
        }
        401 => {
            "No good token: the API does not know who asks, and its challenge says how to come back."
        }
        403 => {
            "Writing needs write:messages. A token without it is good, but not good enough: ask for the scope in step 2."
        }
        _ => "That is not what the API is there for.",
    }
}

async fn renew(State(_): Shared, Extension(visitor): Browser) -> Response {
    match visitor.session.credentials_for(Want::new().renewed()).await {
        Ok(_) => {
            visitor.shown(|shown| {
                shown.notice = Some(
                    "Renewed: the refresh token became a new access token, and the next refresh token."
                        .to_owned(),
                );
            });
            go("/")
        }
        Err(why) => told(&visitor, &why),
    }
}

async fn sign_out(State(guide): Shared, Extension(visitor): Browser) -> Response {
    let out = match visitor.session.sign_out(Some(&guide.site)).await {
        Ok(out) => out,
        Err(why) => return told(&visitor, &why),
    };
    visitor.shown(|shown| {
        shown.call = None;
        shown.notice = Some(match &out.revoked {
            Ok(()) => {
                "Signed out. The refresh token is revoked, and the session at Keystead has ended."
                    .to_owned()
            }
            Err(why) => format!("Signed out here, but the refresh token is not revoked: {why}."),
        });
    });
    go(out.end_session.as_ref().map_or("/", |url| url.as_str()))
}

/// Shows an error on the page: its text says what the app should do.
fn told(visitor: &Visitor, why: &Error) -> Response {
    visitor.shown(|shown| shown.notice = Some(format!("The app's library says: {why}.")));
    go("/")
}

fn go(on: &str) -> Response {
    match HeaderValue::try_from(on) {
        Ok(on) => (StatusCode::SEE_OTHER, [(LOCATION, on)]).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
