//! The grant of a code from the authorization endpoint (RFC 6749 §4.1.3).

use std::sync::Arc;

use keystead_protocol::{
    client::ClientMetadata,
    ids::ClientId,
    pkce::{self, Challenge},
    time::Timestamp,
    token::AuthorizationCode,
};
use keystead_store::{
    Tx,
    codes::{self, Code, Redemption},
    grants::{self, Grant},
    token_key::{Purpose, TokenKey},
};

use super::{Authorization, Cx, NewRefreshToken, Person, Subject, active, after};
use crate::{
    catalogue::KnownClient,
    identity::{
        entitlement,
        terms::{self, RedirectWas},
    },
    oauth::refusal::{Error, Refusal},
};

/// What redeeming this code takes.
pub struct Settlement {
    key: TokenKey,
    request: AuthorizationCode,
    client: Arc<KnownClient>,
    /// The family that begins.
    grant: Grant,
    refresh_token: Option<NewRefreshToken>,
}

/// Reads what the code stands for. Whether it may be redeemed is decided when it is settled: by one statement, and then
/// by its checks, so that a wrong verifier does not burn the code.
///
/// # Errors
/// A [`Refusal`], or a fault of the store.
pub async fn prove(cx: &Cx<'_>, request: AuthorizationCode) -> Result<Authorization, Error> {
    let key = TokenKey::of(Purpose::Code, request.code.expose()).ok_or(Refusal::CodeUnknown)?;
    let read = cx.services.store.read(move |tx| {
        let Some(code) = codes::find(tx, &key)? else {
            return Ok(Err(Refusal::CodeUnknown));
        };
        let user = active(tx, &code.user)?;
        Ok::<_, keystead_store::Fault>(user.map(|user| (code, user)))
    });
    let (code, user) = read.await??;
    let api = match &code.terms.audience {
        Some(audience) => Some(cx.api(audience).await?),
        None => None,
    };
    let (mut scope, permissions) = cx.narrow(&code.terms.scope, api.as_deref(), &user).await?;
    let refreshes = entitlement::refreshes(&cx.client.metadata, api.as_deref(), &scope);
    if !refreshes {
        scope = entitlement::without_refresh(&scope);
    }
    let lifetimes = cx.client.metadata.refresh_policy();
    let grant = Grant {
        id: code.grant,
        client: code.client,
        user: code.user,
        session: code.session,
        audience: code.terms.audience.clone(),
        scope: scope.clone(),
        expires_at: match refreshes {
            true => after(cx.now, lifetimes.lifetime()),
            false => cx.now + entitlement::access_lifetime(api.as_deref()),
        },
        terms: code.terms,
    };
    let person = Person {
        nonce: grant.terms.nonce.clone(),
        ..super::person(&grant, user)
    };
    let refresh_token = refreshes.then(|| after(cx.now, lifetimes.idle_lifetime()));
    let (secret, refresh_token) = match refresh_token {
        None => (None, None),
        Some(idle_until) => {
            let (secret, key) =
                TokenKey::draw(Purpose::RefreshToken, cx.now, &mut cx.services.rng());
            (Some(secret), Some(NewRefreshToken { key, idle_until }))
        }
    };
    Ok(Authorization {
        subject: Subject::User(Box::new(person)),
        api,
        scope,
        permissions,
        grant_type: None,
        refresh_token: secret,
        settlement: super::Settlement::Code(Arc::new(Settlement {
            key,
            request,
            client: Arc::clone(cx.client),
            grant,
            refresh_token,
        })),
    })
}

impl Settlement {
    /// Redeems the code first, then checks: an `Err` rolls the redemption back. A replay has revoked the family, which must
    /// be committed, so it is an `Ok`.
    ///
    /// # Errors
    /// A [`Refusal`] that leaves the code as it was, or a fault.
    pub fn settle(&self, tx: &mut Tx<'_>, now: Timestamp) -> Result<Result<(), Refusal>, Error> {
        match codes::redeem(tx, &self.key, now)? {
            Redemption::Fresh(code) => {
                check(&code, &self.request, &self.client.id, &self.client.metadata)?;
            }
            Redemption::Replayed { grant } => return Ok(Err(Refusal::CodeReplayed(grant))),
            Redemption::Expired => return Err(Refusal::CodeExpired.into()),
            Redemption::Unknown => return Err(Refusal::CodeUnknown.into()),
        }
        grants::begin(tx, &self.grant, now)?;
        if let Some(token) = &self.refresh_token {
            grants::add_token(tx, &self.grant.id, &token.key, token.idle_until, now)?;
        }
        Ok(Ok(()))
    }
}

/// Checks that the code is redeemed by the client it was issued to, for the redirect it was sent to, with the verifier of
/// its challenge (RFC 6749 §4.1.3, RFC 7636 §4.6).
fn check(
    code: &Code,
    request: &AuthorizationCode,
    client: &ClientId,
    metadata: &ClientMetadata,
) -> Result<(), Refusal> {
    if code.client != *client {
        return Err(Refusal::CodeOfAnotherClient);
    }
    // One that the authorization request did not name need not be named here either.
    let named = match &request.redirect_uri {
        Some(named) => *named == code.redirect_uri,
        None => terms::redirect(&code.terms) == RedirectWas::Unnamed,
    };
    if !named {
        return Err(Refusal::RedirectMismatch);
    }
    let challenge = code.challenge.clone().map(Challenge::try_from).transpose();
    let challenge = challenge.map_err(|_| Refusal::Pkce(pkce::PkceRefusal::Mismatch))?;
    pkce::check(
        challenge.as_ref(),
        request.code_verifier.as_ref(),
        metadata.client_type(),
    )
    .map_err(Refusal::Pkce)
}
