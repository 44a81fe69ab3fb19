//! Cases of identifiers: what each kind accepts, and how fresh ones are drawn.

use std::collections::BTreeMap;

use rand::{SeedableRng, rngs::StdRng};

use super::*;

fn rng() -> StdRng {
    StdRng::seed_from_u64(7)
}

// One row, one line: a table is read down its columns.
#[rustfmt::skip]
#[test]
fn each_kind_accepts_and_refuses_its_own() {
    fn ok<T: FromStr>(text: &str) -> bool {
        text.parse::<T>().is_ok()
    }
    let long = |n: usize| "x".repeat(n);
    for (name, got, want) in [
        ("a client id as Auth0 makes them", ok::<ClientId>("AaiyAPdpYdesoKnqjj8HJqRn4T5titww"), true),
        ("a client id that is a URL", ok::<ClientId>("https://app.example/client.json"), true),
        ("an empty client id", ok::<ClientId>(""), false),
        ("a client id of 128 characters", ok::<ClientId>(&long(128)), true),
        ("a client id of 129 characters", ok::<ClientId>(&long(129)), false),
        ("a client id with a space", ok::<ClientId>("a b"), false),
        ("a client id with a quote", ok::<ClientId>("a\"b"), false),
        ("a client id with a backslash", ok::<ClientId>("a\\b"), false),
        ("a client id with U+0000", ok::<ClientId>("a\0b"), false),
        ("a client id with DEL", ok::<ClientId>("a\x7fb"), false),
        ("a client id outside ASCII", ok::<ClientId>("ä"), false),
        ("an API id", ok::<ApiId>("0123456789abcdef01234567"), true),
        ("an API id in upper case", ok::<ApiId>("0123456789ABCDEF01234567"), false),
        ("an API id that is short", ok::<ApiId>("0123456789abcdef0123456"), false),
        ("an audience that is no URL", ok::<Audience>("urn:my api"), true),
        ("an audience of 600 wide characters", ok::<Audience>(&"é".repeat(600)), true),
        ("an audience of 601 characters", ok::<Audience>(&long(601)), false),
        ("an empty audience", ok::<Audience>(""), false),
        ("an audience with U+0000", ok::<Audience>("https://x/\0"), false),
        ("an audience with a line feed", ok::<Audience>("https://x/\n"), false),
        ("an audience with a C1 control character", ok::<Audience>("https://x/\u{85}"), false),
        ("a client grant id", ok::<ClientGrantId>("cgr_0123456789abcdEF"), true),
        ("a client grant id with another's prefix", ok::<ClientGrantId>("con_0123456789abcdEF"), false),
        ("a client grant id with punctuation", ok::<ClientGrantId>("cgr_0123456789abcd-F"), false),
        ("a user of a database", ok::<UserId>("auth0|0123456789abcdef01234567"), true),
        ("a user of an enterprise connection", ok::<UserId>("samlp|conn|ada@example.com"), true),
        ("a user without a provider", ok::<UserId>("|x"), false),
        ("a user without an id", ok::<UserId>("auth0|"), false),
        ("a user without a bar", ok::<UserId>("auth0"), false),
        ("a user of 320 bytes", ok::<UserId>(&format!("a|{}", long(318))), true),
        ("a user of 321 bytes", ok::<UserId>(&format!("a|{}", long(319))), false),
        ("a user with a tab", ok::<UserId>("auth0|a\tb"), false),
        ("a kid of 64 characters", ok::<KeyId>(&long(64)), true),
        ("a kid of 65 characters", ok::<KeyId>(&long(65)), false),
        ("a kid that climbs", ok::<KeyId>("../key"), false),
        ("a kid with a plus", ok::<KeyId>("a+b"), false),
        ("a session id", ok::<SessionId>("s-1_A"), true),
        ("a session id with a dot", ok::<SessionId>("s.1"), false),
        ("a jti with a space", ok::<TokenId>("a b"), false),
        ("a jti that is a URN", ok::<TokenId>("urn:uuid:1"), true),
        ("a job", ok::<JobId>("job_0123456789abcdef"), true),
        ("a role with a short tail", ok::<RoleId>("rol_0123456789abcde"), false),
        ("a connection with U+0000", ok::<ConnectionId>("con_0123456789abcd\0f"), false),
    ] {
        assert_eq!(got, want, "{name}");
    }
}

#[test]
fn a_refusal_names_the_kind_and_not_the_text() {
    let refusal = ClientId::try_from("<script> \0").unwrap_err();
    assert_eq!(refusal.to_string(), "not a valid ClientId");
}

#[test]
fn json_is_held_to_the_same_rule() {
    let id: KeyId = serde_json::from_str(r#""k1""#).unwrap();
    assert_eq!(serde_json::to_string(&id).unwrap(), r#""k1""#);
    assert!(serde_json::from_str::<KeyId>(r#""k\u0000""#).is_err());
    assert!(serde_json::from_str::<KeyId>("1").is_err());
}

#[test]
fn what_is_drawn_obeys_its_own_rule() {
    let rng = &mut rng();
    for _ in 0..200 {
        assert_eq!(ClientId::generate(rng).as_str().len(), 32);
        assert_eq!(ClientGrantId::generate(rng).as_str().len(), 20);
        macro_rules! round_trip {
            ($($kind:ident)+) => {$( let id = $kind::generate(rng); assert_eq!(id.as_str().parse(), Ok(id)); )+};
        }
        round_trip!(ClientId ApiId ClientGrantId UserId ConnectionId RoleId SessionId GrantId JourneyId KeyId TokenId JobId);
    }
}

/// A remainder of 256 by 62 would make the first eight letters a quarter likelier than the rest.
#[test]
fn no_character_is_likelier_than_another() {
    let rng = &mut rng();
    let mut seen = BTreeMap::<char, u32>::new();
    for _ in 0..4_000 {
        for character in ClientId::generate(rng).as_str().chars() {
            *seen.entry(character).or_default() += 1;
        }
    }
    let expected = 4_000.0 * 32.0 / 62.0;
    let chi_squared: f64 = seen
        .values()
        .map(|&n| (f64::from(n) - expected).powi(2) / expected)
        .sum();
    assert_eq!(seen.len(), 62);
    // 61 degrees of freedom: 118 is exceeded once in 100,000 runs, and this run is seeded; a remainder gives about 1,000.
    assert!(chi_squared < 118.0, "{chi_squared}");
}

#[test]
fn the_provider_is_what_precedes_the_first_bar() {
    assert_eq!(
        UserId::try_from("oauth2|conn|7").unwrap().provider(),
        "oauth2"
    );
}
