//! How often somebody may be wrong: for each account from each address, for each address, and for each account.
//!
//! An attempt is counted before it is looked at and taken back if it was right. Limits drain like a bucket with a hole:
//! so many at once, then one more each time a share of them has had its time.
//!
//! **Nobody is locked out by a stranger.** From an address where the account was logged in to before, only what was
//! wrong from that very address against that account counts. So whoever guesses from elsewhere, from however many
//! places, exhausts what is allowed to strangers, and the owner at home does not notice. Who shares the owner's address
//! can still shut that pair: nothing tells the two apart before a password is right.

use std::{fmt, net::IpAddr, time::Duration};

use keystead_protocol::{
    ids::{ConnectionId, UserId},
    secret::Digest,
    time::Timestamp,
};
use keystead_store::{
    Fault, Tx,
    attempts::{self, Allowance, Attempt, Of},
    known_addresses,
    users::email_key,
};

use crate::limits::household;

/// From one address against one account: ten, and one more every quarter of an hour.
const PAIR: Allowance = Allowance {
    at_once: 10,
    one_back_in: Duration::from_mins(15),
};
/// From one address, whatever the account: a hundred, and a hundred a day.
const ADDRESS: Allowance = Allowance {
    at_once: 100,
    one_back_in: Duration::from_secs(864),
};
/// Against one account, from all the addresses that it does not know: the same.
const ACCOUNT: Allowance = Allowance {
    at_once: 100,
    one_back_in: Duration::from_secs(864),
};
/// Sign-ups from one address, refused ones too: fifty, and one more every 1.2 s.
const SIGN_UPS: Allowance = Allowance {
    at_once: 50,
    one_back_in: Duration::from_millis(1_200),
};
/// How long an address is known after it was last used.
const KNOWN_FOR: Duration = Duration::from_hours(90 * 24);
/// How many addresses an account knows at most; the one not used for longest is forgotten first.
const KNOWN: u32 = 20;

/// Which limit was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// For this account from this address.
    AccountAndAddress,
    /// For this address.
    Address,
    /// For this account, from addresses that it does not know.
    Account,
    /// For sign-ups from this address.
    SignUps,
}

impl Limit {
    /// What Auth0's log calls it.
    pub fn log_code(self) -> &'static str {
        match self {
            Self::AccountAndAddress | Self::Account => "limit_wc",
            Self::Address | Self::SignUps => "limit_mu",
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AccountAndAddress => "against one account from one address",
            Self::Address => "from one address",
            Self::Account => "against one account",
            Self::SignUps => "to sign up from one address",
        })
    }
}

/// An attempt that is not looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused {
    /// Which limit it is.
    pub by: Limit,
    /// How long until one more attempt.
    pub wait: Duration,
}

/// What stands before a password: the counters that an attempt concerns.
#[derive(Debug, Clone)]
pub struct Gate {
    pair: Digest,
    account: Digest,
    address: Digest,
    home: String,
    protects_accounts: bool,
}

impl Gate {
    /// The gate before an account, whether it exists or not. `identifier` is what was typed: an account that has both an
    /// e-mail address and a user name has a counter for each, so that nobody learns from them which two are one.
    pub fn new(
        connection: &ConnectionId,
        identifier: &str,
        address: IpAddr,
        protects_accounts: bool,
    ) -> Self {
        let (name, home) = (email_key(identifier), household(address).to_string());
        Self {
            pair: digest(&[connection.as_str(), &name, &home]),
            account: digest(&[connection.as_str(), &name]),
            address: digest(&[&home]),
            home,
            protects_accounts,
        }
    }

    /// Counts an attempt, unless a limit is reached; then nothing is counted. `user` is the account, if there is one.
    ///
    /// # Errors
    /// A [`Fault`] of the database.
    pub fn count(
        &self,
        tx: &mut Tx<'_>,
        user: Option<&UserId>,
        now: Timestamp,
    ) -> Result<Admission, Fault> {
        // Asked for nobody too, so that it costs the same.
        let nobody = UserId::try_from("auth0|nobody").ok();
        let asked = user.or(nobody.as_ref());
        let known = asked.map(|user| known_addresses::is_known(tx, user, &self.home, now));
        let from = match known.transpose()? {
            Some(true) => Whence::Known,
            Some(false) | None => Whence::Unknown,
        };
        let counters = self.counters(from);
        for (n, counter) in counters.iter().enumerate() {
            if let Some(refused) = counter.count(tx, now)? {
                for counted in &counters[..n] {
                    counted.take_back(tx)?;
                }
                return Ok(Admission::Refused(refused));
            }
        }
        Ok(Admission::Counted(from))
    }

