//! The reference page and the example file, made from the table of keys.

use std::fmt::Write as _;

use super::raw::{KEYS, Key};

const INTRODUCTION: &str = "\
# Configuration

<!-- Made by `keystead config reference > docs/configuration.md`. The text of each key lives beside the key in the source. -->

Here is only what must be known before the database opens; everything else is changed while the server runs. An empty
folder is a valid configuration.

A value is taken from the command line, else from the environment, else from `keystead.toml` in the working directory
(or the file named by `--config`), else it is the default. Unknown keys and unknown `KEYSTEAD_` variables are refused.
Relative paths start from the working directory. `keystead config check` tells everything that is wrong at once.

Variables are named after the keys: `KEYSTEAD_` and the key in capitals, with two underscores for each dot.
";

/// The reference page, in Markdown.
pub fn reference() -> String {
    let mut page = INTRODUCTION.to_owned();
    for key in KEYS {
        let flag = key
            .flag
            .map_or(String::new(), |flag| format!(", flag `{flag}`"));
        // Writing to a String cannot fail.
        let _ = write!(
            page,
            "\n## `{}`\n\n{}\n\n- Type: {}\n- Default: {}\n- Variable: `{}`{flag}\n- Example: `{} = {}`\n",
            key.path,
            paragraphs(key).join("\n"),
            key.kind,
            key.default,
            key.variable(),
            key.path.rsplit('.').next().unwrap_or(key.path),
            key.example,
        );
    }
    page
}

/// A configuration file that holds every key, each commented out.
pub fn example() -> String {
    let mut file = String::from(
        "# Keystead's configuration. Every key is optional; `keystead config check` tells whether the file is right.\n",
    );
    let (top, sections): (Vec<_>, Vec<_>) = KEYS.iter().partition(|key| !key.path.contains('.'));
    let mut section = "";
    for key in top.into_iter().chain(sections) {
        let (above, name) = key.path.rsplit_once('.').unwrap_or(("", key.path));
        if above != section {
            section = above;
            let _ = write!(file, "\n[{section}]\n");
        }
        let _ = writeln!(file);
        for line in paragraphs(key) {
            let _ = writeln!(file, "{}", format!("# {line}").trim_end());
        }
        let _ = writeln!(file, "# Default: {}.", key.default);
        let _ = writeln!(file, "#{name} = {}", key.example);
    }
    file
}

fn paragraphs(key: &Key) -> Vec<&'static str> {
    key.docs.iter().map(|line| line.trim()).collect()
}
