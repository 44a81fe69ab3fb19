//! The session of a browser: its cookie, who is signed in there, and what happens to both when somebody signs in or out.
//!
//! Two cookies. One opens the session. The other only tells browsers apart from before anybody has signed in, so that a
//! journey that began in one browser does not go on in another (log-in CSRF). Neither says anything by itself: the first
//! is a key to a row, the second a random value that a journey's `state` remembers.

use std::time::Duration;

use axum::http::{
    HeaderMap, HeaderValue,
    header::{COOKIE, SET_COOKIE},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use keystead_protocol::{
    ids::{SessionId, UserId},
    secret::{Digest, Secret},
    time::Timestamp,
};
use keystead_store::{
    Tx,
    sessions::{self, Method, Session},
    token_key::{Purpose, TokenKey},
};
use rand_core::CryptoRng;

use crate::{config::Issuer, error::Fault, services::Services};

#[cfg(test)]
mod tests;

/// How the cookies are called and sent, which depends on the issuer's scheme alone.
///
/// Over https the prefix `__Host-` keeps every other host, subdomains included, from setting them (RFC 6265bis §4.1.3.2),
/// and the session's has `SameSite=None`, because a silent log-in happens in an iframe of the application's site. So no
/// POST may rely on it alone: see [`same_origin`](super::same_origin). Over http, which only loopback issuers use,
/// browsers refuse both the prefix and `None`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cookies {
    session: &'static str,
    browser: &'static str,
    session_attributes: &'static str,
    browser_attributes: &'static str,
}

impl Cookies {
    /// Those of an issuer.
    pub fn of(issuer: &Issuer) -> Self {
        if issuer.is_https() {
            Self {
                session: "__Host-keystead",
                browser: "__Host-keystead-browser",
                session_attributes: "Path=/; Secure; HttpOnly; SameSite=None",
                browser_attributes: "Path=/; Secure; HttpOnly; SameSite=Lax",
            }
        } else {
            Self {
                session: "keystead",
                browser: "keystead-browser",
                session_attributes: "Path=/; HttpOnly; SameSite=Lax",
                browser_attributes: "Path=/; HttpOnly; SameSite=Lax",
            }
        }
    }

    /// The browser that a request names, if it has been here before.
    pub fn browser(&self, headers: &HeaderMap) -> Option<Browser> {
        value(headers, self.browser).and_then(Browser::parse)
    }

    /// The key of the session that a request names; whether it lives is for [`current`] to say.
    pub fn session(&self, headers: &HeaderMap) -> Option<TokenKey> {
        TokenKey::of(Purpose::Session, value(headers, self.session)?)
    }

    /// Lets the browser remember which one it is, until it is closed.
    pub fn keep_browser(&self, browser: &Browser) -> SetCookie {
        let value = browser.0.expose();
        SetCookie::new(format!(
            "{}={value}; {}",
            self.browser, self.browser_attributes
        ))
    }

    fn keep_session(&self, secret: &Secret, span: Duration) -> SetCookie {
        SetCookie::new(format!(
            "{}={}; Max-Age={}; {}",
            self.session,
            secret.expose(),
            span.as_secs(),
            self.session_attributes
        ))
    }

    /// Lets the browser forget its session.
    pub fn forget_session(&self) -> SetCookie {
        SetCookie::new(format!(
            "{}=; Max-Age=0; {}",
            self.session, self.session_attributes
        ))
    }
}

/// A `Set-Cookie` line, to be put on the answer.
#[derive(Debug, Clone)]
#[must_use = "a cookie does nothing until it is on an answer"]
pub struct SetCookie(HeaderValue);

impl SetCookie {
    /// Every value here is base64url, so the line is always a legal one.
    fn new(line: String) -> Self {
        let mut value = HeaderValue::try_from(line).unwrap_or(HeaderValue::from_static(""));
        value.set_sensitive(true);
        Self(value)
    }

    /// Puts the cookie beside those that are there.
    pub fn put(self, headers: &mut HeaderMap) {
        headers.append(SET_COOKIE, self.0);
    }
}

/// One browser, from its first visit until it is closed: 256 random bits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Browser(Secret);