    /// Takes an attempt back that could not be looked at.
    ///
    /// # Errors
    /// A [`Fault`] of the database.
    pub fn take_back(&self, tx: &mut Tx<'_>, counted: Whence) -> Result<(), Fault> {
        self.counters(counted)
            .iter()
            .try_for_each(|counter| counter.take_back(tx))
    }

    /// Takes an attempt back that was right, and forgives what was wrong from here before it.
    ///
    /// What was wrong with other accounts from here, and with this account from elsewhere, stays counted: or else who
    /// has one account could wash himself clean between guesses at others.
    ///
    /// # Errors
    /// A [`Fault`] of the database.
    pub fn forgive(&self, tx: &mut Tx<'_>, counted: Whence) -> Result<(), Fault> {
        self.take_back(tx, counted)?;
        attempts::forgive(tx, Of::AccountAndAddress, &self.pair)
    }

    /// The same, and the address is known from now on: for who is let in.
    ///
    /// # Errors
    /// A [`Fault`] of the database.
    pub fn settle(
        &self,
        tx: &mut Tx<'_>,
        counted: Whence,
        user: &UserId,
        now: Timestamp,
    ) -> Result<(), Fault> {
        self.forgive(tx, counted)?;
        known_addresses::note(tx, user, &self.home, KNOWN, now + KNOWN_FOR, now)
    }

    /// The counters of an attempt, always in this order, so that two transactions wait for each other in one direction only.
    /// The address comes first: one that is shut out writes no row for each name that it makes up.
    fn counters(&self, from: Whence) -> Vec<Counter<'_>> {
        let pair = Counter(Of::AccountAndAddress, &self.pair, PAIR);
        let address = Counter(Of::Address, &self.address, ADDRESS);
        let account = Counter(Of::Account, &self.account, ACCOUNT);
        match (self.protects_accounts, from) {
            (true, Whence::Known) => vec![pair],
            (true, Whence::Unknown) => vec![address, pair, account],
            (false, Whence::Known | Whence::Unknown) => vec![address],
        }
    }
}

/// Whether an account was logged in to before from where an attempt comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whence {
    /// It was.
    Known,
    /// It was not, or there is no such account.
    Unknown,
}

/// What becomes of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Admission {
    /// It is counted, and may be looked at.
    Counted(Whence),
    /// It is not.
    Refused(Refused),
}

/// What stands before sign-ups.
#[derive(Debug, Clone)]
pub struct SignUps(Digest);

impl SignUps {
    /// Those from an address.
    pub fn of(address: IpAddr) -> Self {
        Self(digest(&[&household(address).to_string()]))
    }

    /// Counts one, unless the limit is reached.
    ///
    /// # Errors
    /// A [`Fault`] of the database.
    pub fn count(&self, tx: &mut Tx<'_>, now: Timestamp) -> Result<Option<Refused>, Fault> {
        Counter(Of::SignUps, &self.0, SIGN_UPS).count(tx, now)
    }
}

struct Counter<'a>(Of, &'a Digest, Allowance);

impl Counter<'_> {
    fn count(&self, tx: &mut Tx<'_>, now: Timestamp) -> Result<Option<Refused>, Fault> {
        let Self(of, digest, allowance) = self;
        Ok(match attempts::count(tx, *of, digest, *allowance, now)? {
            Attempt::Counted => None,
            Attempt::Refused { until } => Some(Refused {
                by: match of {
                    Of::AccountAndAddress => Limit::AccountAndAddress,
                    Of::Address => Limit::Address,
                    Of::Account => Limit::Account,
                    Of::SignUps => Limit::SignUps,
                },
                wait: until.since(now),
            }),
        })
    }

    fn take_back(&self, tx: &mut Tx<'_>) -> Result<(), Fault> {
        let Self(of, digest, allowance) = self;
        attempts::take_back(tx, *of, digest, *allowance)
    }
}

/// A digest over several texts, each with its length, so that no text can be taken for two.
fn digest(parts: &[&str]) -> Digest {
    let mut bytes = vec![];
    for part in parts {
        bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
        bytes.extend_from_slice(part.as_bytes());
    }
    Digest::of(&bytes)
}
