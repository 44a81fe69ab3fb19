//! A log line as one JSON object. Every request waits for its line to be made, so nothing stands between a value and its
//! place in the line but what JSON asks for.

use std::fmt::{self, Debug, Write as _};

use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
    span::Record,
};
use tracing_subscriber::{
    field::RecordFields,
    fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields, format::Writer},
    registry::LookupSpan,
};

/// Writes `{"timestamp":…,"level":…,…,"target":…}`, between them the event's own fields, and at the end the `span` in which
/// it happened.
pub(super) struct Json;

impl<S, N> FormatEvent<S, N> for Json
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
        let level = about.level();
        write!(line, r#"{{"timestamp":"{now:.6}","level":"{level}""#)?;
        write(&mut line, Place::Behind, event)?;
        line.write_str(r#","target":"#)?;
        text(&mut line, about.target())?;
        if let Some(span) = context.event_scope().and_then(|mut scope| scope.next()) {
            line.write_str(r#","span":{"name":"#)?;
            text(&mut line, span.name())?;
            if let Some(fields) = span.extensions().get::<FormattedFields<N>>()
                && !fields.is_empty()
            {
                write!(line, ",{fields}")?;
            }
            line.write_char('}')?;
        }
        line.write_str("}\n")
    }
}

/// The fields of a span, without braces around them.
impl<'writer> FormatFields<'writer> for Json {
    fn format_fields<R: RecordFields>(&self, mut to: Writer<'writer>, fields: R) -> fmt::Result {
        write(&mut to, Place::First, fields)
    }

    fn add_fields(
        &self,
        known: &'writer mut FormattedFields<Self>,
        more: &Record<'_>,
    ) -> fmt::Result {
        let place = if known.is_empty() {
            Place::First
        } else {
            Place::Behind
        };
        write(&mut known.as_writer(), place, more)
    }
}

/// Whether something stands before a member of an object.
#[derive(PartialEq)]
enum Place {
    First,
    Behind,
}

fn write(to: &mut Writer<'_>, place: Place, fields: impl RecordFields) -> fmt::Result {
    let done = Ok(());
    let mut members = Members { to, place, done };
    fields.record(&mut members);
    members.done
}

/// `"name":value`, with commas between.
struct Members<'a, 'writer> {
    to: &'a mut Writer<'writer>,
    place: Place,
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
        if std::mem::replace(&mut self.place, Place::Behind) == Place::Behind {
            self.to.write_char(',')?;
        }
        text(self.to, name.strip_prefix("r#").unwrap_or(name))?;
        self.to.write_char(':')?;
        value(self.to)
    }
}

impl Visit for Members<'_, '_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.member(field, |to| {
            let mut said = String::new();
            write!(said, "{value:?}")?;
            text(to, &said)
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

/// A JSON string. Most need no escape, and those are written as they are.
fn text(to: &mut Writer<'_>, text: &str) -> fmt::Result {
    if text.bytes().all(|b| b >= b' ' && b != b'"' && b != b'\\') {
        to.write_char('"')?;
        to.write_str(text)?;
        to.write_char('"')
    } else {
        let escaped = serde_json::to_string(text).map_err(|_| fmt::Error)?;
        to.write_str(&escaped)
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io,
        sync::{Arc, Mutex},
    };

    use serde_json::{Value, json};
    use tracing::{Level, error, info, info_span};

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
            .fmt_fields(Json)
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

    #[test]
    fn a_line_names_the_innermost_span_it_was_said_in() {
        let written = lines(|| {
            let _outer = info_span!("outer", id = "a\"b").entered();
            info!("in one");
            let inner = info_span!("inner", later = tracing::field::Empty).entered();
            info!("in two");
            inner.record("later", 1);
            info!("in two");
        });
        let spans: Vec<&Value> = written.iter().map(|line| &line["span"]).collect();
        let outer = json!({ "name": "outer", "id": "a\"b" });
        let (inner, later) = (
            json!({ "name": "inner" }),
            json!({ "name": "inner", "later": 1 }),
        );
        assert_eq!(spans, [&outer, &inner, &later]);
    }
}
