//! Accounts: passwords and what stands before them, on both databases.

use std::{net::IpAddr, task::Poll};

use keystead_protocol::{
    ids::{ConnectionId, UserId},
    secret::Secret,
};
use keystead_server::identity::accounts::{
    self, Authenticated, Checked, CredentialCheck, NewAccount, Settled, SignedUp,
};
use keystead_store::{
    Insert,
    connections::{self, Connection, Options},
    known_addresses, passwords,
    users::{self, Insertion, Profile, User, UserMetadata},
};
use serde_json::Value;

use crate::house::House;

mod limits;
mod log_in;
mod sign_up;

pub const HOME: &str = "203.0.113.9";
pub const PASSWORD: &str = "Analytical-Engine-1843";

/// A database connection in a house, and those who want to be let in.
pub struct Town {
    pub house: House,
    pub connection: Connection,
}

impl Town {
    pub async fn new(house: House, options: Value) -> Self {
        let id = ConnectionId::generate(&mut house.services.rng());
        let strategy = "auth0".to_owned();
        let mut connection = Connection::new(id, "town".to_owned(), strategy, house.now());
        connection.options = Options(options.as_object().unwrap().clone());
        let inserted = connection.clone();
        let done = house
            .writes(move |tx| connections::insert(tx, &inserted))
            .await;
        assert_eq!(done, Insert::Done);
        Self { house, connection }
    }

    /// Somebody with an e-mail address and [`PASSWORD`].
    pub async fn resident(&self, email: &str) -> User {
        let home: IpAddr = HOME.parse().unwrap();
        let rng = &mut self.house.services.rng();
        let passwords = &self.house.services.passwords;
        let hash = passwords.hash(home, &PASSWORD.into(), rng).await.unwrap();
        self.resident_with(email, Some(hash)).await
    }

    /// Somebody whose stored hash is this.
    pub async fn resident_with(&self, email: &str, hash: Option<Secret>) -> User {
        let now = self.house.now();
        let id = UserId::generate(&mut self.house.services.rng());
        let mut user = User::new(id, self.connection.id.clone(), now);
        user.email = Some(email.to_owned());
        let new = user.clone();
        let done = self.house.writes(move |tx| {
            let done = users::insert(tx, &new)?;
            if let Some(hash) = &hash {
                passwords::set(tx, &new.id, hash, now)?;
            }
            Ok(done)
        });
        assert_eq!(done.await, Insertion::Inserted);
        user
    }

    /// Somebody tries to log in.
    pub async fn tries(&self, identifier: &str, password: &str, address: &str) -> Checked {
        let password = Secret::from(password);
        let asked = CredentialCheck {
            connection: &self.connection,
            identifier,
            password: &password,
            address: address.parse().unwrap(),
            now: self.house.now(),
        };
        accounts::check(&self.house.services, &asked).await.unwrap()
    }

    /// Somebody shows the right password.
    pub async fn shows(&self, identifier: &str, address: &str) -> Authenticated {
        match self.tries(identifier, PASSWORD, address).await {
            Checked::Verified(who) => *who,
            Checked::Rejected(rejection) => panic!("{rejection:?}"),
        }
    }

    /// Whether an account was logged in to from `address`.
    pub async fn knows(&self, user: &UserId, address: &'static str) -> bool {
        let (user, now) = (user.clone(), self.house.now());
        self.house
            .writes(move |tx| known_addresses::is_known(tx, &user, address, now))
            .await
    }

    /// Somebody who has shown a password is let in, or not.
    pub async fn settles(&self, who: Authenticated, address: &str) -> Settled {
        let (now, address) = (self.house.now(), address.to_owned());
        self.house
            .writes(move |tx| who.settle(tx, &address, now))
            .await
    }

    /// The same and, if the password is right, what follows from that; in a word: `in`, or why not.
    pub async fn answer(&self, identifier: &str, password: &str, address: &str) -> String {
        match self.tries(identifier, password, address).await {
            Checked::Verified(who) => {
                let settled = self.settles(*who, address).await;
                match settled {
                    Settled::In => "in",
                    Settled::PasswordChanged => "the password changed",
                    Settled::Blocked => "blocked meanwhile",
                }
                .to_owned()
            }
            Checked::Rejected(rejection) => rejection.why.to_string(),
        }
    }

    /// Somebody wants an account.
    pub async fn signs_up(&self, email: &str, username: Option<&str>, password: &str) -> SignedUp {
        let password = Secret::from(password);
        let wanted = NewAccount {
            connection: &self.connection,
            email,
            username,
            password: &password,
            profile: Profile::default(),
            user_metadata: UserMetadata::default(),
            address: HOME.parse().unwrap(),
            now: self.house.now(),
        };
        accounts::sign_up(&self.house.services, wanted)
            .await
            .unwrap()
    }

    /// How many hashes of ours and of others `work` costs.
    pub async fn cost<T>(&self, work: impl Future<Output = T>) -> (T, u64, u64) {
        let before = self.house.services.passwords.operations();
        let done = work.await;
        let after = self.house.services.passwords.operations();
        (
            done,
            after.argon2id - before.argon2id,
            after.imported - before.imported,
        )
    }
}

/// Waits for many at once: every one has begun before any is done.
pub async fn together<T>(all: impl Iterator<Item = impl Future<Output = T>>) -> Vec<T> {
    let mut all: Vec<_> = all.map(|work| (Box::pin(work), None)).collect();
    std::future::poll_fn(|cx| {
        for (work, done) in &mut all {
            if done.is_none()
                && let Poll::Ready(answer) = work.as_mut().poll(cx)
            {
                *done = Some(answer);
            }
        }
        if all.iter().all(|(_, done)| done.is_some()) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
    all.into_iter().filter_map(|(_, done)| done).collect()
}
