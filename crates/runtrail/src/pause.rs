//! Waiting that can be told to stop.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use runtrail_core::export::Timer;

/// Waits in real time, until [`Stop`] says otherwise. A clone is stopped with it.
#[derive(Debug, Clone, Default)]
pub struct Pause(Arc<Shared>);

/// Ends the waits of a [`Pause`] and of all its clones, present and later ones.
#[derive(Debug, Clone)]
pub struct Stop(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    /// When every wait is over.
    stopped: Mutex<Option<Instant>>,
    told: Condvar,
}

impl Pause {
    /// Returns what stops it.
    pub fn stop(&self) -> Stop {
        Stop(Arc::clone(&self.0))
    }
}

impl Stop {
    /// Returns a pause that this stops as well, for wrappers of exporters made elsewhere.
    pub fn pause(&self) -> Pause {
        Pause(Arc::clone(&self.0))
    }

    /// Ends every wait, for good.
    pub fn stop(&self) {
        self.stop_at(Instant::now());
    }

    /// Ends every wait at a time, for good; of several times the earliest counts.
    pub fn stop_at(&self, at: Instant) {
        let stopped = self.0.stopped.lock();
        let mut stopped = stopped.unwrap_or_else(PoisonError::into_inner);
        *stopped = Some(stopped.map_or(at, |before| before.min(at)));
        drop(stopped);
        self.0.told.notify_all();
    }
}

impl Timer for Pause {
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn wait(&mut self, time: Duration) -> bool {
        let stopped = self.0.stopped.lock();
        let mut stopped = stopped.unwrap_or_else(PoisonError::into_inner);
        let begun = Instant::now();
        loop {
            let now = Instant::now();
            if stopped.is_some_and(|at| at <= now) {
                return false;
            }
            let mut left = time.saturating_sub(now - begun);
            if left.is_zero() {
                return true;
            }
            if let Some(at) = *stopped {
                left = left.min(at - now);
            }
            let waited = self.0.told.wait_timeout(stopped, left);
            stopped = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_ends_when_it_is_over_or_told_to() {
        let mut pause = Pause::default();
        assert!(pause.wait(Duration::from_millis(1)));
        let stop = pause.stop();
        let mut other = pause.clone();
        std::thread::scope(|scope| {
            let waiting = scope.spawn(move || other.wait(Duration::from_secs(600)));
            stop.stop();
            assert!(!waiting.join().unwrap());
        });
        assert!(!pause.wait(Duration::from_secs(600)));
    }

    #[test]
    fn the_earliest_end_counts() {
        let mut pause = Pause::default();
        let stop = pause.stop();
        stop.stop_at(Instant::now() + Duration::from_millis(20));
        stop.stop_at(Instant::now() + Duration::from_secs(600));
        assert!(pause.wait(Duration::from_millis(1)));
        assert!(!pause.wait(Duration::from_secs(600)));
    }
}
