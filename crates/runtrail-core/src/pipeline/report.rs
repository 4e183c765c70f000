//! What flush and shutdown say of what they did.

use std::fmt;

use super::ledger::Truncated;
use super::stats::Stats;

/// What one exporter did of what it was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is done.
    Done,
    /// It said that it failed.
    Failed(String),
    /// It had not answered when the time was up.
    TimedOut,
}

impl Outcome {
    fn of(answer: Option<Result<(), String>>) -> Self {
        match answer {
            Some(Ok(())) => Self::Done,
            Some(Err(problem)) => Self::Failed(problem),
            None => Self::TimedOut,
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done => f.write_str("done"),
            Self::Failed(problem) => write!(f, "failed: {problem}"),
            Self::TimedOut => f.write_str("not done in time"),
        }
    }
}

/// What a flush did, by exporter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[must_use = "it says whether everything is delivered"]
pub struct FlushReport {
    /// Each exporter's name and what it did, in the order they were added; empty where the pipeline
    /// is disabled, over, or a forked child's copy.
    pub exporters: Vec<(String, Outcome)>,
    /// Contents of media that had not been stored when half of the time was over.
    pub media_waiting: u64,
}

impl FlushReport {
    pub(super) fn new(
        names: Vec<String>,
        answers: Vec<Option<Result<(), String>>>,
        media_waiting: u64,
    ) -> Self {
        let outcomes = answers.into_iter().map(Outcome::of);
        Self {
            media_waiting,
            exporters: names.into_iter().zip(outcomes).collect(),
        }
    }

    /// Whether every exporter is done, and no media waits.
    pub fn is_complete(&self) -> bool {
        let mut outcomes = self.exporters.iter().map(|(_, outcome)| outcome);
        self.media_waiting == 0 && outcomes.all(|outcome| *outcome == Outcome::Done)
    }
}

/// What became of everything, when the pipeline ended.
#[derive(Debug, Clone, Default)]
#[must_use = "it says what was lost"]
#[non_exhaustive]
pub struct ShutdownReport {
    /// What became of every event. What is in flight here was left.
    pub stats: Stats,
    /// How each exporter's end went, in the order they were added.
    pub outcomes: Vec<Outcome>,
    /// Ops and groups that were closed for their run because it ended first, in the order of their
    /// runs' ends, innermost first; the first thousand. [`Stats::truncated`] counts all of them.
    pub truncated: Vec<Truncated>,
    /// Whether the worker was done in time, so that nothing is missing here.
    pub worker_done: bool,
}

impl ShutdownReport {
    pub(super) fn new(
        stats: Stats,
        answers: Vec<Option<Result<(), String>>>,
        truncated: Option<Vec<Truncated>>,
    ) -> Self {
        let mut answers = answers;
        answers.resize(stats.exporters.len(), None);
        Self {
            stats,
            outcomes: answers.into_iter().map(Outcome::of).collect(),
            worker_done: truncated.is_some(),
            truncated: truncated.unwrap_or_default(),
        }
    }

    /// Returns how many events were left on their way.
    pub fn left(&self) -> u64 {
        self.stats.total().in_flight
    }

    /// Whether every event that was not filtered or sampled out by a processor was delivered to
    /// every exporter, all of them ended well, and all media is stored.
    pub fn is_complete(&self) -> bool {
        let media = &self.stats.media;
        if media.failed + media.refused + media.waiting > 0 {
            return false;
        }
        let lost =
            self.stats.exporters.iter().any(|exporter| {
                exporter.failed + exporter.in_flight + exporter.dropped.total() > 0
            });
        let wanted = [
            super::DropCause::Filtered,
            super::DropCause::Duplicate,
            super::DropCause::Aggregated,
        ];
        let wanted: u64 = wanted.map(|c| self.stats.dropped.by_cause(c)).iter().sum();
        let ended = self
            .outcomes
            .iter()
            .all(|outcome| *outcome == Outcome::Done);
        !lost && ended && self.stats.dropped.total() == wanted && self.left() == 0
    }
}

impl fmt::Display for ShutdownReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} events, {} sampled out, {} dropped, {} truncated",
            self.stats.emitted,
            self.stats.sampled_out,
            self.stats.dropped.total(),
            self.stats.truncated
        )?;
        for (exporter, outcome) in self.stats.exporters.iter().zip(&self.outcomes) {
            write!(
                f,
                "; {}: {} delivered, {} failed, {} dropped, {} left, end {outcome}",
                exporter.name,
                exporter.delivered,
                exporter.failed,
                exporter.dropped.total(),
                exporter.in_flight + self.stats.in_rings + self.stats.held,
            )?;
        }
        Ok(())
    }
}
