//! Cases and laws of scopes.

use proptest::prelude::*;

use super::*;

fn scope(text: &str) -> Scope {
    text.parse().unwrap()
}

#[test]
fn parsing_keeps_order_and_drops_repetitions() {
    for (name, text, want) in [
        ("one value", "openid", Ok("openid")),
        ("order of first appearance", "b a b c a", Ok("b a c")),
        ("case is significant", "read Read", Ok("read Read")),
        ("nothing", "", Ok("")),
        ("spaces only", "   ", Ok("")),
        ("spaces around and between", "  a   b ", Ok("a b")),
        (
            "a URL and punctuation",
            "https://x/y?z=1&w read:a/b!#$[]^_`{|}~",
            Ok("https://x/y?z=1&w read:a/b!#$[]^_`{|}~"),
        ),
        ("a tab between values", "a\tb", Err(BadScope)),
        ("a line feed", "a\nb", Err(BadScope)),
        ("a quote", "a\"b", Err(BadScope)),
        ("a backslash", "a\\b", Err(BadScope)),
        ("U+0000", "a\0b", Err(BadScope)),
        ("DEL", "a\x7f", Err(BadScope)),
        ("outside ASCII", "lire:été", Err(BadScope)),
        ("a no-break space", "a\u{a0}b", Err(BadScope)),
    ] {
        assert_eq!(
            text.parse::<Scope>().map(|s| s.to_string()),
            want.map(str::to_owned),
            "{name}"
        );
    }
}

#[test]
fn operations_keep_the_left_order() {
    let (asked, granted) = (scope("c a x b"), scope("a b c d"));
    assert_eq!(asked.intersect(&granted).to_string(), "c a b");
    assert_eq!(asked.union(&granted).to_string(), "c a x b d");
    assert_eq!(asked.minus(&granted).to_string(), "x");
    assert!(asked.contains("x") && !asked.contains("X"));
    assert_eq!(asked, scope("x c b a"));
}

#[test]
fn json_is_an_array_of_strings() {
    let read: Scope = serde_json::from_str(r#"["b","a","b"]"#).unwrap();
    assert_eq!(serde_json::to_string(&read).unwrap(), r#"["b","a"]"#);
    for bad in [
        r#""a b""#,
        r#"["a b"]"#,
        r#"[""]"#,
        r#"["a\u0000"]"#,
        "[1]",
        "null",
    ] {
        assert!(serde_json::from_str::<Scope>(bad).is_err(), "{bad}");
    }
}

/// A quadratic set would need minutes for this and let one request hold a core.
#[test]
fn a_body_full_of_scopes_is_read_in_linear_time() {
    let text: Vec<_> = (0..200_000).map(|n| n.to_string()).collect();
    let many = scope(&text.join(" "));
    assert_eq!(
        (many.len(), many.intersect(&many).len()),
        (200_000, 200_000)
    );
}

/// Few letters, so that sets overlap.
fn small() -> impl Strategy<Value = Scope> {
    prop::collection::vec("[abcd]{1,2}", 0..12).prop_map(|tokens| scope(&tokens.join(" ")))
}

proptest! {
    #[test]
    fn idempotent(a in small()) {
        prop_assert_eq!(&a.union(&a), &a);
        prop_assert_eq!(&a.intersect(&a), &a);
        prop_assert!(a.minus(&a).is_empty());
    }

    #[test]
    fn commutative_as_sets(a in small(), b in small()) {
        prop_assert_eq!(a.union(&b), b.union(&a));
        prop_assert_eq!(a.intersect(&b), b.intersect(&a));
    }

    #[test]
    fn associative_and_distributive(a in small(), b in small(), c in small()) {
        prop_assert_eq!(a.union(&b).union(&c), a.union(&b.union(&c)));
        prop_assert_eq!(a.intersect(&b).intersect(&c), a.intersect(&b.intersect(&c)));
        prop_assert_eq!(a.intersect(&b.union(&c)), a.intersect(&b).union(&a.intersect(&c)));
        prop_assert_eq!(a.minus(&b.union(&c)), a.minus(&b).intersect(&a.minus(&c)));
    }

    #[test]
    fn what_is_granted_never_exceeds_what_is_asked_or_what_there_is(a in small(), b in small()) {
        let both = a.intersect(&b);
        prop_assert!(both.is_subset(&a) && both.is_subset(&b));
        prop_assert!(both.iter().all(|t| a.contains(t.as_str()) && b.contains(t.as_str())));
        prop_assert!(a.is_subset(&a.union(&b)) && b.is_subset(&a.union(&b)));
        prop_assert_eq!(a.is_subset(&b), both == a);
        prop_assert_eq!(a.minus(&b).union(&both), a);
    }

    #[test]
    fn what_is_printed_reads_back(a in small()) {
        let again = scope(&a.to_string());
        prop_assert!(again.iter().eq(a.iter()));
        let json: Scope = serde_json::from_str(&serde_json::to_string(&a).unwrap()).unwrap();
        prop_assert!(json.iter().eq(a.iter()));
    }

    #[test]
    fn only_legal_characters_get_in(text in any::<String>()) {
        let illegal = |c: char| !matches!(c, '\x20' | '\x21' | '\x23'..='\x5b' | '\x5d'..='\x7e');
        prop_assert_eq!(text.parse::<Scope>().is_err(), text.contains(illegal));
    }

    #[test]
    fn one_character_decides(text in "[a-z]{0,3}", c in prop::char::range('\0', '\u{ff}')) {
        let legal = matches!(c, '\x21' | '\x23'..='\x5b' | '\x5d'..='\x7e');
        prop_assert_eq!(ScopeToken::try_from(format!("{text}{c}")).is_ok(), legal);
    }
}
