//! The name of one request in every log line about it.

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use rand_core::CryptoRng;

pub(super) const HEADER: HeaderName = HeaderName::from_static("x-request-id");

tokio::task_local! {
    static CURRENT: RequestId;
}

/// Printable, without spaces and short: safe in a log line and a header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestId(HeaderValue);

impl RequestId {
    /// Draws 128 bits.
    pub(super) fn generate(rng: &mut impl CryptoRng) -> Self {
        let mut chance = [0; 16];
        rng.fill_bytes(&mut chance);
        let text = URL_SAFE_NO_PAD.encode(chance);
        Self(HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static("-")))
    }

    /// The id that a trusted proxy gave, if it is one and fit to be repeated.
    pub(super) fn given(headers: &HeaderMap) -> Option<Self> {
        let mut given = headers.get_all(HEADER).iter();
        let (Some(id), None) = (given.next(), given.next()) else {
            return None;
        };
        let fit = (1..=128).contains(&id.len())
            && id
                .as_bytes()
                .iter()
                .all(|b| b.is_ascii_alphanumeric() || b"-._~:=/+".contains(b));
        fit.then(|| Self(id.clone()))
    }

    /// Answers a request under this id, so that what is logged on the way can name it. Costs next to nothing while nothing
    /// is logged, unlike a span.
    pub(super) fn with<F: Future>(self, answering: F) -> impl Future<Output = F::Output> {
        CURRENT.scope(self, answering)
    }

    /// The id of the request that the calling task answers, if it answers one.
    pub fn current() -> Option<Self> {
        CURRENT.try_with(Self::clone).ok()
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }

    pub(super) fn header(&self) -> HeaderValue {
        self.0.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_safe_to_repeat_is_taken_over() {
        let long = "x".repeat(129);
        for (name, given, want) in [
            ("a UUID", "018f3c2e-7b1a-7c3d-9e5f-000000000001", true),
            (
                "a load balancer's",
                "Root=1-67891233-abcdef012345678912345678",
                true,
            ),
            ("nothing", "", false),
            ("a space", "a b", false),
            ("a quote", "a\"b", false),
            ("not ASCII", "é", false),
            ("endless", &long, false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(HEADER, HeaderValue::from_bytes(given.as_bytes()).unwrap());
            assert_eq!(RequestId::given(&headers).is_some(), want, "{name}");
        }
    }

    #[test]
    fn two_ids_are_no_id() {
        let mut headers = HeaderMap::new();
        headers.append(HEADER, HeaderValue::from_static("a"));
        headers.append(HEADER, HeaderValue::from_static("b"));
        assert_eq!(RequestId::given(&headers), None);
    }
}
