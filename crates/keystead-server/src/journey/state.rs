//! `state`, which every page of ours carries: a sealed request while nobody is known, then the handle of a journey.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use keystead_protocol::{
    authorize::Request,
    ids::{ClientId, SessionId, UserId},
    secret::{Digest, Secret},
    time::Timestamp,
};
use keystead_store::{
    Tx,
    journeys::{self, Journey},
    seal::{Handout, NotOurs},
    token_key::{Purpose, TokenKey},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{
    refusal::{Error, Refusal},
    visit::Visit,
};
use crate::{
    error::Fault,
    identity::sessions::{Browser, Current},
    services::Services,
};

/// For how long somebody may sit on our pages, from the client's request on.
pub const LIFETIME: Duration = Duration::from_secs(3_600);

/// Where every step sends the browser when it is done.
pub(super) const RESUME: &str = "/authorize/resume";

/// What `state` stands for. Both spellings are base64url; their lengths tell them apart, and neither opens in the other's
/// place.
#[derive(Debug, Clone)]
pub enum State {
    /// Nobody is known yet, and nothing is stored.
    Pending(Box<Pending>),
    /// Somebody is known.
    Known(Box<Known>),
}

/// A request whose user is not known yet. It is bound to the browser that began it, and good for [`LIFETIME`].
#[derive(Debug, Clone, PartialEq)]
pub struct Pending {
    /// What the client asked. To be checked again before anything is answered: its client may have changed.
    pub request: Request,
    /// Whose it is.
    pub browser: Digest,
    /// When it began.
    pub begun_at: Timestamp,
}

/// A journey whose user is known, as it was read. It is bound to the user's session.
#[derive(Debug, Clone)]
pub struct Known {
    /// What stands in `state`.
    pub handle: Secret,
    /// What it is stored as.
    pub key: TokenKey,
    /// The row.
    pub journey: Journey,
    /// What the client asked. To be checked again before anything is answered.
    pub request: Request,
    /// Which steps are behind it.
    pub done: Done,
}

/// The steps that are behind a journey.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Done {
    /// The user signed in, or signed up, on this very journey.
    pub signed_in: bool,
    /// The user allowed what the client asked for.
    pub consented: bool,
    /// The user confirmed that the app is the one meant.
    pub confirmed: bool,
}

/// The journey that a transaction is about to begin.
#[derive(Debug, Clone)]
pub struct Beginning {
    handle: Secret,
    key: TokenKey,
    client: ClientId,
    request: serde_json::Value,
    expires_at: Timestamp,
}

#[derive(Serialize, Deserialize)]
struct Sealed {
    #[serde(rename = "r")]
    request: Request,
    #[serde(rename = "b")]
    browser: String,
    #[serde(rename = "t")]
    begun_at: i64,
}

impl Pending {
    /// A request that begins now in this browser.
    pub fn new(request: Request, browser: &Browser, now: Timestamp) -> Self {
        Self {
            request,
            browser: browser.digest(),
            begun_at: now,
        }
    }

    /// The value of `state`. Sealing again does not prolong it.
    ///
    /// # Errors
    /// A [`Fault`] if it cannot be sealed.
    pub fn seal(&self, services: &Services) -> Result<String, Fault> {
        let sealed = Sealed {
            request: self.request.clone(),
            browser: URL_SAFE_NO_PAD.encode(self.browser.as_bytes()),
            begun_at: self.begun_at.as_millis(),
        };
        hand_out(services, Handout::Request, &sealed, self.begun_at)
    }

    fn open(services: &Services, text: &str, now: Timestamp) -> Result<Self, Refusal> {
        let sealed: Sealed = take_back(services, Handout::Request, Some(text), now)?;
        let browser = URL_SAFE_NO_PAD
            .decode(sealed.browser)
            .ok()
            .and_then(|bytes| Digest::try_from(bytes.as_slice()).ok())
            .ok_or(Refusal::StateUnknown)?;
        Ok(Self {
            request: sealed.request,
            browser,
            begun_at: Timestamp::from_millis(sealed.begun_at),
        })
    }

    /// Draws the journey that follows when its user is known. Nothing is stored: see [`Beginning::begin`].
    ///
    /// # Errors
    /// A [`Fault`] if the request cannot be written down.
    pub fn beginning(&self, services: &Services, now: Timestamp) -> Result<Beginning, Fault> {
        Beginning::new(services, &self.request, self.begun_at, now)
    }
}

impl Beginning {
    /// Draws a journey for this request, which came at `begun_at`.
    ///
    /// # Errors
    /// A [`Fault`] if the request cannot be written down.
    pub fn new(
        services: &Services,
        request: &Request,
        begun_at: Timestamp,
        now: Timestamp,
    ) -> Result<Self, Fault> {
        let (handle, key) = TokenKey::draw(Purpose::Journey, now, &mut services.rng());
        Ok(Self {
            handle,
            key,
            client: request.client_id.clone(),
            request: serde_json::to_value(request).map_err(|e| Fault::Unwritable(e.to_string()))?,
            expires_at: begun_at + LIFETIME,
        })
    }

