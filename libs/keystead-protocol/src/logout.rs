//! Logging out: where a user may be sent afterwards, and what an end-session request asks (OpenID Connect RP-Initiated Logout).

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde::{Deserialize, Serialize};

use crate::{
    error::OAuthError,
    form::Form,
    ids::{BadId, ClientId, SessionId, UserId},
    redirect::{RegisteredRedirect, admits_page},
    secret::Secret,
};

#[cfg(test)]
mod tests;

/// A URL that a user may be sent to after logging out. Only [`LogoutUrls`] makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustedReturn(String);

impl TrustedReturn {
    /// The URL, in characters that a URL may have.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The URL with the request's `state`, which is all that an answer to an end-session request carries (OpenID
    /// Connect RP-Initiated Logout §3).
    pub fn with_state(&self, state: Option<&str>) -> String {
        let Some(state) = state else {
            return self.0.clone();
        };
        let (page, fragment) = match self.0.split_once('#') {
            Some((page, fragment)) => (page, format!("#{fragment}")),
            None => (self.0.as_str(), String::new()),
        };
        let mark = if page.contains('?') { '&' } else { '?' };
        let state = utf8_percent_encode(state, VALUE);
        format!("{page}{mark}state={state}{fragment}")
    }
}

/// What cannot stand in a URL as it is (RFC 3986 §2).
const UNWRITTEN: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'<')
    .add(b'>')
    .add(b'\\')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// And what would end a value in a query.
const VALUE: &AsciiSet = &UNWRITTEN
    .add(b'%')
    .add(b'&')
    .add(b'=')
    .add(b'+')
    .add(b'#')
    .add(b'\'');

/// Where users may go after logging out: Auth0's `allowed_logout_urls` of a client or of the installation, in their order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LogoutUrls(Vec<RegisteredRedirect>);

impl LogoutUrls {
    /// Where to go if nothing else was asked: the first URL that is no pattern.
    pub fn first(&self) -> Option<TrustedReturn> {
        let first = self.0.iter().find(|entry| !entry.is_pattern())?;
        Some(TrustedReturn(first.as_str().to_owned()))
    }

    /// Whether a `returnTo` may be followed: scheme and host in any case, one wildcard as the left-most label of a host,
    /// the path byte for byte. Query and fragment are not compared, so they may be anything; what in them no URL may
    /// have is encoded.
    ///
    /// Departure: this is Auth0's rule. [`exactly`](Self::exactly) is OpenID Connect's.
    pub fn admit(&self, requested: &str) -> Option<TrustedReturn> {
        let admitted = self.0.iter().any(|entry| admits_page(entry, requested));
        admitted.then(|| TrustedReturn(utf8_percent_encode(requested, UNWRITTEN).to_string()))
    }

    /// Whether a `post_logout_redirect_uri` is registered, byte for byte (OpenID Connect RP-Initiated Logout §3).
    pub fn exactly(&self, requested: &str) -> Option<TrustedReturn> {
        let registered =
            |entry: &&RegisteredRedirect| !entry.is_pattern() && entry.as_str() == requested;
        let found = self.0.iter().find(registered)?;
        Some(TrustedReturn(found.as_str().to_owned()))
    }
}

impl FromIterator<RegisteredRedirect> for LogoutUrls {
    fn from_iter<T: IntoIterator<Item = RegisteredRedirect>>(entries: T) -> Self {
        Self(entries.into_iter().collect())
    }
}

/// An end-session request (OpenID Connect RP-Initiated Logout §2). `federated` is not read: there is no provider behind us
/// to go on to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EndSession {
    /// An ID token of ours, expired or not. Nothing in it is believed here.
    pub id_token_hint: Option<Secret>,
    /// The session, as Auth0 has it.
    pub logout_hint: Option<SessionId>,
    /// Who asks.
    pub client_id: Option<ClientId>,
    /// Where the user should go afterwards.
    pub post_logout_redirect_uri: Option<String>,
    /// To be given back there, byte for byte.
    pub state: Option<String>,
    /// Languages that the user reads (BCP 47), separated by spaces.
    pub ui_locales: Option<String>,
}

impl EndSession {
    /// Reads a request. Unknown parameters are passed over.
    ///
    /// # Errors
    /// `invalid_request` if the client or session named could not exist.
    pub fn parse(form: &Form) -> Result<Self, OAuthError> {
        let text = |name: &str| form.get(name).map(str::to_owned);
        let wrong = |name: &'static str| {
            move |_: BadId| {
                let said = format!("{name} is malformed");
                OAuthError::new(crate::error::Code::InvalidRequest, said)
            }
        };
        Ok(Self {
            id_token_hint: form.get("id_token_hint").map(Secret::from),
            logout_hint: form
                .get("logout_hint")
                .map(SessionId::try_from)
                .transpose()
                .map_err(wrong("logout_hint"))?,
            client_id: form
                .get("client_id")
                .map(ClientId::try_from)
                .transpose()
                .map_err(wrong("client_id"))?,
            post_logout_redirect_uri: text("post_logout_redirect_uri"),
            state: text("state"),
            ui_locales: text("ui_locales"),
        })
    }
}

/// What a genuine ID token of ours says, expired or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hint<'a> {
    /// To whom it was issued.
    pub client: &'a ClientId,
    /// Whom it is about.
    pub user: &'a UserId,
    /// In which session.
    pub session: Option<&'a SessionId>,
    /// Where that client's users may go.
    pub urls: &'a LogoutUrls,
}

/// Who is signed in where the request comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignedIn<'a> {
    /// The user.
    pub user: &'a UserId,
    /// The session.
    pub session: &'a SessionId,
}

/// What to do about an end-session request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// Sign out and, if the request says where, go there.
    Leave(Option<TrustedReturn>),
    /// Sign out, and say on a page that the user cannot be sent where the request says.
    LeaveAndStay,
    /// Ask first. Whatever the answer, nobody is sent anywhere: a request that nobody vouches for may come from anywhere.
    Confirm,
    /// Nobody is signed in, and nobody is to be sent anywhere.
    Nothing,
    /// The request contradicts itself: refuse it on a page.
    Contradiction(&'static str),
}

impl EndSession {
    /// Decides (OpenID Connect RP-Initiated Logout §2, §3 and §6). `hint` is what `id_token_hint` says if it is genuine;
    /// one that is not counts as none.
    ///
    /// Departure: Auth0 redirects after a confirmation, too.
    pub fn decide(&self, hint: Option<Hint<'_>>, here: Option<SignedIn<'_>>) -> Ending {
        let Some(hint) = hint else {
            return here.map_or(Ending::Nothing, |_| Ending::Confirm);
        };
        if self.client_id.as_ref().is_some_and(|id| id != hint.client) {
            return Ending::Contradiction("id_token_hint was issued to another client");
        }
        let named = self.logout_hint.as_ref();
        if let (Some(named), Some(own)) = (named, hint.session)
            && named != own
        {
            return Ending::Contradiction("id_token_hint and logout_hint name different sessions");
        }
        let another = |here: SignedIn<'_>| {
            here.user != hint.user || named.is_some_and(|named| named != here.session)
        };
        if here.is_some_and(another) {
            return Ending::Confirm;
        }
        match &self.post_logout_redirect_uri {
            None => Ending::Leave(None),
            Some(uri) => match hint.urls.exactly(uri) {
                Some(to) => Ending::Leave(Some(to)),
                None => Ending::LeaveAndStay,
            },
        }
    }
}
