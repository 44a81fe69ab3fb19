//! ID tokens of ours that come back as a hint (OpenID Connect Core §3.1.2.1, RP-Initiated Logout §2): whom they were about.

use std::{sync::Arc, time::Duration};

use keystead_protocol::{
    claims::{self, ClaimsSet, Expected, TokenUse},
    ids::{ClientId, SessionId, UserId},
    jwt::{JwtRefusal, Token},
    time::Timestamp,
};

use crate::{
    catalogue::KnownClient,
    error::Fault,
    services::{Parts, Services},
};

/// What an ID token says that we issued at some time. It proves that its bearer was told so, not that the user is here.
#[derive(Clone)]
pub struct Hint {
    /// To whom it was issued.
    pub client: Arc<KnownClient>,
    /// Whom it is about.
    pub user: UserId,
    /// In which session.
    pub session: Option<SessionId>,
}

/// Reads an ID token that we issued, to a client that still exists. It may have expired since, and its key may sign no more
/// as long as it is published. `None` if it is anything else: another's token, an access token, or one that was changed.
///
/// Does not check that the client is enabled, nor that user and session still exist.
///
/// # Errors
/// A [`Fault`] of the store.
pub async fn read_hint(
    services: &Services,
    text: &str,
    now: Timestamp,
) -> Result<Option<Hint>, Fault> {
    let Ok(token) = Token::parse(text) else {
        return Ok(None);
    };
    let Some(client) = issued_to(services, &token).await? else {
        return Ok(None);
    };
    let key = match (&client.shared_key, token.header().kid()) {
        (Some(key), _) if key.key().alg() == token.header().alg() => {
            key.key().to_verifying_key().ok()
        }
        (_, Some(kid)) => services.catalogue.keys.verifying(kid),
        (_, None) => None,
    };
    let verified = key
        .ok_or(JwtRefusal::KeyMismatch)
        .and_then(|key| token.verify(&key));
    let Ok(verified) = verified else {
        return Ok(None);
    };
    let Some(issued_at) = said(verified.payload()).and_then(|set| set.iat) else {
        return Ok(None);
    };
    let expected = Expected {
        issuer: services.config.issuer.as_str(),
        audience: client.id.as_str(),
        leeway: Duration::ZERO,
        token_use: TokenUse::IdToken {
            nonce: None,
            max_age: None,
        },
    };
    // It is held to what was true when it was issued: a hint may be older than an ID token lives.
    let Ok(claims) = claims::check(verified, &expected, issued_at) else {
        return Ok(None);
    };
    // What only our access tokens say. `typ` does not tell them apart in every dialect.
    let is_access = claims.jti.is_some() || claims.scope.is_some() || claims.azp.is_some();
    if is_access || issued_at > now {
        return Ok(None);
    }
    let user = claims.sub.as_deref().and_then(|sub| sub.try_into().ok());
    let session = claims.sid.as_deref().map(SessionId::try_from);
    Ok(user.map(|user| Hint {
        client,
        user,
        session: session.and_then(Result::ok),
    }))
}

/// The client that a token names, believed of nobody: it only chooses whose key to try.
async fn issued_to(
    services: &Services,
    token: &Token<'_>,
) -> Result<Option<Arc<KnownClient>>, Fault> {
    let payload = token.unverified_payload();
    let named = payload.ok().as_deref().and_then(said);
    let id = match named.as_ref().map(|set| set.aud.as_slice()) {
        Some([only]) => ClientId::try_from(only.as_str()),
        _ => return Ok(None),
    };
    let Parts {
        catalogue,
        store,
        keyring,
        ..
    } = &**services;
    match id {
        Ok(id) => catalogue.client(store, keyring, &id).await,
        Err(_) => Ok(None),
    }
}

fn said(payload: &[u8]) -> Option<ClaimsSet> {
    serde_json::from_slice(payload).ok()
}
