//! State per run.

use std::collections::HashMap;

use crate::text::Text;

/// A map of foreign keys.
pub(super) type Map<K, V> = HashMap<K, V, foldhash::fast::RandomState>;

/// What a processor remembers of each run.
pub(super) struct Runs<S> {
    states: Map<Text, S>,
    limit: usize,
}

impl<S> Runs<S> {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            states: Map::default(),
            limit,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.states.len()
    }

    pub(super) fn get(&self, run: &str) -> Option<&S> {
        self.states.get(run)
    }

    /// Returns a run's state, made where there is none; `None` where too many runs have one.
    pub(super) fn get_or(&mut self, run: &Text, make: impl FnOnce() -> S) -> Option<&mut S> {
        if !self.states.contains_key(run.as_str()) {
            if self.states.len() >= self.limit {
                return None;
            }
            self.states.insert(run.detached(), make());
        }
        self.states.get_mut(run.as_str())
    }

    pub(super) fn take(&mut self, run: &str) -> Option<S> {
        self.states.remove(run)
    }
}
