//! Other people's words made fit to be shown: nothing invisible, nothing that turns the text around, nothing endless.
//!
//! Escaping is not done here: every value that reaches a template is escaped by it.

use super::Locale;

/// How much of a name stands in a sentence.
pub(super) const NAME: usize = 80;

/// How much of a sentence stands in a list.
pub(super) const SENTENCE: usize = 300;

/// How much of a cause stands on an error page.
pub(super) const CAUSE: usize = 2_000;

/// What is visible of `text`: control and formatting characters are gone, white space is single, and after `max`
/// characters it ends with an ellipsis.
pub(super) fn clean(text: &str, max: usize) -> String {
    let mut out = String::new();
    let mut count = 0;
    for word in text.split_whitespace() {
        let mut letters = word.chars().filter(|letter| !is_hidden(*letter)).peekable();
        if letters.peek().is_some() && !out.is_empty() {
            out.push(' ');
            count += 1;
        }
        for letter in letters {
            if count >= max {
                out.truncate(out.trim_end().len());
                out.push('…');
                return out;
            }
            out.push(letter);
            count += 1;
        }
    }
    out
}

/// Characters that have no shape of their own and change how others are read. The joiners stay: scripts and emoji need
/// them.
fn is_hidden(letter: char) -> bool {
    letter.is_control()
        || matches!(letter,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}'
            | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Puts `values` in the place of the placeholders of `text` (`${name}`). Each value keeps its own direction: it is put
/// between isolates (Unicode Standard Annex 9 §2.3) where it could matter. An unknown placeholder stays as it is.
pub(super) fn fill(text: &str, values: &[(&str, &str)], locale: Locale) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, name, after)) = next_placeholder(rest) {
        out.push_str(before);
        match values.iter().rev().find(|(known, _)| *known == name) {
            Some((_, value)) => push_isolated(&mut out, &clean(value, NAME), locale),
            None => {
                out.push_str("${");
                out.push_str(name);
                out.push('}');
            }
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

/// The first placeholder: what stands before it, its name, and what stands behind.
fn next_placeholder(text: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = text.split_once("${")?;
    let (name, after) = rest.split_once('}')?;
    Some((before, name, after))
}

/// The names of the placeholders of a text.
#[cfg(test)]
pub(super) fn placeholders(mut text: &str) -> std::collections::BTreeSet<&str> {
    let mut names = std::collections::BTreeSet::new();
    while let Some((_, name, after)) = next_placeholder(text) {
        names.insert(name);
        text = after;
    }
    names
}

fn push_isolated(out: &mut String, value: &str, locale: Locale) {
    if value.is_ascii() && locale.dir() == "ltr" {
        out.push_str(value);
    } else {
        out.push('\u{2068}');
        out.push_str(value);
        out.push('\u{2069}');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_of_hostile_names() {
        for (name, given, want) in [
            ("an ordinary one", "Ada Lovelace", "Ada Lovelace"),
            (
                "white space is single",
                "  Ada \t\n Lovelace ",
                "Ada Lovelace",
            ),
            ("no override", "evil\u{202e}moc.elpmaxe", "evilmoc.elpmaxe"),
            ("no isolates of its own", "\u{2066}a\u{2069}b", "ab"),
            ("nothing of no width", "pay\u{200b}pal\u{feff}", "paypal"),
            ("only invisible", "\u{200b} \u{202e}", ""),
            ("a joiner stays", "नमस्\u{200d}ते", "नमस्\u{200d}ते"),
            ("markup is text here", "<b>&\"'", "<b>&\"'"),
        ] {
            assert_eq!(clean(given, NAME), want, "{name}");
        }
    }

    #[test]
    fn what_is_endless_ends() {
        for (given, want) in [
            ("abcdefghij", "abcdefghij"),
            ("abcdefghijk", "abcdefghij…"),
            ("abcdefghi jk", "abcdefghi…"),
            ("äöüäöüäöüäö", "äöüäöüäöüä…"),
        ] {
            assert_eq!(clean(given, 10), want);
        }
    }

    #[test]
    fn values_take_the_place_of_their_names() {
        let values = [("a", "Ada"), ("b", "שלום")];
        for (text, want) in [
            ("no names", "no names"),
            ("${a} and ${a}", "Ada and Ada"),
            ("for ${b}.", "for \u{2068}שלום\u{2069}."),
            ("${unknown} stays", "${unknown} stays"),
            ("not ${closed", "not ${closed"),
            ("costs $5", "costs $5"),
        ] {
            assert_eq!(fill(text, &values, Locale::En), want);
        }
    }

    #[test]
    fn a_value_is_not_searched_for_placeholders() {
        let values = [("a", "${b}"), ("b", "secret")];
        assert_eq!(fill("${a}", &values, Locale::En), "${b}");
    }
}
