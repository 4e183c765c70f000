//! How the worker sleeps, and how it is woken.
//!
//! Emitting threads look at one flag and take no lock; those that ask for something leave it under the
//! lock that the worker sleeps with. `tests/models` runs this file under every interleaving.

use std::sync::PoisonError;
use std::time::Duration;

use crate::sync::{AtomicBool, AtomicU8, Condvar, Mutex, MutexGuard, Ordering, fence};

/// The worker sleeps until it is woken.
pub(crate) const IDLE: u8 = 1;

/// Where the worker sleeps, and `C`, what it is asked for.
pub(crate) struct Bell<C> {
    /// [`IDLE`], and what else emitting threads have to know at one look.
    pub(crate) state: AtomicU8,
    /// Relaxed throughout: a thread that saw [`IDLE`] sees this by it, and one that does not see it, though
    /// its ring fills up, finds the worker on its way within a tick.
    asleep: AtomicBool,
    control: Mutex<C>,
    wake: Condvar,
}

impl<C> Bell<C> {
    pub(crate) fn new(control: C) -> Self {
        Self {
            state: AtomicU8::new(0),
            asleep: AtomicBool::new(false),
            control: Mutex::new(control),
            wake: Condvar::new(),
        }
    }

    /// Locks what the worker is asked for.
    pub(crate) fn control(&self) -> MutexGuard<'_, C> {
        self.control.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks for something, and wakes the worker for it.
    pub(crate) fn ask(&self, ask: impl FnOnce(&mut C)) {
        ask(&mut self.control());
        self.wake.notify_one();
    }

    /// Wakes the worker, if it sleeps.
    pub(crate) fn wake(&self) {
        if self.asleep.load(Ordering::Relaxed) {
            // Taken and given back, so that the worker is either before its last look or waiting.
            drop(self.control());
            self.wake.notify_one();
        }
    }

    /// Ends the worker's long sleep, where the calling thread is the first that sees it idle.
    pub(crate) fn rouse(&self) {
        if self.state.fetch_and(!IDLE, Ordering::AcqRel) & IDLE != 0 {
            self.wake();
        }
    }

    /// The worker's sleep. `deep` lasts until something is emitted, or `limit`; `is_asked` and
    /// `has_work` are the last look.
    ///
    /// An emitting thread reads the idle flag without a fence, which would cost as much as the rest
    /// of an event; so a wake can be missed in the instant when the flag is set, and the event then
    /// waits for `limit`. What is asked for is never missed.
    pub(crate) fn sleep(
        &self,
        deep: bool,
        limit: Duration,
        is_asked: impl FnOnce(&C) -> bool,
        has_work: impl FnOnce() -> bool,
    ) {
        let control = self.control();
        self.asleep.store(true, Ordering::Relaxed);
        if deep {
            self.state.fetch_or(IDLE, Ordering::AcqRel);
            fence(Ordering::SeqCst);
        }
        if is_asked(&control) || has_work() {
            drop(control);
        } else {
            drop(self.wake.wait_timeout(control, limit));
        }
        self.asleep.store(false, Ordering::Relaxed);
        if deep {
            self.state.fetch_and(!IDLE, Ordering::AcqRel);
        }
    }
}
