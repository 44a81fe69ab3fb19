//! Our own tokens, presented to us: whether one is genuine, and whether it still holds.

use std::{sync::Arc, time::Duration};

use keystead_protocol::{
    claims::{self, Claims, Expected, TokenUse},
    ids::{Audience, ClientId, TokenId, UserId},
    jwk::Algorithm,
    jwt::Token,
    scope::Scope,
    time::Timestamp,
};
use keystead_store::{
    access_tokens,
    client_grants::SubjectType,
    grants::{self, Standing},
    revocations::{self, Origin},
    token_key::{Purpose, TokenKey},
    users::User,
};

use super::refusal::{Error, TokenRefusal};
use crate::{
    catalogue::{KnownApi, KnownClient},
    identity::{entitlement, terms},
    mint,
    services::Services,
};

/// An access token of ours that holds now: nothing revoked it, its client is enabled, its user may be spoken for, and its API
/// still serves both.
pub(super) struct Live {
    /// `sub`.
    pub(super) subject: String,
    /// To whom it was issued.
    pub(super) client: Arc<KnownClient>,
    /// For whom it speaks, if it does not speak for the client.
    pub(super) user: Option<User>,
    /// `aud`.
    pub(super) audience: Vec<String>,
    /// What it permits.
    pub(super) scope: Scope,
    /// `jti`; an opaque token has none.
    pub(super) id: Option<TokenId>,
    /// `iat`.
    pub(super) issued_at: Timestamp,
    /// `exp`.
    pub(super) expires_at: Timestamp,
    /// The claims that were asked for one by one, for userinfo.
    pub(super) asked: Vec<String>,
}

/// For what a token is presented.
#[derive(Debug, Clone, Copy)]
pub(super) enum For<'a> {
    /// For this audience.
    Audience(&'a str),
    /// To learn about it: any API's will do.
    Inspection,
}

/// Reads an access token and asks the database whether it still holds.
///
/// # Errors
/// A [`TokenRefusal`], or a fault of the store.
pub(super) async fn live(
    services: &Services,
    token: &str,
    wanted: For<'_>,
    now: Timestamp,
) -> Result<Live, Error> {
    let found = match TokenKey::of(Purpose::AccessToken, token) {
        Some(key) => opaque(services, key, wanted, now).await?,
        None => jwt(services, token, wanted, now).await?,
    };
    if !found.client.enabled {
        return Err(TokenRefusal::Revoked.into());
    }
    Ok(found)
}

async fn opaque(
    services: &Services,
    key: TokenKey,
    wanted: For<'_>,
    now: Timestamp,
) -> Result<Live, Error> {
    let userinfo = format!("{}userinfo", services.config.issuer.as_str());
    if let For::Audience(audience) = wanted
        && audience != userinfo
    {
        return Err(TokenRefusal::Unknown.into());
    }
    let read = services.store.read(move |tx| {
        let Some(token) = access_tokens::find(tx, &key, now)? else {
            return Ok(None);
        };
        let Standing::Live(grant) = grants::standing(tx, &token.grant, now)? else {
            return Ok(Some((token, None)));
        };
        let origin = Origin {
            grant: Some(&grant.id),
            session: grant.session.as_ref(),
            user: Some(&grant.user),
            client: &grant.client,
            issued_at: token.created_at,
        };
        if revocations::is_cut_off(tx, origin)? {
            return Ok(Some((token, None)));
        }
        let user = entitlement::active(tx, &grant.user)?.ok();
        Ok::<_, keystead_store::Fault>(Some((token, user.map(|user| (grant, user)))))
    });
    let (token, holds) = read.await?.ok_or(TokenRefusal::Unknown)?;
    let (grant, user) = holds.ok_or(TokenRefusal::Revoked)?;
    let asked = terms::claims(&grant.terms).userinfo;
    let client = issued_to(services, &grant.client).await?;
    Ok(Live {
        subject: user.id.to_string(),
        client,
        user: Some(user),
        audience: vec![userinfo],
        scope: token.scope,
        id: None,
        issued_at: token.created_at,
        expires_at: token.expires_at,
        asked,
    })
}

