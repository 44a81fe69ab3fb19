//! Commands as people type them: what is printed for copying works as it stands.

use std::{borrow::Cow, path::is_separator};

/// This program, as it was called: by the path that was typed, or by its name.
pub(crate) fn program() -> String {
    let called = std::env::args_os().next().unwrap_or_default();
    let called = called.to_string_lossy();
    if called.contains(is_separator) {
        quoted(&called).into_owned()
    } else {
        "keystead".to_owned()
    }
}

/// One word for a POSIX shell, whatever is in it.
pub(crate) fn quoted(word: &str) -> Cow<'_, str> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.into();
    }
    format!("'{}'", word.replace('\'', r"'\''")).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_reads_one_word() {
        for (word, want) in [
            ("target/release/keystead", "target/release/keystead"),
            ("https://api.mysite.com", "https://api.mysite.com"),
            (
                "read:messages write:messages",
                "'read:messages write:messages'",
            ),
            ("Ada's", r"'Ada'\''s'"),
            ("a;b", "'a;b'"),
            ("", "''"),
        ] {
            assert_eq!(quoted(word), want);
        }
    }
}
