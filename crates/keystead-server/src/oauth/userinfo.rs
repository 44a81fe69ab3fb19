//! `/userinfo` (OpenID Connect Core §5.3): what the scopes of an access token release of its user.

use axum::{
    Json, Router,
    extract::State,
    http::{HeaderMap, Uri, header::AUTHORIZATION},
    response::{IntoResponse, Response},
    routing::get,
};
use keystead_protocol::{form::Form, profile::Profile, secret::Secret, time::Timestamp};
use serde_json::{Map, Value};

use super::{
    form,
    refusal::{Error, TokenRefusal, uncached},
    tokens::{self, For},
};
use crate::{http::Now, identity::claims::Told, services::Services};

pub(super) fn routes() -> Router<Services> {
    Router::new().route("/userinfo", get(by_get).post(by_post))
}

async fn by_get(
    State(services): State<Services>,
    Now(now): Now,
    headers: HeaderMap,
    uri: Uri,
) -> Response {
    let answered = match Form::from_urlencoded(uri.query().unwrap_or_default().as_bytes()) {
        Ok(query) => {
            let token = query.get("access_token").map(Secret::from);
            answer(&services, &headers, token.map(Way::Query), now).await
        }
        // It may hold a second token, or the same one twice.
        Err(_) => Err(TokenRefusal::QueryMalformed.into()),
    };
    finish(answered)
}

async fn by_post(
    State(services): State<Services>,
    Now(now): Now,
    headers: HeaderMap,
    form::Whole(body): form::Whole,
) -> Response {
    let form = if body.is_empty() {
        Ok(None)
    } else {
        form::read(&headers, &body).map(Some)
    };
    match form {
        Err(error) => Error::from(error).respond(Profile::Compat),
        Ok(form) => {
            let token = form
                .as_ref()
                .and_then(|form| form.get("access_token"))
                .map(Secret::from);
            finish(answer(&services, &headers, token.map(Way::Body), now).await)
        }
    }
}

/// How a token came, if not by the header.
enum Way {
    /// As passport-auth0 sends it; only the clients of some profiles may.
    Query(Secret),
    /// RFC 6750 §2.2.
    Body(Secret),
}

async fn answer(
    services: &Services,
    headers: &HeaderMap,
    other: Option<Way>,
    now: Timestamp,
) -> Result<Map<String, Value>, Error> {
    services.catalogue.believable(now)?;
    if headers.get_all(AUTHORIZATION).iter().count() > 1 {
        return Err(TokenRefusal::Several.into());
    }
    let (token, by_query) = match (bearer(headers), other) {
        (Some(_), Some(_)) => return Err(TokenRefusal::Several.into()),
        (Some(token), None) => (token.ok_or(TokenRefusal::Unknown)?, false),
        (None, Some(Way::Body(token))) => (token, false),
        (None, Some(Way::Query(token))) => (token, true),
        (None, None) => return Err(TokenRefusal::Missing.into()),
    };
    let userinfo = services.config.issuer.userinfo();
    let live = tokens::live(services, token.expose(), For::Audience(&userinfo), now).await?;
    let profile = live.client.metadata.profile();
    if by_query && !profile.reads_token_from_query() {
        return Err(TokenRefusal::Missing.into());
    }
    let user = live.user.ok_or(TokenRefusal::Unknown)?;
    if !live.scope.contains("openid") {
        return Err(TokenRefusal::InsufficientScope.into());
    }
    let told = Told {
        user: &user,
        profile,
        issuer: &services.config.issuer,
    };
    let mut released = told.of_scopes(&live.scope);
    released.extend(told.by_name(&live.asked));
    released.insert("sub".to_owned(), user.id.as_str().into());
    Ok(released)
}

/// The token of the header: `None` without a header, `Some(None)` if the header is something else.
fn bearer(headers: &HeaderMap) -> Option<Option<Secret>> {
    let value = headers.get(AUTHORIZATION)?;
    let split = value.to_str().ok().and_then(|text| text.split_once(' '));
    Some(
        split
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, token)| token.trim().into()),
    )
}

fn finish(answer: Result<Map<String, Value>, Error>) -> Response {
    match answer {
        Ok(claims) => (uncached(), Json(claims)).into_response(),
        Err(error) => error.respond(Profile::Compat),
    }
}
