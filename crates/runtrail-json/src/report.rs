//! Reading what an exporter did while it works and after it was closed.

use std::sync::{Arc, Mutex, PoisonError};

/// A shared view of an exporter's counts: a clone reads the same ones.
///
/// The exporter updates it after each file and never does I/O while it holds it.
#[derive(Debug, Clone, Default)]
pub struct Report<T>(Arc<Mutex<T>>);

impl<T: Clone> Report<T> {
    /// Returns the counts as they stand.
    pub fn read(&self) -> T {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Changes the counts.
    pub(crate) fn update(&self, change: impl FnOnce(&mut T)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}
