//! Why a journey ends on a page, and how it is told: precise reasons for the log, one public face for each.

use std::{borrow::Cow, sync::Arc};

use axum::http::StatusCode;
use keystead_protocol::{
    authorize::{Refused, Reply},
    error::{Code, OAuthError},
    ids::ClientId,
    redirect::Untrusted,
};

use crate::{
    catalogue::KnownClient, error::Fault, identity::same_origin::CrossSite, pages::ErrorKind,
};

/// Why a request ends on a page of ours: there is nowhere to send the browser that could be trusted with it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The request cannot be read; its public text says why.
    #[error("{0}")]
    Malformed(OAuthError),
    /// There is no such client.
    #[error("unknown client {0}")]
    UnknownClient(ClientId),
    /// An administrator switched the client off.
    #[error("client {0} is disabled")]
    DisabledClient(ClientId),
    /// The answer may not go where the request wants it.
    #[error("{why}: {}", .requested.as_deref().unwrap_or("none"))]
    Redirect {
        /// What is wrong with it.
        why: Untrusted,
        /// Where it wants it.
        requested: Option<String>,
    },
    /// An answer by message would go to a page that the client has not registered.
    #[error("{0} is no web origin of the client")]
    WebOrigin(String),
    /// A page of ours was asked for without `state`.
    #[error("no state")]
    StateMissing,
    /// `state` was not sealed here, or was changed.
    #[error("the state is not ours")]
    StateUnknown,
    /// Too late.
    #[error("the state has expired")]
    StateExpired,
    /// The journey began in another browser, or somebody else has signed in since.
    #[error("the state is another browser's or another session's")]
    StateOfAnotherBrowser,
    /// Whoever was on the journey has signed out since.
    #[error("the session has ended")]
    SessionOver,
    /// The journey has ended: the form was sent twice, or the back button was used.
    #[error("the journey is over")]
    JourneyOver,
    /// A form that no page of ours sent.
    #[error("{0}")]
    CrossSite(#[from] CrossSite),
}

/// What a page says of a [`Refusal`]: status, code, and one sentence that names the cause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Face {
    /// The status of the answer.
    pub status: StatusCode,
    /// What a person can do about it.
    pub kind: ErrorKind,
    /// The code that stands on the page.
    pub code: Code,
    /// The cause. May repeat what was sent, and so has to be escaped like everything else on a page.
    pub cause: Cow<'static, str>,
}

impl Refusal {
    /// What its page says.
    pub fn public(&self) -> Face {
        let say = |status, kind, code, cause: Cow<'static, str>| Face {
            status,
            kind,
            code,
            cause,
        };
        match self {
            Self::Malformed(error) => say(
                StatusCode::BAD_REQUEST,
                ErrorKind::App,
                error.code(),
                error.description().to_owned().into(),
            ),
            // One that is switched off looks like one that never was.
            Self::UnknownClient(id) | Self::DisabledClient(id) => say(
                StatusCode::FORBIDDEN,
                ErrorKind::App,
                Code::InvalidRequest,
                format!("Unknown client: {id}").into(),
            ),
            Self::Redirect {
                why: Untrusted::Unregistered,
                requested,
            } => say(
                StatusCode::FORBIDDEN,
                ErrorKind::App,
                Code::UnauthorizedClient,
                format!(
                    "Callback URL mismatch. The redirect_uri {} is not registered for this application.",
                    requested.as_deref().unwrap_or_default()
                )
                .into(),
            ),
            Self::Redirect {
                why: Untrusted::Missing,
                ..
            } => say(
                StatusCode::BAD_REQUEST,
                ErrorKind::App,
                Code::InvalidRequest,
                "Missing required parameter: redirect_uri".into(),
            ),
            Self::WebOrigin(origin) => say(
                StatusCode::FORBIDDEN,
                ErrorKind::App,
                Code::UnauthorizedClient,
                format!("The origin {origin} is not an allowed web origin of this application.")
                    .into(),
            ),
            Self::StateMissing | Self::StateUnknown => say(
                StatusCode::BAD_REQUEST,
                ErrorKind::Expired,
                Code::InvalidRequest,
                "This page was opened without the request that it belongs to.".into(),
            ),
            Self::StateExpired => say(
                StatusCode::BAD_REQUEST,
                ErrorKind::Expired,
                Code::InvalidRequest,
                "This page was open for too long.".into(),
            ),
            Self::StateOfAnotherBrowser => say(
                StatusCode::FORBIDDEN,
                ErrorKind::Expired,
                Code::AccessDenied,
                "This sign-in began in another browser, or as somebody else.".into(),
            ),
            Self::SessionOver => say(
                StatusCode::FORBIDDEN,
                ErrorKind::Expired,
                Code::AccessDenied,
                "Nobody is signed in here any more.".into(),
            ),
            Self::JourneyOver => say(
                StatusCode::BAD_REQUEST,
                ErrorKind::Expired,
                Code::InvalidRequest,
                "This sign-in is already finished.".into(),
            ),
            Self::CrossSite(_) => say(
                StatusCode::FORBIDDEN,
                ErrorKind::Foreign,
                Code::AccessDenied,
                "This form was not sent from one of our own pages.".into(),
            ),
        }
    }
}

/// How a journey can end without what the client asked for.
#[derive(Clone)]
pub enum Error {
    /// On a page of ours.
    Page(Refusal),
    /// At the client, which hears an error.
    Redirect {
        /// Who.
        client: Arc<KnownClient>,
        /// Where and how.
        to: Box<Reply>,
        /// What it hears.
        why: OAuthError,
    },
    /// We are broken.
    Fault(Fault),
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::Page(refusal)
    }
}
impl From<CrossSite> for Error {
    fn from(refusal: CrossSite) -> Self {
        Self::Page(refusal.into())
    }
}
impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}
impl From<keystead_store::Fault> for Error {
    fn from(fault: keystead_store::Fault) -> Self {
        Self::Fault(fault.into())
    }
}

impl Error {
    /// What is wrong with a request of this client.
    pub(super) fn refused(client: &Arc<KnownClient>, refused: Refused) -> Self {
        match refused {
            Refused::Page { why, requested } => Self::Page(Refusal::Redirect { why, requested }),
            Refused::WebOrigin(origin) => Self::Page(Refusal::WebOrigin(origin)),
            Refused::Redirect { to, why } => Self::Redirect {
                client: Arc::clone(client),
                to,
                why,
            },
        }
    }
}
