//! What can be spent once, a code or a refresh token: proved, spent and logged in one write transaction.

use std::sync::Arc;

use keystead_store::{
    Fault, Tx,
    access_tokens::{self, AccessToken},
    log::{self, Entry},
    token_key::{Purpose, TokenKey},
};

use super::{
    Authorization, Cx, Subject, code,
    offer::{Desk, Offer, Spent, Stop},
    refresh,
};
use crate::{identity::entitlement, oauth::refusal::Error};

/// What is presented.
pub enum Voucher {
    /// A code of the authorization endpoint.
    Code(code::Voucher),
    /// A refresh token.
    RefreshToken(refresh::Voucher),
}

/// Spends a voucher in one write transaction. What is proved is what is spent: nothing can come between.
///
/// # Errors
/// [`Error::Refused`], or a fault of the store.
pub async fn spend(
    cx: &Cx,
    voucher: Voucher,
    line: impl Fn(&Authorization) -> Entry + Send + Sync + 'static,
) -> Result<Authorization, Error> {
    let work = Arc::new((cx.clone(), voucher, line));
    let mut fetched = None;
    loop {
        let (work, given) = (Arc::clone(&work), fetched.take());
        let spent = cx.services.store.write(move |tx| {
            let (cx, voucher, line) = &*work;
            let desk = Desk::new(cx, given.as_ref());
            let mut authorization = match voucher.spend(tx, &desk)? {
                Ok(authorization) => authorization,
                Err(refusal) => return Ok(Err(refusal)),
            };
            if authorization.api.is_none() {
                store_opaque(tx, cx, &mut authorization)?;
            }
            log::append(tx, &line(&authorization))?;
            Ok(Ok(authorization))
        });
        match spent.await {
            Ok(authorization) => return Ok(authorization?),
            Err(Stop::Error(error)) => return Err(error),
            Err(Stop::Wants(wanted)) => {
                let offer = Offer::gather(cx, &wanted).await?;
                fetched = Some((wanted, offer));
            }
        }
    }
}

impl Voucher {
    fn spend(&self, tx: &mut Tx<'_>, desk: &Desk<'_>) -> Spent {
        match self {
            Self::Code(voucher) => voucher.spend(tx, desk),
            Self::RefreshToken(voucher) => voucher.spend(tx, desk),
        }
    }
}

/// A token for no API is no JWT: it is looked up whenever it is used.
fn store_opaque(tx: &mut Tx<'_>, cx: &Cx, authorization: &mut Authorization) -> Result<(), Fault> {
    let Subject::User(person) = &authorization.subject else {
        return Ok(());
    };
    let (secret, key) = TokenKey::draw(Purpose::AccessToken, cx.now, &mut cx.services.rng());
    let token = AccessToken {
        grant: person.family.clone(),
        scope: authorization.scope.clone(),
        expires_at: cx.now + entitlement::access_lifetime(None),
        created_at: cx.now,
    };
    access_tokens::insert(tx, &key, &token)?;
    authorization.opaque = Some(secret);
    Ok(())
}
