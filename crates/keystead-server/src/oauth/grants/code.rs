//! The grant of a code from the authorization endpoint (RFC 6749 §4.1.3).

use keystead_protocol::{
    client::ClientMetadata,
    ids::ClientId,
    pkce::{self, Challenge},
    secret::Secret,
    token::AuthorizationCode,
};
use keystead_store::{
    Fault, Tx,
    codes::{self, Code, Redemption},
    grants::{self, Grant},
    token_key::{Purpose, TokenKey},
};

use super::{
    Authorization, Cx, Person, Subject, active, after,
    offer::{Desk, Spent, Wanted},
};
use crate::{
    catalogue::KnownClient,
    identity::{
        entitlement,
        issue::IdTokens,
        terms::{self, RedirectWas},
    },
    oauth::refusal::Refusal,
};

/// A code, and the refresh token that its family may begin with.
pub struct Voucher {
    key: TokenKey,
    request: AuthorizationCode,
    refresh_token: (Secret, TokenKey),
}

impl Voucher {
    /// Nothing is known of the code yet.
    ///
    /// # Errors
    /// [`Refusal::CodeUnknown`] if it cannot be a code of ours.
    pub fn new(cx: &Cx, request: AuthorizationCode) -> Result<Self, Refusal> {
        let key = TokenKey::of(Purpose::Code, request.code.expose()).ok_or(Refusal::CodeUnknown)?;
        let refresh_token = TokenKey::draw(Purpose::RefreshToken, cx.now, &mut cx.services.rng());
        Ok(Self {
            key,
            request,
            refresh_token,
        })
    }

    /// Redeems the code first, then checks: an `Err` rolls the redemption back, so that a wrong verifier does not burn the
    /// code. A replay has revoked the family, which must be committed, so it is an `Ok`.
    pub(super) fn spend(&self, tx: &mut Tx<'_>, desk: &Desk<'_>) -> Spent {
        let Cx { now, client, .. } = desk.cx;
        let code = match codes::redeem(tx, &self.key, *now)? {
            Redemption::Fresh(code) => *code,
            Redemption::Replayed { grant } => return Ok(Err(Refusal::CodeReplayed(grant))),
            Redemption::Expired => return Err(self.why_too_late(tx, client)?.into()),
            Redemption::Unknown => return Err(Refusal::CodeUnknown.into()),
        };
        check(&code, &self.request, &client.id, &client.metadata)?;
        let agreed = &code.terms.scope;
        let wanted = Wanted::new(code.terms.audience.as_ref(), agreed);
        let record = active(tx, &code.user, wanted.id_token)??;
        let offer = desk.offer(wanted)?;
        let api = offer.api.as_deref();
        let mut entitled = offer.entitlement(tx, agreed, &code.user)?;
        let refreshes = entitlement::refreshes(&client.metadata, api, &entitled.scope);
        if !refreshes {
            entitled.scope = entitlement::without_refresh(&entitled.scope);
        }
        let lifetimes = client.metadata.refresh_policy();
        let grant = Grant {
            id: code.grant,
            client: code.client,
            user: code.user,
            session: code.session,
            audience: code.terms.audience.clone(),
            scope: entitled.scope.clone(),
            expires_at: match refreshes {
                true => after(*now, lifetimes.lifetime()),
                false => *now + entitlement::access_lifetime(api),
            },
            terms: code.terms,
        };
        grants::begin(tx, &grant, *now)?;
        let (secret, key) = &self.refresh_token;
        if refreshes {
            let idle_until = after(*now, lifetimes.idle_lifetime());
            grants::add_token(tx, &grant.id, key, idle_until, *now)?;
        }
        let person = Person {
            nonce: grant.terms.nonce.clone(),
            ..super::person(&grant, record)
        };
        Ok(Ok(Authorization {
            subject: Subject::User(Box::new(person)),
            api: offer.api,
            scope: entitled.scope,
            permissions: entitled.permissions,
            grant_type: None,
            opaque: None,
            refresh_token: refreshes.then(|| secret.clone()),
            keys: offer.keys,
        }))
    }
}

impl Voucher {
    /// Blocking a user ends the user's codes before their time; it is said to the client that could have redeemed one.
    fn why_too_late(&self, tx: &mut Tx<'_>, client: &KnownClient) -> Result<Refusal, Fault> {
        let user = codes::find(tx, &self.key)?
            .filter(|code| code.client == client.id)
            .map(|code| active(tx, &code.user, IdTokens::None))
            .transpose()?;
        Ok(match user {
            Some(Err(refusal)) => refusal,
            Some(Ok(_)) | None => Refusal::CodeExpired,
        })
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
