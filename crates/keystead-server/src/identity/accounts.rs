//! Accounts of a database connection: the check of a password, and sign-up.

use std::net::IpAddr;

use keystead_protocol::{
    ids::{ConnectionId, UserId},
    secret::Secret,
    time::Timestamp,
};
use keystead_store::{
    Tx,
    connections::Connection,
    passwords::{self, Password, Upgrade},
    users::{self, Insertion, Profile, User, UserMetadata},
};

use super::{
    database::DatabaseOptions,
    lockout::{Admission, Gate, Refused, SignUps, Whence},
    policy::{Person, Policy},
    refusals::{Rejection, SignUpRefusal, Why},
};
use crate::{
    error::Fault,
    password::Verdict,
    services::{Parts, Services},
};

/// What somebody shows to log in.
#[derive(Debug)]
pub struct CredentialCheck<'a> {
    /// Where the account is said to be. Whether it is enabled, and for whom, is not looked at here.
    pub connection: &'a Connection,
    /// An e-mail address or, where accounts have them, a user name. White space around it is ignored.
    pub identifier: &'a str,
    /// The password as it was typed.
    pub password: &'a Secret,
    /// From where.
    pub address: IpAddr,
    /// When.
    pub now: Timestamp,
}

/// Who has shown a password. What follows from that is not written down yet: the transaction that starts the session begins
/// with [`settle`](Self::settle).
#[derive(Debug, Clone)]
pub struct Authenticated {
    /// The user.
    pub user: User,
    shown: Shown,
}

/// What came of letting somebody in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Settled {
    /// The log-in is counted, and the session may begin.
    In,
    /// The password that was shown is not the stored one any more, or the user is gone. The attempt does not count, and
    /// nothing else has changed.
    PasswordChanged,
    /// The user was blocked meanwhile. The attempts that were wrong are forgiven, and nothing else has changed.
    Blocked,
}

/// How a password was shown.
#[derive(Debug, Clone)]
enum Shown {
    /// It was held against what was stored, `verified`. `better` is a hash of it that is to take that one's place.
    Typed {
        gate: Gate,
        counted: Whence,
        verified: Secret,
        better: Option<Secret>,
    },
    /// It was chosen just now.
    Chosen(Secret),
}

impl Authenticated {
    /// Lets the user in from `address`, unless the password was changed or the user blocked since the check: stores the
    /// better hash if there is one, counts the log-in, takes the attempt back and knows the address from now on. The
    /// password stays what it is until the transaction ends ([`passwords::stands`]).
    ///
    /// # Errors
    /// A fault of the database.
    pub fn settle(
        &self,
        tx: &mut Tx<'_>,
        address: &str,
        now: Timestamp,
    ) -> Result<Settled, keystead_store::Fault> {
        let id = &self.user.id;
        // The password and the user before the counters: who waits for those holds nothing that a whole office needs.
        let stands = match &self.shown {
            Shown::Chosen(hash) => passwords::stands(tx, id, hash)?,
            Shown::Typed {
                verified, better, ..
            } => match better {
                None => passwords::stands(tx, id, verified)?,
                Some(better) => passwords::upgrade(tx, id, verified, better)? == Upgrade::Done,
            },
        };
        let settled = if !stands {
            Settled::PasswordChanged
        } else if users::record_login(tx, id, Some(address), now)?.is_none() {
            Settled::Blocked
        } else {
            Settled::In
        };
        if let Shown::Typed { gate, counted, .. } = &self.shown {
            match settled {
                Settled::In => gate.settle(tx, *counted, id, now)?,
                Settled::PasswordChanged => gate.take_back(tx, *counted)?,
                Settled::Blocked => gate.forgive(tx, *counted)?,
            }
        }
        Ok(settled)
    }
}

/// How a check ended.
#[derive(Debug)]
#[must_use]
pub enum Checked {
    /// The password is right, and an administrator has not blocked the account.
    Verified(Box<Authenticated>),
    /// Nobody is logged in.
    Rejected(Rejection),
}

