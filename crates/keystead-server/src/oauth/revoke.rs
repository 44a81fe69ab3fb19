//! `POST /oauth/revoke` (RFC 7009): a client gives back a token.

use std::sync::Arc;

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::HeaderMap,
    response::{IntoResponse, Response},
    routing::post,
};
use keystead_protocol::{profile::Profile, time::Timestamp};
use keystead_store::{
    access_tokens,
    grants::{self, Ended},
    revocations,
    token_key::{Purpose, TokenKey},
};

use super::{
    client, form,
    refusal::{Error, uncached},
    tokens::{self, Name},
};
use crate::{catalogue::KnownClient, http::Now, services::Services};

pub(super) fn routes() -> Router<Services> {
    Router::new().route("/oauth/revoke", post(revoke))
}

/// Answers 200 with an empty body, also for a token that is unknown, dead or another client's (RFC 7009 §2.2): nothing
/// is told about it. A refresh token ends its whole family. Not asked is whether an access token holds at this moment: it
/// is ended for the time when it would (§2).
async fn revoke(
    State(services): State<Services>,
    Now(now): Now,
    headers: HeaderMap,
    form::Whole(body): form::Whole,
) -> Response {
    let mut asker = None;
    match answer(&services, &headers, &body, now, &mut asker).await {
        Ok(()) => uncached().into_response(),
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
    asker: &mut Option<Arc<KnownClient>>,
) -> Result<(), Error> {
    services.catalogue.believable(now)?;
    let form = form::read(headers, body)?;
    let token = form.require("token")?;
    let client = asker.insert(client::authenticate(services, headers, &form, now).await?);
    if let Some(key) = TokenKey::of(Purpose::RefreshToken, token) {
        let client = client.id.clone();
        let ended = services.store.write(move |tx| {
            let family = grants::of_token(tx, &key, &client)?;
            if let Some(family) = &family {
                grants::revoke(tx, family, Ended::ByClient, now)?;
            }
            Ok::<_, keystead_store::Fault>(family)
        });
        if ended.await?.is_some() {
            return Ok(());
        }
    }
    let Some(issued) = tokens::issued(services, token, now).await? else {
        return Ok(());
    };
    if issued.client != client.id {
        return Ok(());
    }
    let denied = services.store.write(move |tx| match &issued.name {
        Name::Id(id, expires_at) => revocations::deny(tx, id, *expires_at),
        Name::Key(key) => access_tokens::forget(tx, key),
    });
    Ok(denied.await?)
}
