//! A log line for people at a terminal.

use std::fmt;

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
        context.format_fields(line.by_ref(), event)?;
        if let Some(id) = RequestId::current() {
            write!(line, " request={:?}", id.as_str())?;
        }
        writeln!(line)
    }
}
