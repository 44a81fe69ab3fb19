//! The grant of a refresh token (RFC 6749 §6): the same or less of what was granted, for as long as the family lives.

use std::time::Duration;

use keystead_protocol::{client::Rotation, secret::Secret, time::Timestamp, token::RefreshToken};
use keystead_store::{
    Fault, Tx,
    grants::{self, Presented, Renewal, Successor},
    token_key::{Purpose, TokenKey},
};

use super::{
    Authorization, Cx, Person, Subject, active, after,
    offer::{Desk, Spent, Wanted},
};
use crate::oauth::refusal::Refusal;

/// A refresh token, and what takes its place.
pub struct Voucher {
    key: TokenKey,
    request: RefreshToken,
    /// When the token that the client has afterwards dies unless it is used.
    idle_until: Timestamp,
    turn: Turn,
}

enum Turn {
    Replace {
        by: (Secret, TokenKey),
        leeway: Duration,
    },
    Keep,
}

impl Voucher {
    /// What this client's policy makes of a refresh. Nothing is known of the token yet.
    ///
    /// # Errors
    /// [`Refusal::RefreshUnknown`] if it cannot be a token of ours.
    pub fn new(cx: &Cx, request: RefreshToken) -> Result<Self, Refusal> {
        let key = TokenKey::of(Purpose::RefreshToken, request.refresh_token.expose())
            .ok_or(Refusal::RefreshUnknown)?;
        let policy = cx.client.metadata.refresh_policy();
        let turn = match policy.rotation(cx.profile) {
            Rotation::Keep => Turn::Keep,
            Rotation::Replace { leeway } => Turn::Replace {
                by: TokenKey::draw(Purpose::RefreshToken, cx.now, &mut cx.services.rng()),
                leeway,
            },
        };
        Ok(Self {
            key,
            request,
            idle_until: after(cx.now, policy.idle_lifetime()),
            turn,
        })
    }

    /// Uses the token first, then asks what its family may still have: an `Err` leaves it unused. A reuse has revoked the
    /// family, which must be committed, so it is an `Ok`.
    pub(super) fn spend(&self, tx: &mut Tx<'_>, desk: &Desk<'_>) -> Spent {
        let grant = match self.renew(tx, desk.cx)? {
            Renewal::Granted(grant) => grant,
            Renewal::Reused { grant } => return Ok(Err(Refusal::RefreshReused(grant))),
            Renewal::Dead { grant } => return Ok(Err(Refusal::RefreshDead(grant))),
            Renewal::Unknown => return Ok(Err(Refusal::RefreshUnknown)),
        };
        if let Some(audience) = &self.request.audience {
            // Userinfo is no API here either, as at the authorization endpoint.
            let issuer = &desk.cx.services.config.issuer;
            let api = Some(audience).filter(|audience| !issuer.is_userinfo(audience.as_str()));
            if api != grant.audience.as_ref() {
                return Err(Refusal::AudienceMismatch.into());
            }
        }
        let asked = match &self.request.scope {
            Some(asked) => grant.scope.intersect(asked),
            None => grant.scope.clone(),
        };
        let wanted = Wanted::new(grant.audience.as_ref(), &asked);
        let record = active(tx, &grant.user, wanted.id_token)??;
        let offer = desk.offer(wanted)?;
        let entitled = offer.entitlement(tx, &asked, &grant.user)?;
        // OpenID Connect Core §12.2: a refreshed ID token repeats no nonce.
        let person = Person {
            nonce: None,
            ..super::person(&grant, record)
        };
        Ok(Ok(Authorization {
            subject: Subject::User(Box::new(person)),
            api: offer.api,
            scope: entitled.scope,
            permissions: entitled.permissions,
            grant_type: Some("refresh_token"),
            opaque: None,
            refresh_token: match &self.turn {
                Turn::Replace {
                    by: (secret, _), ..
                } => Some(secret.clone()),
                Turn::Keep => None,
            },
            keys: offer.keys,
        }))
    }

    fn renew(&self, tx: &mut Tx<'_>, cx: &Cx) -> Result<Renewal, Fault> {
        let presented = Presented {
            key: &self.key,
            client: &cx.client.id,
            now: cx.now,
        };
        match &self.turn {
            Turn::Keep => grants::renew(tx, presented, self.idle_until),
            Turn::Replace {
                by: (_, key),
                leeway,
            } => {
                let successor = Successor {
                    key,
                    idle_until: self.idle_until,
                    leeway: *leeway,
                };
                grants::rotate(tx, presented, successor)
            }
        }
    }
}
