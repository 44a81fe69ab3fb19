//! Requests to the authorization endpoint and their answers (RFC 6749 §4.1.1, OpenID Connect Core §3).
//!
//! [`Request::parse`] reads what came, and says for a page what cannot be read at all. [`check`] holds it against what is
//! registered about its client and gives [`Checked`], which owns the only redirect that may be answered to. A request that
//! was put away is checked again when it is taken up: what may be answered is never read back from anywhere.

use std::time::Duration;

mod answer;
mod ask;
mod check;
mod claims;
mod pairs;
mod request;
mod response;
#[cfg(test)]
mod tests;

pub use answer::{Answer, Reply};
pub use ask::{MaxAge, Prompt};
pub use check::{Checked, Refused, check};
pub use claims::AskedClaims;
pub use request::Request;
pub use response::{ResponseMode, ResponseType};

/// For how long a code may be redeemed. FAPI 2.0 §5.3.2.1 allows no more than 60 seconds; nobody needs more.
pub const CODE_LIFETIME: Duration = Duration::from_secs(60);
