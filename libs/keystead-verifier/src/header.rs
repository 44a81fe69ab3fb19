//! The bearer token of a request: from the `Authorization` header and from nowhere else (RFC 6750 §2.1).

use http::{HeaderMap, header};
use url::form_urlencoded;

use crate::{Claims, Refusal, Verifier};

impl Verifier {
    /// Checks the token of a request, if it has one. `query` is the request's, without the question mark: a token there
    /// is never used, but it makes a second one.
    ///
    /// Not checked: whether the body has a token too; it belongs to the handler.
    ///
    /// # Errors
    /// As [`Verifier::verify`], and what is wrong with the header.
    pub async fn verify_request(
        &self,
        headers: &HeaderMap,
        query: Option<&str>,
    ) -> Result<Option<Claims>, Refusal> {
        match bearer_token(headers, query)? {
            Some(token) => self.verify(token).await.map(Some),
            None => Ok(None),
        }
    }
}

/// The token, unverified; `None` if there is no header or it is of another scheme.
pub(crate) fn bearer_token<'h>(
    headers: &'h HeaderMap,
    query: Option<&str>,
) -> Result<Option<&'h str>, Refusal> {
    let mut lines = headers.get_all(header::AUTHORIZATION).iter();
    let Some(line) = lines.next() else {
        return Ok(None);
    };
    if lines.next().is_some() {
        return Err(Refusal::TokenTwice);
    }
    let line = line.to_str().map_err(|_| Refusal::MalformedHeader)?;
    let (scheme, token) = line.split_once(' ').unwrap_or((line, ""));
    if !scheme.eq_ignore_ascii_case("Bearer") {
        return Ok(None);
    }
    let token = token.trim_start_matches(' ');
    if !is_b64token(token) {
        return Err(Refusal::MalformedHeader);
    }
    let query = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    if query.into_iter().any(|(name, _)| name == "access_token") {
        return Err(Refusal::TokenTwice);
    }
    Ok(Some(token))
}

fn is_b64token(token: &str) -> bool {
    let text = token.trim_end_matches('=');
    let legal = |b: u8| b.is_ascii_alphanumeric() || b"-._~+/".contains(&b);
    !text.is_empty() && text.bytes().all(legal)
}
