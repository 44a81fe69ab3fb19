//! What can go wrong, each with what the app should do about it.

use std::{path::PathBuf, time::Duration};

use keystead_protocol::{claims::ClaimRefusal, jwt::JwtRefusal, scope::Scope};
use thiserror::Error;
use url::Url;

/// Why something did not work. The text ends with what the app should do; it never holds a token.
///
/// Most apps need two questions only: [`Error::is_temporary`] and [`Error::needs_login`].
#[derive(Debug, Clone, Error)]
#[non_exhaustive]
pub enum Error {
    /// An address that is neither `https` nor, on loopback, `http`, or that has a user name, password or fragment.
    #[error("`{0}` may not be used; give an https address (http only on this machine's loopback)")]
    BadUrl(String),
    /// A value that was given to a builder.
    #[error("the setting `{name}` is wrong: {why}; correct it in the app")]
    Setting {
        /// Which.
        name: String,
        /// Why.
        why: &'static str,
    },
    /// The issuer's discovery document is not there or not its own (OpenID Connect Discovery §4.3).
    #[error(
        "the discovery document of `{issuer}` cannot be used: {why}; check the issuer in the app's settings, its last slash included"
    )]
    Discovery {
        /// As it was given.
        issuer: String,
        /// What is wrong.
        why: String,
    },
    /// The provider has no such endpoint.
    #[error("the provider has no {0}; do without, or use another provider")]
    NotOffered(&'static str),
    /// No answer. What is kept stays kept.
    #[error("no answer from {host}: {why}; nothing is lost, try again when there is a network")]
    Network {
        /// Who was asked.
        host: String,
        /// Every cause, outermost first.
        why: String,
    },
    /// The provider is overloaded or broken: 408, 429 or 5xx. What is kept stays kept.
    #[error("the provider answered {status}; nothing is lost, try again later")]
    Unavailable {
        /// The HTTP status.
        status: u16,
        /// `Retry-After`, if it is a number of seconds.
        retry_after: Option<Duration>,
    },
    /// The provider does not take the request: the client's settings there and the app's do not agree.
    #[error(
        "the provider refused: {code} ({description}); compare the app's settings with the client's at the provider"
    )]
    Refused {
        /// The error code (RFC 6749 §4.1.2.1, §5.2).
        code: String,
        /// What the provider says about it, without control characters.
        description: String,
    },
    /// An answer that the protocol does not allow.
    #[error("the provider's answer cannot be used: {0}; tell whoever runs the provider")]
    Answer(&'static str),
    /// `access_denied`: the user, or a rule of the provider, said no.
    #[error("the sign-in was refused ({0}); offer to sign in again")]
    Denied(String),
    /// What came back from the browser does not belong to this sign-in.
    #[error("the callback was not accepted: {0}; ignore it, and wait on or start a new sign-in")]
    Callback(#[from] CallbackRefusal),
    /// The ID token is not good, so nobody is signed in.
    #[error("the ID token was not accepted: {0}")]
    IdToken(#[from] IdTokenRefusal),
    /// There is nothing to renew from.
    #[error("{0}; let the user sign in")]
    LoginRequired(#[from] LoginReason),
    /// The provider was asked for this scope and did not grant it.
    #[error("`{missing}` was not granted; sign in again with this scope, or do without")]
    ScopeNotGranted {
        /// What is missing.
        missing: Scope,
    },
    /// Even a new token lives shorter than was asked.
    #[error("a new token lives only {lifetime:?}; ask for a `min_ttl` below that")]
    ShortLived {
        /// How long a new token lives.
        lifetime: Duration,
    },
    /// The kept credentials cannot be read or written.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// No browser could be opened.
    #[error("no browser could be opened ({why}); sign in again and show the user the address")]
    Browser {
        /// Where it would have gone. Not in the text, which may be logged: it holds the `state`. This sign-in is over;
        /// `Browser::with` shows the address of the next.
        url: Box<Url>,
        /// What the system said.
        why: String,
    },
    /// No port of loopback could be had.
    #[error(
        "cannot listen on 127.0.0.1: {0}; take another port, and see that the app may listen on loopback"
    )]
    Loopback(String),
    /// The user did not come back in time.
    #[error("the sign-in was not finished in time; offer to sign in again")]
    TimedOut,
    /// A request that would carry the token to somebody else.
    #[error(
        "`{0}` is not of the API's origin, so it does not get the token; send that request with another client"
    )]
    OtherOrigin(String),
    /// The API refused the token, and those that replaced it are another user's.
    #[error(
        "somebody else has signed in since the request was sent, so it was not sent again; make it anew if it is theirs too"
    )]
    OtherUser,
    /// The operating system gives no random numbers.
    #[error("the operating system gives no random numbers; stop the app")]
    NoRandomness,
    /// The task was stopped, because the runtime ends or something panicked.
    #[error("the task was stopped half-way; ask again")]
    Stopped,
}

impl Error {
    /// Whether the same call may work later without anybody doing anything. What is kept stays kept.
    pub fn is_temporary(&self) -> bool {
        matches!(
            self,
            Self::Network { .. }
                | Self::Unavailable { .. }
                | Self::Stopped
                | Self::Vault(VaultError::Busy)
        )
    }

    /// Whether the user has to sign in (again).
    pub fn needs_login(&self) -> bool {
        matches!(self, Self::LoginRequired(_))
    }

    pub(crate) fn setting(name: impl Into<String>, why: &'static str) -> Self {
        let name = name.into();
        Self::Setting { name, why }
    }
}