/// Checks a password.
///
/// The attempt is counted, durably, before anything is hashed; [`Authenticated::settle`] takes a right one back, and what
/// never gets there stays counted. So however many attempts come at once, no more passwords are tried than the limits allow. An account that does not exist is limited like one that does,
/// and costs the same hash.
///
/// # Errors
/// A [`Fault`] of the store, of the connection's options, or [`Fault::Crowded`] if too many are logging in: such an attempt
/// does not count.
pub async fn check(services: &Services, asked: &CredentialCheck<'_>) -> Result<Checked, Fault> {
    let options = DatabaseOptions::of(asked.connection)?;
    let Parts {
        store, passwords, ..
    } = &**services;
    let (now, address) = (asked.now, asked.address);
    let identifier = asked.identifier.trim().to_owned();
    let gate = Gate::new(
        &asked.connection.id,
        &identifier,
        address,
        options.brute_force_protection(),
    );
    let (counted, connection) = (gate.clone(), asked.connection.id.clone());
    let met = store.write(move |tx| {
        let account = find(tx, &connection, &identifier, &options)?;
        let user = account.as_ref().map(|account| &account.user.id);
        let admission = counted.count(tx, user, now)?;
        Ok::<_, keystead_store::Fault>((account, admission))
    });
    let (account, admission) = met.await?;
    let user = account.as_ref().map(|account| account.user.id.clone());
    let reject = |why| Ok(Checked::Rejected(Rejection { user, why }));
    let whence = match admission {
        Admission::Counted(whence) => whence,
        Admission::Refused(Refused { by, wait }) => {
            return reject(Why::TooManyAttempts { by, wait });
        }
    };
    let stored = account
        .as_ref()
        .and_then(|account| account.password.as_ref())
        .map(|password| password.hash.clone());
    let rng = &mut services.rng();
    let verdict = passwords.verify(address, asked.password, stored.as_ref(), rng);
    let verdict = match verdict.await {
        Ok(verdict) => verdict,
        Err(fault) => {
            store.write(move |tx| gate.take_back(tx, whence)).await?;
            return Err(fault);
        }
    };
    let (account, better) = match (account, verdict) {
        (Some(account), Verdict::Right { better }) => (account, better),
        (Some(_), Verdict::Wrong) => return reject(Why::WrongPassword),
        (None, _) => return reject(Why::UnknownUser),
    };
    let (Account { user, .. }, Some(verified)) = (account, stored) else {
        return reject(Why::WrongPassword);
    };
    if user.blocked {
        store.write(move |tx| gate.forgive(tx, whence)).await?;
        return Ok(Checked::Rejected(Rejection {
            user: Some(user.id),
            why: Why::Blocked,
        }));
    }
    let shown = Shown::Typed {
        gate,
        counted: whence,
        verified,
        better,
    };
    Ok(Checked::Verified(Box::new(Authenticated { user, shown })))
}

struct Account {
    user: User,
    password: Option<Password>,
}

/// Finds an account by what was typed. The same questions are asked of the database whether there is one or not.
fn find(
    tx: &mut Tx<'_>,
    connection: &ConnectionId,
    identifier: &str,
    options: &DatabaseOptions,
) -> Result<Option<Account>, keystead_store::Fault> {
    // No account has such a name, and the database would refuse to look.
    if identifier.contains('\0') {
        return Ok(None);
    }
    let by_email = users::by_email(tx, connection, identifier)?;
    let by_username = if options.requires_username() {
        users::by_username(tx, connection, identifier)?
    } else {
        None
    };
    let user = by_email.or(by_username);
    let nobody = UserId::try_from("auth0|nobody").ok();
    let id = user.as_ref().map(|user| &user.id).or(nobody.as_ref());
    let password = id.map(|id| passwords::find(tx, id)).transpose()?.flatten();
    Ok(user.map(|user| Account { user, password }))
}

