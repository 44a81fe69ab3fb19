//! `POST /oauth/introspect` (RFC 7662): whether a token holds now, for resource servers that must know at once.

use axum::{
    Json, Router,
    body::Bytes,
    extract::State,
    http::HeaderMap,
    response::{IntoResponse, Response},
    routing::post,
};
use keystead_protocol::{
    error::Code,
    error::OAuthError,
    profile::{ClientType, Profile},
    time::Timestamp,
};
use serde_json::{Value, json};

use super::{
    client, form,
    refusal::{Error, Refusal, uncached},
    tokens::{self, For, Live},
};
use crate::{catalogue::KnownClient, http::Now, services::Services};

pub(super) fn routes() -> Router<Services> {
    Router::new().route("/oauth/introspect", post(introspect))
}

/// Answers `{"active": false}` and nothing more for whatever does not hold: expired, revoked, forged, of a blocked user or
/// a disabled client, or no access token at all.
async fn introspect(
    State(services): State<Services>,
    Now(now): Now,
    headers: HeaderMap,
    form::Whole(body): form::Whole,
) -> Response {
    let mut asker = None;
    match answer(&services, &headers, &body, now, &mut asker).await {
        Ok(answer) => (uncached(), Json(answer)).into_response(),
        Err(error) => {
            error.respond(asker.map_or(Profile::Compat, |client| client.metadata.profile()))
        }
    }
}

async fn answer(
    services: &Services,
    headers: &HeaderMap,
    body: &Bytes,
    now: Timestamp,
    asker: &mut Option<std::sync::Arc<KnownClient>>,
) -> Result<Value, Error> {
    services.catalogue.believable(now)?;
    let form = form::read(headers, body)?;
    let token = form.require("token")?;
    let client = asker.insert(client::authenticate(services, headers, &form, now).await?);
    if client.metadata.client_type() == ClientType::Public {
        // RFC 7662 §2.1: whoever asks must authenticate, or tokens could be tried out here.
        let error = OAuthError::new(
            Code::UnauthorizedClient,
            "Only a client that authenticates may introspect",
        );
        return Err(Refusal::Malformed(error).into());
    }
    match tokens::live(services, token, For::Inspection, now).await {
        Ok(live) => Ok(describe(&live, services)),
        Err(Error::Refused(Refusal::Token(why))) => {
            tracing::debug!(%why, "introspected as inactive");
            Ok(json!({ "active": false }))
        }
        Err(other) => Err(other),
    }
}

fn describe(live: &Live, services: &Services) -> Value {
    let audience = match live.audience.as_slice() {
        [only] => json!(only),
        several => json!(several),
    };
    let mut members = json!({
        "active": true,
        "iss": services.config.issuer.as_str(),
        "sub": live.subject,
        "aud": audience,
        "client_id": live.client.id,
        "scope": live.scope.to_string(),
        "iat": live.issued_at.as_secs(),
        "exp": live.expires_at.as_secs(),
        "token_type": "Bearer",
    });
    if let (Some(id), Some(object)) = (&live.id, members.as_object_mut()) {
        object.insert("jti".to_owned(), json!(id));
    }
    members
}