/// Why the user has to sign in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum LoginReason {
    /// Nothing is kept.
    #[error("nobody is signed in")]
    NotSignedIn,
    /// The access token ends and there is no refresh token: ask for `offline_access` at sign-in, if the API allows it.
    #[error("the access token has ended and there is no refresh token")]
    NoRefreshToken,
    /// The provider does not take the refresh token: it was revoked, has ended, or was used by somebody else.
    #[error("the provider has ended this sign-in")]
    Revoked,
    /// The same, after a renewal whose answer never arrived or was not kept: the refresh token was probably spent in it.
    #[error("an interrupted renewal has spent the refresh token")]
    Interrupted,
    /// The provider wants the user to do something: `login_required`, `consent_required`, `mfa_required` …
    #[error("the provider must ask the user something")]
    Interaction,
    /// A renewal brought an ID token of somebody else, or one that is not the provider's.
    #[error("a renewal brought an ID token that is not this user's")]
    WrongIdToken,
}

/// Why a callback does not belong to a sign-in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CallbackRefusal {
    /// Not a URL, or not the redirect URI.
    #[error("it is not the redirect URI")]
    OtherUri,
    /// One of the protocol's parameters occurs twice.
    #[error("a parameter occurs twice")]
    Duplicate,
    /// `state` is missing or another: an old tab, or somebody who slips the user a sign-in of his own (RFC 6749 §10.12).
    #[error("it belongs to another sign-in")]
    State,
    /// `iss` is another, or missing although the provider says that it sends it (RFC 9207 §2.4).
    #[error("it comes from another issuer")]
    Issuer,
    /// Neither a code nor an error.
    #[error("it has no code")]
    NoCode,
}

/// Why an ID token is not good (OpenID Connect Core §3.1.3.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum IdTokenRefusal {
    /// None came, although `openid` was asked for.
    #[error("none came; enable OpenID Connect for this client at the provider")]
    Missing,
    /// Its form or its signature.
    #[error("{0}; tell whoever runs the provider")]
    Token(#[from] JwtRefusal),
    /// No published key is the one that it names.
    #[error(
        "it is signed with a key that the provider does not publish; sign in again, and if that does not help, tell whoever runs the provider"
    )]
    UnknownKey,
    /// What it says.
    #[error("{0}; check this machine's clock and the client id")]
    Claims(#[from] ClaimRefusal),
    /// `azp` is another client (§3.1.3.7, 5).
    #[error("it was issued to another client; compare the client id with the one at the provider")]
    AuthorizedParty,
    /// `at_hash` is not that of the access token (§3.1.3.8).
    #[error("it does not belong to the access token; sign in again")]
    AccessTokenHash,
    /// A renewal brought another user's (§12.2).
    #[error("it is about another user; sign in again")]
    OtherSubject,
}

/// Why kept credentials cannot be read or written.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum VaultError {
    /// The file system.
    #[error("{path}: {why}; check that the folder can be written")]
    Io {
        /// Where.
        path: PathBuf,
        /// What the system said.
        why: String,
    },
    /// Others may read the file.
    #[error(
        "{0} is open to other users; close it (chmod 600) and sign in again, since it may have been read"
    )]
    Open(PathBuf),
    /// Not a vault, or not one that this key opens.
    #[error("{0} cannot be opened with this key; sign out to throw it away, then sign in again")]
    Sealed(PathBuf),
    /// The keychain does not answer, or does not have the key.
    #[error("the keychain does not give the key: {0}; unlock it, or sign out and in again")]
    Keychain(String),
    /// Another process has been renewing for a minute.
    #[error("another process does not let go of the kept credentials; try again")]
    Busy,
}

#[cfg(feature = "http")]
impl VaultError {
    pub(crate) fn io(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |why| Self::Io {
            path,
            why: why.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_ends_with_what_to_do() {
        let text = || "x".to_owned();
        let file = || PathBuf::from("credentials");
        let duration = Duration::from_secs(30);
        let of_the_token = [
            IdTokenRefusal::Missing,
            IdTokenRefusal::Token(JwtRefusal::BadSignature),
            IdTokenRefusal::UnknownKey,
            IdTokenRefusal::Claims(ClaimRefusal::Expired),
            IdTokenRefusal::AuthorizedParty,
            IdTokenRefusal::AccessTokenHash,
            IdTokenRefusal::OtherSubject,
        ];
        let of_the_vault = [
            VaultError::Io {
                path: file(),
                why: text(),
            },
            VaultError::Open(file()),
            VaultError::Sealed(file()),
            VaultError::Keychain(text()),
            VaultError::Busy,
        ];
        let others = [
            Error::BadUrl(text()),
            Error::setting("scope", "it is empty"),
            Error::Discovery {
                issuer: text(),
                why: text(),
            },
            Error::NotOffered("revocation_endpoint"),
            Error::Network {
                host: text(),
                why: text(),
            },
            Error::Unavailable {
                status: 503,
                retry_after: None,
            },
            Error::Refused {
                code: text(),
                description: text(),
            },
            Error::Answer("it is none"),
            Error::Denied(text()),
            Error::Callback(CallbackRefusal::State),
            Error::LoginRequired(LoginReason::Revoked),
            Error::ScopeNotGranted {
                missing: Scope::default(),
            },
            Error::ShortLived { lifetime: duration },
            Error::Loopback(text()),
            Error::TimedOut,
            Error::OtherOrigin(text()),
            Error::OtherUser,
            Error::NoRandomness,
            Error::Stopped,
        ];
        let all = of_the_token
            .map(Error::from)
            .into_iter()
            .chain(of_the_vault.map(Error::from))
            .chain(others);
        for why in all {
            let said = why.to_string();
            let next = said.rsplit_once("; ").map_or("", |(_, next)| next);
            assert!(next.contains(' '), "{said}");
        }
    }
}
