//! Time that passes when it is told to.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use runtrail_core::export::Timer;

/// A [`Timer`] whose waits are over at once, and which says how long they would have been. A clone
/// tells the same time.
#[derive(Debug, Clone)]
pub struct ManualTimer(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    begun: Instant,
    passed: Duration,
    waits: Vec<Duration>,
    stopped: bool,
}

impl ManualTimer {
    /// Lets time pass.
    pub fn advance(&self, time: Duration) {
        self.lock().passed += time;
    }

    /// Makes every later wait end at once, as told to stop.
    pub fn stop(&self) {
        self.lock().stopped = true;
    }

    /// Returns the waits so far, one by one.
    pub fn waits(&self) -> Vec<Duration> {
        self.lock().waits.clone()
    }

    /// Returns the waits so far, together.
    pub fn waited(&self) -> Duration {
        self.lock().waits.iter().sum()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for ManualTimer {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(State {
            begun: Instant::now(),
            passed: Duration::ZERO,
            waits: Vec::new(),
            stopped: false,
        })))
    }
}

impl Timer for ManualTimer {
    fn now(&self) -> Instant {
        let state = self.lock();
        state.begun + state.passed
    }

    fn wait(&mut self, time: Duration) -> bool {
        let mut state = self.lock();
        if state.stopped {
            return false;
        }
        state.passed += time;
        state.waits.push(time);
        true
    }
}
