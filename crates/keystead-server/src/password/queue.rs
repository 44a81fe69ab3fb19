//! Fair queueing: callers take turns whatever each has waiting, and when there is no more room the greediest gives way.

use std::{
    collections::{HashMap, VecDeque},
    hash::Hash,
};

/// A bounded queue of items, each of some caller's flow. Flows are served in turn, the items of one in their order.
#[derive(Debug)]
pub(super) struct FairQueue<K, T> {
    room: usize,
    waiting: usize,
    flows: HashMap<K, VecDeque<T>>,
    /// Every flow that has something waiting, once; the next to be served in front.
    turns: VecDeque<K>,
}

/// What became of an item.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Offer<T> {
    /// It waits.
    Taken,
    /// It waits in the place of this one, the newest of the longest flow.
    InsteadOf(T),
    /// There is no room, and nobody has more waiting than its own flow.
    Full(T),
}

impl<K: Hash + Eq + Clone, T> FairQueue<K, T> {
    /// An empty queue for `room` items.
    pub(super) fn new(room: usize) -> Self {
        Self {
            room,
            waiting: 0,
            flows: HashMap::new(),
            turns: VecDeque::new(),
        }
    }

    /// How many items wait.
    pub(super) fn len(&self) -> usize {
        self.waiting
    }

    /// Adds an item at the end of its flow. A full queue takes it only if that makes the flows more even: who has many
    /// waiting loses the newest of them to who has few.
    pub(super) fn push(&mut self, flow: K, item: T) -> Offer<T> {
        let mut outcome = Offer::Taken;
        if self.waiting >= self.room {
            let own = self.flows.get(&flow).map_or(0, VecDeque::len);
            match self.take_from_the_longest(own + 2) {
                Some(evicted) => outcome = Offer::InsteadOf(evicted),
                None => return Offer::Full(item),
            }
        }
        self.waiting += 1;
        let line = self.flows.entry(flow.clone()).or_default();
        if line.is_empty() {
            self.turns.push_back(flow);
        }
        line.push_back(item);
        outcome
    }

    /// The item whose turn it is.
    pub(super) fn pop(&mut self) -> Option<T> {
        let flow = self.turns.pop_front()?;
        let line = self.flows.get_mut(&flow)?;
        let item = line.pop_front();
        if line.is_empty() {
            self.flows.remove(&flow);
        } else {
            self.turns.push_back(flow);
        }
        self.waiting -= usize::from(item.is_some());
        item
    }

    /// The newest item of the longest flow, if that has at least `at_least` waiting; two or more, so that none runs empty.
    fn take_from_the_longest(&mut self, at_least: usize) -> Option<T> {
        let longest = self.flows.values_mut().max_by_key(|line| line.len())?;
        if longest.len() < at_least {
            return None;
        }
        let evicted = longest.pop_back();
        self.waiting -= usize::from(evicted.is_some());
        evicted
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn drained(queue: &mut FairQueue<char, (char, u32)>) -> String {
        std::iter::from_fn(|| queue.pop())
            .map(|(flow, n)| format!("{flow}{n} "))
            .collect()
    }

    #[test]
    fn flows_take_turns_and_keep_their_own_order() {
        let mut queue = FairQueue::new(10);
        for (flow, n) in [('a', 1), ('a', 2), ('a', 3), ('b', 1), ('c', 1), ('b', 2)] {
            assert_eq!(queue.push(flow, (flow, n)), Offer::Taken);
        }
        assert_eq!(queue.len(), 6);
        assert_eq!(drained(&mut queue), "a1 b1 c1 a2 b2 a3 ");
        assert_eq!((queue.len(), queue.pop()), (0, None));
    }

    #[test]
    fn who_comes_late_does_not_wait_for_who_came_with_many() {
        let mut queue = FairQueue::new(1_000);
        for n in 0..500 {
            queue.push('a', ('a', n));
        }
        queue.push('b', ('b', 0));
        assert_eq!(queue.pop(), Some(('a', 0)));
        assert_eq!(queue.pop(), Some(('b', 0)));
    }

    #[test]
    fn a_full_queue_evens_out() {
        let mut queue = FairQueue::new(4);
        for n in 0..4 {
            queue.push('a', ('a', n));
        }
        for (name, flow, n, want) in [
            ("the greedy one gets no more", 'a', 9, Offer::Full(('a', 9))),
            (
                "another takes its newest place",
                'b',
                0,
                Offer::InsteadOf(('a', 3)),
            ),
            ("and one more", 'b', 1, Offer::InsteadOf(('a', 2))),
            ("but not more than it has", 'b', 2, Offer::Full(('b', 2))),
            ("a third gets a place", 'c', 0, Offer::InsteadOf(('a', 1))),
        ] {
            let got = queue.push(flow, (flow, n));
            // Which of two equal flows gives way does not matter.
            match (&got, &want) {
                (Offer::InsteadOf((_, 1)), Offer::InsteadOf((_, 1))) => {}
                _ => assert_eq!(got, want, "{name}"),
            }
            assert_eq!(queue.len(), 4, "{name}");
        }
        assert!(matches!(queue.push('d', ('d', 0)), Offer::InsteadOf(_)));
        assert_eq!(queue.push('e', ('e', 0)), Offer::Full(('e', 0)));
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_no_flow_has_two_turns(
            steps in prop::collection::vec((any::<bool>(), 0..5_u8), 0..200),
            room in 1..8_usize,
        ) {
            let mut queue = FairQueue::new(room);
            let (mut inside, mut next) = (0_usize, 0_u32);
            for (push, flow) in steps {
                if push {
                    next += 1;
                    if matches!(queue.push(flow, next), Offer::Taken) {
                        inside += 1;
                    }
                } else if queue.pop().is_some() {
                    inside -= 1;
                }
                prop_assert_eq!(queue.len(), inside);
                prop_assert!(inside <= room);
                prop_assert_eq!(queue.turns.len(), queue.flows.len());
                prop_assert_eq!(queue.flows.values().map(VecDeque::len).sum::<usize>(), inside);
                prop_assert!(queue.flows.values().all(|line| !line.is_empty()));
            }
        }
    }
}
