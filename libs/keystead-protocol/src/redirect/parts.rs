//! A URI in parts, each as it was written.

/// A URI cut where RFC 3986 §3 cuts it. Nothing is decoded, and nothing is checked but the scheme.
pub(super) struct Parts<'a> {
    pub(super) scheme: &'a str,
    /// What stands between `//` and the path; `None` without `//`.
    pub(super) authority: Option<&'a str>,
    /// Path, query and fragment.
    pub(super) rest: &'a str,
}

impl<'a> Parts<'a> {
    /// Cuts, unless the text does not begin with a scheme or ends with it.
    pub(super) fn of(text: &'a str) -> Option<Self> {
        let (scheme, after) = text.split_once(':')?;
        let legal = |b: u8| b.is_ascii_alphanumeric() || b"+-.".contains(&b);
        let begins = scheme
            .bytes()
            .next()
            .is_some_and(|b| b.is_ascii_alphabetic());
        if !begins || !scheme.bytes().all(legal) || after.is_empty() {
            return None;
        }
        let Some(after) = after.strip_prefix("//") else {
            return Some(Self {
                scheme,
                authority: None,
                rest: after,
            });
        };
        let (authority, rest) = after.split_at(after.find(['/', '?', '#']).unwrap_or(after.len()));
        Some(Self {
            scheme,
            authority: Some(authority),
            rest,
        })
    }

    /// The last colon begins a port, unless it stands inside the brackets of an IPv6 address. Without authority the
    /// host is empty.
    pub(super) fn host_and_port(&self) -> (&'a str, Option<&'a str>) {
        let authority = self.authority.unwrap_or_default();
        match authority.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => (host, Some(port)),
            _ => (authority, None),
        }
    }

    pub(super) fn is_https(&self) -> bool {
        self.scheme.eq_ignore_ascii_case("https")
    }

    pub(super) fn is_http(&self) -> bool {
        self.scheme.eq_ignore_ascii_case("http")
    }

    /// RFC 8252 §7.3: plain http to a loopback address. `localhost` is a name, and names can be made to point elsewhere.
    pub(super) fn is_loopback(&self) -> bool {
        self.is_http() && matches!(self.host_and_port(), ("127.0.0.1" | "[::1]", _))
    }

    /// Whether the scheme is `a0` and a client id, as that of Auth0's first library for iOS.
    pub(super) fn is_a0(&self) -> bool {
        self.scheme
            .split_at_checked(2)
            .is_some_and(|(a0, id)| a0.eq_ignore_ascii_case("a0") && is_client_id(id))
    }
}

fn is_client_id(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric())
}

/// Whether the text is a port that can be reached, in digits alone.
pub(super) fn is_port(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit()) && text.parse::<u16>().is_ok_and(|port| port > 0)
}

/// A host label as DNS has it (RFC 1123 §2.1): letters, digits and hyphens, so nothing that could end the host.
pub(super) fn is_label(text: &str) -> bool {
    (1..=63).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}
