//! What a journal answers.

use std::collections::HashMap;
use std::time::Duration;

use runtrail_core::time::Timestamp;
use serde::Serialize;

use crate::entry::{
    Dropped, Entry, FileWritten, Phase, PlanWarning, QualityIssue, RetryAttempted, RunCompleted,
    RunStatus, SchemaChanged, Snapshot, Warning,
};
use crate::journal::Journal;
use crate::record::Record;

/// What has become of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It came to its end, in full or in part.
    Completed,
    /// It says that it failed, or ended in a way that this version does not know.
    Failed,
    /// It says that it was interrupted, or it says nothing, and its process is gone.
    Interrupted,
    /// It has not said how it ended, and its process is there.
    Running,
}

/// An attempt at a chunk, from its start to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChunkTook<'a> {
    /// The chunk.
    pub chunk: &'a str,
    /// The attempt.
    pub attempt: u32,
    /// From its start to its end.
    pub took: Duration,
    /// Whether it did it.
    pub completed: bool,
}

/// Makes the queries that give all entries of a kind.
macro_rules! all_of {
    ($($(#[$doc:meta])+ $query:ident: $kind:ident;)+) => {
        impl Journal {
            $($(#[$doc])+
            pub fn $query(&self) -> impl Iterator<Item = &$kind> {
                self.entries().filter_map(|entry| match entry {
                    Entry::$kind(found) => Some(found),
                    _ => None,
                })
            })+
        }
    };
}

all_of! {
    /// Returns the files that are there.
    files: FileWritten;
    /// Returns what was tried again.
    retries: RetryAttempted;
    /// Returns what was found about the data.
    quality_issues: QualityIssue;
    /// Returns which tables have other columns than before.
    schema_changes: SchemaChanged;
    /// Returns what there was to know.
    warnings: Warning;
    /// Returns what there was to know of the plan.
    plan_warnings: PlanWarning;
    /// Returns which events were left out, and why.
    drops: Dropped;
}

impl Journal {
    /// Returns all entries, in order.
    pub fn entries(&self) -> impl DoubleEndedIterator<Item = &Entry> {
        self.records.iter().map(|record| &record.entry)
    }

    /// Returns the records of a phase, in order.
    pub fn phase(&self, phase: Phase) -> impl Iterator<Item = &Record> {
        let of_phase = move |record: &&Record| record.entry.phase() == Some(phase);
        self.records.iter().filter(of_phase)
    }

    /// Returns the plan: the first that is stated.
    pub fn plan_snapshot(&self) -> Option<&Snapshot> {
        self.entries().find_map(|entry| match entry {
            Entry::PlanResolved(plan) => Some(&plan.snapshot),
            _ => None,
        })
    }

    /// Returns what became of chunks, with the times.
    pub fn chunk_events(&self) -> impl Iterator<Item = &Record> {
        self.records.iter().filter(|record| {
            matches!(
                record.entry,
                Entry::ChunkStarted(_) | Entry::ChunkCompleted(_) | Entry::ChunkFailed(_)
            )
        })
    }

    /// Returns the attempt at a chunk that took longest by the monotonic time, of those that ended; the first
    /// of equals.
    pub fn longest_chunk(&self) -> Option<ChunkTook<'_>> {
        let mut started = HashMap::new();
        let mut longest: Option<ChunkTook<'_>> = None;
        for record in &self.records {
            let (chunk, attempt, completed) = match &record.entry {
                Entry::ChunkStarted(of) => {
                    started.insert((of.chunk.as_str(), of.attempt), record.monotonic);
                    continue;
                }
                Entry::ChunkCompleted(of) => (of.chunk.as_str(), of.attempt, true),
                Entry::ChunkFailed(of) => (of.chunk.as_str(), of.attempt, false),
                _ => continue,
            };
            let Some(start) = started.remove(&(chunk, attempt)) else {
                continue;
            };
            let took = record.monotonic.saturating_sub(start);
            if longest.is_none_or(|longest| took > longest.took) {
                longest = Some(ChunkTook {
                    chunk,
                    attempt,
                    took,
                    completed,
                });
            }
        }
        longest
    }

    /// Returns everything that was worse than planned.
    pub fn degraded(&self) -> impl Iterator<Item = &Record> {
        self.phase(Phase::Degraded)
    }

    /// Returns how many events were left out, for whatever cause.
    pub fn dropped(&self) -> u64 {
        let counts = self.drops().map(|dropped| dropped.count);
        counts.fold(0, u64::saturating_add)
    }

    /// Returns how the export ended: the last that is stated.
    pub fn final_outcome(&self) -> Option<&RunCompleted> {
        self.entries().rev().find_map(|entry| match entry {
            Entry::RunCompleted(outcome) => Some(outcome),
            _ => None,
        })
    }

    /// Returns what has become of the export.
    pub fn state(&self) -> State {
        match self.final_outcome().map(|outcome| outcome.status) {
            Some(RunStatus::Ok | RunStatus::Partial) => State::Completed,
            Some(RunStatus::Error | RunStatus::Unknown) => State::Failed,
            None if self.is_held => State::Running,
            Some(RunStatus::Interrupted) | None => State::Interrupted,
        }
    }

    /// Returns when the export started: the time of the first line.
    pub fn started(&self) -> Option<Timestamp> {
        self.records.first().map(|record| record.time)
    }

    /// Returns how long the export took; where it has no outcome, how long it is known to have run.
    pub fn took(&self) -> Option<Duration> {
        let outcome = self.final_outcome().map(|outcome| outcome.duration);
        outcome.or_else(|| self.records.last().map(|record| record.monotonic))
    }
}
