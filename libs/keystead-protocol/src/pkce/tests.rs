//! Cases of proof keys: RFC 7636 appendix B, and the downgrades of attack class 8.

use super::{PkceRule::*, *};

// RFC 7636 appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

fn verifier(text: &str) -> Verifier {
    text.try_into().unwrap()
}

fn challenge(text: &str, method: Option<&str>) -> Challenge {
    Challenge::parse(Some(text), method, Optional)
        .unwrap()
        .unwrap()
}

#[test]
fn appendix_b() {
    let challenge = challenge(CHALLENGE, Some("S256"));
    assert_eq!(
        check(
            Some(&challenge),
            Some(&verifier(VERIFIER)),
            ClientType::Public
        ),
        Ok(())
    );
    assert_eq!(challenge.to_string(), CHALLENGE);
    assert_eq!(
        serde_json::to_string(&challenge).unwrap(),
        format!("{CHALLENGE:?}")
    );
    assert_eq!(
        serde_json::from_str::<Challenge>(&format!("{CHALLENGE:?}")).unwrap(),
        challenge
    );
}

// One row, one line: a table is read down its columns.
#[rustfmt::skip]
#[test]
fn a_challenge_is_read_by_its_rule() {
    use BadChallenge::*;
    let padded = format!("{CHALLENGE}=");
    let loose = CHALLENGE.replace("cM", "cN");
    let long = "x".repeat(129);
    for (name, challenge, method, rule, want) in [
        ("S256 where nothing is required", Some(CHALLENGE), Some("S256"), Optional, Ok(true)),
        ("S256 where it is required", Some(CHALLENGE), Some("S256"), RequiredS256, Ok(true)),
        ("no challenge where none is required", None, None, Optional, Ok(false)),
        ("no challenge where plain is not taken", None, None, OptionalS256, Ok(false)),
        ("no challenge where one is required", None, None, RequiredS256, Err(Required)),
        ("only a method, where one is required", None, Some("S256"), RequiredS256, Err(Required)),
        ("only a method", None, Some("S256"), Optional, Err(MethodAlone)),
        ("plain by name", Some(VERIFIER), Some("plain"), Optional, Ok(true)),
        ("plain by silence", Some(VERIFIER), None, Optional, Ok(true)),
        ("plain by name where S256 is wanted", Some(VERIFIER), Some("plain"), OptionalS256, Err(PlainRefused)),
        ("plain by silence where S256 is wanted", Some(CHALLENGE), None, RequiredS256, Err(PlainRefused)),
        ("the method in lower case", Some(CHALLENGE), Some("s256"), Optional, Err(UnknownMethod)),
        ("the method in upper case", Some(VERIFIER), Some("PLAIN"), Optional, Err(UnknownMethod)),
        ("an empty method", Some(CHALLENGE), Some(""), Optional, Err(UnknownMethod)),
        ("a method of the future", Some(CHALLENGE), Some("S512"), RequiredS256, Err(UnknownMethod)),
        ("an empty challenge", Some(""), Some("S256"), RequiredS256, Err(Malformed)),
        ("a padded challenge", Some(padded.as_str()), Some("S256"), RequiredS256, Err(Malformed)),
        ("a challenge with loose bits at its end", Some(loose.as_str()), Some("S256"), RequiredS256, Err(Malformed)),
        ("a challenge in standard base64", Some("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw+cM"), Some("S256"), Optional, Err(Malformed)),
        ("a challenge that is short", Some("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw"), Some("S256"), Optional, Err(Malformed)),
        ("a plain challenge that is short", Some("short"), Some("plain"), Optional, Err(Malformed)),
        ("a plain challenge that is long", Some(long.as_str()), Some("plain"), Optional, Err(Malformed)),
    ] {
        let got = Challenge::parse(challenge, method, rule).map(|parsed| parsed.is_some());
        assert_eq!(got, want, "{name}");
    }
}

#[test]
fn a_verifier_obeys_its_grammar() {
    let of = |n: usize| "a".repeat(n);
    for (name, text, want) in [
        ("43 characters", of(43), true),
        ("42 characters", of(42), false),
        ("128 characters", of(128), true),
        ("129 characters", of(129), false),
        ("nothing", String::new(), false),
        ("each unreserved mark", format!("{}-._~", of(40)), true),
        ("a plus", format!("{}+", of(43)), false),
        ("padding", format!("{}=", of(43)), false),
        ("a space", format!("{} ", of(43)), false),
        ("U+0000", format!("{}\0", of(43)), false),
        ("43 letters outside ASCII", "é".repeat(43), false),
    ] {
        assert_eq!(Verifier::try_from(text.as_str()).is_ok(), want, "{name}");
    }
}

/// Class 8 of the attacks: each way in which the protection of a code has been lost elsewhere.
#[rustfmt::skip]
#[test]
fn downgrades_are_refused() {
    use ClientType::*;
    use PkceRefusal::*;
    let s256 = challenge(CHALLENGE, Some("S256"));
    let plain = challenge(VERIFIER, Some("plain"));
    let plain_of_digest = challenge(CHALLENGE, None);
    let other = "M25iVXpKU3puUjFaYWg3T1NDTDQtcW1ROUY5YXlwalNoc0hhakxifmZHag";
    for (name, challenge, given, client, want) in [
        ("the right verifier", Some(&s256), Some(VERIFIER), Confidential, Ok(())),
        ("another verifier", Some(&s256), Some(other), Public, Err(Mismatch)),
        ("no verifier for a challenge, public", Some(&s256), None, Public, Err(VerifierMissing)),
        ("no verifier for a challenge, confidential", Some(&s256), None, Confidential, Err(VerifierMissing)),
        ("a verifier for a code whose challenge was stripped", None, Some(VERIFIER), Confidential, Err(ChallengeMissing)),
        ("the same from a public client", None, Some(VERIFIER), Public, Err(ChallengeMissing)),
        ("neither, from a client that authenticates", None, None, Confidential, Ok(())),
        ("neither, from a client that cannot", None, None, Public, Err(Unprotected)),
        ("the challenge itself as verifier", Some(&s256), Some(CHALLENGE), Public, Err(Mismatch)),
        ("the challenge itself, by another case", Some(&s256), Some("e9mELHOA2oWVfRemtjGUchAOEk1T8urwBUgjsSTW-Cm"), Public, Err(Mismatch)),
        ("a plain challenge and its verifier", Some(&plain), Some(VERIFIER), Confidential, Ok(())),
        ("a plain challenge and the S256 of it", Some(&plain), Some(CHALLENGE), Confidential, Err(Mismatch)),
        ("an S256 challenge sent without method, then its preimage", Some(&plain_of_digest), Some(VERIFIER), Confidential, Err(Mismatch)),
        ("a plain challenge and no verifier", Some(&plain), None, Confidential, Err(VerifierMissing)),
    ] {
        let given = given.map(verifier);
        assert_eq!(check(challenge, given.as_ref(), client), want, "{name}");
    }
}

#[test]
fn what_is_kept_is_never_the_verifier() {
    let stored = format!("{0} {0:?}", challenge(VERIFIER, Some("plain")));
    assert!(!stored.contains(VERIFIER), "{stored}");
    assert_eq!(format!("{:?}", verifier(VERIFIER)), "Verifier(Secret(..))");
}
