//! The protocol as values: what to send, what an answer means. No waiting, no clock, no randomness of its own.
//!
//! [`Session`](crate::Session) is these steps with a network below them. They stand alone for an app that has its own:
//!
//! ```
//! use keystead_client::{Provider, Timestamp, VerifyingKeys, transition::{Login, SignIn}};
//! # use keystead_client::Error;
//! # fn step(discovered: &[u8], rng: &mut impl rand_core::CryptoRng, now: Timestamp) -> Result<(), Error> {
//! let provider = Provider::from_json("https://tenant.example.com/", discovered)?;
//! let ask = SignIn::new().scope("openid offline_access").audience("https://api.example.com");
//! let login: Login = ask.begin(&provider, "client id", "com.example.app:/callback", rng)?;
//! // The browser goes to login.url() and comes back with `callback`.
//! # let callback = "";
//! let code = login.code(callback)?;
//! let body = login.token_request(&code); // a form for provider.token_endpoint()
//! # let (status, answer, keys) = (200, b"", VerifyingKeys::default());
//! let credentials = login.credentials(status, answer, &keys, now)?;
//! # Ok(())
//! # }
//! ```

mod id_token;
mod login;
mod logout;
mod refusal;
mod sign_in;
mod token;

pub use id_token::{Expected, IdToken};
pub use login::Login;
pub use logout::{end_session_url, revocation_request};
pub use sign_in::{Prompt, SignIn};
pub use token::{Tokens, refresh_request};

#[cfg(feature = "http")]
pub(crate) use {
    id_token::{has_key, is_matter_of_time},
    refusal::failure,
};

#[cfg(test)]
mod tests;
