//! What the pipeline says of itself, through `tracing` under the target `runtrail`.
//!
//! It is said on the pipeline's own threads, which are in no op, so none of it enters the stream.

use std::time::{Duration, Instant};

use crate::export::ExportError;
use crate::printable::Printable;

/// The shortest time between two messages of a kind.
const PAUSE: Duration = Duration::from_secs(10);

/// Lets a message through now and then, and counts those in between.
#[derive(Debug, Default)]
pub(crate) struct Limiter {
    last: Option<Instant>,
    passed_over: u64,
}

impl Limiter {
    /// Whether to speak at a time; if so, how many messages were passed over since the last.
    pub(crate) fn allow(&mut self, now: Instant) -> Option<u64> {
        let quiet = self.last.is_some_and(|last| now < last + PAUSE);
        if quiet {
            self.passed_over += 1;
            return None;
        }
        self.last = Some(now);
        Some(std::mem::take(&mut self.passed_over))
    }
}

#[derive(Debug, Default)]
pub(crate) struct Diagnose {
    failures: Limiter,
    losses: Limiter,
    finishes: Limiter,
}

impl Diagnose {
    pub(crate) fn export_failed(&mut self, exporter: &str, error: &ExportError, events: u64) {
        if let Some(similar) = self.failures.allow(Instant::now()) {
            let error = error.to_string();
            tracing::warn!(
                target: "runtrail",
                exporter,
                events,
                similar,
                "export failed: {}",
                Printable(&error)
            );
        }
    }

    pub(crate) fn lost(&mut self, events: u64) {
        if let Some(similar) = self.losses.allow(Instant::now()) {
            tracing::warn!(
                target: "runtrail",
                events,
                similar,
                "events were lost: emitted faster than they could be taken"
            );
        }
    }

    pub(crate) fn finishes_lost(&mut self, runs: u64) {
        if let Some(similar) = self.finishes.allow(Instant::now()) {
            tracing::warn!(
                target: "runtrail",
                runs,
                similar,
                "runs stay open: finished faster than their ends could be taken"
            );
        }
    }

    pub(crate) fn panicked(exporter: &str) {
        tracing::error!(target: "runtrail", exporter, "exporter panicked and gets nothing more");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_in_between_are_counted() {
        let mut limiter = Limiter::default();
        let start = Instant::now();
        let at = |secs| start + Duration::from_secs(secs);
        assert_eq!(limiter.allow(at(0)), Some(0));
        assert_eq!(limiter.allow(at(1)), None);
        assert_eq!(limiter.allow(at(9)), None);
        assert_eq!(limiter.allow(at(10)), Some(2));
        assert_eq!(limiter.allow(at(25)), Some(0));
    }
}
