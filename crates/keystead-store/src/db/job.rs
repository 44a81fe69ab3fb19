//! A unit of work on its way to a database thread, and its answer on the way back.

use std::panic::{AssertUnwindSafe, catch_unwind};

use tokio::sync::oneshot;

use crate::fault::Fault;

use super::tx::Tx;

/// What a transaction should do with what the closure did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The closure answered `Ok` and every statement succeeded.
    Keep,
    /// The closure refused, panicked, or a statement failed.
    Undo,
}

/// A closure in a queue. It may be attempted several times and is answered once.
pub(super) trait Job: Send {
    /// Runs the closure once, catching a panic.
    fn attempt(&mut self, tx: &mut Tx<'_>) -> Verdict;
    /// Answers the caller, if it still waits: with `fault` if the transaction had one, else with the closure's value.
    fn answer(self: Box<Self>, fault: Option<Fault>);
}

/// The job made from a closure and the channel to its caller.
pub(super) struct Work<F, T, E> {
    closure: F,
    outcome: Option<Result<T, E>>,
    caller: oneshot::Sender<Result<T, E>>,
}

impl<F, T, E> Work<F, T, E>
where
    F: FnMut(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    T: Send + 'static,
    E: From<Fault> + Send + 'static,
{
    pub(super) fn queue(closure: F) -> (Box<dyn Job>, oneshot::Receiver<Result<T, E>>) {
        let (caller, answer) = oneshot::channel();
        (
            Box::new(Self {
                closure,
                outcome: None,
                caller,
            }),
            answer,
        )
    }
}

impl<F, T, E> Job for Work<F, T, E>
where
    F: FnMut(&mut Tx<'_>) -> Result<T, E> + Send,
    T: Send,
    E: From<Fault> + Send,
{
    fn attempt(&mut self, tx: &mut Tx<'_>) -> Verdict {
        let outcome = catch_unwind(AssertUnwindSafe(|| (self.closure)(tx)))
            .unwrap_or(Err(Fault::Panicked.into()));
        let outcome = match (outcome, tx.spoiled()) {
            (Ok(_), Some(fault)) => Err(fault.clone().into()),
            (outcome, _) => outcome,
        };
        let verdict = if outcome.is_ok() {
            Verdict::Keep
        } else {
            Verdict::Undo
        };
        self.outcome = Some(outcome);
        verdict
    }

    fn answer(self: Box<Self>, fault: Option<Fault>) {
        let outcome = match (fault, self.outcome) {
            (Some(fault), _) => Err(fault.into()),
            (None, Some(outcome)) => outcome,
            (None, None) => Err(Fault::Closed.into()),
        };
        // The caller may have gone away; its work stands all the same.
        let _ = self.caller.send(outcome);
    }
}
