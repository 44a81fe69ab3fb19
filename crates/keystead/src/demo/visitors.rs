//! Who looks at the guided page: each browser has credentials of its own, in memory, for as long as the demo runs.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use keystead_client::{
    Credentials, Session,
    transition::{Login, SignIn},
};
use keystead_protocol::secret::Secret;
use rand_core::CryptoRng;

use super::records::{AUDIENCE, READ, WRITE};

/// How many browsers are remembered; who has not come for longest is forgotten first.
const MOST: usize = 64;

/// A browser, and the app that acts for whoever sits before it.
pub(super) struct Visitor {
    cookie: Secret,
    pub(super) session: Session,
    pub(super) shown: Mutex<Shown>,
}

/// What the page shows besides the credentials.
#[derive(Default)]
pub(super) struct Shown {
    /// A sign-in that has begun.
    pub(super) login: Option<Login>,
    /// The last call of the API.
    pub(super) call: Option<Exchange>,
    /// What went wrong, or right.
    pub(super) notice: Option<String>,
}

/// A request and its answer.
#[derive(Clone)]
pub(super) struct Exchange {
    pub(super) curl: String,
    pub(super) has_token: bool,
    pub(super) status: u16,
    pub(super) reason: &'static str,
    pub(super) challenge: Option<String>,
    pub(super) body: String,
    pub(super) lesson: &'static str,
}

impl Visitor {
    pub(super) fn shown<T>(&self, look: impl FnOnce(&mut Shown) -> T) -> T {
        look(&mut self.shown.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) async fn credentials(&self) -> Option<Credentials> {
        self.session.current().await.ok().flatten()
    }

    pub(super) fn cookie(&self) -> &str {
        self.cookie.expose()
    }
}

/// All of them.
pub(super) struct Visitors {
    issuer: String,
    client_id: String,
    known: Mutex<VecDeque<Arc<Visitor>>>,
}

impl Visitors {
    pub(super) fn new(issuer: &str, client_id: &str) -> Self {
        Self {
            issuer: issuer.to_owned(),
            client_id: client_id.to_owned(),
            known: Mutex::default(),
        }
    }

    /// The visitor of a cookie.
    pub(super) fn find(&self, cookie: &str) -> Option<Arc<Visitor>> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let at = known.iter().position(|one| one.cookie.matches(cookie))?;
        let visitor = known.remove(at)?;
        known.push_back(Arc::clone(&visitor));
        Some(visitor)
    }

    /// A new one.
    pub(super) fn welcome(
        &self,
        rng: &mut impl CryptoRng,
    ) -> Result<Arc<Visitor>, keystead_client::Error> {
        let visitor = Arc::new(Visitor {
            cookie: Secret::generate(rng),
            session: Session::builder(&self.issuer, &self.client_id)
                .sign_in(ask(Scopes::Read))
                .build()?,
            shown: Mutex::default(),
        });
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST {
            known.pop_front();
        }
        known.push_back(Arc::clone(&visitor));
        Ok(visitor)
    }
}

/// What a sign-in asks the user for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scopes {
    Read,
    ReadAndWrite,
}

/// The tutorials' request: an API by its audience, and scopes of it.
pub(super) fn ask(scopes: Scopes) -> SignIn {
    let of_api = match scopes {
        Scopes::Read => READ.to_owned(),
        Scopes::ReadAndWrite => format!("{READ} {WRITE}"),
    };
    SignIn::new()
        .audience(AUDIENCE)
        .scope(format!("openid profile email offline_access {of_api}"))
}