async fn jwt(
    services: &Services,
    text: &str,
    wanted: For<'_>,
    now: Timestamp,
) -> Result<Live, Error> {
    let (claims, api) = genuine(services, text, wanted, now).await?;
    let id = claims
        .jti
        .as_deref()
        .and_then(|id| TokenId::try_from(id).ok())
        .ok_or(TokenRefusal::Unknown)?;
    let subject = claims.sub.clone().ok_or(TokenRefusal::Unknown)?;
    let client_id = claims
        .client()
        .and_then(|id| ClientId::try_from(id).ok())
        .ok_or(TokenRefusal::Unknown)?;
    let client = issued_to(services, &client_id).await?;
    let issued_at = claims.iat.ok_or(TokenRefusal::Unknown)?;
    let (of, token) = (mint::family_of(&id), id.clone());
    let user = (subject != format!("{client_id}@clients"))
        .then(|| UserId::try_from(subject.as_str()).ok())
        .flatten();
    if let Some(api) = &api {
        let kind = match user {
            Some(_) => SubjectType::User,
            None => SubjectType::Client,
        };
        let served = entitlement::of_client(services, &client_id, api, kind).await?;
        served.ok_or(TokenRefusal::Revoked)?;
    }
    let speaks_for = user.clone();
    let read = services.store.read(move |tx| {
        let family = match &of {
            None => None,
            Some(of) => match grants::standing(tx, of, now)? {
                Standing::Live(grant) => Some(grant),
                Standing::Revoked(_) | Standing::Gone => return Ok(Err(TokenRefusal::Revoked)),
            },
        };
        let origin = Origin {
            grant: of.as_ref(),
            session: family.as_ref().and_then(|grant| grant.session.as_ref()),
            user: user.as_ref(),
            client: &client_id,
            issued_at,
        };
        if revocations::is_denied(tx, &token)? || revocations::is_cut_off(tx, origin)? {
            return Ok(Err(TokenRefusal::Revoked));
        }
        let asked = family.map_or_else(Vec::new, |grant| terms::claims(&grant.terms).userinfo);
        let Some(id) = &user else {
            return Ok(Ok((None, asked)));
        };
        let user = entitlement::active(tx, id)?.map_err(|_| TokenRefusal::Revoked);
        Ok::<_, keystead_store::Fault>(user.map(|user| (Some(user), asked)))
    });
    let (user, asked) = read.await??;
    if speaks_for.is_some() != user.is_some() {
        return Err(TokenRefusal::Revoked.into());
    }
    Ok(Live {
        subject,
        client,
        user,
        audience: claims.aud.clone(),
        scope: claims.scopes().map_err(|_| TokenRefusal::Unknown)?,
        id: Some(id),
        issued_at,
        expires_at: claims.exp.ok_or(TokenRefusal::Unknown)?,
        asked,
    })
}

/// Checks signature and claims of an access token that we signed, and finds its API.
async fn genuine(
    services: &Services,
    text: &str,
    wanted: For<'_>,
    now: Timestamp,
) -> Result<(Claims, Option<Arc<KnownApi>>), Error> {
    let token = Token::parse(text).map_err(TokenRefusal::Jwt)?;
    let header = token.header();
    let shared = matches!(
        header.alg(),
        Algorithm::HS256 | Algorithm::HS384 | Algorithm::HS512
    );
    let named = audience_of(&token);
    let audience = match wanted {
        For::Audience(audience) => audience.to_owned(),
        For::Inspection => named.clone().ok_or(TokenRefusal::Unknown)?,
    };
    // An ID token's audience is a client: it must not be taken for an access token because its other claims fit.
    let userinfo = format!("{}userinfo", services.config.issuer.as_str());
    let api = match named.as_deref().map(Audience::try_from) {
        Some(Ok(name)) => {
            services
                .catalogue
                .api(&services.store, &services.keyring, &name)
                .await?
        }
        _ => None,
    };
    if api.is_none() && audience != userinfo {
        return Err(TokenRefusal::Unknown.into());
    }
    let key = match (shared, header.kid(), &api) {
        (true, _, Some(api)) => api
            .shared_key
            .as_ref()
            .and_then(|key| key.key().to_verifying_key().ok()),
        (false, Some(kid), _) => services.catalogue.keys.verifying(kid),
        (true, _, None) | (false, None, _) => None,
    };
    let verified = token
        .verify(&key.ok_or(TokenRefusal::UnknownKey)?)
        .map_err(TokenRefusal::Jwt)?;
    let expected = Expected {
        issuer: services.config.issuer.as_str(),
        audience: &audience,
        leeway: Duration::ZERO,
        token_use: TokenUse::AccessToken,
    };
    let claims = claims::check(verified, &expected, now).map_err(TokenRefusal::Claims)?;
    // Whoever shares a secret with us can sign as we do, so what it signs is good for that API and nowhere else.
    if shared && claims.aud.len() != 1 {
        return Err(TokenRefusal::Claims(claims::ClaimRefusal::WrongAudience).into());
    }
    Ok((claims, api))
}

/// The first audience that a token names, believed of nobody: it only chooses whose key to try.
fn audience_of(token: &Token<'_>) -> Option<String> {
    let payload = token.unverified_payload().ok()?;
    let claims: claims::ClaimsSet = serde_json::from_slice(&payload).ok()?;
    claims.aud.into_iter().next()
}

async fn issued_to(services: &Services, id: &ClientId) -> Result<Arc<KnownClient>, Error> {
    let found = services
        .catalogue
        .client(&services.store, &services.keyring, id)
        .await?;
    found.ok_or_else(|| TokenRefusal::Revoked.into())
}
