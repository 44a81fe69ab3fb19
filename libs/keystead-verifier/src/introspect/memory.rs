//! What the issuer's answers decided: each until its moment, in a bounded number of places.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use keystead_protocol::{secret::Digest, time::Timestamp};

use crate::{Claims, Refusal};

/// Places for tokens that are admitted, and places for tokens that are refused.
const MOST_REMEMBERED: usize = 10_000;

/// A decision belongs to a token and to an audience; scopes are asked of its claims each time.
pub(super) type Question = (Digest, Arc<str>);
pub(super) type Decision = Result<Claims, Refusal>;

/// Decisions of both kinds. Tokens that are refused can be invented by anybody, in any number: they have places of their
/// own and take none from good tokens.
///
/// Not checked: whose decision it is. A refusal that says nothing of the token does not belong here.
#[derive(Default)]
pub(super) struct Memory(Mutex<Kinds>);

#[derive(Default)]
struct Kinds {
    admitted: Newest<Claims>,
    refused: Newest<Refusal>,
}

impl Memory {
    pub(super) fn recall(&self, question: &Question, now: Timestamp) -> Option<Decision> {
        let kinds = self.lock();
        let admitted = kinds.admitted.recall(question, now).map(Ok);
        admitted.or_else(|| kinds.refused.recall(question, now).map(Err))
    }

    /// Keeps a decision instead of what was decided on the same question before.
    pub(super) fn keep(&self, question: Question, decision: Decision, until: Timestamp) {
        let mut kinds = self.lock();
        match decision {
            Ok(claims) => {
                kinds.refused.forget(&question);
                kinds.admitted.keep(question, claims, until);
            }
            Err(why) => {
                kinds.admitted.forget(&question);
                kinds.refused.keep(question, why, until);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Kinds> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Decisions of one kind. When there is no place left the oldest makes room, whether or not it has had its time: to look
/// for a better one would cost a walk through all of them, with everybody waiting.
struct Newest<T> {
    kept: HashMap<Question, (Timestamp, T)>,
    /// Everything that is kept, by when it came. What was forgotten stays until its turn: to find it here would be a walk
    /// too. If it comes again meanwhile, its first turn ends it, and the issuer is asked once more than necessary.
    order: VecDeque<Question>,
}

impl<T: Clone> Newest<T> {
    fn recall(&self, question: &Question, now: Timestamp) -> Option<T> {
        let (until, what) = self.kept.get(question)?;
        (now < *until).then(|| what.clone())
    }

    fn keep(&mut self, question: Question, what: T, until: Timestamp) {
        if self.kept.insert(question.clone(), (until, what)).is_some() {
            return;
        }
        self.order.push_back(question);
        if self.order.len() > MOST_REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.kept.remove(&oldest);
        }
    }

    fn forget(&mut self, question: &Question) {
        self.kept.remove(question);
    }
}

impl<T> Default for Newest<T> {
    fn default() -> Self {
        Self {
            kept: HashMap::new(),
            order: VecDeque::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Make = fn() -> Decision;
    const KINDS: [(&str, Make, Make); 2] = [("admitted", good, bad), ("refused", bad, good)];
    const START: i64 = 0;
    const END: i64 = 60;

    fn good() -> Decision {
        let set = serde_json::from_slice(b"{}").unwrap();
        Ok(Claims::introspected(set, b"{}".to_vec()))
    }

    fn bad() -> Decision {
        Err(Refusal::Inactive)
    }

    impl Memory {
        fn keep_token(&self, n: usize, decision: Decision, until: i64) {
            self.keep(question(n), decision, Timestamp::from_secs(until));
        }

        /// Whether the token is admitted, if that is remembered.
        fn admits(&self, n: usize, now: i64) -> Option<bool> {
            let decision = self.recall(&question(n), Timestamp::from_secs(now));
            decision.map(|decision| decision.is_ok())
        }

        /// How many decisions there are, expired ones too, and how many places are taken.
        fn size(&self) -> (usize, usize) {
            let Kinds { admitted, refused } = &*self.lock();
            (
                admitted.kept.len() + refused.kept.len(),
                admitted.order.len() + refused.order.len(),
            )
        }
    }

    fn question(n: usize) -> Question {
        (Digest::of(&n.to_be_bytes()), Arc::from("api"))
    }

    /// Class 33: refusals can be had without a token, ten thousand in a minute.
    #[test]
    fn neither_kind_takes_places_from_the_other() {
        for (kind, few, flood) in KINDS {
            let memory = Memory::default();
            memory.keep_token(0, few(), END);
            for n in 2..MOST_REMEMBERED + 12 {
                memory.keep_token(n, flood(), END);
            }
            memory.keep_token(1, few(), END);
            let want = Some(few().is_ok());
            assert_eq!(memory.admits(0, START), want, "{kind}, before the flood");
            assert_eq!(memory.admits(1, START), want, "{kind}, after the flood");
            let size = MOST_REMEMBERED + 2;
            assert_eq!(memory.size(), (size, size), "{kind}");
        }
    }

    /// Work is counted, not timed: one decision lets one go and leaves all others alone, even those that are over.
    #[test]
    fn when_it_is_full_the_oldest_alone_makes_room() {
        for (kind, make, _) in KINDS {
            let memory = Memory::default();
            for n in 0..MOST_REMEMBERED {
                memory.keep_token(n, make(), END);
            }
            let full = (MOST_REMEMBERED, MOST_REMEMBERED);
            assert_eq!(memory.size(), full, "{kind}");
            for (let_go, now, name) in [
                (0, START, "while all hold"),
                (1, END, "when all are over"),
                (2, END, "when all but one are over"),
            ] {
                let n = MOST_REMEMBERED + let_go;
                memory.keep_token(n, make(), now + END);
                assert_eq!(memory.admits(n, now), Some(make().is_ok()), "{kind} {name}");
                assert_eq!(memory.size(), full, "{kind} {name}");
                let mut held = (0..n).map(|n| memory.admits(n, START).is_some());
                assert_eq!(
                    held.position(|held| held),
                    Some(let_go + 1),
                    "{kind} {name}"
                );
            }
        }
    }

    #[test]
    fn the_last_decision_about_a_token_is_the_only_one() {
        for (kind, first, second) in KINDS {
            let memory = Memory::default();
            memory.keep_token(0, first(), END);
            memory.keep_token(0, second(), 2 * END);
            // The first one's time too, as if the clock had been set back.
            for now in [START, END, 2 * END - 1] {
                let want = Some(second().is_ok());
                assert_eq!(memory.admits(0, now), want, "{kind} first, at {now}");
            }
            assert_eq!(memory.admits(0, 2 * END), None, "{kind} first");
            assert_eq!(memory.size().0, 1, "{kind} first");
        }
    }

    #[test]
    fn a_token_that_is_decided_anew_keeps_its_one_place() {
        for (kind, make, _) in KINDS {
            let memory = Memory::default();
            memory.keep_token(0, make(), END);
            for _ in 0..=MOST_REMEMBERED {
                memory.keep_token(1, make(), END);
            }
            assert_eq!(memory.size(), (2, 2), "{kind}");
            assert_eq!(memory.admits(0, START), Some(make().is_ok()), "{kind}");
        }
    }

    #[test]
    fn tokens_that_change_their_kind_stay_within_the_bound() {
        let memory = Memory::default();
        for _ in 0..=MOST_REMEMBERED {
            for make in [good, bad] {
                memory.keep_token(0, make(), END);
                let (kept, places) = memory.size();
                assert!(
                    kept <= 1 && places <= 2 * MOST_REMEMBERED,
                    "{kept} {places}"
                );
            }
        }
    }
}