/// An account that somebody wants to have.
#[derive(Debug)]
pub struct NewAccount<'a> {
    /// Where.
    pub connection: &'a Connection,
    /// The e-mail address. White space around it is ignored.
    pub email: &'a str,
    /// The user name; an account has one if its connection requires it, and none otherwise.
    pub username: Option<&'a str>,
    /// The password.
    pub password: &'a Secret,
    /// What else the person says of himself.
    pub profile: Profile,
    /// More of it.
    pub user_metadata: UserMetadata,
    /// From where.
    pub address: IpAddr,
    /// When.
    pub now: Timestamp,
}

/// How a sign-up ended.
#[derive(Debug)]
#[must_use]
pub enum SignedUp {
    /// There is a new account, its address not verified. Nobody is logged in yet.
    Created(Box<Authenticated>),
    /// There is none.
    Refused(SignUpRefusal),
}

/// Makes an account.
///
/// An address that is taken costs the same hash as one that is free and is refused only by the insertion; what the asker
/// then hears is for [`SignUpRefusal::public`] to say.
///
/// # Errors
/// A [`Fault`] of the store, of the connection's options, or [`Fault::Crowded`].
pub async fn sign_up(services: &Services, wanted: NewAccount<'_>) -> Result<SignedUp, Fault> {
    let options = DatabaseOptions::of(wanted.connection)?;
    let NewAccount { address, now, .. } = wanted;
    let names = match names(&wanted, &options) {
        Ok(names) => names,
        Err(refusal) => return Ok(SignedUp::Refused(refusal)),
    };
    let policy = Policy::of(&options);
    let person = Person {
        email: &names.email,
        username: names.username.as_deref(),
        profile: &wanted.profile,
        user_metadata: &wanted.user_metadata,
    };
    if let Err(weakness) = policy.judge_alone(wanted.password, &person) {
        return Ok(SignedUp::Refused(SignUpRefusal::Weak(weakness)));
    }
    let counted = services
        .store
        .write(move |tx| SignUps::of(address).count(tx, now));
    if let Some(Refused { wait, .. }) = counted.await? {
        return Ok(SignedUp::Refused(SignUpRefusal::TooMany { wait }));
    }
    let Parts { passwords, .. } = &**services;
    if let Err(weakness) = policy
        .judge_common(passwords, address, wanted.password)
        .await?
    {
        return Ok(SignedUp::Refused(SignUpRefusal::Weak(weakness)));
    }
    let rng = &mut services.rng();
    let hash = passwords.hash(address, wanted.password, rng).await?;
    let user = User {
        email: Some(names.email),
        username: names.username,
        profile: wanted.profile,
        user_metadata: wanted.user_metadata,
        ..User::new(UserId::generate(rng), wanted.connection.id.clone(), now)
    };
    let (new, chosen) = (user.clone(), hash.clone());
    let inserted = services.store.write(move |tx| {
        let inserted = users::insert(tx, &new)?;
        if inserted == Insertion::Inserted {
            passwords::set(tx, &new.id, &chosen, now)?;
        }
        Ok::<_, keystead_store::Fault>(inserted)
    });
    Ok(match inserted.await? {
        Insertion::Inserted => {
            let shown = Shown::Chosen(hash);
            SignedUp::Created(Box::new(Authenticated { user, shown }))
        }
        Insertion::EmailTaken => SignedUp::Refused(SignUpRefusal::EmailTaken),
        Insertion::UsernameTaken => SignedUp::Refused(SignUpRefusal::UsernameTaken),
        Insertion::IdTaken => {
            return Err(Fault::Unwritable("a user id was drawn twice".to_owned()));
        }
    })
}

struct Names {
    email: String,
    username: Option<String>,
}

/// What the account will be called, if it may be called so.
fn names(wanted: &NewAccount<'_>, options: &DatabaseOptions) -> Result<Names, SignUpRefusal> {
    if options.disable_signup() || wanted.connection.strategy != "auth0" {
        return Err(SignUpRefusal::Disabled);
    }
    let email = super::database::email(wanted.email).ok_or(SignUpRefusal::BadEmail)?;
    let username = if options.requires_username() {
        let given = wanted.username.unwrap_or_default();
        Some(options.username(given).ok_or(SignUpRefusal::BadUsername)?)
    } else {
        None
    };
    Ok(Names { email, username })
}
