//! The forwarding headers, read into one list of hops: the first is the furthest from us.

use std::net::{IpAddr, SocketAddr};

use axum::http::{HeaderMap, HeaderName, header::FORWARDED, uri::Authority};

use super::{Scheme, plain};
use crate::http::Refusal;

/// What one proxy said about the machine that called it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Hop {
    /// Absent if the proxy would not say (`unknown`, or an obfuscated name).
    pub(super) address: Option<IpAddr>,
    pub(super) scheme: Option<Scheme>,
    pub(super) host: Option<Authority>,
}

/// The hops of `Forwarded` (RFC 7239 §4). Unknown parameters are passed over, a repeated one is refused.
pub(super) fn standard(headers: &HeaderMap) -> Result<Vec<Hop>, Refusal> {
    let mut hops = Vec::new();
    for line in headers.get_all(FORWARDED) {
        let line = line.to_str().map_err(|_| Refusal::ForwardingMalformed)?;
        for element in split(line, ',')?
            .into_iter()
            .filter(|element| !element.is_empty())
        {
            let mut hop = Hop::default();
            let (mut r#for, mut proto, mut host) = (None, None, None);
            for pair in split(element, ';')?
                .into_iter()
                .filter(|pair| !pair.is_empty())
            {
                let (name, value) = pair.split_once('=').ok_or(Refusal::ForwardingMalformed)?;
                let slot = match name.to_ascii_lowercase().as_str() {
                    "for" => &mut r#for,
                    "proto" => &mut proto,
                    "host" => &mut host,
                    _ => continue,
                };
                if slot.replace(unquote(value)?).is_some() {
                    return Err(Refusal::ForwardingMalformed);
                }
            }
            hop.address = r#for.as_deref().and_then(address);
            hop.scheme = proto.as_deref().map(scheme).transpose()?;
            hop.host = host.as_deref().map(authority).transpose()?;
            hops.push(hop);
        }
    }
    Ok(hops)
}

/// The hops of `X-Forwarded-For`, `-Proto` and `-Host`, which no standard describes.
///
/// Some proxies write one scheme for the whole chain, others append one per hop: a list must be as long as that of
/// the addresses or say the same thing throughout. Anything else cannot be told from a caller's invention.
pub(super) fn customary(headers: &HeaderMap) -> Result<Vec<Hop>, Refusal> {
    let addresses = list(headers, "x-forwarded-for")?;
    let schemes = list(headers, "x-forwarded-proto")?;
    let hosts = list(headers, "x-forwarded-host")?;
    if addresses.is_empty() && schemes.is_empty() && hosts.is_empty() {
        return Ok(Vec::new());
    }
    let length = addresses.len().max(1);
    let mut hops = Vec::with_capacity(length);
    for at in 0..length {
        hops.push(Hop {
            address: addresses.get(at).copied().and_then(address),
            scheme: aligned(&schemes, at, length)?.map(scheme).transpose()?,
            host: aligned(&hosts, at, length)?.map(authority).transpose()?,
        });
    }
    Ok(hops)
}

fn list<'h>(headers: &'h HeaderMap, name: &'static str) -> Result<Vec<&'h str>, Refusal> {
    let mut values = Vec::new();
    for line in headers.get_all(HeaderName::from_static(name)) {
        let line = line.to_str().map_err(|_| Refusal::ForwardingMalformed)?;
        values.extend(
            line.split(',')
                .map(str::trim)
                .filter(|value| !value.is_empty()),
        );
    }
    Ok(values)
}

fn aligned<'h>(values: &[&'h str], at: usize, length: usize) -> Result<Option<&'h str>, Refusal> {
    match values {
        [] => Ok(None),
        [one, rest @ ..] if rest.iter().all(|other| other.eq_ignore_ascii_case(one)) => {
            Ok(Some(one))
        }
        _ if values.len() == length => Ok(values.get(at).copied()),
        _ => Err(Refusal::ForwardingMalformed),
    }
}

/// Splits at a separator that stands outside of quotes.
fn split(text: &str, separator: char) -> Result<Vec<&str>, Refusal> {
    let (mut parts, mut start) = (Vec::new(), 0);
    let (mut quoted, mut escaped) = (false, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if c == separator && !quoted => {
                parts.push(text[start..at].trim());
                start = at + c.len_utf8();
            }
            _ => {}
        }
    }
    if quoted {
        return Err(Refusal::ForwardingMalformed);
    }
    parts.push(text[start..].trim());
    Ok(parts)
}

fn unquote(value: &str) -> Result<String, Refusal> {
    match value.strip_prefix('"') {
        None if value.contains('"') => Err(Refusal::ForwardingMalformed),
        None => Ok(value.to_owned()),
        Some(rest) => {
            let inner = rest.strip_suffix('"').ok_or(Refusal::ForwardingMalformed)?;
            let mut plain = String::with_capacity(inner.len());
            let mut chars = inner.chars();
            while let Some(c) = chars.next() {
                plain.push(if c == '\\' {
                    chars.next().ok_or(Refusal::ForwardingMalformed)?
                } else {
                    c
                });
            }
            Ok(plain)
        }
    }
}

/// `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]` or `[2001:db8::1]:80`; nothing for a name.
fn address(text: &str) -> Option<IpAddr> {
    let bracketed = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    let address = bracketed
        .unwrap_or(text)
        .parse()
        .ok()
        .or_else(|| Some(text.parse::<SocketAddr>().ok()?.ip()));
    address.map(|address| address.to_canonical())
}

fn scheme(text: &str) -> Result<Scheme, Refusal> {
    if text.eq_ignore_ascii_case("https") {
        Ok(Scheme::Https)
    } else if text.eq_ignore_ascii_case("http") {
        Ok(Scheme::Http)
    } else {
        Err(Refusal::ForwardingMalformed)
    }
}

fn authority(text: &str) -> Result<Authority, Refusal> {
    let authority = Authority::try_from(text).map_err(|_| Refusal::ForwardingMalformed)?;
    plain(authority).map_err(|_| Refusal::ForwardingMalformed)
}