    /// Stores the journey, in the transaction that makes its user known: a log-in's, with its session.
    ///
    /// # Errors
    /// A [`Fault`](keystead_store::Fault) of the database.
    pub fn begin(
        &self,
        tx: &mut Tx<'_>,
        user: &UserId,
        session: &SessionId,
        done: Done,
        now: Timestamp,
    ) -> Result<(), keystead_store::Fault> {
        let journey = Journey {
            client: self.client.clone(),
            user: user.clone(),
            session: Some(session.clone()),
            request: self.request.clone(),
            done: done.written(),
            version: 1,
            expires_at: self.expires_at,
        };
        journeys::begin(tx, &self.key, &journey, now)
    }

    /// The value of `state` from now on.
    pub fn handle(&self) -> &Secret {
        &self.handle
    }

    /// Where the step sends the browser when it is done, after the commit.
    pub fn resume(&self) -> String {
        resume_at(self.handle.expose())
    }
}

impl Done {
    /// As it is stored.
    pub fn written(self) -> serde_json::Value {
        serde_json::json!(self)
    }
}

/// Who brings a `state` back.
#[derive(Debug, Clone, Copy)]
pub struct Bearer<'a> {
    /// The browser, by its cookie.
    pub browser: Option<&'a Browser>,
    /// The session, by its cookie.
    pub session: Option<&'a Current>,
}

impl State {
    /// Reads the `state` of a query or form. Whoever brings it must be whom it was given to: the browser, or, once there
    /// is one, the session.
    ///
    /// # Errors
    /// A [`Refusal`] to be shown as a page, or a fault of the store.
    pub async fn read(
        services: &Services,
        text: Option<&str>,
        bearer: Bearer<'_>,
        now: Timestamp,
    ) -> Result<Self, Error> {
        let text = text.ok_or(Refusal::StateMissing)?;
        let Some(key) = TokenKey::of(Purpose::Journey, text) else {
            let pending = Pending::open(services, text, now)?;
            let own = bearer
                .browser
                .is_some_and(|browser| browser.digest().matches(&pending.browser));
            return match own {
                true => Ok(Self::Pending(Box::new(pending))),
                false => Err(Refusal::StateOfAnotherBrowser.into()),
            };
        };
        let found = services
            .store
            .read(move |tx| journeys::find(tx, &key, now))
            .await?;
        // One that has ended and one that never was look alike: the page says how to start again.
        let journey = found.ok_or(Refusal::JourneyOver)?;
        let session = bearer.session.map(|current| &current.session);
        if journey.session.as_ref() != session.map(|session| &session.id) || session.is_none() {
            return Err(Refusal::StateOfAnotherBrowser.into());
        }
        let request = serde_json::from_value(journey.request.clone())
            .map_err(|e| Fault::Unwritable(e.to_string()))?;
        let done = serde_json::from_value(journey.done.clone())
            .map_err(|e| Fault::Unwritable(e.to_string()))?;
        Ok(Self::Known(Box::new(Known {
            handle: text.into(),
            key,
            journey,
            request,
            done,
        })))
    }

    /// What the client asked.
    pub fn request(&self) -> &Request {
        match self {
            Self::Pending(pending) => &pending.request,
            Self::Known(known) => &known.request,
        }
    }

    /// Which steps are behind it.
    pub fn done(&self) -> Done {
        match self {
            Self::Pending(_) => Done::default(),
            Self::Known(known) => known.done,
        }
    }
}

/// Reads the `state` that a browser brings back.
///
/// # Errors
/// A page, or a fault of the store.
pub(super) async fn read(
    visit: &Visit,
    text: Option<&str>,
    current: Option<&Current>,
) -> Result<State, Error> {
    let browser = visit.cookies().browser(&visit.headers);
    let bearer = Bearer {
        browser: browser.as_ref(),
        session: current,
    };
    State::read(&visit.services, text, bearer, visit.now).await
}

/// Seals what a browser carries for us in a `state`, for [`LIFETIME`] from its beginning on.
///
/// # Errors
/// A [`Fault`] if it cannot be sealed.
pub(super) fn hand_out(
    services: &Services,
    purpose: Handout,
    value: &impl Serialize,
    begun_at: Timestamp,
) -> Result<String, Fault> {
    let bytes = serde_json::to_vec(value).map_err(|e| Fault::Unwritable(e.to_string()))?;
    let (rng, until) = (&mut services.rng(), begun_at + LIFETIME);
    Ok(services.keyring.hand_out(purpose, &bytes, until, rng)?)
}

/// Opens it again. Whether whoever brings it is whom it was given to is for the caller to see.
///
/// # Errors
/// A [`Refusal`] to be shown as a page.
pub(super) fn take_back<T: DeserializeOwned>(
    services: &Services,
    purpose: Handout,
    state: Option<&str>,
    now: Timestamp,
) -> Result<T, Refusal> {
    let state = state.ok_or(Refusal::StateMissing)?;
    let opened = services.keyring.take_back(purpose, state, now);
    let bytes = opened.map_err(|why| match why {
        NotOurs::Unreadable => Refusal::StateUnknown,
        NotOurs::Expired => Refusal::StateExpired,
    })?;
    serde_json::from_slice(&bytes).map_err(|_| Refusal::StateUnknown)
}

/// Where a step's page stands for this `state`.
pub(super) fn step_at(path: &str, state: &str) -> String {
    format!("{path}?state={state}")
}

/// Where a step sends the browser when it is done: 303 after a POST.
pub(super) fn resume_at(state: &str) -> String {
    step_at(RESUME, state)
}
