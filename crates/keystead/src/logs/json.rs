//! A log line as one JSON object. Every request waits for its line to be made, so nothing stands between a value and its
//! place in the line but what JSON asks for.

use std::fmt::{self, Debug, Write};

use keystead_server::http::RequestId;
use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    fmt::{FmtContext, FormatEvent, FormatFields, format::Writer},
    registry::LookupSpan,
};

/// Writes `{"timestamp":…,"level":…,…,"target":…}`, between them the event's own fields, and at the end the `request` that
/// was being answered.
pub(super) struct Json;

impl<S, N> FormatEvent<S, N> for Json
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    N: for<'writer> FormatFields<'writer> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut line: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let now = jiff::Timestamp::now();
        let about = event.metadata();
        let level = about.level();
        write!(line, r#"{{"timestamp":"{now:.6}","level":"{level}""#)?;
        let mut members = Members {
            to: &mut line,
            done: Ok(()),
        };
        event.record(&mut members);
        members.done?;
        line.write_str(r#","target":"#)?;
        text(&mut line, about.target())?;
        if let Some(id) = RequestId::current() {
            line.write_str(r#","request":"#)?;
            text(&mut line, id.as_str())?;
        }
        line.write_str("}\n")
    }
}

/// `,"name":value`, again and again.
struct Members<'a, 'writer> {
    to: &'a mut Writer<'writer>,
    done: fmt::Result,
}

impl Members<'_, '_> {
    fn member(&mut self, field: &Field, value: impl FnOnce(&mut Writer<'_>) -> fmt::Result) {
        if self.done.is_ok() {
            self.done = self.write(field.name(), value);
        }
    }

    fn write(
        &mut self,
        name: &str,
        value: impl FnOnce(&mut Writer<'_>) -> fmt::Result,
    ) -> fmt::Result {
        self.to.write_char(',')?;
        text(self.to, name.strip_prefix("r#").unwrap_or(name))?;
        self.to.write_char(':')?;
        value(self.to)
    }
}

impl Visit for Members<'_, '_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.member(field, |to| {
            to.write_char('"')?;
            write!(Inside(to), "{value:?}")?;
            to.write_char('"')
        });
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.member(field, |to| text(to, value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.member(field, |to| write!(to, "{value}"));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.member(field, |to| write!(to, "{value}"));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.member(field, |to| write!(to, "{value}"));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.member(field, |to| {
            if value.is_finite() {
                write!(to, "{value:?}")
            } else {
                to.write_str("null")
            }
        });
    }
}

/// A JSON string.
fn text(to: &mut Writer<'_>, text: &str) -> fmt::Result {
    to.write_char('"')?;
    Inside(to).write_str(text)?;
    to.write_char('"')
}

/// What is written here stands between the quotes of a JSON string. Most texts need no escape, and stay as they are.
struct Inside<'a, 'writer>(&'a mut Writer<'writer>);

impl Write for Inside<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if text.bytes().all(|b| b >= b' ' && b != b'"' && b != b'\\') {
            return self.0.write_str(text);
        }
        let quoted = serde_json::to_string(text).map_err(|_| fmt::Error)?;
        let escaped = quoted.strip_prefix('"').and_then(|it| it.strip_suffix('"'));
        self.0.write_str(escaped.ok_or(fmt::Error)?)
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io,
        sync::{Arc, Mutex},
    };

    use serde_json::{Value, json};
    use tracing::{Level, error, info};

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What is written while `work` runs, line by line, without the time.
    fn lines(work: impl FnOnce()) -> Vec<Value> {
        let lines = Lines::default();
        let to = lines.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(Level::TRACE)
            .with_ansi(false)
            .with_writer(move || to.clone())
            .event_format(Json)
            .finish();
        tracing::subscriber::with_default(subscriber, work);
        let bytes = lines.0.lock().unwrap();
        let mut written: Vec<Value> = str::from_utf8(&bytes)
            .unwrap()
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        for line in &mut written {
            let time = line.as_object_mut().unwrap().remove("timestamp").unwrap();
            let time = time.as_str().unwrap();
            assert!(time.parse::<jiff::Timestamp>().is_ok(), "{time}");
            assert_eq!(time.len(), "2026-11-22T17:13:28.976442Z".len(), "{time}");
        }
        written
    }

    const TARGET: &str = module_path!();

    #[test]
    fn each_kind_of_value_is_itself() {
        let nothing: Option<&str> = None;
        let written = lines(|| {
            info!(
                status = 200_u16, less = -1, ms = 0.25, whole = 5.0, odd = f64::NAN, huge = 1e300,
                yes = true, client = %"::1", why = ?Some("x"), nothing, r#type = "t", "said"
            );
        });
        let want = json!({
            "level": "INFO", "message": "said", "target": TARGET,
            "status": 200, "less": -1, "ms": 0.25, "whole": 5.0, "odd": null, "huge": 1e300,
            "yes": true, "client": "::1", "why": "Some(\"x\")", "type": "t",
        });
        assert_eq!(written, [want]);
    }

    #[test]
    fn an_event_may_say_nothing() {
        let nothing: Option<&str> = None;
        let written = lines(|| error!(nothing));
        assert_eq!(written, [json!({ "level": "ERROR", "target": TARGET })]);
    }

    #[test]
    fn no_text_breaks_out_of_its_place() {
        for text in [
            "\"",
            "\\",
            "a\nb",
            "\u{0}",
            "\u{1b}[31m",
            "é\u{2028}",
            "\",\"level\":\"x",
            "",
        ] {
            let written = lines(|| error!(path = text, given = ?text, "{text}"));
            assert_eq!(written[0]["path"], text, "{text:?}");
            assert_eq!(written[0]["given"], format!("{text:?}"), "{text:?}");
            assert_eq!(written[0]["message"], text, "{text:?}");
            assert_eq!(written[0]["level"], "ERROR", "{text:?}");
        }
    }
}
