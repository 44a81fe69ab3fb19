//! Where log lines go, and their shape.

use std::io::{self, IsTerminal as _};

use keystead_server::config::{Log, LogFormat};
use tracing::{Level, error, level_filters::LevelFilter};
use tracing_subscriber::{
    Layer as _, filter::Targets, layer::SubscriberExt as _, util::SubscriberInitExt as _,
};

use self::{
    json::Json,
    text::Text,
    writer::{Flush, Lines},
};
use crate::output::Shape;

mod json;
mod text;
mod writer;

/// Sends log lines to standard error from now on, panics too. They have been written when the second part of the answer
/// is dropped; the first says in which shape.
///
/// # Errors
/// If there is no thread to write them.
pub(crate) fn begin(log: Log) -> io::Result<(Shape, Flush)> {
    let shape = match log.format {
        LogFormat::Json => Shape::Json,
        LogFormat::Text => Shape::Text,
        LogFormat::Auto if io::stderr().is_terminal() => Shape::Text,
        LogFormat::Auto => Shape::Json,
    };
    // Libraries speak up only when something is wrong, unless everything is asked for.
    let others = if log.level == Level::TRACE {
        LevelFilter::TRACE
    } else {
        LevelFilter::WARN
    };
    let filter = Targets::new()
        .with_target("keystead", log.level)
        .with_default(others);
    let lost: fn(u64) -> String = match shape {
        Shape::Json => |lost| {
            format!(
                "{{\"level\":\"WARN\",\"message\":\"log lines are lost: their reader is too slow\",\"lost\":{lost}}}\n"
            )
        },
        Shape::Text => {
            |lost| format!(" WARN {lost} log lines are lost: their reader is too slow\n")
        }
    };
    let (writer, flush) = Lines::begin(io::stderr(), lost)?;
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(writer)
        .with_ansi(false);
    let lines = match shape {
        Shape::Json => lines.event_format(Json).boxed(),
        Shape::Text => lines.event_format(Text).boxed(),
    };
    // Fails only if logging has begun already, and then lines go where they went.
    let _ = tracing_subscriber::registry()
        .with(filter)
        .with(lines)
        .try_init();
    std::panic::set_hook(Box::new(|panic| error!(%panic, "a thread panicked")));
    Ok((shape, flush))
}
