//! The first owner of an installation: a one-time link, good while there is no administrator, and the account it makes.

use std::time::Duration;

use keystead_protocol::{
    ids::{RoleId, UserId},
    secret::Secret,
    time::Timestamp,
};
use keystead_store::{
    Insert, Tx, connections,
    log::{self, Entry},
    passwords,
    roles::{self, Assignment, Role},
    tickets::{self, GoodFor, Use},
    token_key::{Purpose, TokenKey},
    users::{self, Insertion, User},
};

use crate::{error::Fault, services::Services};

/// The role of whoever may do everything.
pub const OWNER: &str = "owner";

/// How long a link waits for somebody. After that a restart prints another.
const LIFETIME: Duration = Duration::from_secs(24 * 3_600);

/// Makes the link by which the first owner comes in; `None` if there is an administrator already. Links that were made
/// before are dead from then on.
///
/// # Errors
/// A [`Fault`] of the store.
pub async fn invite(services: &Services) -> Result<Option<Secret>, Fault> {
    let now = services.clock.now();
    let (ticket, key) = TokenKey::draw(Purpose::Ticket, now, &mut services.rng());
    let issued = services.store.write(move |tx| {
        if any(tx)? {
            return Ok(false);
        }
        tickets::issue(tx, &key, GoodFor::FirstOwner, now + LIFETIME, now)?;
        Ok::<_, keystead_store::Fault>(true)
    });
    let issuer = services.config.issuer.as_str();
    let link = format!("{issuer}u/setup?ticket={}", ticket.expose());
    Ok(issued.await?.then(|| link.into()))
}

/// Whether anybody administers this installation.
fn any(tx: &mut Tx<'_>) -> Result<bool, keystead_store::Fault> {
    for connection in connections::system(tx)? {
        if !users::list(tx, &connection.id, None, 1)?.is_empty() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The key of a ticket that is good now, so that a form is worth showing and a password worth hashing.
///
/// # Errors
/// A [`Fault`] of the store.
pub async fn look(
    services: &Services,
    ticket: &str,
    now: Timestamp,
) -> Result<Option<TokenKey>, Fault> {
    let Some(key) = TokenKey::of(Purpose::Ticket, ticket) else {
        return Ok(None);
    };
    let good = services.store.read(move |tx| {
        Ok::<_, keystead_store::Fault>(
            tickets::is_good(tx, &key, GoodFor::FirstOwner, now)? && !any(tx)?,
        )
    });
    Ok(good.await?.then_some(key))
}

/// How an attempt to become the first owner ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Made {
    /// The account is there, and has its role.
    Owner,
    /// The ticket was used, replaced, or too old, or somebody administers the installation already.
    Dead,
}

/// Uses a ticket to make an account with the role [`OWNER`] in the administrators' connection, all in one transaction with
/// its line in the log. Does not check the e-mail address nor the password whose hash this is.
///
/// What the role allows is decided where administrators are let in, which also looks at the connection: a role of this
/// name gives a user of another connection nothing.
///
/// # Errors
/// A [`Fault`] of the store.
pub async fn make(
    services: &Services,
    key: TokenKey,
    email: &str,
    hash: Secret,
    line: Entry,
    now: Timestamp,
) -> Result<Made, Fault> {
    let rng = &mut services.rng();
    let (id, email) = (UserId::generate(rng), email.to_owned());
    let role = Role {
        id: RoleId::generate(rng),
        name: OWNER.to_owned(),
        description: Some("May do everything in this installation".to_owned()),
        created_at: now,
        updated_at: now,
    };
    let made = services.store.write(move |tx| {
        if tickets::redeem(tx, &key, GoodFor::FirstOwner, now)? == Use::Dead || any(tx)? {
            return Ok(Made::Dead);
        }
        // Made at every start, so it is there; a database that lacks it was changed by hand.
        let Some(home) = connections::system(tx)?.into_iter().next() else {
            return Ok(Made::Dead);
        };
        let mut user = User::new(id.clone(), home.id.clone(), now);
        user.email = Some(email.clone());
        match users::insert(tx, &user)? {
            Insertion::Inserted => {}
            Insertion::EmailTaken | Insertion::UsernameTaken | Insertion::IdTaken => {
                return Ok(Made::Dead);
            }
        }
        passwords::set(tx, &id, &hash, now)?;
        let held = match roles::create(tx, &role)? {
            Insert::Done => role.id.clone(),
            Insert::Taken => roles::by_name(tx, OWNER)?.map_or(role.id.clone(), |role| role.id),
        };
        match roles::assign(tx, &id, &held)? {
            Assignment::Done => {}
            // Deleted by somebody in this very moment: run again.
            Assignment::UnknownUser | Assignment::UnknownRole => {
                return Err(keystead_store::Fault::Contended { tries: 1 });
            }
        }
        let line = Entry {
            user: Some(id.clone()),
            connection: Some(home.id),
            ..line.clone()
        };
        log::append(tx, &line)?;
        Ok(Made::Owner)
    });
    Ok(made.await?)
}
