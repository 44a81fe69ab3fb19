//! What tells a session the time.

use std::{
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use keystead_protocol::time::Timestamp;

pub(crate) type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

#[expect(
    clippy::disallowed_methods,
    reason = "an app without a clock of its own takes the system's; this is the only place that reads it"
)]
pub(crate) fn system() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    Timestamp::from_millis(0) + since.unwrap_or_default()
}
