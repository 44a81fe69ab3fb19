//! Native apps and OpenID providers: sign in through the browser, keep the credentials, renew them, call APIs, sign out.
//!
//! The app never sees a password. It opens the system's browser at the provider; the user signs in there, perhaps with a
//! second factor, perhaps not at all because another app did it this morning; the browser comes back with a code, and the
//! code becomes an *access token* for an API and an *ID token* that says who signed in.
//!
//! ```no_run
//! use keystead_client::{FileVault, Session, transition::SignIn};
//!
//! # async fn app() -> Result<(), keystead_client::Error> {
//! let session = Session::builder("https://tenant.example.com/", "the client id") // the issuer with its last slash
//!     .sign_in(
//!         SignIn::new()
//!             .audience("https://api.example.com")
//!             .scope("openid profile offline_access read:messages"),
//!     )
//!     .vault(FileVault::new("/home/ada/.local/share/mailer", "com.example.mailer"))
//!     .build()?;
//!
//! // At each start: go on with what is kept, or let the user sign in.
//! let credentials = match session.credentials().await {
//!     Err(why) if why.needs_login() => session.sign_in().await?,
//!     result => result?,
//! };
//! let user = credentials.id_token().map_or("nobody", |token| token.subject());
//! println!("hello {user}");
//!
//! // The access token is attached, and renewed when it is time.
//! let api = session.api("https://api.example.com/")?;
//! let messages = api.get("messages").await?;
//! println!("{}", messages.status());
//!
//! // The end: here, at the token endpoint, and in the browser.
//! let out = session.sign_out(None).await?;
//! # Ok(())
//! # }
//! ```
//!
//! At the provider the client is a *native* (public) one, with the redirect URI `http://127.0.0.1/callback` and the grants
//! `authorization_code` and `refresh_token`. Any OpenID provider will do: its endpoints are found by discovery.
//!
//! # What can go wrong
//!
//! There is one [`Error`], and each of its texts ends with what the app should do. Three questions cover most of it:
//!
//! | | |
//! |---|---|
//! | [`Error::needs_login`] | call [`Session::sign_in`] |
//! | [`Error::is_temporary`] | nothing is lost; try again when there is a network |
//! | neither | show the text: a setting is wrong, or somebody said no |
//!
//! # Renewal
//!
//! [`Session::credentials`] renews when less than a minute of the access token is left; [`Want`] asks for more life or more
//! scope. However many tasks ask, and however many processes share the vault, there is one renewal at a time.
//!
//! Providers rotate refresh tokens: each is spent by its use, and using one twice ends the sign-in. So an answer that gets
//! lost is dangerous. The intent to renew is kept before the request leaves; a lost answer is asked for again at once, and
//! after a crash at the next start, within the seconds in which a provider forgives that (Keystead and Auth0 do; one that
//! does not, or a start that comes too late, ends in [`LoginReason::Interrupted`]). What arrives is kept before anything
//! else is done with it.
//!
//! A clock that is set forward makes tokens look old, which costs a renewal. One that is set back makes them look young:
//! behind its issue a token is renewed, and what cannot be noticed here is noticed by the API, whose 401 [`Api`]
//! answers with a renewal.
//!
//! # Where credentials are kept
//!
//! [`FileVault`] encrypts them (AES-256-GCM) with a key in the operating system's keychain, or in a file of the user's
//! where there is no keychain; [`MemoryVault`] forgets them; anything else is a [`Vault`].
//!
//! # Other ways back from the browser
//!
//! [`Session::sign_in`] listens on a port of loopback. An app with a redirect of its own (a custom scheme, an app link)
//! uses [`Session::begin`] and [`Session::finish`]. An app with a network of its own uses [`transition`], which is the
//! protocol as plain functions.
//!
//! # What is checked
//!
//! `state` and `iss` of the callback (RFC 9207); of the ID token the signature, by the provider's published keys, `iss`,
//! `aud`, `azp`, `exp`, `iat`, `nonce`, `auth_time` after [`max_age`](transition::SignIn::max_age), and `at_hash`; after a renewal
//! that it is still the same user. The access token is not looked into: it is the API's to read.
//!
//! # Features
//!
//! `keychain` and `loopback` are on by default and contain `http`, which is [`Session`] and [`Api`] on a tokio runtime. Without
//! any of them there is [`transition`] alone.
#![deny(missing_docs)]

#[cfg(feature = "http")]
mod clock;
mod credentials;
#[cfg(feature = "http")]
mod entropy;
mod error;
#[cfg(feature = "http")]
mod fetch;
#[cfg(feature = "http")]
mod http;
#[cfg(feature = "loopback")]
mod loopback;
mod provider;
#[cfg(feature = "http")]
mod renewal;
#[cfg(feature = "http")]
mod session;
pub mod transition;
#[cfg(feature = "http")]
mod vault;

pub use credentials::Credentials;
pub use error::{CallbackRefusal, Error, IdTokenRefusal, LoginReason, VaultError};
#[cfg(feature = "loopback")]
pub use loopback::Browser;
pub use provider::Provider;
#[cfg(feature = "http")]
pub use {
    self::http::Api,
    renewal::Want,
    session::{Builder, Session, SignedOut},
    vault::{FileVault, Lock, MemoryVault, Vault},
};

pub use keystead_protocol::{
    claims::{ClaimRefusal, ClaimsSet},
    jwk::VerifyingKeys,
    jwt::JwtRefusal,
    scope::{BadScope, Scope},
    secret::Secret,
    time::Timestamp,
};
#[cfg(feature = "http")]
pub use reqwest;

/// The example of the README is one that compiles.
#[cfg(all(doctest, feature = "loopback"))]
#[doc = include_str!("../README.md")]
struct Readme;
