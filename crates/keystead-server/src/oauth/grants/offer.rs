//! What a user's token needs of the configuration: the API, what it offers to users, and the keys that will sign; and how a
//! transaction comes by it.

use std::sync::Arc;

use keystead_protocol::{
    ids::{Audience, UserId},
    scope::Scope,
};
use keystead_store::{Fault, Tx};

use super::{Authorization, Cx};
use crate::{
    catalogue::KnownApi,
    identity::{
        entitlement::{self, Entitlement, NotGranted},
        issue::{IdTokens, Keys},
    },
    oauth::refusal::{Error, Refusal},
};

/// What a token is to be for, which is written in what was presented for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    audience: Option<Audience>,
    /// Whether an ID token comes along.
    pub(super) id_token: IdTokens,
}

impl Wanted {
    /// A token for an API, or for userinfo alone, with this scope.
    pub fn new(audience: Option<&Audience>, scope: &Scope) -> Self {
        Self {
            audience: audience.cloned(),
            id_token: match scope.contains("openid") {
                true => IdTokens::One,
                false => IdTokens::None,
            },
        }
    }
}

/// What the configuration says to that.
#[derive(Clone)]
pub struct Offer {
    /// The API; `None` means userinfo only.
    pub api: Option<Arc<KnownApi>>,
    /// What it offers to the users of the client.
    offered: Scope,
    /// The keys, at hand before anything is spent.
    pub keys: Keys,
}

impl Offer {
    /// Asks the catalogue, and the database for what that does not remember.
    ///
    /// # Errors
    /// [`Refusal::UnknownAudience`], [`Refusal::NotGranted`], or a fault of the store.
    pub async fn gather(cx: &Cx, wanted: &Wanted) -> Result<Self, Error> {
        let (services, client) = (&cx.services, &cx.client);
        let (api, offered) = match &wanted.audience {
            None => (None, Scope::default()),
            Some(audience) => {
                let api = cx.api(audience).await?;
                let offered = entitlement::for_users(services, &client.id, &api).await?;
                (Some(api), offered.map_err(not_granted)?)
            }
        };
        let keys = Keys::of(services, client, api.as_deref(), wanted.id_token, cx.now).await?;
        Ok(Self { api, offered, keys })
    }

    /// The same from memory alone: `None` if something is not there.
    fn at_hand(cx: &Cx, wanted: &Wanted) -> Option<Result<Self, Refusal>> {
        let (services, client) = (&cx.services, &cx.client);
        let (api, offered) = match &wanted.audience {
            None => (None, Scope::default()),
            Some(audience) => {
                let api = services.catalogue.api_at_hand(audience)?;
                match entitlement::for_users_at_hand(services, &client.id, &api)? {
                    Ok(offered) => (Some(api), offered),
                    Err(not) => return Some(Err(not_granted(not))),
                }
            }
        };
        let keys = Keys::at_hand(services, client, api.as_deref(), wanted.id_token, cx.now)?;
        Some(Ok(Self { api, offered, keys }))
    }

    /// What of an agreement a user's token may carry today.
    ///
    /// # Errors
    /// A fault of the database.
    pub fn entitlement(
        &self,
        tx: &mut Tx<'_>,
        agreed: &Scope,
        user: &UserId,
    ) -> Result<Entitlement, Fault> {
        match &self.api {
            Some(api) => entitlement::within(tx, agreed, api, &self.offered, user),
            None => Ok(entitlement::for_userinfo(agreed)),
        }
    }
}

fn not_granted(NotGranted(audience): NotGranted) -> Refusal {
    Refusal::NotGranted(audience)
}

/// How spending ends. A refusal that must leave a trace is an `Ok`, so that it is committed.
pub(super) type Spent = Result<Result<Authorization, Refusal>, Stop>;

/// Why a transaction leaves everything as it was.
pub(super) enum Stop {
    /// The request is refused, or we are broken.
    Error(Error),
    /// Something of the configuration has to be read first: then the same again.
    Wants(Wanted),
}

impl<E: Into<Error>> From<E> for Stop {
    fn from(error: E) -> Self {
        Self::Error(error.into())
    }
}

/// What a transaction works with.
pub(super) struct Desk<'a> {
    /// The request.
    pub(super) cx: &'a Cx,
    /// What an earlier try found missing.
    fetched: Option<&'a (Wanted, Offer)>,
}

impl<'a> Desk<'a> {
    /// A desk for one try.
    pub(super) fn new(cx: &'a Cx, fetched: Option<&'a (Wanted, Offer)>) -> Self {
        Self { cx, fetched }
    }

    /// What the configuration offers for this. It was fetched, or is remembered, or ends this try.
    pub(super) fn offer(&self, wanted: Wanted) -> Result<Offer, Stop> {
        match self.fetched {
            Some((fetched, offer)) if *fetched == wanted => Ok(offer.clone()),
            _ => match Offer::at_hand(self.cx, &wanted) {
                Some(offer) => Ok(offer?),
                None => Err(Stop::Wants(wanted)),
            },
        }
    }
}
