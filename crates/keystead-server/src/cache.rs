//! A read-through cache of records: filled entry by entry, emptied by the change feed, bounded.

use std::{
    borrow::Borrow,
    collections::HashMap,
    hash::Hash,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
};

/// How many entries a cache holds before it starts over: far more than an installation has, far less than memory.
const MOST: usize = 50_000;

/// Records by key. What is not there is loaded by the caller and put in with the epoch from before its load, so that a
/// change that arrived meanwhile is not overwritten by what was read before it.
pub struct Cache<K, V> {
    entries: RwLock<HashMap<K, Arc<V>>>,
    epoch: AtomicU64,
}

/// A moment in the life of a cache: every forgetting begins a new one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Epoch(u64);

impl<K: Eq + Hash, V> Default for Cache<K, V> {
    fn default() -> Self {
        Self {
            entries: RwLock::default(),
            epoch: AtomicU64::new(0),
        }
    }
}

impl<K: Eq + Hash, V> Cache<K, V> {
    /// The entry, if it is there.
    pub fn get<Q: Eq + Hash + ?Sized>(&self, key: &Q) -> Option<Arc<V>>
    where
        K: Borrow<Q>,
    {
        self.entries
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(key)
            .cloned()
    }

    /// To be taken before loading what is not there.
    pub fn epoch(&self) -> Epoch {
        Epoch(self.epoch.load(Ordering::SeqCst))
    }

    /// Keeps what was loaded, unless something was forgotten since `loaded_in` began.
    pub fn put(&self, loaded_in: Epoch, key: K, value: V) -> Arc<V> {
        let value = Arc::new(value);
        let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
        if loaded_in == self.epoch() {
            if entries.len() >= MOST {
                entries.clear();
            }
            entries.insert(key, Arc::clone(&value));
        }
        value
    }

    /// Forgets one entry.
    pub fn forget<Q: Eq + Hash + ?Sized>(&self, key: &Q)
    where
        K: Borrow<Q>,
    {
        self.forgetting(|entries| drop(entries.remove(key)));
    }

    /// Forgets the entries of which `stale` is true.
    pub fn forget_where(&self, stale: impl Fn(&K, &V) -> bool) {
        self.forgetting(|entries| entries.retain(|key, value| !stale(key, value)));
    }

    /// Forgets everything.
    pub fn forget_all(&self) {
        self.forgetting(HashMap::clear);
    }

    fn forgetting(&self, forget: impl FnOnce(&mut HashMap<K, Arc<V>>)) {
        let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
        self.epoch.fetch_add(1, Ordering::SeqCst);
        forget(&mut entries);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_read_before_a_change_is_not_kept_after_it() {
        let cache = Cache::<String, u32>::default();
        let before = cache.epoch();
        cache.forget("other");
        assert_eq!(*cache.put(before, "a".to_owned(), 1), 1);
        assert_eq!(cache.get("a"), None);

        cache.put(cache.epoch(), "a".to_owned(), 2);
        assert_eq!(cache.get("a").as_deref(), Some(&2));
        cache.forget_where(|_, value| *value == 2);
        assert_eq!(cache.get("a"), None);
    }

    #[test]
    fn a_full_cache_starts_over() {
        let cache = Cache::<usize, ()>::default();
        for key in 0..=MOST {
            cache.put(cache.epoch(), key, ());
        }
        assert_eq!(cache.get(&0), None);
        assert!(cache.get(&MOST).is_some());
    }
}
