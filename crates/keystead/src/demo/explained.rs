//! An access token, taken apart for whoever looks at the guided page. Verifies nothing: that is the API's task.

use keystead_protocol::{jwt::Token, time::Timestamp};
use serde_json::{Map, Value};

/// A claim, and what an API does with it.
pub(super) struct Claim {
    pub(super) name: String,
    pub(super) value: String,
    pub(super) meaning: &'static str,
}

/// The header and the claims of a token; nothing if it is no JWT.
pub(super) fn claims(token: &str, now: Timestamp) -> Vec<Claim> {
    let Ok(parsed) = Token::parse(token) else {
        return Vec::new();
    };
    let header = parsed.header();
    let mut all = vec![Claim {
        name: "alg".to_owned(),
        value: header.alg().to_string(),
        meaning: "How it is signed. An API accepts the algorithms that it expects, never what a token proposes.",
    }];
    all.extend(header.kid().map(|kid| Claim {
        name: "kid".to_owned(),
        value: kid.to_owned(),
        meaning: "Which of the published keys verifies it: /.well-known/jwks.json has the public half.",
    }));
    let payload: Map<String, Value> = parsed
        .unverified_payload()
        .ok()
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .unwrap_or_default();
    all.extend(payload.into_iter().map(|(name, value)| Claim {
        meaning: meaning(&name),
        value: text(&name, &value, now),
        name,
    }));
    all
}

fn meaning(claim: &str) -> &'static str {
    match claim {
        "iss" => "Who issued it. The API trusts this one issuer.",
        "sub" => "Whom it speaks for: this user, at every log-in, for every app.",
        "aud" => "Which APIs it is for. An API refuses tokens that are not meant for it.",
        "azp" => "The app that it was issued to.",
        "scope" => {
            "What it permits: what the app asked for and the API defines. Without the right one the answer is 403."
        }
        "iat" => "When it was issued.",
        "exp" => "When it ends. After that the API answers 401, and the app renews it.",
        "jti" => "Its own name, by which it can be revoked.",
        "gty" => "Which grant it came from. A token from a log-in has no such claim.",
        "permissions" => "What the user's roles permit, if the API asks for it.",
        _ => "More about it.",
    }
}

fn text(name: &str, value: &Value, now: Timestamp) -> String {
    match (name, value) {
        ("iat" | "exp", Value::Number(at)) => {
            let seconds = at.as_i64().unwrap_or_default() - now.as_secs();
            let minutes = seconds.unsigned_abs().div_ceil(60);
            let distance = match (minutes / 60, minutes % 60) {
                (0, 0) => return format!("{at} (now)"),
                (0, minutes) => format!("{minutes} min"),
                (hours, 0) => format!("{hours} h"),
                (hours, minutes) => format!("{hours} h {minutes} min"),
            };
            if seconds > 0 {
                format!("{at} (in {distance})")
            } else {
                format!("{at} ({distance} ago)")
            }
        }
        (_, Value::String(text)) => text.clone(),
        (_, Value::Array(items)) => items
            .iter()
            .map(|item| {
                item.as_str()
                    .map_or_else(|| item.to_string(), str::to_owned)
            })
            .collect::<Vec<_>>()
            .join(", "),
        (_, other) => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_token_is_explained_by_nothing() {
        assert!(claims("opaque", Timestamp::from_secs(0)).is_empty());
    }

    #[test]
    fn times_are_said_as_distances() {
        let now = Timestamp::from_secs(10_000);
        for (at, want) in [
            (17_260, "17260 (in 2 h 1 min)"),
            (96_400, "96400 (in 24 h)"),
            (9_940, "9940 (1 min ago)"),
            (10_000, "10000 (now)"),
        ] {
            assert_eq!(text("exp", &at.into(), now), want);
        }
    }
}
