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
    stopped: Mutex<bool>,
    told: Condvar,
}

impl Pause {
    /// Returns what stops it.
    pub fn stop(&self) -> Stop {
        Stop(Arc::clone(&self.0))
    }
}

impl Stop {
    /// Ends every wait, for good.
    pub fn stop(&self) {
        *self
            .0
            .stopped
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = true;
        self.0.told.notify_all();
    }
}

impl Timer for Pause {
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn wait(&mut self, time: Duration) -> bool {
        let stopped = self
            .0
            .stopped
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let waited = self
            .0
            .told
            .wait_timeout_while(stopped, time, |stopped| !*stopped);
        let (stopped, _) = waited.unwrap_or_else(PoisonError::into_inner);
        !*stopped
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
}
