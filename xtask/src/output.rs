//! What a chore says on standard output.

use std::io::Write;

/// Prints a line; a closed pipe (`| head`) is no reason to stop.
pub(crate) fn say(line: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}
