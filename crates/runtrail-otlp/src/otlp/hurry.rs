//! Waiting that ends when a caller is in a hurry.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// By when a caller wants everything to be settled; wakes who waits between attempts.
#[derive(Debug, Default)]
pub(super) struct Hurry {
    latest: Mutex<Option<Instant>>,
    told: Condvar,
}

impl Hurry {
    /// Says by when; `None` for whenever.
    pub(super) fn tell(&self, latest: Option<Instant>) {
        *self.lock() = latest;
        self.told.notify_all();
    }

    pub(super) fn latest(&self) -> Option<Instant> {
        *self.lock()
    }

    /// Waits so long, or until somebody is in a hurry.
    pub(super) fn wait(&self, time: Duration) {
        let before = self.lock();
        let latest = *before;
        let same = |now: &mut Option<Instant>| *now == latest;
        // Both ends of a wait are as good as each other: what is next is told by the time.
        drop(self.told.wait_timeout_while(before, time, same));
    }

    fn lock(&self) -> MutexGuard<'_, Option<Instant>> {
        self.latest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
