//! The grant of a refresh token (RFC 6749 §6): the same or less of what was granted, for as long as the family lives.

use keystead_protocol::{client::Rotation, ids::ClientId, time::Timestamp, token::RefreshToken};
use keystead_store::{
    Tx,
    grants::{self, Presented, Renewal, Standing, Successor},
    token_key::{Purpose, TokenKey},
};

use super::{Authorization, Cx, NewRefreshToken, Person, Subject, active, after};
use crate::oauth::refusal::{Error, Refusal};

/// What using this refresh token takes.
pub struct Settlement {
    key: TokenKey,
    client: ClientId,
    turn: Turn,
}

enum Turn {
    Replace {
        by: NewRefreshToken,
        leeway: std::time::Duration,
    },
    Keep {
        idle_until: Timestamp,
    },
}

/// Reads the family of the token. Whether the token may be used is decided when it is settled, by guarded statements.
///
/// # Errors
/// A [`Refusal`], or a fault of the store.
pub async fn prove(cx: &Cx<'_>, request: RefreshToken) -> Result<Authorization, Error> {
    let key = TokenKey::of(Purpose::RefreshToken, request.refresh_token.expose())
        .ok_or(Refusal::RefreshUnknown)?;
    let (client, now) = (cx.client.id.clone(), cx.now);
    let read = cx.services.store.read(move |tx| {
        let grant = match grants::standing_of_token(tx, &key, &client, now)? {
            Some((_, Standing::Live(grant))) => grant,
            Some((family, Standing::Revoked(_) | Standing::Gone)) => {
                return Ok(Err(Refusal::RefreshDead(family)));
            }
            None => return Ok(Err(Refusal::RefreshUnknown)),
        };
        let user = active(tx, &grant.user)?;
        Ok::<_, keystead_store::Fault>(user.map(|user| (grant, user)))
    });
    let (grant, user) = read.await??;
    if request.audience.is_some() && request.audience != grant.audience {
        return Err(Refusal::AudienceMismatch.into());
    }
    let api = match &grant.audience {
        Some(audience) => Some(cx.api(audience).await?),
        None => None,
    };
    let asked = request
        .scope
        .map_or(grant.scope.clone(), |asked| grant.scope.intersect(&asked));
    let (scope, permissions) = cx.narrow(&asked, api.as_deref(), &user).await?;
    let policy = cx.client.metadata.refresh_policy();
    let idle_until = after(cx.now, policy.idle_lifetime());
    let (refresh_token, turn) = match policy.rotation(cx.profile) {
        Rotation::Keep => (None, Turn::Keep { idle_until }),
        Rotation::Replace { leeway } => {
            let (secret, key) =
                TokenKey::draw(Purpose::RefreshToken, cx.now, &mut cx.services.rng());
            (
                Some(secret),
                Turn::Replace {
                    by: NewRefreshToken { key, idle_until },
                    leeway,
                },
            )
        }
    };
    // OpenID Connect Core §12.2: a refreshed ID token repeats no nonce.
    let person = Person {
        nonce: None,
        ..super::person(&grant, user)
    };
    Ok(Authorization {
        subject: Subject::User(Box::new(person)),
        api,
        scope,
        permissions,
        grant_type: Some("refresh_token"),
        refresh_token,
        settlement: super::Settlement::Refresh(std::sync::Arc::new(Settlement {
            key,
            client: cx.client.id.clone(),
            turn,
        })),
    })
}

impl Settlement {
    /// Uses the token. A reuse has revoked the family, which must be committed, so it is an `Ok`.
    ///
    /// # Errors
    /// A fault of the store.
    pub fn settle(&self, tx: &mut Tx<'_>, now: Timestamp) -> Result<Result<(), Refusal>, Error> {
        let presented = Presented {
            key: &self.key,
            client: &self.client,
            now,
        };
        let renewal = match &self.turn {
            Turn::Keep { idle_until } => grants::renew(tx, presented, *idle_until)?,
            Turn::Replace { by, leeway } => {
                let successor = Successor {
                    key: &by.key,
                    idle_until: by.idle_until,
                    leeway: *leeway,
                };
                grants::rotate(tx, presented, successor)?
            }
        };
        Ok(match renewal {
            Renewal::Granted(_) => Ok(()),
            Renewal::Reused { grant } => Err(Refusal::RefreshReused(grant)),
            Renewal::Dead { grant } => Err(Refusal::RefreshDead(grant)),
            Renewal::Unknown => Err(Refusal::RefreshUnknown),
        })
    }
}
