//! Parameters as they stand in a query, a form or a fragment.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::{
    error::{Code, OAuthError},
    form::decode,
};

/// The most bytes that the parameters of one request may have. They travel on in our own URLs, sealed or encoded again, and
/// proxies before us give up at some point behind that.
const LONGEST: usize = 8 * 1024;

/// Reads the pairs of a query or form. U+0000 is refused: the databases would not agree about it.
///
/// # Errors
/// `invalid_request` if it is too long, no UTF-8, or holds U+0000.
pub(super) fn read(encoded: &[u8]) -> Result<Vec<(String, String)>, OAuthError> {
    let text = str::from_utf8(encoded).map_err(|_| malformed())?;
    let pairs = text.split('&').filter(|pair| !pair.is_empty());
    let pairs: Vec<(String, String)> = pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let name = decode(name)?;
            let value = match name.as_str() {
                "login_hint" => login_hint(value),
                _ => decode(value),
            };
            Some((name, value?)).filter(|(_, value)| !value.contains('\0'))
        })
        .collect::<Option<_>>()
        .ok_or_else(malformed)?;
    let length: usize = pairs
        .iter()
        .map(|(name, value)| name.len() + value.len())
        .sum();
    match length {
        0..=LONGEST => Ok(pairs),
        _ => Err(refuse("The request is too long")),
    }
}

/// Departure from form encoding: in an e-mail address `+` is a plus. Old mobile libraries send it as it is, and no address
/// that anybody has contains a space.
fn login_hint(value: &str) -> Option<String> {
    let literal = percent_decode_str(value).decode_utf8().ok()?;
    if literal.contains('@') && !literal.contains(' ') {
        Some(literal.into())
    } else {
        decode(value)
    }
}

pub(super) fn refuse(text: &'static str) -> OAuthError {
    OAuthError::new(Code::InvalidRequest, text)
}

fn malformed() -> OAuthError {
    refuse("Malformed request")
}

/// Everything but RFC 3986's unreserved characters.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Form encoding, but a space is `%20`: what reads fragments in apps does not always know `+`.
pub(super) fn encode<V: AsRef<str>>(pairs: impl IntoIterator<Item = (&'static str, V)>) -> String {
    let pairs = pairs.into_iter();
    let encoded: Vec<String> = pairs
        .map(|(name, value)| format!("{name}={}", utf8_percent_encode(value.as_ref(), RESERVED)))
        .collect();
    encoded.join("&")
}
