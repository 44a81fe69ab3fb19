//! Where log lines go, and their shape.

use std::io::{self, IsTerminal as _};

use keystead_server::config::{Log, LogFormat};
use tracing::{Level, error, level_filters::LevelFilter};
use tracing_subscriber::{
    Layer as _, filter::Targets, layer::SubscriberExt as _, util::SubscriberInitExt as _,
};

use crate::output::Shape;

/// Sends log lines to standard error from now on, panics too, and says in which shape.
pub(crate) fn begin(log: Log) -> Shape {
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
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(io::stderr)
        .with_ansi(false);
    let lines = match shape {
        Shape::Json => lines
            .json()
            .flatten_event(true)
            .with_span_list(false)
            .boxed(),
        Shape::Text => lines.boxed(),
    };
    // Fails only if logging has begun already, and then lines go where they went.
    let _ = tracing_subscriber::registry()
        .with(lines.with_filter(filter))
        .try_init();
    std::panic::set_hook(Box::new(|panic| error!(%panic, "a thread panicked")));
    shape
}
