//! What is remembered for a while, with an end to how much.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Entries of one memory. Whoever names images chooses the keys, so there must be an end.
const MOST: usize = 4_096;

/// A map whose entries hold for a time. When it is full it forgets what is over, and if that does not help, everything:
/// all of it can be learnt again.
#[derive(Debug)]
pub(crate) struct Memory<K, V> {
    entries: Mutex<HashMap<K, (V, Instant)>>,
}

impl<K, V> Default for Memory<K, V> {
    fn default() -> Self {
        Self {
            entries: Mutex::default(),
        }
    }
}

impl<K: Hash + Eq, V: Clone> Memory<K, V> {
    pub(crate) fn recall(&self, key: &K) -> Option<V> {
        let entries = lock(&self.entries);
        if entries.is_empty() {
            return None; // most often, where refusals are kept; hashing keys costs more
        }
        let (value, until) = entries.get(key)?;
        (*until > Instant::now()).then(|| value.clone())
    }

    pub(crate) fn remember(&self, key: K, value: V, time: Duration) {
        let mut entries = lock(&self.entries);
        make_room(&mut entries);
        entries.insert(key, (value, Instant::now() + time));
    }

    /// What is remembered for `key`, or a new value made by `new`.
    pub(crate) fn recall_or(&self, key: K, time: Duration, new: impl FnOnce() -> V) -> V {
        let mut entries = lock(&self.entries);
        make_room(&mut entries);
        let until = Instant::now() + time;
        let entry = entries.entry(key).or_insert_with(|| (new(), until));
        entry.1 = until;
        entry.0.clone()
    }

    pub(crate) fn forget(&self, key: &K) {
        lock(&self.entries).remove(key);
    }
}

fn make_room<K: Hash + Eq, V>(entries: &mut HashMap<K, (V, Instant)>) {
    if entries.len() >= MOST {
        let now = Instant::now();
        entries.retain(|_, (_, until)| *until > now);
    }
    if entries.len() >= MOST {
        entries.clear();
    }
}

/// A lock whose holder panicked guards nothing but a map that is whole at every step.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn forgets_in_time_and_before_it_grows_too_large() {
        let memory = Memory::default();
        memory.remember(0, "a", Duration::from_secs(1));
        assert_eq!(memory.recall(&0), Some("a"));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(memory.recall(&0), None);
        for key in 0..10_000 {
            memory.remember(key, "b", Duration::from_secs(9));
        }
        assert!(lock(&memory.entries).len() <= MOST);
        assert_eq!(memory.recall(&9_999), Some("b"));
    }
}
