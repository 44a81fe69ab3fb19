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

use super::refusal::{Error, Refusal, TokenRefusal};
use crate::{
    catalogue::{KnownApi, KnownClient},
    identity::{entitlement, terms},
    keys::REMAINS,
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

/// An access token of ours by what it can be denied by: it is genuine and has not expired. Whether it holds was not asked.
pub(super) struct Issued {
    /// To whom.
    pub(super) client: ClientId,
    /// What it is known by.
    pub(super) name: Name,
}

/// What an access token is known by.
pub(super) enum Name {
    /// A JWT's `jti`, and its `exp`.
    Id(TokenId, Timestamp),
    /// Where an opaque one is stored.
    Key(TokenKey),
}

/// Reads an access token and asks nothing that may change again: its user, client and API can come back, and it with them.
/// `None` if it is none of ours, has expired, or ended with its family, which is for good.
///
/// Not found is a JWT whose key is gone: revoked, or a secret that went with its API. Nobody can tell whether it is genuine;
/// only another API of the same name and the same secret would take it again.
///
/// An API that shares a secret with us could have signed its tokens itself, under another's name: the family of a token
/// says whose it is, and no token is denied for longer than ours live.
///
/// # Errors
/// A fault of the store.
pub(super) async fn issued(
    services: &Services,
    token: &str,
    now: Timestamp,
) -> Result<Option<Issued>, Error> {
    if let Some(key) = TokenKey::of(Purpose::AccessToken, token) {
        return stored(services, key, now).await;
    }
    let jwt = match genuine(services, token, For::Inspection, now).await {
        Ok(jwt) => jwt,
        Err(Error::Refused(Refusal::Token(_))) => return Ok(None),
        Err(other) => return Err(other),
    };
    if let Some(family) = mint::family_of(&jwt.id) {
        let read = services
            .store
            .read(move |tx| grants::standing(tx, &family, now));
        match read.await? {
            Standing::Live(grant) if grant.client == jwt.client => {}
            _ => return Ok(None),
        }
    }
    Ok(Some(Issued {
        client: jwt.client,
        name: Name::Id(jwt.id, jwt.expires_at.min(now + REMAINS)),
    }))
}

async fn stored(
    services: &Services,
    key: TokenKey,
    now: Timestamp,
) -> Result<Option<Issued>, Error> {
    let read = services.store.read(move |tx| {
        let Some(token) = access_tokens::find(tx, &key, now)? else {
            return Ok(None);
        };
        Ok::<_, Error>(match grants::standing(tx, &token.grant, now)? {
            Standing::Live(grant) => Some(Issued {
                client: grant.client,
                name: Name::Key(key),
            }),
            Standing::Revoked(_) | Standing::Gone => None,
        })
    });
    read.await
}

async fn opaque(
    services: &Services,
    key: TokenKey,
    wanted: For<'_>,
    now: Timestamp,
) -> Result<Live, Error> {
    let userinfo = services.config.issuer.userinfo();
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
    let Genuine {
        claims,
        api,
        id,
        client: client_id,
        expires_at,
    } = genuine(services, text, wanted, now).await?;
    // A token that names an API ends with it, whatever else it names. And an ID token, whose audience is a client, must not
    // be taken for an access token because its other claims fit.
    let issuer = &services.config.issuer;
    if api.is_none() && claims.aud.iter().any(|name| !issuer.is_userinfo(name)) {
        return Err(TokenRefusal::Revoked.into());
    }
    let subject = claims.sub.clone().ok_or(TokenRefusal::Unknown)?;
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
        expires_at,
        asked,
    })
}

/// A JWT of ours that has not expired.
struct Genuine {
    claims: Claims,
    /// The API that it names first, if there is one of that name: a token for an API that is gone is genuine too.
    api: Option<Arc<KnownApi>>,
    /// `jti`.
    id: TokenId,
    /// To whom it was issued.
    client: ClientId,
    /// `exp`.
    expires_at: Timestamp,
}

/// Checks signature and claims of an access token that we signed, and finds its API. Not checked: whether there still is
/// one, and all that can be taken away without the token's doing.
async fn genuine(
    services: &Services,
    text: &str,
    wanted: For<'_>,
    now: Timestamp,
) -> Result<Genuine, Error> {
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
    let api = match named.as_deref().map(Audience::try_from) {
        Some(Ok(name)) => {
            services
                .catalogue
                .api(&services.store, &services.keyring, &name)
                .await?
        }
        _ => None,
    };
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
    Ok(Genuine {
        id: claims
            .jti
            .as_deref()
            .and_then(|id| TokenId::try_from(id).ok())
            .ok_or(TokenRefusal::Unknown)?,
        client: claims
            .client()
            .and_then(|id| ClientId::try_from(id).ok())
            .ok_or(TokenRefusal::Unknown)?,
        expires_at: claims.exp.ok_or(TokenRefusal::Unknown)?,
        claims,
        api,
    })
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
