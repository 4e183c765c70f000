//! Time, as wrappers are given it.

use std::time::{Duration, Instant};

/// Tells the time and waits; passed in, so that a pipeline can stop what waits and a test need not.
pub trait Timer: Send {
    /// Returns the present time.
    fn now(&self) -> Instant;

    /// Waits; `false` where it was told to stop before the time was over.
    fn wait(&mut self, time: Duration) -> bool;
}