impl Browser {
    /// A browser that has not been here.
    pub fn new(rng: &mut impl CryptoRng) -> Self {
        Self(Secret::generate(rng))
    }

    fn parse(value: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(value).ok()?;
        (bytes.len() == 32).then(|| Self(value.into()))
    }

    /// What a journey's state remembers of it.
    pub fn digest(&self) -> Digest {
        self.0.digest()
    }
}

/// The value of a cookie, the first one if there are several.
fn value<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let lines = headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|line| line.to_str().ok());
    lines
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find_map(|(own, value)| (own == name).then_some(value))
}

/// A living session, and the key that its cookie opened it with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Current {
    /// What the cookie is stored as.
    pub key: TokenKey,
    /// The session.
    pub session: Session,
}

/// Who is signed in where a request comes from. The use is recorded, which puts the session's idle end off; this costs a
/// write at most once a minute. Does not look whether the user is blocked: blocking ends sessions.
///
/// # Errors
/// A [`Fault`] of the store.
pub async fn current(
    services: &Services,
    headers: &HeaderMap,
    now: Timestamp,
) -> Result<Option<Current>, Fault> {
    let Some(key) = Cookies::of(&services.config.issuer).session(headers) else {
        return Ok(None);
    };
    let found = services
        .store
        .read(move |tx| sessions::find(tx, &key, now))
        .await?;
    let Some(session) = found else {
        return Ok(None);
    };
    if session.wants_touch(now) {
        let idle = services.catalogue.tenant().idle_session_lifetime();
        let idle_until = (now + idle).min(session.expires_at);
        services
            .store
            .write(move |tx| sessions::touch(tx, &key, idle_until, now))
            .await?;
    }
    Ok(Some(Current { key, session }))
}

/// A session that is about to begin, with a cookie that nobody has seen yet.
#[derive(Debug, Clone)]
pub struct Fresh {
    key: TokenKey,
    session: Session,
    cookie: SetCookie,
}

/// Draws the session of a user who has just shown who they are, in these ways. Nothing is stored: see [`Fresh::enter`].
pub fn draw(services: &Services, user: &UserId, methods: &[&str], now: Timestamp) -> Fresh {
    let rng = &mut services.rng();
    let tenant = services.catalogue.tenant();
    let (secret, key) = TokenKey::draw(Purpose::Session, now, rng);
    let lifetime = tenant.session_lifetime();
    let methods = methods.iter().map(|name| Method {
        name: (*name).to_owned(),
        at: now.as_secs(),
    });
    Fresh {
        key,
        session: Session {
            id: SessionId::generate(rng),
            user: user.clone(),
            methods: methods.collect(),
            authenticated_at: now,
            seen_at: now,
            idle_until: now + tenant.idle_session_lifetime().min(lifetime),
            expires_at: now + lifetime,
            created_at: now,
        },
        cookie: Cookies::of(&services.config.issuer).keep_session(&secret, lifetime),
    }
}

impl Fresh {
    /// Makes the session real, in the transaction that records the log-in. The browser's former session does not survive
    /// it under its old cookie: of the same user it goes on under the new one, for as long as a new one would (its `sid`
    /// stays, and clients keep theirs), of another user it ends.
    ///
    /// # Errors
    /// A [`Fault`](keystead_store::Fault) of the database.
    pub fn enter(
        &self,
        tx: &mut Tx<'_>,
        former: Option<&Current>,
        now: Timestamp,
    ) -> Result<Session, keystead_store::Fault> {
        if let Some(former) = former {
            if former.session.user == self.session.user {
                let renewed = sessions::renew(tx, &former.key, &self.key, &self.session, now)?;
                if let Some(session) = renewed {
                    return Ok(session);
                }
            } else {
                // Its clients are told when logging out tells any.
                let _ = sessions::end(tx, &former.session.id, now)?;
            }
        }
        sessions::start(tx, &self.key, &self.session)?;
        Ok(self.session.clone())
    }

    /// The cookie that opens it, for the answer that follows the commit.
    pub fn cookie(self) -> SetCookie {
        self.cookie
    }
}
