//! Cases of public errors: status by profile, and text that cannot carry structure.

use std::collections::HashSet;

use proptest::prelude::*;

use super::*;

#[test]
fn statuses_are_those_of_the_profile() {
    use Code::*;
    for (code, compat, strict) in [
        (InvalidRequest, 400, 400),
        (UnsupportedGrantType, 400, 400),
        (InvalidScope, 400, 400),
        (InvalidDpopProof, 400, 400),
        (UseDpopNonce, 400, 400),
        (AuthorizationPending, 400, 400),
        (InvalidClient, 401, 401),
        (InvalidToken, 401, 401),
        (LoginRequired, 401, 401),
        (InvalidGrant, 403, 400),
        (UnauthorizedClient, 403, 400),
        (AccessDenied, 403, 400),
        (Unauthorized, 403, 400),
        (InvalidUserPassword, 403, 400),
        (MfaRequired, 403, 400),
        (InsufficientScope, 403, 403),
        (EndpointDisabled, 404, 404),
        (MethodNotAllowed, 405, 405),
        (TooManyAttempts, 429, 429),
        (TooManyRequests, 429, 429),
        (ServerError, 500, 500),
        (UnsupportedResponseType, 501, 501),
        (TemporarilyUnavailable, 503, 503),
    ] {
        for (profile, want) in [
            (Profile::Legacy, compat),
            (Profile::Compat, compat),
            (Profile::Oidc, strict),
            (Profile::Fapi2, strict),
        ] {
            assert_eq!(code.status(profile), want, "{code} under {profile:?}");
        }
    }
}

#[test]
fn no_two_codes_are_spelled_alike() {
    let spellings: HashSet<_> = ALL.iter().map(|code| code.as_str()).collect();
    assert_eq!(spellings.len(), ALL.len());
    assert!(
        spellings
            .iter()
            .all(|s| s.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'))
    );
}

#[test]
fn the_document_has_two_members() {
    let error = OAuthError::new(Code::InvalidGrant, "Invalid authorization code");
    assert_eq!(
        serde_json::to_string(&error).unwrap(),
        r#"{"error":"invalid_grant","error_description":"Invalid authorization code"}"#
    );
    assert!(matches!(error.description, Cow::Borrowed(_)));
}

#[test]
fn a_description_cannot_carry_structure() {
    for (name, text, want) in [
        ("a header", "x\r\nSet-Cookie: a", "x??Set-Cookie: a"),
        ("a quoted string", "say \"no\" \\", "say 'no' ?"),
        ("a second parameter", "x&code=1", "x?code?1"),
        ("a tab", "a\tb", "a?b"),
        ("other scripts", "né", "n?"),
        ("U+0000", "a\0", "a?"),
    ] {
        assert_eq!(
            OAuthError::new(Code::InvalidRequest, text).description(),
            want,
            "{name}"
        );
    }
    assert_eq!(
        OAuthError::new(Code::InvalidRequest, "x".repeat(5000))
            .description()
            .len(),
        1000
    );
}

proptest! {
    #[test]
    fn any_description_is_legal(text in any::<String>()) {
        let error = OAuthError::new(Code::InvalidRequest, text);
        let legal = |b: u8| matches!(b, 0x20 | 0x21 | 0x23..=0x5b | 0x5d..=0x7e) && b != b'=' && b != b'&';
        prop_assert!(error.description().bytes().all(legal));
    }
}
