//! Comparison keys: the texts by which e-mail addresses and user names are told apart, the same on every database.
//!
//! A key replaces each character by its lower case if that is one character too, and the final sigma by the other one.
//! So `É` is `é` and `ΟΣ` is `ος`, while `ß` is not `ss`, and `İ`, `i` and `ı` are three letters. Nothing else happens: no
//! trimming, no Unicode normalisation (an `e` with a combining accent is not `é`), no rules of mail providers, no
//! Punycode. Too few merges give somebody a second account; one too many gives him somebody else's.
//!
//! Keys are stored. A change of these rules needs a migration that makes every key again.

/// The key of an e-mail address: unique within a connection.
pub fn email_key(email: &str) -> String {
    fold(email)
}

/// The key of a user name: unique within a connection.
pub fn username_key(username: &str) -> String {
    fold(username)
}

fn fold(text: &str) -> String {
    text.chars().map(fold_char).collect()
}

fn fold_char(c: char) -> char {
    let mut lower = c.to_lowercase();
    match (c, lower.next(), lower.next()) {
        ('ς', ..) => 'σ',
        (_, Some(one), None) => one,
        _ => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_one_and_what_are_two() {
        for (name, a, b, same) in [
            ("ASCII case", "Ada@Example.ORG", "ada@example.org", true),
            ("accents in either case", "É@x", "é@x", true),
            ("capital and small sharp s", "ẞ@x", "ß@x", true),
            ("sharp s and two s", "ß@x", "ss@x", false),
            ("dotted capital I and i", "İ@x", "i@x", false),
            ("dotted capital I and dotless small i", "İ@x", "ı@x", false),
            (
                "dotted capital I and its decomposition",
                "İ@x",
                "i\u{307}@x",
                false,
            ),
            ("dotless small i and I", "ı@x", "I@x", false),
            ("the three sigmas", "ΟΔΟΣ", "οδος", true),
            ("the small sigmas", "σας", "σασ", true),
            ("long s and s", "ſ@x", "s@x", false),
            ("a ligature and its letters", "ﬁ@x", "fi@x", false),
            ("full width and ASCII", "ａ@x", "a@x", false),
            ("composed and decomposed", "é@x", "e\u{301}@x", false),
            ("space around", " a@x", "a@x", false),
            ("a plus tag", "a+b@x", "a@x", false),
            ("Cyrillic case", "Ж@x", "ж@x", true),
            ("Cyrillic and Latin a", "а@x", "a@x", false),
        ] {
            assert_eq!(email_key(a) == email_key(b), same, "{name}");
            assert_eq!(username_key(a) == username_key(b), same, "{name}");
        }
    }

    #[test]
    fn a_key_is_its_own_key_and_no_longer_in_characters() {
        for c in '\0'..=char::MAX {
            let key = email_key(c.encode_utf8(&mut [0; 4]));
            assert_eq!(key.chars().count(), 1, "{c:?}");
            assert_eq!(email_key(&key), key, "{c:?}");
        }
    }
}
