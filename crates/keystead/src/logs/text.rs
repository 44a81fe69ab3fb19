//! A log line for people at a terminal.

use std::fmt::{self, Write};

use keystead_server::http::RequestId;
use tracing::{Event, Subscriber};
use tracing_subscriber::{
    fmt::{FmtContext, FormatEvent, FormatFields, format::Writer},
    registry::LookupSpan,
};

/// Writes `TIME LEVEL TARGET: …` and the event's own fields, and at the end the `request` that was being answered.
pub(super) struct Text;

impl<S, N> FormatEvent<S, N> for Text
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    N: for<'writer> FormatFields<'writer> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut line: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let now = jiff::Timestamp::now();
        let about = event.metadata();
        write!(line, "{now:.6} {:>5} {}: ", about.level(), about.target())?;
        context.format_fields(Writer::new(&mut Escaping(&mut line)), event)?;
        if let Some(id) = RequestId::current() {
            write!(line, " request={:?}", id.as_str())?;
        }
        writeln!(line)
    }
}

/// Writes what would begin a line, move the terminal or turn the text around as Rust would write it in a literal. Most texts
/// hold nothing of the kind, and stay as they are.
struct Escaping<'a, 'writer>(&'a mut Writer<'writer>);

impl Write for Escaping<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if text.bytes().all(|b| b == b' ' || b.is_ascii_graphic()) {
            return self.0.write_str(text);
        }
        for piece in text.split_inclusive(is_hostile) {
            let mut chars = piece.chars();
            match chars.next_back().filter(|last| is_hostile(*last)) {
                Some(last) => write!(self.0, "{}{}", chars.as_str(), last.escape_default())?,
                None => self.0.write_str(piece)?,
            }
        }
        Ok(())
    }
}

fn is_hostile(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use std::{io, sync::mpsc};

    use tracing::{Level, error, info};

    use super::*;

    struct To(mpsc::Sender<u8>);

    impl io::Write for To {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            for byte in bytes {
                self.0.send(*byte).unwrap();
            }
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What is written while `work` runs, without the time.
    fn written(work: impl FnOnce()) -> String {
        let (to, bytes) = mpsc::channel();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(Level::TRACE)
            .with_ansi(false)
            .with_writer(move || To(to.clone()))
            .event_format(Text)
            .finish();
        tracing::subscriber::with_default(subscriber, work);
        let text = String::from_utf8(bytes.iter().collect()).unwrap();
        let (time, rest) = text.split_once(' ').unwrap();
        assert!(time.parse::<jiff::Timestamp>().is_ok(), "{text}");
        rest.to_owned()
    }

    const TARGET: &str = module_path!();

    #[test]
    fn what_is_harmless_is_written_as_it_is() {
        let line = written(|| {
            info!(status = 200_u16, ms = 0.25, client = %"::1", path = "/a b\\", who = %"Åsa \u{1f469}\u{200d}\u{1f4bb} \\n", "said\"");
        });
        let want = format!(
            " INFO {TARGET}: said\" status=200 ms=0.25 client=::1 path=\"/a b\\\\\" who=Åsa \u{1f469}\u{200d}\u{1f4bb} \\n\n"
        );
        assert_eq!(line, want);
    }

    #[test]
    fn no_text_begins_a_line_or_moves_the_terminal() {
        for (hostile, want) in [
            ("a\n2026-01-01 ERROR x: b", "a\\n2026-01-01 ERROR x: b"),
            ("a\rb", "a\\rb"),
            ("a\tb", "a\\tb"),
            ("\0", "\\u{0}"),
            ("\u{b}\u{7f}", "\\u{b}\\u{7f}"),
            ("\u{9b}2J\u{85}é", "\\u{9b}2J\\u{85}é"),
            ("\u{2028}\u{2029}", "\\u{2028}\\u{2029}"),
            ("\u{202e}gpj\u{2066}", "\\u{202e}gpj\\u{2066}"),
            ("\u{61c}\u{200f}", "\\u{61c}\\u{200f}"),
        ] {
            let line = written(|| error!(why = %hostile, "end"));
            assert_eq!(
                line,
                format!("ERROR {TARGET}: end why={want}\n"),
                "{hostile:?}"
            );
        }
        // The library has a way of its own to write some of these in a message.
        for hostile in [
            "\n",
            "\r",
            "\u{1b}[2J",
            "\u{9b}2J",
            "\u{2028}",
            "\u{202e}",
            "\u{8}",
            "\u{0}",
        ] {
            let line =
                written(|| error!(path = hostile, why = %hostile, seen = ?hostile, "{hostile}"));
            let line = line.strip_suffix('\n').unwrap();
            assert!(
                !line
                    .chars()
                    .any(|c| c.is_control() || "\u{2028}\u{202e}".contains(c)),
                "{line:?}"
            );
        }
    }
}
