//! Waiting between attempts.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

/// Waits on a channel that nothing is sent on: a deadline is all there is to wait for.
pub(super) struct Wait {
    _never: Sender<()>,
    nothing: Receiver<()>,
}

impl Wait {
    pub(super) fn new() -> Self {
        let (never, nothing) = channel();
        Self {
            _never: never,
            nothing,
        }
    }

    pub(super) fn for_(&self, time: Duration) {
        let _ = self.nothing.recv_timeout(time);
    }
}
