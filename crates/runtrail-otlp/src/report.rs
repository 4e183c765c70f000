//! Reading what an exporter did while it works and after it was closed.

use std::sync::{Arc, Mutex, PoisonError};

/// What became of spans.
///
/// `spans = accepted + rejected + given_up + waiting`, always.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Spans that runs, ops, groups and calls became.
    pub spans: u64,
    /// Those that the destination took.
    pub accepted: u64,
    /// Those that it said it did not take, in an answer that took others.
    pub rejected: u64,
    /// Those that were not delivered: they are dead letters, or an error told of them.
    pub given_up: u64,
    /// Those of them that are in the file of dead letters.
    pub dead_letters: u64,
    /// Those that wait to be sent.
    pub waiting: u64,
    /// Ops, groups and runs that were not even mapped, because exporting is switched off.
    pub disabled: u64,
    /// Requests, each attempt counted.
    pub requests: u64,
    /// Attempts that were to be made again.
    pub retries: u64,
    /// Requests that were halved because they were too large.
    pub splits: u64,
    /// Spans whose values were cut harder because the span alone was too large.
    pub shrunk: u64,
    /// What destinations said of spans that they did not take, each once, the first 16.
    pub reasons: Vec<String>,
}

/// Reasons that are remembered.
#[cfg(feature = "http")]
const MAX_REASONS: usize = 16;

impl Counts {
    #[cfg(feature = "http")]
    pub(crate) fn add_reason(&mut self, reason: &str) {
        let known = self.reasons.iter().any(|known| known == reason);
        if !reason.is_empty() && !known && self.reasons.len() < MAX_REASONS {
            self.reasons.push(reason.to_owned());
        }
    }
}

/// A shared view of an exporter's counts: a clone reads the same ones.
#[derive(Debug, Clone, Default)]
pub struct OtlpReport(Arc<Mutex<Counts>>);

impl OtlpReport {
    /// Returns the counts as they stand.
    pub fn read(&self) -> Counts {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(crate) fn update(&self, change: impl FnOnce(&mut Counts)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}
